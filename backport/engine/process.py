"""Programs: a log file, a time limit, a process group, never a shell.

A `Runner` keeps what it ran, and ends all that still runs. Each step has one; whatever runs a
program asks for the one of its context (`run`). The process group of a running program is noted in
a file, so that a later run can end what this one left behind when it was killed. A note is about
the folder that it was written to: in a copy of that folder it counts for nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backport.errors import MachineError
from backport.system_packages import require

_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Completed:
    """A program that ended. `output` is its stdout (and stderr, when that was not logged)."""

    args: tuple[str, ...]
    exit_code: int
    output: str
    seconds: float
    timed_out: bool = False

    def tail(self, lines: int = 20) -> str:
        """The last `lines` lines of the output."""
        return "\n".join(self.output.splitlines()[-lines:])


@dataclass(frozen=True)
class Command:
    """A program that ran. `env` is what was set beside the toolkit's own environment.

    `started` is in seconds since 1970, `seconds` how long it ran; `stdin` says that it was given
    something to read, which is not kept: it may be a secret.
    """

    args: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: bool
    log: str
    started: float
    seconds: float
    exit_code: int
    timed_out: bool


class Runner:
    """Keeps the programs that `run` runs in its context, and ends them together.

    Parameters:
        registry: the folder with a note of each running program; None for no notes.

    `commands` are the programs that have ended, in that order.
    """

    def __init__(self, registry: Path | None = None) -> None:
        self.commands: list[Command] = []
        self.registry = registry
        self._stopped = threading.Event()
        self._groups: set[int] = set()
        self._calls: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let `run` use this runner; a thread has it by `contextvars.copy_context`."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End every running program, start no further one, and call what `on_stop` was given."""
        self._stopped.set()
        self._signal(signal.SIGTERM)
        for call in list(self._calls):
            call()

    def on_stop(self, call: Callable[[], None]) -> Callable[[], None]:
        """Let `call` be called when this is told to stop; what is returned forgets it."""
        self._calls.append(call)
        if self.stopped:
            call()
        return lambda: self._calls.remove(call)

    def kill(self) -> None:
        """Kill every program that still runs: it was asked to end, by `stop`, and did not."""
        self._signal(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Wait so long; True as soon as it is told to stop."""
        return self._stopped.wait(seconds)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            groups = list(self._groups)
        for group in groups:
            _signal_group(group, number)

    @contextmanager
    def knows(self, pid: int, command: tuple[str, ...]) -> Iterator[None]:
        """Know of a program while it runs; at the end what outlived it in its group is killed."""
        note = None
        with self._lock:
            self._groups.add(pid)
        try:
            if self.stopped:  # `stop` may have looked before this one was added
                _signal_group(pid, signal.SIGTERM)
            if self.registry is not None:
                self.registry.mkdir(parents=True, exist_ok=True)
                note = self.registry / f"{pid}.json"
                data = {"pid": pid, "start": start_time(pid), "args": command}
                note.write_text(json.dumps({**data, "of": _identity(self.registry)}))
            yield
        finally:
            _signal_group(pid, signal.SIGKILL)
            with self._lock:
                self._groups.discard(pid)
            if note is not None:
                note.unlink(missing_ok=True)


_current: ContextVar[Runner | None] = ContextVar("runner", default=None)


def current() -> Runner:
    """The runner of this context; a new one where it has none."""
    return _current.get() or Runner()


@contextmanager
def taking_down() -> Iterator[None]:
    """Run programs in this context even after the runner was stopped: they undo what was begun."""
    outer = current()
    inner = Runner(outer.registry)
    try:
        with inner.used():
            yield
    finally:
        outer.commands += inner.commands


def wait_for(lock: IO[str]) -> None:
    """Take the lock; a run that is to end does not wait on.

    Raises:
        MachineError: the run is being ended.
    """
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if current().wait(_POLL_SECONDS):
                raise MachineError(
                    "ended while another run was at work here", where=lock.name
                ) from None
        else:
            return


def run(
    args: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    input_text: str | None = None,
    timeout: float = 600.0,
) -> Completed:
    """Run a program to its end, by the runner of this context.

    Parameters:
        args: the program and its arguments; no shell reads them.
        env: variables that are set beside those of this process.
        log: a file that stdout and stderr go to, appended; without it they are in the result.
        input_text: what the program reads on stdin; nothing without it.
        timeout: seconds after which the whole process group is ended; the result then has
            `timed_out`.

    Raises:
        MachineError: the program is not installed or may not be run.
    """
    runner = current()
    command = tuple(str(arg) for arg in args)
    if runner.stopped:
        return Completed(command, -signal.SIGTERM, "stopped before it began", 0.0)
    began, started = time.time(), time.monotonic()
    timed_out = False
    with log.open("ab") if log is not None else nullcontext(subprocess.PIPE) as sink:
        child = _started(command, cwd, env, sink, reads=input_text is not None)
        with runner.knows(child.pid, command):
            try:
                data = input_text.encode() if input_text is not None else None
                output, _ = child.communicate(data, timeout=timeout)
            except subprocess.TimeoutExpired:
                timed_out = True
                output = _end(child)
            except BaseException:
                _end(child)
                raise
    seconds = time.monotonic() - started
    runner.commands.append(
        Command(
            command,
            str(cwd or ""),
            dict(env or {}),
            input_text is not None,
            log.name if log is not None else "",
            round(began, 3),
            round(seconds, 3),
            child.returncode,
            timed_out,
        )
    )
    text = (output or b"").decode("utf-8", "replace")
    return Completed(command, child.returncode, text, seconds, timed_out)


def _started(
    command: tuple[str, ...],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    sink: IO[bytes] | int,
    *,
    reads: bool,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **env} if env is not None else None,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o022,  # what they make is packed, or read by build users and testbeds
        )
    except FileNotFoundError as error:
        missing = cwd if cwd is not None and not cwd.is_dir() else command[0]
        raise MachineError(
            f"cannot run {command[0]}: {missing} does not exist", advice="run: backport doctor"
        ) from error
    except PermissionError as error:
        raise MachineError(f"cannot run {command[0]}: permission denied") from error


def as_root(args: Sequence[str | Path]) -> list[str]:
    """The command, through ``sudo -n`` where this process is not root.

    Raises:
        MachineError: sudo is needed, and is not installed.
    """
    words = [str(arg) for arg in args]
    return words if os.geteuid() == 0 else [require("sudo"), "-n", *words]


def end_left(folder: Path) -> list[str]:
    """End what an earlier run left; `folder` was the registry of its runners.

    Returns the command lines of the programs that were ended. A note is believed only if it was
    written to this very folder, and if a process of that number was started at the very moment
    that the note says, since this boot.
    """
    ended: list[str] = []
    for note in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(note.read_text())
            ours = data["of"] == _identity(folder) and start_time(data["pid"]) == data["start"]
            if ours and _signal_group(data["pid"], signal.SIGKILL):
                ended.append(" ".join(data["args"]))
        note.unlink(missing_ok=True)
    return ended


def start_time(pid: int) -> str | None:
    """The start of a process, None where there is none: with its number, its identity.

    Field 22 of /proc/PID/stat (proc(5)): the start, in clock ticks after boot.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def boot() -> str:
    """The kernel's name for this boot: clock ticks of another boot say nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _identity(folder: Path) -> list[int | str]:
    """What tells a folder from its copies, hard-linked ones too, but not from itself when moved."""
    stat = folder.stat()
    return [stat.st_dev, stat.st_ino, boot()]


def _end(child: subprocess.Popen[bytes]) -> bytes:
    output: bytes | None = None
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(child.pid, number)
        try:
            output, _ = child.communicate(timeout=_GRACE_SECONDS)
            break
        except subprocess.TimeoutExpired as error:
            output = error.output  # a program that left the group may hold the pipe open
    else:
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    return output or b""


def _signal_group(leader: int, number: signal.Signals) -> bool:
    """Whether there was such a process group that the signal could be sent to."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is root's, by `as_root`
        with suppress(MachineError):
            words = as_root(["sh", "-c", 'kill -s "$0" -- "-$1"', str(number.value), str(leader)])
            return subprocess.run(words, check=False, capture_output=True).returncode == 0
        return False
    return True
