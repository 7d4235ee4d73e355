"""Where a check runs: one scene (CA, web server, directories, a due certificate) and processes.

Every wait has a limit, every process that is started here is ended here, by
its id.  Between checks ``reset`` puts certbot's directories back, so that
each check begins with version 1 of one certificate, which is due.

Runs under Python 2.7 and 3.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import lock_check
import lock_probe
import renewals

HERE = os.path.dirname(os.path.abspath(__file__))
POLL_SECONDS = 0.02
# How long whatever a check leaves running may live, should its end be missed.
LONGEST_SECONDS = 600
ANSWER_SECONDS = 60


class PlaceError(renewals.SceneError):
    """Something that the checks themselves need did not happen; one sentence."""


class Running(object):
    """One process in a session of its own, with its outputs in files."""

    def __init__(self, command, directory, environment, preexec=None, cwd=None):
        self.command = list(command)
        self.directory = directory
        self.started = time.time()

        def become():
            """Run in the child before the command."""
            os.setsid()
            if preexec is not None:
                preexec()

        with open(os.devnull, "rb") as null:
            with open(os.path.join(directory, "stdout"), "wb") as stdout:
                with open(os.path.join(directory, "stderr"), "wb") as stderr:
                    self._process = subprocess.Popen(
                        self.command, stdin=null, stdout=stdout, stderr=stderr, close_fds=True,
                        env=environment, preexec_fn=become, cwd=cwd)
        self.pid = self._process.pid

    def alive(self):
        """Whether it still runs."""
        return self._process.poll() is None

    def kill(self):
        """End it alone, at once, as SIGKILL does; its children live on."""
        if self.alive():
            self._process.kill()
        self._process.wait()

    def terminate(self):
        """Send it alone SIGTERM."""
        if self.alive():
            self._process.terminate()

    def end(self):
        """End it and what it started in its session."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
        self._process.wait()

    def wait(self, limit_seconds):
        """Wait for its end and return a renewals.Result; after the limit it is ended."""
        deadline = time.time() + limit_seconds
        while self.alive() and time.time() < deadline:
            time.sleep(POLL_SECONDS)
        late = self.alive()
        seconds = time.time() - self.started
        if late:
            self.end()
        return renewals.Result(self.command, self._process.returncode, self.text("stdout"),
                              self.text("stderr"), round(seconds, 3), late)

    def text(self, name):
        """What it has written to stdout or stderr so far."""
        with open(os.path.join(self.directory, name), "rb") as source:
            return source.read().decode("utf-8", "replace")


class Place(object):
    """The place of one check after the other.  ``limit`` is the time limit of one process."""

    def __init__(self, scene, limit_seconds):
        self.scene = scene
        self.limit = limit_seconds
        self.certbot = scene.certbot
        self.base, self.webroot = scene.base, scene.webroot
        self.config, self.work, self.logs = scene.config, scene.work, scene.logs
        self.directories = (self.logs, self.config, self.work)
        self.environment = {}
        self.details = {}
        self._running = []
        self._strangers = []

    def reset(self):
        """End what runs and put everything back to how it was before the first check."""
        self.again()
        self.environment = {}
        self.details = {}

    def again(self):
        """The same between two parts of one check: its environment and details stay."""
        self.close()
        self.scene.reset()
        # Some certbots leave theirs: every check begins without any.
        self.clear()

    def nothing_due(self):
        """Make the certificate's version 2 the newest, with nothing due: renewed once, then copied.

        Raises PlaceError where that renewal goes wrong.
        """
        saved = os.path.join(self.base, "renewed")
        if not os.path.isdir(saved):
            found = renewed(self, self.run(self.renewal()))
            if found:
                raise PlaceError("The renewal beforehand went wrong: " + found[0].sentence)
            self.clear()
            for name, path in zip(("logs", "config", "work"), self.directories):
                shutil.copytree(path, os.path.join(saved, name), symlinks=True)
        for name, path in zip(("logs", "config", "work"), self.directories):
            shutil.rmtree(path)
            shutil.copytree(os.path.join(saved, name), path, symlinks=True)

    def close(self):
        """End every process that was started here."""
        for running in self._running:
            running.end()
        self._running = []
        for path in self._strangers:
            end_stranger(path)
        self._strangers = []

    def spare(self, name):
        """A new empty directory."""
        return tempfile.mkdtemp(prefix=name + ".", dir=self.base)

    def lock_file(self, directory=None):
        """The lock file of a directory, by default of the configuration directory."""
        return os.path.join(directory or self.config, lock_probe.LOCK_FILE)

    def command(self, *words, **directories):
        """A certbot command on the directories of this place, or on others by keyword."""
        return self.certbot + list(words) + [
            "--config-dir", directories.get("config", self.config),
            "--work-dir", directories.get("work", self.work),
            "--logs-dir", directories.get("logs", self.logs)]

    def renewal(self, *words):
        """The command of the timer: certbot -q renew."""
        return self.command("-q", "renew", *words)

    def start(self, command, preexec=None, cwd=None, environment=None):
        """Start a command; it is ended with the check at the latest."""
        full = renewals.environment()
        full.update(self.environment)
        full.update(environment or {})
        running = Running(command, self.spare("process"), full, preexec, cwd)
        self._running.append(running)
        return running

    def run(self, command, **options):
        """Run a command to its end, or to the limit."""
        return self.start(command, **options).wait(self.limit)

    def expect_stranger(self, path):
        """A process that nobody here started will write its id to this file: end it later."""
        self._strangers.append(path)

    def kill_holding(self):
        """Start a renewal, and kill it in its pre-hook while it holds the lock.

        Raises PlaceError where it does not come to that.
        """
        paused = os.path.join(self.spare("hook"), "paused")
        # A later run with this hook does not stop in it.
        victim = self.start(self.renewal(
            "--pre-hook", "sh -c '[ -e {0} ] || {{ echo >{0}; sleep 100; }}'".format(paused)))
        if not wait_until(lambda: os.path.exists(paused), self.limit):
            raise PlaceError("The hook was not reached: {0}".format(victim.text("stderr")[-500:]))
        if lock_probe.holder_of(self.config) != victim.pid:
            raise PlaceError("The certbot that is to be killed does not hold the lock.")
        victim.kill()

    def hold(self, *directories):
        """Let another process hold the locks of directories; returns it when it does."""
        return self.start_ready(
            [sys.executable, os.path.join(HERE, "lock_holder.py")],
            [str(LONGEST_SECONDS)] + list(directories))

    def start_ready(self, program, arguments, preexec=None):
        """Start a program that makes the file named by its first argument when it is ready."""
        directory = self.spare("ready")
        if preexec is not None:
            os.chmod(directory, 0o777)
        ready = os.path.join(directory, "ready")
        running = self.start(program + [ready] + arguments, preexec=preexec)
        if not wait_until(lambda: os.path.exists(ready) or not running.alive(), ANSWER_SECONDS) or (
                not os.path.exists(ready)):
            raise PlaceError("{0} did not get ready: {1}".format(
                os.path.basename(program[-1]), running.text("stderr").strip()[-500:]))
        return running

    def probe_hook(self, report, directories=None):
        """The shell command of a hook that looks at the locks and writes a report."""
        words = [sys.executable, os.path.join(HERE, "lock_probe.py"), report]
        return " ".join(words + list(directories or self.directories))

    def versions(self):
        """The versions of the certificate."""
        return renewals.versions(self.config, renewals.NAME)

    def left_over(self):
        """The lock files that lie about now."""
        return [path for path in map(self.lock_file, self.directories) if os.path.lexists(path)]

    def clear(self):
        """Remove what lies in the places of the lock files; a mutation can leave directories."""
        for path in self.left_over():
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            else:
                os.unlink(path)

    def log_text(self):
        """All that certbot has logged since the reset and what was there before."""
        text = []
        for name in sorted(os.listdir(self.logs)):
            if name.startswith("letsencrypt.log"):
                with open(os.path.join(self.logs, name), "rb") as source:
                    text.append(source.read().decode("utf-8", "replace"))
        return "\n".join(text)


def renewed(place, result, versions=(1, 2), quiet=True):
    """Findings about a renewal that must have gone well, silently, up to these versions."""
    found = ended_well(result, quiet)
    if place.versions() != list(versions):
        found.append(lock_check.Finding(
            "versions", "The versions should be {0} and are {1}.".format(
                list(versions), place.versions())))
    for wrong in renewals.check_lineage(place.config, renewals.NAME):
        found.append(lock_check.Finding("lineage", wrong.sentence))
    return found


def ended_well(result, quiet=True):
    """Findings about a process that must end with 0, within its limit, and silent if so wanted."""
    name = " ".join(result.command[:4])
    if result.timed_out:
        return [lock_check.Finding("blocked", "{0} had not ended after {1:.0f} s.".format(
            name, result.seconds))]
    found = []
    if result.returncode != 0:
        found.append(lock_check.Finding("exit", "{0} ended with {1}: {2}".format(
            name, result.returncode, said(result))))
    elif quiet and (result.stdout or result.stderr):
        found.append(lock_check.Finding("output", "{0} wrote: {1}".format(name, said(result))))
    return found


def said(result):
    """The end of all that a process wrote."""
    return (result.stdout + result.stderr).strip()[-600:]


def held_findings(place, report, directories=None):
    """Findings about the report of a probe hook: the locks must be held, 0600, one link."""
    if not os.path.exists(report):
        return [lock_check.Finding("no-hook", "The hook did not run, so nothing was seen.")]
    found = []
    locks = dict((one["directory"], one) for one in load(report)["locks"])
    for directory in directories or place.directories:
        one = locks[directory]
        if not one["holder"]:
            found.append(lock_check.Finding("not-held", (
                "While certbot ran, nobody held the lock on {0} as Certbot 0.14 would see "
                "it.").format(directory)))
        if one["exists"] and (one["mode"] != 0o600 or one["links"] != 1):
            found.append(lock_check.Finding("mode", (
                "The lock file in {0} has the mode {1:o} and {2} names.").format(
                    directory, one["mode"], one["links"])))
    return found


def load(path):
    """Read a JSON file."""
    with open(path) as source:
        return json.load(source)


def wait_until(condition, limit_seconds, poll_seconds=POLL_SECONDS):
    """Wait until a condition holds; returns whether it does."""
    deadline = time.time() + limit_seconds
    while not condition():
        if time.time() > deadline:
            return False
        time.sleep(poll_seconds)
    return True


def end_stranger(path):
    """End the process whose id is in a file, if there is one."""
    try:
        with open(path) as source:
            pid = int(source.read())
        os.kill(pid, signal.SIGKILL)
    except (IOError, OSError, ValueError):
        pass


def stranger_lives(path):
    """Whether the process whose id is in a file is there."""
    with open(path) as source:
        return os.path.exists("/proc/{0}".format(int(source.read())))


def become(uid):
    """What a child runs to become an ordinary user, without any group of root's."""
    def change():
        """Run in the child before the command."""
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    return change
