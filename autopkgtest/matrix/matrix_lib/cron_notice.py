"""What an administrator is told, and where it is told.

Runs under Python 2.7 and 3.
"""

import gzip
import os
import re

import cron_expect
import upgrade_machine
import upgrade_mutant
from cron_expect import COMMAND, renewal, schedules, unattended
from upgrade_check import Finding, check
from upgrade_machine import OLD, read, state

_NEWS = "/usr/share/doc/{0}/NEWS.Debian.gz"
_ENTRY = re.compile(r"(?m)^(\S+) \(([^)]+)\) .*$")
# What the notice has to answer: sentences break anywhere, so it is words.
_SAID = {
    "certbot": (COMMAND, "systemctl disable --now certbot.timer", "hooks", "never run",
                "/etc/cron.d/certbot", "/run/systemd/system"),
    "letsencrypt": ("not enabled", "/usr/share/doc/certbot/NEWS.Debian.gz",
                    "/usr/share/doc/python-letsencrypt/NEWS.Debian.gz"),
    "python-letsencrypt": ("import letsencrypt", "apt-mark hold letsencrypt python-letsencrypt"),
}


def _news(machine):
    """NEWS.Debian has it, in an entry that is new to whoever upgrades, and names what is there."""
    machine.baseline(OLD)
    machine.upgrade(*(("letsencrypt", "python-letsencrypt") if machine.target == "update" else ()))
    found = []
    for package, parts in sorted(_SAID.items()):
        if not os.path.exists(_NEWS.format(package)):
            found.append(Finding("not-told", "{0} has no NEWS.Debian.".format(package)))
            continue
        with gzip.open(_NEWS.format(package)) as source:
            text = source.read().decode("utf-8")
        words = " ".join(text.split())
        found += [Finding("not-told", "{0}'s NEWS.Debian lacks {1!r}.".format(package, part))
                  for part in parts if part not in words]
        entry = _ENTRY.search(text)
        # apt-listchanges shows the entries above the version that was installed before.
        if entry is None or entry.group(2) != upgrade_machine.version(package):
            found.append(Finding("news", "{0}'s newest entry is of {1}, not of {2}.".format(
                package, entry and entry.group(2), upgrade_machine.version(package))))
        for path in re.findall(r"/usr/share/doc/[\w./-]+\.gz", text):
            if not os.path.exists(path):
                found.append(Finding("news", "{0} is named and not there.".format(path)))
    return found


def _unattended(machine):
    """The line is in unattended-upgrades' own log, which is what it mails."""
    machine.baseline(OLD)
    if machine.target == "update":
        unattended(machine)
    else:
        # The update without its line.
        with upgrade_mutant.published(upgrade_mutant.edited(
                "DEBIAN/postinst", 'echo "certbot: ', ': "certbot: ')):
            unattended(machine)
    if state("certbot") != "ii":
        return [Finding("held", "unattended-upgrades did not upgrade letsencrypt to certbot.")]
    log = cron_expect.UNATTENDED_LOG
    text = read(log) if os.path.exists(log) else ""
    found = [] if COMMAND in text else [
        Finding("not-told", "unattended-upgrades' log lacks the notice.")]
    return found + schedules(machine) + renewal(machine)


CHECKS = (
    check("news", _news, "not-told"),
    check("xenial-unattended", _unattended, "not-told"),
)
