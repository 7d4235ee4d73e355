"""Certificates before an upgrade and their renewal after it, from the stand-in authority.

Each old client obtains one certificate itself, in the system's own directories,
once; every check then begins with a copy of what it left there.  The
certificate is due, so the next renewal makes version 2 of it.

Runs under Python 2.7 and 3.
"""

import os
import shutil
import subprocess
import sys
import time

import acme_store
import lineage
import renewal_race
import upgrade_machine
from upgrade_check import Broken, Finding
from webroot_server import WebrootServer

NAME = renewal_race.NAME
CONFIG, WORK, LOGS = upgrade_machine.DIRECTORIES
HOOK_RAN = "/run/own-hook-ran"
_CLIENTS = {upgrade_machine.OLD: "letsencrypt", upgrade_machine.CRON: "certbot",
            upgrade_machine.BOTH: "certbot"}
LIMIT_SECONDS = 180


class Certificate(object):
    """The authority, a web server for its challenges, and what each client obtained from it."""

    def __init__(self, base):
        self.base = base
        self.state = os.path.join(base, "ca")
        self.webroot = os.path.join(base, "webroot")
        os.mkdir(self.webroot)
        self._web = WebrootServer(self.webroot)
        self._web.start()
        port_file = os.path.join(base, "ca.port")
        script = os.path.join(os.path.dirname(os.path.abspath(acme_store.__file__)),
                              "acme_v1_ca.py")
        with open(os.path.join(base, "ca.output"), "wb") as output:
            self._ca = subprocess.Popen(
                [sys.executable, script, "--port", "0", "--port-file", port_file,
                 "--http-01-port", str(self._web.port), "--state", self.state],
                stdout=output, stderr=subprocess.STDOUT, close_fds=True)
        deadline = time.time() + 60
        while not os.path.exists(port_file):
            if self._ca.poll() is not None or time.time() > deadline:
                raise Broken("The stand-in CA did not start: {0}".format(
                    upgrade_machine.read(os.path.join(base, "ca.output")).strip()))
            time.sleep(0.05)
        self.server = "http://127.0.0.1:{0}/directory".format(
            upgrade_machine.read(port_file).strip())

    def close(self):
        """End the authority and the web server."""
        self._web.stop()
        if self._ca.poll() is None:
            self._ca.terminate()
            self._ca.wait()

    def put(self, client):
        """Put the certificate of an old client into place, which must be installed."""
        saved = os.path.join(self.base, client)
        if not os.path.isdir(saved):
            self._obtain(client)
            for number, path in enumerate(upgrade_machine.DIRECTORIES):
                shutil.copytree(path, os.path.join(saved, str(number)), symlinks=True)
        for number, path in enumerate(upgrade_machine.DIRECTORIES):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(os.path.join(saved, str(number)), path, symlinks=True)
        self.account = renewal_race.fingerprints(os.path.join(CONFIG, "accounts"))

    def _obtain(self, client):
        acme_store.write_policy(self.state, renewal_race.DUE)
        result = upgrade_machine.run(
            [_CLIENTS[client], "certonly", "--text", "--non-interactive", "--agree-tos", "-m",
             renewal_race.CONTACT, "-d", NAME, "--server", self.server, "--webroot", "-w",
             self.webroot], timeout=LIMIT_SECONDS)
        if result.code != 0:
            raise Broken("{0} could not obtain a certificate (exit {1}): {2}".format(
                client, result.code, result.text.strip()[-2000:]))
        wrong = lineage.check(CONFIG, NAME)
        if wrong:
            raise Broken("The certificate of {0} is wrong: {1}".format(client, wrong[0].sentence))
        # An administrator's hook, as certbot keeps it: what a renewal runs after it.
        path = os.path.join(CONFIG, "renewal", NAME + ".conf")
        text = upgrade_machine.read(path)
        upgrade_machine.write(path, text.replace(
            "[renewalparams]", "[renewalparams]\nrenew_hook = touch {0}".format(HOOK_RAN), 1))
        acme_store.write_policy(self.state, renewal_race.Policy())

    def renew_with(self, client):
        """Let an old client renew, which leaves a certificate that is due again; its Result."""
        acme_store.write_policy(self.state, renewal_race.DUE)
        try:
            return upgrade_machine.run([_CLIENTS[client], "renew"], timeout=LIMIT_SECONDS)
        finally:
            acme_store.write_policy(self.state, renewal_race.Policy())

    def versions(self):
        """The versions of the certificate; none where it is gone."""
        return lineage.versions(CONFIG, NAME)

    def runs(self):
        """Something that changes whenever certbot runs: its log files, with their times."""
        if not os.path.isdir(LOGS):
            return ()
        return tuple(sorted((name, os.stat(os.path.join(LOGS, name)).st_mtime, os.stat(
            os.path.join(LOGS, name)).st_size) for name in os.listdir(LOGS)))

    def renewal_findings(self, command=("certbot", "-q", "renew"), hook=True):
        """Renew what is due, silently, and say what is wrong with that or with what it left.

        ``hook`` is whether this certbot knows hooks in its renewal configuration.
        """
        before = self.versions()
        if os.path.exists(HOOK_RAN):
            os.unlink(HOOK_RAN)
        result = upgrade_machine.run(command, timeout=LIMIT_SECONDS)
        found = []
        if result.code != 0:
            found.append(Finding("renewal", "{0} ended with {1}: {2}".format(
                " ".join(command), result.code, result.text.strip()[-1500:])))
        elif result.text.strip():
            found.append(Finding("output", "{0} wrote: {1}".format(
                " ".join(command), result.text.strip()[-1500:])))
        if self.versions() != before + [len(before) + 1] or not before:
            found.append(Finding("versions", "The versions were {0} and are {1}.".format(
                before, self.versions())))
        if hook and not os.path.exists(HOOK_RAN):
            found.append(Finding("hook", "The administrator's hook did not run."))
        found.extend(Finding("lineage", one.sentence) for one in lineage.check(CONFIG, NAME))
        if renewal_race.fingerprints(os.path.join(CONFIG, "accounts")) != self.account:
            found.append(Finding("account", "The account's files changed."))
        return found
