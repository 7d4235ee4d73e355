"""The place of many races: a CA, a web server and directories that are put back each time.

Both servers are processes of their own, since whoever forks must have no
threads.

Runs under Python 2.7.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import acme_store
import barrier
import renewal_race
from acme_authority import Policy

START_SECONDS = 60
LIB = os.path.dirname(os.path.abspath(renewal_race.__file__))
WEB = """
import sys, time
sys.path.insert(0, sys.argv[1])
import webroot_server
server = webroot_server.WebrootServer(sys.argv[2])
open(sys.argv[3] + ".new", "w").write(str(server.port))
import os
os.rename(sys.argv[3] + ".new", sys.argv[3])
server.serve_forever(poll_interval=0.05)
"""


class RaceScene(object):
    """Servers, and directories with lineages that are due; use it as a context manager.

    Raises renewal_race.SceneError where it cannot be set up.
    """

    ca_options = []

    def __init__(self, base, names, certbot, due=True):
        self.base = tempfile.mkdtemp(prefix="race.", dir=base)
        self.names = list(names)
        self.certbot = certbot
        self.due = due
        self.config, self.work, self.logs = [
            os.path.join(self.base, part) for part in ("config", "work", "logs")]
        self.webroot = os.path.join(self.base, "webroot")
        self.outputs = os.path.join(self.base, "outputs")
        self.state = os.path.join(self.base, "ca")
        self._servers = []

    def __enter__(self):
        try:
            os.mkdir(self.outputs)
            os.mkdir(self.webroot)
            self.http_01_port = self._serve(
                "web", [sys.executable, "-c", WEB, LIB, self.webroot])
            port = self._serve("ca", [
                sys.executable, os.path.join(LIB, "acme_v1_ca.py"), "--port", "0",
                "--http-01-port", str(self.http_01_port), "--state", self.state,
                ] + self.ca_options + ["--port-file"])
            self.server = "http://127.0.0.1:{0}/directory".format(port)
            if self.due:
                acme_store.write_policy(self.state, renewal_race.DUE)
            for name in self.names:
                self._obtain(name)
            acme_store.write_policy(self.state, Policy())
            for part in ("config", "work", "logs") if self.names else ():
                shutil.copytree(os.path.join(self.base, part),
                                os.path.join(self.base, "saved", part), symlinks=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self._servers:
            if server.poll() is None:
                server.terminate()
                server.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def directories(self):
        """The options that name the directories."""
        return ["--config-dir", self.config, "--work-dir", self.work, "--logs-dir", self.logs]

    def obtaining(self, name):
        """The options of an order: account, CA, authenticator, name."""
        return ["-n", "--agree-tos", "-m", renewal_race.CONTACT, "-d", name,
                "--server", self.server, "--preferred-challenges", "http",
                "--http-01-port", str(self.http_01_port), "--webroot", "-w", self.webroot]

    def reset(self):
        """Put the directories back to how they were at first."""
        for part in ("config", "work", "logs"):
            path = os.path.join(self.base, part)
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(os.path.join(self.base, "saved", part), path, symlinks=True)
        shutil.rmtree(os.path.join(self.webroot, ".well-known"), ignore_errors=True)

    def pids(self):
        """The processes of the servers."""
        return [server.pid for server in self._servers]

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
        return sum(1 for event in acme_store.read_events(self.state)
                   if event["event"] == "issued")

    def _serve(self, name, command):
        port_file = os.path.join(self.base, name + ".port")
        with open(os.path.join(self.base, name + ".output"), "wb") as output:
            server = subprocess.Popen(
                command + [port_file], stdout=output, stderr=subprocess.STDOUT, close_fds=True)
        self._servers.append(server)
        deadline = time.time() + START_SECONDS
        while not os.path.exists(port_file):
            if server.poll() is not None or time.time() > deadline:
                with open(os.path.join(self.base, name + ".output")) as output:
                    raise renewal_race.SceneError("The {0} server did not start: {1}".format(
                        name, output.read().strip()[-500:]))
            time.sleep(0.02)
        with open(port_file) as source:
            return int(source.read())

    def _obtain(self, name):
        outputs = tempfile.mkdtemp(prefix="obtain.", dir=self.base)
        command = self.certbot + ["certonly"] + self.obtaining(name) + self.directories()
        result = barrier.run_alone(
            command, outputs, renewal_race.OBTAIN_SECONDS, renewal_race.environment())
        if result.returncode != 0:
            raise renewal_race.SceneError(
                "certbot could not obtain the first certificate (exit {0}): {1}".format(
                    result.returncode, (result.stderr + result.stdout).strip()[-1500:]))
