"""The one way to run a program: a log file, a time limit, a process group, never a shell.

The process group of every running program is noted in a file, so that a later run can end what
an earlier one left behind when it was killed. A note is about the folder that it was written to: in
a copy of that folder it counts for nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backport.engine import recorder
from backport.errors import MachineError

_GRACE_SECONDS = 10.0

_registry: Path | None = None
_stopping = threading.Event()
_running: set[int] = set()
_lock = threading.Lock()


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


def require(program: str, package: str) -> str:
    """The path of `program`.

    Raises:
        MachineError: it is not installed; the advice names the Debian package.
    """
    path = shutil.which(program)
    if path is None:
        raise MachineError(
            f"the program {program} is not installed", advice=f"run: sudo apt install {package}"
        )
    return path


def run(
    args: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    input_text: str | None = None,
    timeout: float = 600.0,
) -> Completed:
    """Run a program to its end.

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
    command = tuple(str(arg) for arg in args)
    if _stopping.is_set():
        return Completed(command, -signal.SIGTERM, "stopped before it began", 0.0)
    started, began = time.monotonic(), time.time()
    sink = log.open("ab") if log is not None else None
    try:
        try:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **env} if env is not None else None,
                stdin=subprocess.DEVNULL if input_text is None else subprocess.PIPE,
                stdout=sink if sink is not None else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            missing = cwd if cwd is not None and not cwd.is_dir() else command[0]
            raise MachineError(
                f"cannot run {command[0]}: {missing} does not exist",
                advice="run: backport doctor",
            ) from error
        except PermissionError as error:
            raise MachineError(f"cannot run {command[0]}: permission denied") from error
        note = _remember(child, command)
        timed_out = False
        try:
            data = input_text.encode() if input_text is not None else None
            try:
                output, _ = child.communicate(data, timeout=timeout)
            except subprocess.TimeoutExpired:
                timed_out = True
                output = _end(child)
        except BaseException:
            _end(child)
            raise
        finally:
            _forget(child, note)
    finally:
        if sink is not None:
            sink.close()
    text = (output or b"").decode("utf-8", "replace")
    seconds = time.monotonic() - started
    recorder.note(
        recorder.Command(
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
    return Completed(command, child.returncode, text, seconds, timed_out)


def stop_all() -> None:
    """End every running program and start no further one (used at an interrupt)."""
    _stopping.set()
    _signal_all(signal.SIGTERM)


def stopping(seconds: float) -> bool:
    """Wait so long; True as soon as `stop_all` was called."""
    return _stopping.wait(seconds)


def kill_all() -> None:
    """Kill every program that still runs: it was asked to end, by `stop_all`, and did not."""
    _signal_all(signal.SIGKILL)


def _signal_all(number: signal.Signals) -> None:
    with _lock:
        groups = list(_running)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def use_registry(folder: Path) -> list[str]:
    """Note running programs in `folder` from now on; end what an earlier run left there.

    Returns the command lines of the left-over programs that were ended. A note is believed only
    if it was written to this very folder, and if a process of that number was started at the very
    moment that the note says, since this boot.
    """
    global _registry  # noqa: PLW0603 - one folder a process
    folder.mkdir(parents=True, exist_ok=True)
    here, ended = _identity(folder), []
    for note in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(note.read_text())
            if data["of"] == here and start_time(data["pid"]) == data["start"]:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(data["pid"], signal.SIGKILL)
                    ended.append(" ".join(data["args"]))
        note.unlink(missing_ok=True)
    _registry = folder
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


def _remember(child: subprocess.Popen[bytes], command: tuple[str, ...]) -> Path | None:
    with _lock:
        _running.add(child.pid)
    if _stopping.is_set():  # stop_all may have looked before this one was added
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGTERM)
    if _registry is None:
        return None
    note = _registry / f"{child.pid}.json"
    data = {"pid": child.pid, "start": start_time(child.pid), "args": command}
    note.write_text(json.dumps({**data, "of": _identity(_registry)}))
    return note


def _forget(child: subprocess.Popen[bytes], note: Path | None) -> None:
    with _lock:
        _running.discard(child.pid)
    if note is not None:
        note.unlink(missing_ok=True)


def _end(child: subprocess.Popen[bytes]) -> bytes:
    output: bytes | None = None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        try:
            output, _ = child.communicate(timeout=_GRACE_SECONDS)
            break
        except subprocess.TimeoutExpired as error:
            output = error.output  # a program that left the group may hold the pipe open
    else:
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # what outlived the group's leader
    return output or b""
