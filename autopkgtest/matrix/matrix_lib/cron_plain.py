"""Upgrades where systemd does not run: the same table, with the cron job in the timer's place.

apt and cron's job run in a mount namespace in which no systemd is to be seen;
there, systemctl only edits links.

Runs under Python 2.7 and 3.
"""

import upgrade_machine
from cron_expect import renewal, told, silent
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, read, run

_HIDE = "mount -t tmpfs tmpfs /run && mkdir -p /run/lock && "
# Neither: what an init without systemd's programs has.
_NO_SYSTEMCTL = _HIDE + "mount --bind /dev/null \"$(readlink -f \"$(command -v systemctl)\")\" && "
OFFLINE = "systemctl enable certbot.timer"
HELPER = "env DPKG_MAINTSCRIPT_PACKAGE=certbot deb-systemd-helper enable certbot.timer"


def _there(hide, command, **options):
    return run(["unshare", "--mount", "sh", "-c", hide + "exec \"$@\"", "sh"] + list(command),
               **options)


def _upgrade(machine, hide):
    words = list(upgrade_machine.APT + upgrade_machine.KEEP) + ["install"] + machine.wanted()
    result = _there(hide, words)
    if result.code != 0:
        raise Broken("apt-get failed where no systemd runs: {0}".format(result.text[-2000:]))
    machine.details["apt"] = result.text[-6000:]
    return result


def _job_runs(machine, hide):
    """Whether cron's job gets to certbot there; and findings unless it is silent."""
    (command,) = upgrade_machine.jobs_in(read(CRON_FILE))
    before = machine.certificate.runs()
    with upgrade_machine.no_sleep():
        result = _there(hide, ["/bin/sh", "-c", command], timeout=300)
    found = [Finding("output", "cron's job ended with {0}: {1}".format(
        result.code, result.text.strip()[-600:]))] if result.text.strip() else []
    return machine.certificate.runs() != before, found


def _schedule(machine, hide, wanted):
    runs, found = _job_runs(machine, hide)
    if runs != wanted:
        found.append(Finding("enabled-unasked" if runs else "schedule", (
            "Without systemd, cron's job {0} certbot.").format("starts" if runs else
                                                               "does not start")))
    return found


def _old(hide, command):
    """The one command of the notice turns the cron job on."""
    def run_check(machine):
        machine.baseline(OLD)
        result = _upgrade(machine, hide)
        found = told(result, command, "not enabled") + _schedule(machine, hide, False)
        if "--now" in result.text:
            found.append(Finding("not-told", "The command is one for a running systemd."))
        if machine.target == "update":
            done = _there(hide, command.split())
            if done.code != 0:
                found.append(Finding("command", "{0} ended with {1}: {2}".format(
                    command, done.code, done.text.strip())))
            found += _schedule(machine, hide, True)
        return found + renewal_after(machine)
    return run_check


def renewal_after(machine):
    """Findings unless there is a certificate still, in whatever version it is now."""
    return [] if machine.certificate.versions() else [
        Finding("versions", "The certificate is gone.")]


def _cron(machine):
    machine.baseline(CRON)
    result = _upgrade(machine, _HIDE)
    return silent(result) + _schedule(machine, _HIDE, True)


def _both_disabled(machine):
    machine.baseline(BOTH)
    run(["systemctl", "disable", "--now", "certbot.timer"])
    result = _upgrade(machine, _HIDE)
    return silent(result) + _schedule(machine, _HIDE, False) + renewal(machine)


def _fresh(machine):
    result = _upgrade(machine, _HIDE)
    (command,) = upgrade_machine.jobs_in(read(CRON_FILE))
    with upgrade_machine.no_sleep() as sleeper:
        done = _there(_HIDE, ["/bin/sh", "-c", command])
        seconds = sleeper.seconds()
    if done.code != 0 or done.text.strip() or len(seconds) != 1:
        return [Finding("output", "cron's job slept {0}, ended with {1}: {2}".format(
            seconds, done.code, done.text.strip()[-600:]))]
    return silent(result)


CHECKS = (
    check("no-systemd-fresh", _fresh),
    check("no-systemd-xenial", _old(_HIDE, OFFLINE), "enabled-unasked"),
    check("no-systemctl-xenial", _old(_NO_SYSTEMCTL, HELPER), "enabled-unasked"),
    check("no-systemd-cron", _cron),
    check("no-systemd-both-disabled", _both_disabled),
)
