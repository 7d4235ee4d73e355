"""Starts several processes and lets them go at one moment.

Each process is a shell that says that it is there, waits, and then becomes
the command.  All wait on the read end of one pipe; closing its write end
releases all of them at once.  Standard input of the command is /dev/null, it
has no terminal (a session of its own), and its two outputs go to a file each.

Runs under Python 2.7 and 3.
"""

import collections
import errno
import os
import select
import signal
import subprocess
import time

ARRIVAL_SECONDS = 60
POLL_SECONDS = 0.02
# $0 is the FIFO on which to report; the shell is gone when the command runs.
WAIT_AND_BECOME = 'echo >"$0" && { read -r gate; exec "$@" </dev/null; }'


class BarrierError(Exception):
    """A process was not at the barrier in time; one sentence."""


class Result(collections.namedtuple(
        "Result", "command returncode stdout stderr seconds timed_out")):
    """How one process ended.

    ``stdout`` and ``stderr`` are text, ``seconds`` is counted from the
    release, ``returncode`` is negative for a signal, ``timed_out`` is True
    when the process was killed because the limit was reached.
    """

    def as_dict(self):
        """The fields by name."""
        return dict(zip(self._fields, self))


def run_together(commands, directory, limit_seconds, environment=None):
    """Run all commands from one barrier and return a Result for each, in order.

    ``commands`` are lists of arguments, ``directory`` an existing directory
    for the outputs, ``limit_seconds`` the time that the whole run may take
    from the release on; after it the processes' groups are killed.  Raises
    BarrierError when a process does not reach the barrier.
    """
    ready = os.path.join(directory, "ready")
    os.mkfifo(ready, 0o600)
    # Opened for writing too, so that no reader's end-of-file lies between two writers.
    arrivals = os.open(ready, os.O_RDWR | os.O_NONBLOCK)
    gate, release = os.pipe()
    processes = []
    try:
        for number, command in enumerate(commands):
            try:
                processes.append(_start(command, number, directory, ready, gate, environment))
            except OSError as error:
                raise BarrierError("setsid cannot be run ({0}): is PATH right?".format(error))
        _await_arrivals(arrivals, processes)
        started = time.time()
        os.close(release)
        release = None
        return _await_ends(commands, processes, directory, started, limit_seconds)
    finally:
        for process in processes:
            if process.poll() is None:
                _kill(process)
        for descriptor in (arrivals, gate, release):
            if descriptor is not None:
                os.close(descriptor)
        os.unlink(ready)


def run_alone(command, directory, limit_seconds, environment=None):
    """Run one command in the same way and return its Result."""
    return run_together([command], directory, limit_seconds, environment)[0]


def _start(command, number, directory, ready, gate, environment):
    with open(os.path.join(directory, "stdout.{0}".format(number)), "wb") as stdout:
        with open(os.path.join(directory, "stderr.{0}".format(number)), "wb") as stderr:
            return subprocess.Popen(
                ["setsid", "sh", "-c", WAIT_AND_BECOME, ready] + list(command),
                stdin=gate, stdout=stdout, stderr=stderr, close_fds=True, env=environment)


def _await_arrivals(arrivals, processes):
    deadline = time.time() + ARRIVAL_SECONDS
    missing = len(processes)
    while missing:
        if any(process.poll() is not None for process in processes):
            raise BarrierError("A process ended before the barrier: is there a shell and setsid?")
        if time.time() > deadline:
            raise BarrierError("{0} of {1} processes were not at the barrier after {2} s.".format(
                missing, len(processes), ARRIVAL_SECONDS))
        if select.select([arrivals], [], [], 0.1)[0]:
            missing -= len(os.read(arrivals, missing))


def _await_ends(commands, processes, directory, started, limit_seconds):
    ends = {}
    late = set()
    while len(ends) < len(processes):
        for number, process in enumerate(processes):
            if number not in ends and process.poll() is not None:
                ends[number] = time.time() - started
        if len(ends) < len(processes) and time.time() - started > limit_seconds:
            for number, process in enumerate(processes):
                if number not in ends:
                    late.add(number)
                    _kill(process)
                    ends[number] = time.time() - started
        time.sleep(POLL_SECONDS)
    return [
        Result(list(commands[number]), process.returncode,
               _text(directory, "stdout.{0}".format(number)),
               _text(directory, "stderr.{0}".format(number)),
               round(ends[number], 3), number in late)
        for number, process in enumerate(processes)]


def _kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise
        # It has not called setsid yet.
        process.kill()
    process.wait()


def _text(directory, name):
    with open(os.path.join(directory, name), "rb") as source:
        return source.read().decode("utf-8", "replace")
