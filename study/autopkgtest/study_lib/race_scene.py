"""The place of many races: a CA, and directories that are put back each time.

The CA is a process of its own, since whoever forks must have no threads.

Runs under Python 2.7.
"""

import os
import shutil
import tempfile

import ca_process
import renewals


class RaceScene(object):
    """Servers, and directories with lineages that are due; use it as a context manager.

    Raises renewals.SceneError where it cannot be set up.
    """

    tls_sni_01_port = None

    def __init__(self, base, names, certbot, due=True):
        self.base = tempfile.mkdtemp(prefix="race.", dir=base)
        self.names = list(names)
        self.certbot = certbot
        self.due = due
        self.config, self.work, self.logs = [
            os.path.join(self.base, part) for part in ("config", "work", "logs")]
        self.outputs = os.path.join(self.base, "outputs")
        self.ca = None

    def __enter__(self):
        try:
            os.mkdir(self.outputs)
            self.ca = ca_process.Process(os.path.join(self.base, "ca"), self.tls_sni_01_port)
            self.ca.set_age(renewals.DUE_AGE_DAYS if self.due else 0)
            for name in self.names:
                self._obtain(name)
            self.ca.set_age(0)
            for part in ("config", "work", "logs") if self.names else ():
                shutil.copytree(os.path.join(self.base, part),
                                os.path.join(self.base, "saved", part), symlinks=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.ca is not None:
            self.ca.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def directories(self):
        """The options that name the directories."""
        return ["--config-dir", self.config, "--work-dir", self.work, "--logs-dir", self.logs]

    def obtaining(self, name):
        """The options of an order: account, CA, authenticator, name."""
        return ["-n", "--agree-tos", "-m", renewals.CONTACT, "-d", name,
                "--server", self.ca.url("/directory"), "--webroot", "-w", self.ca.webroot]

    def reset(self):
        """Put the directories back to how they were at first."""
        for part in ("config", "work", "logs"):
            path = os.path.join(self.base, part)
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(os.path.join(self.base, "saved", part), path, symlinks=True)
        shutil.rmtree(os.path.join(self.ca.webroot, ".well-known"), ignore_errors=True)

    def pids(self):
        """The processes of the servers."""
        return [self.ca.process.pid]

    def forget(self, name):
        """Remove a lineage until the next reset."""
        for part in ("archive", "live"):
            shutil.rmtree(os.path.join(self.config, part, name))
        os.unlink(os.path.join(self.config, "renewal", name + ".conf"))

    def output(self, number, stream):
        """The path of an output of the process with that number."""
        return os.path.join(self.outputs, "{0}.{1}".format(stream, number))

    def issued(self):
        """How many certificates the CA has issued."""
        return self.ca.issued()

    def _obtain(self, name):
        command = self.certbot + ["certonly"] + self.obtaining(name) + self.directories()
        result, = renewals.run_together(
            [command], renewals.LIMIT_SECONDS, renewals.environment())
        if result.returncode != 0:
            raise renewals.SceneError(
                "certbot could not obtain the first certificate (exit {0}): {1}".format(
                    result.returncode, (result.stderr + result.stdout).strip()[-1500:]))
