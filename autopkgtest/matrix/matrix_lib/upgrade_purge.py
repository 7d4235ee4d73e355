"""What is left when old and new packages are removed and purged, in every order.

Runs under Python 2.7 and 3.
"""

import itertools
import os

import upgrade_machine
from upgrade_certificate import CONFIG, LOGS
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, OLD, must, run, state

NAME = "purge"
NEW = ("certbot", "letsencrypt", "python-letsencrypt")
WARNING = "purging the removed package letsencrypt would delete"


def _whole(machine, when):
    """Findings unless the certificate, its account and the logs are all there."""
    found = []
    if machine.certificate.versions() != [1]:
        found.append(Finding("config-deleted", "{0}: the certificate is gone from {1}.".format(
            when, CONFIG)))
    if not os.path.isdir(LOGS) or not os.listdir(LOGS):
        found.append(Finding("logs-deleted", "{0}: {1} is gone.".format(when, LOGS)))
    return found


def _gone(when):
    return [Finding("left", "{0}: {1} is still there.".format(when, path))
            for path in (CONFIG, LOGS, upgrade_machine.CRON_FILE,
                         "/etc/systemd/system/timers.target.wants/certbot.timer")
            if os.path.lexists(path)]


def _set_up(machine):
    machine.baseline(OLD)
    machine.upgrade("letsencrypt")
    lacking = [name for name in NEW if state(name) != "ii"]
    if lacking and machine.target == "update":
        raise Broken("After the upgrade these are missing: {0}".format(", ".join(lacking)))


def _orders(machine, action):
    """Each order of removing or purging the names: only certbot's own purge deletes its files."""
    found = []
    for order in itertools.permutations(NEW):
        machine.clean()
        _set_up(machine)
        purged = False
        for name in order:
            if state(name) == "":
                continue
            must(["dpkg", "--" + action, "--force-depends", name])
            when = "{0} of {1}, at {2}".format(action, ", ".join(order), name)
            purged = purged or (name == "certbot" and action == "purge")
            found += _gone(when) if purged else _whole(machine, when)
        if action == "remove":
            # What is removed and still configured is purged in the same order.
            for name in order:
                if state(name)[1:] == "c":
                    must(["dpkg", "--purge", name])
                when = "purge after remove of {0}, at {1}".format(", ".join(order), name)
                purged = purged or name == "certbot"
                found += _gone(when) if purged else _whole(machine, when)
    return found


def _purges(machine):
    return _orders(machine, "purge")


def _removals(machine):
    return _orders(machine, "remove")


def _transitional(machine):
    """Without the transitional packages a renewal works as before."""
    _set_up(machine)
    for name in ("letsencrypt", "python-letsencrypt", "python-letsencrypt-doc"):
        if state(name):
            must(["dpkg", "--purge", name])
    return _whole(machine, "without the transitional packages") + (
        machine.certificate.renewal_findings())


def _reinstalled(machine):
    """Removed and installed again, certbot goes on with what it had, the timer's state too."""
    machine.baseline(BOTH)
    machine.upgrade()
    must(["systemctl", "disable", "--now", "certbot.timer"])
    must(["dpkg", "--remove", "certbot"])
    found = _whole(machine, "removed")
    machine.install("certbot")
    if machine.schedules():
        found.append(Finding("schedule", "The disabled timer is active again."))
    return found + machine.certificate.renewal_findings()


def _trap(machine):
    """letsencrypt 0.4.1 removed and not purged: certbot warns, and the one loss is expected."""
    machine.baseline(OLD)
    must(["dpkg", "--remove", "letsencrypt"])
    if state("letsencrypt") != "rc":
        raise Broken("letsencrypt is {0!r} after its removal.".format(state("letsencrypt")))
    result = machine.upgrade() if machine.target == "update" else machine.install(
        "certbot=0.10.2-0baseline1", "python-certbot=0.10.2-0baseline1",
        "python-acme=0.10.2-0baseline1")
    found = []
    if WARNING not in result.text:
        found.append(Finding("not-warned", "Nothing warned of the purge of letsencrypt."))
    must(["dpkg", "--purge", "letsencrypt"])
    if machine.certificate.versions():
        raise Broken("The old letsencrypt's purge deleted nothing: there is no loss to warn of.")
    return found


def _trap_avoided(machine):
    """With what the warning says done first, the purge is harmless, and renewals go on."""
    machine.baseline(OLD)
    must(["dpkg", "--remove", "letsencrypt"])
    machine.upgrade()
    machine.install("letsencrypt")
    must(["dpkg", "--purge", "letsencrypt"])
    return _whole(machine, "after the purge") + machine.certificate.renewal_findings()


def _old_again(machine):
    """Back to the old letsencrypt: certbot's purge leaves what that uses."""
    machine.baseline(OLD)
    machine.upgrade()
    run(["dpkg", "--remove", "--force-depends", "certbot", "letsencrypt", "python-letsencrypt",
         "python-certbot"])
    machine.install("letsencrypt=0.4.1-1~baseline1", "python-letsencrypt=0.4.1-1~baseline1",
                    "python-acme=0.4.1-1~baseline1")
    must(["dpkg", "--purge", "certbot"])
    return _whole(machine, "letsencrypt 0.4.1 in use again, certbot purged")


def _downgrade(machine, name):
    """Back to an older version, and a renewal with that."""
    machine.baseline(name)
    machine.upgrade()
    packages, version = upgrade_machine.BASELINE[name]
    machine.install(*["{0}={1}".format(package, version) for package in packages])
    # certbot 0.8.1 itself leaves hooks in the renewal configuration alone.
    return _whole(machine, "downgraded") + machine.certificate.renewal_findings(hook=name != CRON)


def _downgrade_both(machine):
    return _downgrade(machine, BOTH)


def _downgrade_cron(machine):
    return _downgrade(machine, CRON)


CHECKS = (
    check("purge-in-every-order", _purges, "logs-deleted"),
    check("remove-in-every-order", _removals, "logs-deleted"),
    check("without-transitional-packages", _transitional),
    check("removed-and-installed-again", _reinstalled),
    check("old-letsencrypt-removed", _trap, "not-warned"),
    check("old-letsencrypt-removed-advice", _trap_avoided),
    check("old-letsencrypt-again", _old_again, "config-deleted"),
    check("downgrade-to-0.10.2", _downgrade_both),
    check("downgrade-to-0.8.1", _downgrade_cron),
)
