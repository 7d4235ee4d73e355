"""What the lock costs, measured where the patched certbot is installed; prints JSON.

    lock_cost.py --tests DIR --unpatched DIR [--pairs N] [--takeovers N] [--seconds S]

``--tests`` has the tests' ``lib`` and ``matrix/matrix_lib``, ``--unpatched`` a directory for
PYTHONPATH with the package ``certbot`` without the lock. Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import fcntl
import json
import os
import random
import renewals
import shutil
import subprocess
import sys
import tempfile
import time

WAITERS = 20
START_SECONDS = 120
LOCK_FILE = ".certbot.lock"
HOLD = "hold"
STEP_SECONDS = 0.0005


class CostError(Exception):
    """Nothing could be measured; one sentence."""


def main(arguments):
    """Measure everything, print it; 0, or 2 where that was not possible."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    if arguments[:1] == [HOLD]:
        return hold(arguments[1])
    parser.add_argument("--tests", required=True)
    parser.add_argument("--unpatched", required=True)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--takeovers", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    for part in ("lib", "matrix/matrix_lib"):
        sys.path.insert(0, os.path.join(options.tests, part))
    import lock_probe
    import renewal_race

    base = tempfile.mkdtemp(prefix="lock-cost.")
    try:
        # "forced" only leaves the certificate with its full 90 days: it is not due.
        case = renewals.Case("forced", "webroot", "own")
        with renewal_race.Scene(case, base, ["certbot"]) as scene:
            command = [word for word in scene.renew_command() if word != "--force-renewal"]
            environment = renewals.environment()
            patched = os.path.join(base, "patched")
            for name in packages(installed()):
                copy(os.path.join(installed(), name), os.path.join(patched, name))
            unpatched = os.path.join(base, "unpatched")
            for name in packages(options.unpatched):
                copy(os.path.join(options.unpatched, name), os.path.join(unpatched, name))
            result = {
                "pairs": pairs(command, environment, unpatched, patched, options.pairs),
                "takeovers": takeovers(command, environment, scene.config, lock_probe,
                                       options.takeovers),
                "waiting": waiting(command, environment, scene.config, lock_probe,
                                   options.seconds),
                "load": os.getloadavg(),
            }
    except (CostError, renewals.SceneError) as error:
        print("lock_cost.py: {0}".format(error), file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(json.dumps(result))
    return 0


def installed():
    """The directory with the installed package, which must have the lock."""
    asked = subprocess.Popen(["python2.7", "-W", "ignore", "-c",
                              "import certbot; print(certbot.__file__)"],
                             stdout=subprocess.PIPE, cwd="/")
    path = os.path.dirname(asked.communicate()[0].decode().strip())
    if not os.path.isfile(os.path.join(path, "lock.py")):
        raise CostError("the installed certbot has no lock: {0}".format(path or "not found"))
    return os.path.dirname(path)


def packages(directory):
    """The packages of certbot in a directory: itself, and its plugins where there are any."""
    found = [name for name in sorted(os.listdir(directory))
             if name in ("certbot", "certbot_apache", "certbot_nginx")]
    if "certbot" not in found:
        raise CostError("{0} has no package certbot".format(directory))
    return found


def copy(source, target):
    """Copy a package and compile it, so that both are read in the same way."""
    shutil.copytree(source, target)
    subprocess.check_call(["python2.7", "-m", "compileall", "-q", target])


def pairs(command, environment, unpatched, patched, number):
    """Run both by turns, the one that begins changing; their wall and processor seconds."""
    for path in (unpatched, patched):
        one_run(command, environment, path)
    found = []
    for count in range(number):
        both = [("unpatched", unpatched), ("patched", patched)]
        if count % 2:
            both.reverse()
        found.append(dict((name, one_run(command, environment, path)) for name, path in both))
    return found


def one_run(command, environment, path):
    """Run a command that has to end well, silently; its wall and processor seconds."""
    started = time.time()
    process = subprocess.Popen(command, env=dict(environment, PYTHONPATH=path),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status or said:
        raise CostError("certbot renew ended with {0}: {1}".format(
            status, said.decode("utf-8", "replace")[-500:]))
    return {"wall": time.time() - started, "processor": used.ru_utime + used.ru_stime}


class Held(object):
    """The lock on a directory, held by a process as certbot holds it.

    It is no ancestor of the certbot that waits: that one would go on without the lock.
    """

    def __init__(self, directory):
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), HOLD, directory],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._process.stdout.readline() != b"held\n":
            raise CostError("the lock on {0} could not be held".format(directory))

    def release(self):
        """Let it be released, at once."""
        self._process.stdin.write(b"release\n")
        self._process.stdin.flush()

    def moment(self):
        """The moment before the release."""
        return float(self._process.communicate()[0])


def hold(directory):
    """Hold the lock on a directory until there is a line to read; then remove the file first."""
    path = os.path.join(directory, LOCK_FILE)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("held")
    sys.stdout.flush()
    sys.stdin.readline()
    moment = time.time()
    os.remove(path)
    os.close(descriptor)
    print(repr(moment))
    return 0


def await_waiting(process, probe):
    """Return once a process waits for the lock."""
    limit = time.time() + START_SECONDS
    while not probe.waits(process.pid):
        if process.poll() is not None:
            raise CostError("certbot ended with {0} instead of waiting".format(process.returncode))
        if time.time() > limit:
            raise CostError("certbot did not begin to wait within {0} s".format(START_SECONDS))
        time.sleep(0.01)


def takeovers(command, environment, directory, probe, number):
    """Seconds from the release of the lock until a waiting certbot has it, many times."""
    chooser = random.Random(1)
    found = []
    for _ in range(number):
        held = Held(directory)
        process = subprocess.Popen(command, env=environment)
        await_waiting(process, probe)
        # Anywhere between two attempts.
        time.sleep(chooser.random() * 0.3)
        held.release()
        while probe.holder_of(directory) != process.pid:
            if process.poll() is not None:
                raise CostError("certbot ended with {0} before it was seen to have the "
                                "lock".format(process.returncode))
            time.sleep(STEP_SECONDS)
        taken = time.time()
        found.append(taken - held.moment())
        if process.wait():
            raise CostError("certbot ended with {0} after it waited".format(process.returncode))
    return found


def waiting(command, environment, directory, probe, seconds):
    """The processor time of so many waiting processes, as a part of one core."""
    held = Held(directory)
    processes = [subprocess.Popen(command, env=environment) for _ in range(WAITERS)]
    try:
        for process in processes:
            await_waiting(process, probe)
        before, started = used_by(processes), time.time()
        time.sleep(seconds)
        used, passed = used_by(processes) - before, time.time() - started
    finally:
        held.release()
        held.moment()
        codes = [process.wait() for process in processes]
    if any(codes):
        raise CostError("a process that waited ended with {0}".format(max(codes)))
    return {"processes": WAITERS, "seconds": passed, "used": used, "share": used / passed}


def used_by(processes):
    """Processor seconds of processes: the first number of /proc/PID/schedstat is nanoseconds."""
    total = 0.0
    for process in processes:
        with open("/proc/{0}/schedstat".format(process.pid)) as source:
            total += int(source.read().split()[0]) / 1e9
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
