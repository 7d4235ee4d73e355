"""Upgrades where systemd does not run: the same table, with the cron job in the timer's place.

apt and cron's job run in a mount namespace in which no systemd is to be seen;
there, systemctl only edits links.

Runs under Python 2.7 and 3.
"""

import upgrade_machine
from cron_expect import renewal, told, silent
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, read, run, without_systemd

OFFLINE = "systemctl enable certbot.timer"


def _upgrade(machine):
    words = list(upgrade_machine.APT + upgrade_machine.KEEP) + ["install"] + machine.wanted()
    result = without_systemd(words)
    if result.code != 0:
        raise Broken("apt-get failed where no systemd runs: {0}".format(result.text[-2000:]))
    machine.details["apt"] = result.text[-6000:]
    return result


def _job_runs(machine):
    """Whether cron's job gets to certbot there; and findings unless it is silent."""
    (command,) = upgrade_machine.jobs_in(read(CRON_FILE))
    before = machine.certificate.runs()
    with upgrade_machine.no_sleep():
        result = without_systemd(["/bin/sh", "-c", command], timeout=300)
    found = [Finding("output", "cron's job ended with {0}: {1}".format(
        result.code, result.text.strip()[-600:]))] if result.text.strip() else []
    return machine.certificate.runs() != before, found


def _schedule(machine, wanted):
    runs, found = _job_runs(machine)
    if runs != wanted:
        found.append(Finding("enabled-unasked" if runs else "schedule", (
            "Without systemd, cron's job {0} certbot.").format("starts" if runs else
                                                               "does not start")))
    return found


def _old(machine):
    """The one command of the notice turns the cron job on."""
    machine.baseline(OLD)
    result = _upgrade(machine)
    found = told(result, OFFLINE, "not enabled") + _schedule(machine, False)
    if "--now" in result.text:
        found.append(Finding("not-told", "The command is one for a running systemd."))
    if machine.target == "update":
        done = without_systemd(OFFLINE.split())
        if done.code != 0:
            found.append(Finding("command", "{0} ended with {1}: {2}".format(
                OFFLINE, done.code, done.text.strip())))
        found += _schedule(machine, True)
    return found + renewal_after(machine)


def renewal_after(machine):
    """Findings unless there is a certificate still, in whatever version it is now."""
    return [] if machine.certificate.versions() else [
        Finding("versions", "The certificate is gone.")]


def _cron(machine):
    machine.baseline(CRON)
    result = _upgrade(machine)
    return silent(result) + _schedule(machine, True)


def _both_disabled(machine):
    machine.baseline(BOTH)
    run(["systemctl", "disable", "--now", "certbot.timer"])
    result = _upgrade(machine)
    return silent(result) + _schedule(machine, False) + renewal(machine)


def _fresh(machine):
    result = _upgrade(machine)
    (command,) = upgrade_machine.jobs_in(read(CRON_FILE))
    with upgrade_machine.no_sleep() as sleeper:
        done = without_systemd(["/bin/sh", "-c", command])
        seconds = sleeper.seconds()
    if done.code != 0 or done.text.strip() or len(seconds) != 1:
        return [Finding("output", "cron's job slept {0}, ended with {1}: {2}".format(
            seconds, done.code, done.text.strip()[-600:]))]
    return silent(result)


CHECKS = (
    check("no-systemd-fresh", _fresh),
    check("no-systemd-xenial", _old, "enabled-unasked"),
    check("no-systemd-cron", _cron),
    check("no-systemd-both-disabled", _both_disabled),
)
