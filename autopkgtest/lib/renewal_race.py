"""Several ``certbot renew`` at one moment: the scene, the run and the judgement.

A Scene is a stand-in CA, a web server where one is needed, directories for
certbot and one certificate in them.  ``race`` lets several renewals leave one
barrier; ``judge`` says, from what was observed alone, what is wrong.

Runs under Python 2.7 and 3.
"""

import collections
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import acme_store
import barrier
import lineage
import tls_servers
from acme_authority import Policy
from webroot_server import WebrootServer

NAME = "renewal-test.example.org"
CONTACT = "admin@example.org"
OBTAIN_SECONDS = 180
START_SECONDS = 60
# certbot 0.10.2 renews when fewer than 30 days are left: these leave 20.
DUE = Policy(lifetime_days=90, not_before_days_ago=70)
DEFAULT_DIRECTORIES = ("/etc/letsencrypt", "/var/lib/letsencrypt", "/var/log/letsencrypt")


class SceneError(Exception):
    """The scene could not be set up, so nothing was tested; one sentence."""


class Case(collections.namedtuple("Case", "reason authenticator directories")):
    """What is raced.

    ``reason`` is "due" or "forced"; ``authenticator`` "webroot" or
    "standalone", or "apache" or "nginx", which then is the installer too: the
    renewal proves its name through that server by tls-sni-01 and reloads it.
    ``directories`` is "own" (temporary ones, named on the command line),
    "default" (those of the system: only in a throw-away testbed) or "apart":
    every process has its own, and only the server's root is one.
    """

    def __str__(self):
        name = "{0}-{1}".format(self.reason, self.authenticator)
        return name if self.directories == "own" else name + "-" + self.directories


CASES = tuple(Case(reason, authenticator, "own")
              for authenticator in ("standalone", "webroot") for reason in ("due", "forced"))
DEFAULT_CASE = Case("due", "standalone", "default")
SERVER_CASES = tuple(Case(reason, kind, "own")
                     for kind in tls_servers.KINDS for reason in ("due", "forced"))
APART_CASES = tuple(Case("due", kind, "apart") for kind in tls_servers.KINDS)


class Observation(collections.namedtuple(
        "Observation",
        "case results before after issued together lineage account_changed ca_alive")):
    """What was seen of one race.

    ``results`` are barrier.Results, ``before`` and ``after`` the lineage's
    version numbers, ``issued`` how many certificates the CA issued during the
    race, ``together`` how many renewals were in progress at once at most, as
    the CA saw it, ``lineage`` the findings about the lineage afterwards,
    ``account_changed`` the account files that are not as before, ``ca_alive``
    whether the CA still answered.
    """


class Finding(collections.namedtuple("Finding", "kind process sentence")):
    """One thing that is wrong after a race; ``process`` is its number or None."""


class Settings(collections.namedtuple("Settings", "certbot processes limit_seconds base")):
    """How to race: the certbot command as a list, how many at once, the time
    limit of one race, and an existing directory for everything temporary."""


class Scene(object):
    """CA, web server, directories and one certificate, for one case.

    Use it as a context manager.  Raises SceneError where the case cannot be
    set up.
    """

    def __init__(self, case, settings):
        self.case = case
        self.settings = settings
        self.base = tempfile.mkdtemp(prefix="{0}.".format(case), dir=settings.base)
        self._ca = None
        self._web = None
        self._tls = None
        self._made = []

    def __enter__(self):
        try:
            self._choose_directories()
            self._start_servers()
            self._obtain()
            acme_store.write_policy(self.state, Policy())
            self._copy(self._roots(), "saved")
            if self._tls is not None:
                self._tls.use(self.config)
        except tls_servers.ServerError as error:
            self.__exit__()
            raise SceneError(str(error))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._web is not None:
            self._web.stop()
            self._web = None
        if self._tls is not None:
            self._tls.stop()
        if self._ca is not None and self._ca.poll() is None:
            self._ca.terminate()
            self._ca.wait()
        for path in self._made:
            shutil.rmtree(path, ignore_errors=True)

    @property
    def state(self):
        """The CA's state directory."""
        return os.path.join(self.base, "ca")

    @property
    def ca_pid(self):
        """The process id of the CA."""
        return self._ca.pid

    def renew_command(self, roots=None):
        """The command that is raced, on certbot's usual directories here or on others."""
        command = self.settings.certbot + ["-q", "renew"] + self._directory_options(roots)
        return command + (["--force-renewal"] if self.case.reason == "forced" else [])

    def race(self, processes=None):
        """Let the renewals go and return the Observation."""
        before = lineage.versions(self.config, NAME)
        account = fingerprints(os.path.join(self.config, "accounts"))
        events = len(acme_store.read_events(self.state))
        outputs = tempfile.mkdtemp(prefix="race.", dir=self.base)
        processes = processes or self.settings.processes
        commands = [self.renew_command()] * processes
        places = []
        if self.case.directories == "apart":
            places = [self._copied_roots(outputs, number) for number in range(1, processes)]
            commands[1:] = [self.renew_command(roots) for roots in places]
        try:
            results = barrier.run_together(
                commands, outputs, self.settings.limit_seconds, self.environment())
        except barrier.BarrierError as error:
            raise SceneError(str(error))
        new_events = acme_store.read_events(self.state)[events:]
        after = fingerprints(os.path.join(self.config, "accounts"))
        return Observation(
            self.case, results, before, lineage.versions(self.config, NAME),
            sum(1 for event in new_events if event["event"] == "issued"),
            most_together(new_events),
            self.findings() + [one for roots in places for one in _copy_findings(roots[0])],
            sorted(path for path in set(account) | set(after)
                   if account.get(path) != after.get(path)),
            self._ca_answers())

    def findings(self):
        """What is wrong with the lineage now, and with what a server hands out of it."""
        found = lineage.check(self.config, NAME)
        return found + (self._tls.findings(self.config) if self._tls is not None else [])

    def environment(self):
        """The environment of every certbot here."""
        found = environment()
        if self._tls is not None:
            found.update(self._tls.environment)
        return found

    def reset(self):
        """Put the directories of certbot and a server back to how they were at first."""
        for number, path in enumerate(self._roots()):
            shutil.rmtree(path)
            shutil.copytree(os.path.join(self.base, "saved", str(number)), path, symlinks=True)
        if self._tls is not None:
            try:
                self._tls.reset()
            except tls_servers.ServerError as error:
                raise SceneError(str(error))

    def keep_logs(self, directory):
        """Copy certbot's and the CA's logs of this scene to a directory, for the evidence."""
        target = os.path.join(directory, str(self.case))
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        shutil.copy(os.path.join(self.state, "log.jsonl"), os.path.join(target, "ca.jsonl"))
        shutil.copytree(self.logs, os.path.join(target, "certbot"))

    def _choose_directories(self):
        if self.case.directories != "default":
            self.config, self.work, self.logs = [
                os.path.join(self.base, part) for part in ("config", "work", "logs")]
            return
        self.config, self.work, self.logs = DEFAULT_DIRECTORIES
        for part in ("accounts", "archive", "live", "renewal"):
            path = os.path.join(self.config, part)
            if os.path.lexists(path):
                raise SceneError(
                    "{0} exists: the system's own directories are only for a testbed "
                    "where certbot was never used.".format(path))
            self._made.append(path)

    def _directory_options(self, roots=None):
        if self.case.directories == "default":
            return []
        config, work, logs = roots or self._roots()
        return ["--config-dir", config, "--work-dir", work, "--logs-dir", logs]

    def _copied_roots(self, target, number):
        """Copy certbot's directories as they are now; returns the copies."""
        copies = [os.path.join(target, "{0}.{1}".format(part, number))
                  for part in ("config", "work", "logs")]
        for path, copy in zip(self._roots(), copies):
            shutil.copytree(path, copy, symlinks=True)
        conf = os.path.join(copies[0], "renewal", NAME + ".conf")
        with open(conf) as source:
            text = source.read()
        for path, copy in zip(self._roots(), copies):
            text = text.replace(path, copy)
        with open(conf, "w") as stream:
            stream.write(text)
        return copies

    def _roots(self):
        return [self.config, self.work, self.logs]

    def _copy(self, paths, name):
        for number, path in enumerate(paths):
            shutil.copytree(path, os.path.join(self.base, name, str(number)), symlinks=True)

    def _start_servers(self):
        self.webroot = os.path.join(self.base, "webroot")
        os.mkdir(self.webroot)
        if self.case.authenticator == "webroot":
            self._web = WebrootServer(self.webroot)
            self._web.start()
            self.http_01_port = self._web.port
        else:
            self.http_01_port = free_port()
        self.tls_sni_01_port = free_port()
        if self.case.authenticator in tls_servers.KINDS:
            place = os.path.join(self.base, "server")
            os.mkdir(place)
            self._tls = tls_servers.make(self.case.authenticator, place, NAME, self.tls_sni_01_port)
            self._tls.start()
        port_file = os.path.join(self.base, "ca.port")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "acme_v1_ca.py")
        with open(os.path.join(self.base, "ca.output"), "wb") as output:
            self._ca = subprocess.Popen(
                [sys.executable, script, "--port", "0", "--port-file", port_file,
                 "--http-01-port", str(self.http_01_port), "--tls-sni-01-port",
                 str(self.tls_sni_01_port), "--state", self.state],
                stdout=output, stderr=subprocess.STDOUT, close_fds=True)
        deadline = time.time() + START_SECONDS
        while not os.path.exists(port_file):
            if self._ca.poll() is not None or time.time() > deadline:
                with open(os.path.join(self.base, "ca.output")) as output:
                    raise SceneError("The stand-in CA did not start: {0}".format(
                        output.read().strip()))
            time.sleep(0.05)
        with open(port_file) as source:
            self.server = "http://127.0.0.1:{0}/directory".format(int(source.read()))
        if self.case.reason == "due":
            acme_store.write_policy(self.state, DUE)

    def _obtain(self):
        command = self.settings.certbot + [
            "certonly", "-n", "--agree-tos", "-m", CONTACT, "-d", NAME,
            "--server", self.server] + self._directory_options()
        # 0.10.0 forgets which challenge was preferred, and renews by the other one.
        command += ["--tls-sni-01-port", str(self.tls_sni_01_port)]
        if self._tls is not None:
            command += ["--" + self.case.authenticator, "--preferred-challenges", "tls-sni"]
            command += self._tls.options
        else:
            command += ["--preferred-challenges", "http",
                        "--http-01-port", str(self.http_01_port)]
        if self.case.authenticator == "webroot":
            command += ["--webroot", "-w", self.webroot]
        elif self.case.authenticator == "standalone":
            command += ["--standalone"]
        outputs = tempfile.mkdtemp(prefix="obtain.", dir=self.base)
        result = barrier.run_alone(command, outputs, OBTAIN_SECONDS, self.environment())
        if result.returncode != 0:
            raise SceneError(
                "certbot could not obtain the first certificate (exit {0}): {1}".format(
                    result.returncode, (result.stderr + result.stdout).strip()[-1500:]))
        findings = lineage.check(self.config, NAME)
        if findings:
            raise SceneError("The first certificate is already wrong: " + findings[0].sentence)

    def _ca_answers(self):
        if self._ca.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", int(self.server.split(":")[2].split("/")[0])),
                                     10).close()
        except socket.error:
            return False
        return True


def judge(observation):
    """All Findings about one race; none means that it went as it should.

    Due: the certificate is renewed once, whoever comes first.  Forced: each
    process renews, one after the other; apart: each renews its own.  In all
    cases every process ends with 0 and is silent, and the lineage and the
    account are whole.
    """
    found = []
    for number, result in enumerate(observation.results):
        if result.timed_out:
            found.append(Finding("time-limit", number, "Process {0} did not end in time.".format(
                number)))
        elif result.returncode != 0:
            found.append(Finding("exit", number, "Process {0} ended with {1}.".format(
                number, result.returncode)))
        for stream in ("stdout", "stderr"):
            text = getattr(result, stream)
            if text:
                found.append(Finding(stream, number, "Process {0} wrote to {1}: {2}".format(
                    number, stream, text.strip())))
    wanted = 1 if observation.case.reason == "due" else len(observation.results)
    newest = observation.before[-1] if observation.before else 0
    expected = observation.before + list(range(newest + 1, newest + 1 + wanted))
    if observation.case.directories == "apart":
        wanted = len(observation.results)
    if observation.after != expected:
        found.append(Finding(
            "versions", None, "The versions should be {0} and are {1}.".format(
                expected, observation.after)))
    if observation.issued != wanted:
        found.append(Finding(
            "issued", None, "The CA should have issued {0} certificates and issued {1}.".format(
                wanted, observation.issued)))
    if observation.together > 1:
        found.append(Finding(
            "together", None, "{0} renewals were in progress at the same time.".format(
                observation.together)))
    for finding in observation.lineage:
        found.append(Finding("lineage", None, finding.sentence))
    for path in observation.account_changed:
        found.append(Finding("account", None, "The account's file {0} changed.".format(path)))
    if not observation.ca_alive:
        found.append(Finding("ca", None, "The stand-in CA no longer answered after the race."))
    return found


def _copy_findings(config):
    """What is wrong in directories that one process had for itself: renewed once, and whole."""
    found = lineage.check(config, NAME)
    if lineage.versions(config, NAME) != [1, 2]:
        found.append(lineage.Finding("versions", config, "{0} has the versions {1}.".format(
            config, lineage.versions(config, NAME))))
    return found


def report(observation, findings):
    """An observation and its findings as a dictionary for JSON."""
    return {
        "case": str(observation.case),
        "processes": [result.as_dict() for result in observation.results],
        "failed": sum(1 for result in observation.results if result.returncode != 0),
        "versions_before": observation.before,
        "versions_after": observation.after,
        "issued": observation.issued,
        "together": observation.together,
        "findings": [dict(zip(finding._fields, finding)) for finding in findings],
    }


def most_together(events):
    """How many renewals of one name were open at once, from the CA's log.

    A renewal is open from its new-authz until its new-cert.  One that never
    gets to its new-cert stays open.
    """
    open_now = most = 0
    for event in events:
        if event.get("status") != 201:
            continue
        if event.get("resource") == "new-authz":
            open_now += 1
            most = max(most, open_now)
        elif event.get("resource") == "new-cert":
            open_now -= 1
    return most


def environment():
    """The environment of a certbot that a timer starts: path, language, home."""
    kept = ("PATH", "HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "CERTBOT_LOCK_TIMEOUT")
    result = dict((name, os.environ[name]) for name in kept if name in os.environ)
    result["LC_ALL"] = "C.UTF-8"
    return result


def fingerprints(directory):
    """The SHA-256 of every file below a directory, by path."""
    found = {}
    for parent, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(parent, name)
            with open(path, "rb") as source:
                found[path] = hashlib.sha256(source.read()).hexdigest()
    return found


def free_port():
    """A port that nobody listens on now."""
    probe = socket.socket()
    try:
        probe.bind(("", 0))
        return probe.getsockname()[1]
    finally:
        probe.close()
