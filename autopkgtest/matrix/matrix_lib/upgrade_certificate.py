"""Certificates before an upgrade and their renewal after it, from the stand-in authority.

Each old client obtains one certificate itself, in the system's own directories,
once; every check then begins with a copy of what it left there.  The
certificate is due, so the next renewal makes version 2 of it.

Runs under Python 2.7 and 3.
"""

import hashlib
import os
import shutil

import renewals
import upgrade_machine
from upgrade_check import Broken, Finding

NAME = renewals.NAME
CONFIG, WORK, LOGS = upgrade_machine.DIRECTORIES
HOOK_RAN = "/run/own-hook-ran"
_CLIENTS = {upgrade_machine.OLD: "letsencrypt", upgrade_machine.CRON: "certbot",
            upgrade_machine.BOTH: "certbot"}
LIMIT_SECONDS = 180


class Certificate(object):
    """The authority, and what each client obtained from it."""

    def __init__(self, base):
        self.base = base
        self.webroot = os.path.join(base, "webroot")
        os.mkdir(self.webroot)
        self._ca = None

    def close(self):
        """End the authority."""
        if self._ca is not None:
            self._ca.stop()

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
        self.account = _fingerprints(os.path.join(CONFIG, "accounts"))

    def _obtain(self, client):
        if self._ca is None:
            # Only now: it is made of python-acme, which comes with the first old client.
            import acme_ca
            self._ca = acme_ca.Server()
            self._ca.webroot = self.webroot
            self._ca.start()
        self._ca.age_days = renewals.DUE_AGE_DAYS
        result = upgrade_machine.run(
            [_CLIENTS[client], "certonly", "--text", "--non-interactive", "--agree-tos", "-m",
             renewals.CONTACT, "-d", NAME, "--server", self._ca.url("/directory"), "--webroot",
             "-w", self.webroot], timeout=LIMIT_SECONDS)
        if result.code != 0:
            raise Broken("{0} could not obtain a certificate (exit {1}): {2}".format(
                client, result.code, result.text.strip()[-2000:]))
        wrong = renewals.check_lineage(CONFIG, NAME)
        if wrong:
            raise Broken("The certificate of {0} is wrong: {1}".format(client, wrong[0].sentence))
        # An administrator's hook, as certbot keeps it: what a renewal runs after it.
        path = os.path.join(CONFIG, "renewal", NAME + ".conf")
        text = upgrade_machine.read(path)
        upgrade_machine.write(path, text.replace(
            "[renewalparams]", "[renewalparams]\nrenew_hook = touch {0}".format(HOOK_RAN), 1))
        self._ca.age_days = 0

    def renew_with(self, client):
        """Let an old client renew, which leaves a certificate that is due again; its Result."""
        self._ca.age_days = renewals.DUE_AGE_DAYS
        try:
            return upgrade_machine.run([_CLIENTS[client], "renew"], timeout=LIMIT_SECONDS)
        finally:
            self._ca.age_days = 0

    def versions(self):
        """The versions of the certificate; none where it is gone."""
        return renewals.versions(CONFIG, NAME)

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
        found.extend(Finding("lineage", one.sentence)
                     for one in renewals.check_lineage(CONFIG, NAME))
        if _fingerprints(os.path.join(CONFIG, "accounts")) != self.account:
            found.append(Finding("account", "The account's files changed."))
        return found


def _fingerprints(directory):
    """The SHA-256 of every file below a directory, by path."""
    found = {}
    for parent, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(parent, name)
            with open(path, "rb") as source:
                found[path] = hashlib.sha256(source.read()).hexdigest()
    return found
