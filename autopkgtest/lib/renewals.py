"""Several ``certbot -q renew`` at one moment, what they leave, and what is wrong with it."""

from __future__ import print_function

import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from OpenSSL import SSL, crypto

NAME = "renewal-test.example.org"
CONTACT = "admin@example.org"
KINDS = ("cert", "privkey", "chain", "fullchain")
DEFAULT_DIRECTORIES = ("/etc/letsencrypt", "/var/lib/letsencrypt", "/var/log/letsencrypt")
PROCESSES = 4
LIMIT_SECONDS = 240
# certbot 0.10.2 renews when fewer than 30 days of 90 are left.
DUE_AGE_DAYS = 70
FORCE = {"due": [], "forced": ["--force-renewal"]}
# ``directories`` is "own", temporary ones, or "default", those of the system.
Case = collections.namedtuple("Case", "reason authenticator directories")
CASES = [Case(reason, authenticator, "own")
         for authenticator in ("standalone", "webroot") for reason in sorted(FORCE)]
DEFAULT_CASE = Case("due", "standalone", "default")
# How one process ended; ``seconds`` are from the barrier.
Result = collections.namedtuple("Result", "command returncode stdout stderr seconds timed_out")
# What was seen of one race: ``before`` and ``after`` are the versions of the certificate.
Race = collections.namedtuple("Race", "case results before after issued lineage")
# What is wrong, and in which process if in one.
Finding = collections.namedtuple("Finding", "kind sentence process")
Finding.__new__.__defaults__ = (None,)


class SceneError(Exception):
    """Nothing could be tested; one sentence."""


def run_together(commands, limit_seconds, environment=None):
    """Start all commands at one moment, without a terminal; returns a Result for each, in order.

    Each is a shell that becomes the command when the pipe that all of them read is closed.  What
    has not ended after the limit is killed, with its children.
    """
    gate, barrier = os.pipe()
    processes = []
    for command in commands:
        outputs = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        processes.append((outputs, subprocess.Popen(
            ["sh", "-c", 'read -r line; exec "$@" </dev/null', "sh"] + command, stdin=gate,
            stdout=outputs[0], stderr=outputs[1], close_fds=True, preexec_fn=os.setsid,
            env=environment)))
    started = time.time()
    os.close(gate)
    os.close(barrier)
    seconds, late = {}, set()
    while len(seconds) < len(processes):
        time.sleep(0.02)
        for number, (_, process) in enumerate(processes):
            if number in seconds:
                continue
            if process.poll() is None and time.time() - started > limit_seconds:
                late.add(number)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.poll() is not None:
                seconds[number] = round(time.time() - started, 3)
    return [Result(command, process.returncode, _text(outputs[0]), _text(outputs[1]),
                   seconds[number], number in late)
            for number, (command, (outputs, process)) in enumerate(zip(commands, processes))]


def _text(stream):
    with stream:
        stream.seek(0)
        return stream.read().decode("utf-8", "replace")


def versions(config, name):
    """The numbers of the versions of a certificate, by certbot's configuration directory."""
    archive = os.path.join(config, "archive", name)
    files = " ".join(os.listdir(archive)) if os.path.isdir(archive) else ""
    return sorted(set(int(number) for number in re.findall(r"[a-z]([0-9]+)\.pem\b", files)))


def check_lineage(config, name):
    """All that is wrong with the versions of a certificate and the links to the newest one."""
    archive, live = [os.path.join(config, part, name) for part in ("archive", "live")]
    numbers = versions(config, name)
    if not numbers:
        return [Finding("files", "{0} holds no version.".format(archive))]
    wanted = set("{0}{1}.pem".format(kind, number)
                 for kind in KINDS for number in range(1, numbers[-1] + 1))
    found = [Finding("files", "{0} lacks or also holds {1}.".format(archive, entry))
             for entry in sorted(wanted ^ set(os.listdir(archive)))]
    for kind in KINDS:
        link = os.path.join(live, kind + ".pem")
        newest = os.path.join(archive, "{0}{1}.pem".format(kind, numbers[-1]))
        if not os.path.islink(link) or os.path.realpath(link) != os.path.realpath(newest):
            found.append(Finding("link", "{0} is no link to {1}.".format(link, newest)))
    conf = os.path.join(config, "renewal", name + ".conf")
    if not os.path.isfile(conf) or not os.path.getsize(conf) or os.path.lexists(conf + ".new"):
        found.append(Finding("renewal", "{0} is missing, empty or half replaced.".format(conf)))
    seen = set()
    for number in numbers:
        paths = [os.path.join(archive, "{0}{1}.pem".format(kind, number)) for kind in KINDS]
        if all(os.path.isfile(path) for path in paths):
            found.extend(_check_version(*paths))
            if _read(paths[0]) in seen:
                found.append(Finding("same", "{0} is an earlier version too.".format(paths[0])))
            seen.add(_read(paths[0]))
    return found


def _check_version(cert, privkey, chain, fullchain):
    if _read(fullchain) != _read(cert) + _read(chain):
        yield Finding("fullchain", "{0} is not {1} and {2}.".format(fullchain, cert, chain))
    try:
        certificate, issuer = [
            crypto.load_certificate(crypto.FILETYPE_PEM, _read(path)) for path in (cert, chain)]
        context = SSL.Context(SSL.SSLv23_METHOD)
        context.use_certificate(certificate)
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, _read(privkey)))
        context.check_privatekey()
        store = crypto.X509Store()
        store.add_cert(issuer)
        crypto.X509StoreContext(store, certificate).verify_certificate()
    except (crypto.Error, crypto.X509StoreContextError, SSL.Error, ValueError) as error:
        kind = "mismatch" if isinstance(error, SSL.Error) else "chain"
        yield Finding(kind, "{0}, its key and its chain do not belong together: {1!r}".format(
            cert, error))


def _read(path):
    with open(path, "rb") as source:
        return source.read()


def judge(race):
    """All Findings about a race; none means that it went as it should.

    Every process ends with 0 and is silent.  A due certificate is renewed once, whoever comes
    first; where renewal is forced each process renews it.  The certificate is whole.
    """
    found = []
    for number, result in enumerate(race.results):
        if result.timed_out:
            found.append(Finding("time-limit", "It did not end in time.", number))
        elif result.returncode != 0:
            found.append(Finding("exit", "It ended with {0}.".format(result.returncode), number))
        if result.stdout or result.stderr:
            found.append(Finding("output", "It wrote: " + result.stdout + result.stderr, number))
    new = 1 if race.case.reason == "due" else len(race.results)
    expected = race.before + list(range(len(race.before) + 1, len(race.before) + 1 + new))
    if race.after != expected:
        found.append(Finding("versions", "The versions should be {0}.".format(expected)))
    if race.issued != new:
        found.append(Finding("issued", "The CA issued {0} and not {1}.".format(race.issued, new)))
    return found + [Finding("lineage", one.sentence) for one in race.lineage]


class Scene(object):
    """A CA, and directories of certbot with a certificate from it; a context manager.

    Raises SceneError where it cannot be set up.
    """

    def __init__(self, case, base, ca, certbot=("certbot",), limit_seconds=LIMIT_SECONDS):
        self.case = case
        self.base = tempfile.mkdtemp(prefix="{0}-{1}.".format(*case), dir=base)
        self.ca = ca
        self.certbot = list(certbot)
        self.limit_seconds = limit_seconds
        self.environment = environment()
        self.webroot = os.path.join(self.base, "webroot")
        self.roots = DEFAULT_DIRECTORIES if case.directories == "default" else [
            os.path.join(self.base, part) for part in ("config", "work", "logs")]
        self.config, self.work, self.logs = self.roots

    def __enter__(self):
        self.ca.start()
        try:
            self.obtain()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ca.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def obtain(self):
        """Obtain the certificate."""
        if self.case.directories == "default" and os.path.exists(self.config + "/accounts"):
            raise SceneError("{0} is in use: this is no new testbed.".format(self.config))
        os.mkdir(self.webroot)
        self.ca.webroot = self.webroot
        self.ca.http_01_port = self.ca.port if self.case.authenticator == "webroot" else free_port()
        self.ca.age_days = DUE_AGE_DAYS if self.case.reason == "due" else 0
        result, = run_together([self.obtain_command()], self.limit_seconds, self.environment)
        self.ca.age_days = 0
        if result.returncode != 0:
            raise SceneError("certbot obtained no certificate (exit {0}): {1}".format(
                result.returncode, (result.stderr + result.stdout).strip()[-1500:]))
        for finding in check_lineage(self.config, NAME):
            raise SceneError("The first certificate is wrong: " + finding.sentence)

    def _command(self, *words):
        if self.case.directories != "default":
            words += ("--config-dir", self.config, "--work-dir", self.work, "--logs-dir", self.logs)
        return self.certbot + list(words)

    def obtain_command(self):
        """The command that obtains the certificate."""
        return self._command(
            "certonly", "-n", "--agree-tos", "-m", CONTACT, "-d", NAME, "--server",
            self.ca.url("/directory"), "--http-01-port", str(self.ca.http_01_port),
            "--" + self.case.authenticator, "--webroot-path", self.webroot)

    def renew_command(self):
        """The command that is raced."""
        return self._command("-q", "renew", *FORCE[self.case.reason])

    def race(self, processes=PROCESSES):
        """Let so many renewals go at one moment; returns the Race."""
        before, issued = versions(self.config, NAME), len(self.ca.issued)
        results = run_together(
            [self.renew_command()] * processes, self.limit_seconds, self.environment)
        return Race(self.case, results, before, versions(self.config, NAME),
                    len(self.ca.issued) - issued, self.findings())

    def findings(self):
        """What is wrong with the certificate now."""
        return check_lineage(self.config, NAME)


def environment():
    """The variables of a certbot that a timer starts."""
    return {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}


def free_port():
    """A port that nobody listens on now."""
    probe = socket.socket()
    probe.bind(("", 0))
    port = probe.getsockname()[1]
    probe.close()
    return port


def report(race, findings):
    """A race and what is wrong with it, for people and, returned, for JSON."""
    failed = sum(1 for result in race.results if result.returncode != 0)
    print("{0}: {1} processes, {2} failed, versions {3} -> {4}, {5}".format(
        "-".join(race.case), len(race.results), failed, race.before, race.after,
        "wrong" if findings else "ok"))
    for finding in findings:
        print("  - {0} (process {1})".format(finding.sentence, finding.process))
    sys.stdout.flush()
    return {"case": "-".join(race.case), "failed": failed, "issued": race.issued,
            "versions_before": race.before, "versions_after": race.after,
            "processes": [result._asdict() for result in race.results],
            "findings": [finding._asdict() for finding in findings]}


def main(make_scene, artifacts, cases=None):
    """Race every case, write ``result.json``; 0 all went well, 1 something did not, 2 broken."""
    result = {"test": "concurrent-renew", "cases": [], "outcome": "broken"}
    base = tempfile.mkdtemp(dir=os.environ.get("AUTOPKGTEST_TMP"))
    if cases is None:
        cases = list(CASES)
        if "AUTOPKGTEST_TMP" in os.environ:
            subprocess.call(["systemctl", "stop", "certbot.timer"])
            cases.append(DEFAULT_CASE)
    try:
        for case in cases:
            with make_scene(case, base) as scene:
                race = scene.race()
                result["cases"].append(report(race, judge(race)))
                if result["cases"][-1]["findings"]:
                    shutil.copytree(scene.logs, os.path.join(artifacts, "-".join(case)))
        wrong = sum(1 for one in result["cases"] if one["findings"])
        result["outcome"] = "failed" if wrong else "passed"
        result["failed_processes"] = sum(one["failed"] for one in result["cases"])
        result["total_processes"] = sum(len(one["processes"]) for one in result["cases"])
        print("{0} of {1} processes failed, {2} of {3} cases went wrong".format(
            result["failed_processes"], result["total_processes"], wrong, len(result["cases"])))
    except SceneError as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    with open(os.path.join(artifacts, "result.json"), "w") as target:
        json.dump(result, target, indent=1, sort_keys=True)
    return {"passed": 0, "failed": 1, "broken": 2}[result["outcome"]]
