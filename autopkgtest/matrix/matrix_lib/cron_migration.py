"""Which schedule a machine gets when it is upgraded, from every version and state of its files.

Runs under Python 2.7 and 3.
"""

import os

import cron_jobs
import cron_notice
import cron_plain
import upgrade_machine
import upgrade_running
from cron_expect import CHANGED, COMMAND, kept, renewal, schedules, silent, told
from upgrade_check import Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, must, read, run, state, write

NAME = "cron-migration-long"
SHORT = ["systemctl", "is-enabled", "certbot.timer"]


def _fresh(machine):
    result = machine.upgrade()
    return silent(result) + schedules(machine, "timer")


def _old(machine):
    """xenial: no schedule before, none after, the administrator is told the one command."""
    machine.baseline(OLD)
    found = _renewable_before(machine)
    result = machine.upgrade()
    found += told(result, COMMAND, "not enabled") + schedules(machine)
    if state("letsencrypt") != "ii" or state("python-letsencrypt") not in ("ii", ""):
        found.append(Finding("names", "letsencrypt is {0!r}, python-letsencrypt {1!r}.".format(
            state("letsencrypt"), state("python-letsencrypt"))))
    found += renewal(machine)
    if machine.target == "update":
        must(COMMAND.split())
        found += schedules(machine, "timer")
    return found


def _renewable_before(machine):
    """The old client itself sees the certificate; a renewal with it is another check's."""
    return [] if machine.certificate.versions() == [1] else [
        Finding("versions", "There is no certificate before the upgrade.")]


def _old_everything(machine):
    """All four names of xenial, upgraded as apt upgrades a system."""
    machine.baseline(OLD)
    machine.install("python-letsencrypt-apache=0.4.1-1~baseline1")
    result = machine.apt(*(upgrade_machine.KEEP + ("dist-upgrade",)))
    if result.code != 0:
        return [Finding("apt", result.text.strip()[-2000:])]
    machine.details["apt"] = result.text[-6000:]
    found = [Finding("names", "{0} is {1!r} after the upgrade.".format(name, state(name)))
             for name in ("letsencrypt", "python-letsencrypt", "python-letsencrypt-apache",
                          "python-letsencrypt-doc", "certbot", "python-certbot-apache",
                          "python-certbot-doc") if state(name) != "ii"]
    return found + told(result, COMMAND) + schedules(machine) + renewal(machine)


def _old_without_certificate(machine):
    machine.baseline(OLD, certificate=False)
    result = machine.upgrade()
    return silent(result) + schedules(machine, "timer")


def _old_own_copy(machine):
    """A cron.d/certbot of the administrator's own, that no package owned."""
    machine.baseline(OLD)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    found = told(result, COMMAND, CRON_FILE) + kept(CHANGED) + renewal(machine)
    return found + schedules(machine, "cron")


def _old_own_jobs(machine):
    """Jobs of each kind: named in the notice, never shown, and nothing else depends on them."""
    machine.baseline(OLD)
    for job in cron_jobs.JOBS:
        job.put()
    result = machine.upgrade()
    found = told(result, COMMAND, *[job.place for job in cron_jobs.JOBS])
    found += [Finding("job", "{0} changed.".format(path)) for job in cron_jobs.JOBS
              for path, text, _ in job.files if read(path) != text]
    return found + schedules(machine) + renewal(machine)


def _no_jobs(machine):
    """What is no job of the system's cron files is not named, and a dead link is not followed."""
    machine.baseline(OLD)
    for job in cron_jobs.NOT_JOBS:
        job.put()
    os.symlink("/nonexistent/certbot", "/etc/cron.daily/own-link")
    result = machine.upgrade()
    found = told(result, COMMAND)
    if "jobs of your own" in result.text:
        found.append(Finding("told-too-much", "There is no job to name: {0}".format(
            result.text.strip()[-600:])))
    return found + schedules(machine)


def _cron_unchanged(machine):
    machine.baseline(CRON)
    result = machine.upgrade()
    return silent(result) + schedules(machine, "timer") + renewal(machine)


def _cron_deleted(machine):
    machine.baseline(CRON)
    os.unlink(CRON_FILE)
    result = machine.upgrade()
    found = told(result, COMMAND, CRON_FILE) + schedules(machine)
    if os.path.exists(CRON_FILE):
        found.append(Finding("conffile", "The deleted cron file is back."))
    return found + renewal(machine)


def _cron_changed(machine):
    machine.baseline(CRON)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    return (told(result, COMMAND, CRON_FILE) + kept(CHANGED) + renewal(machine)
            + schedules(machine, "cron"))


def _cron_switched_off(machine):
    machine.baseline(CRON)
    off = "".join("#" + line if line.startswith("0 ") else line
                  for line in read(CRON_FILE).splitlines(True))
    write(CRON_FILE, off)
    result = machine.upgrade()
    return told(result, COMMAND) + schedules(machine) + kept(off) + renewal(machine)


def _both_unchanged(machine):
    machine.baseline(BOTH)
    result = machine.upgrade()
    return silent(result) + schedules(machine, "timer") + renewal(machine)


def _both_disabled(machine):
    machine.baseline(BOTH)
    must(["systemctl", "disable", "--now", "certbot.timer"])
    result = machine.upgrade()
    return silent(result) + schedules(machine) + renewal(machine)


def _both_masked(machine):
    machine.baseline(BOTH)
    must(["systemctl", "stop", "certbot.timer"])
    must(["systemctl", "mask", "certbot.timer"])
    result = machine.upgrade()
    found = silent(result) + schedules(machine) + renewal(machine)
    said = run(SHORT).text.strip()
    return found + ([] if said == "masked" else [
        Finding("schedule", "The masked timer is {0}.".format(said))])


def _both_deleted(machine):
    machine.baseline(BOTH)
    os.unlink(CRON_FILE)
    result = machine.upgrade()
    found = silent(result) + schedules(machine, "timer") + renewal(machine)
    if os.path.exists(CRON_FILE):
        found.append(Finding("conffile", "The deleted cron file is back."))
    return found


def _both_changed(machine):
    """The administrator's copy runs beside the timer, as before; that is told."""
    machine.baseline(BOTH)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    return (told(result, CRON_FILE, "hooks") + kept(CHANGED) + renewal(machine)
            + schedules(machine, "timer", "cron"))


def _own_job_and_timer(machine):
    """The timer may renew before the administrator's job, whose hooks then never run: told."""
    machine.baseline(BOTH)
    cron_jobs.JOBS[1].put()
    result = machine.upgrade()
    return (told(result, cron_jobs.JOBS[1].place, "hooks") + schedules(machine, "timer")
            + renewal(machine))


def _renewals(machine, name):
    """The old client renews, and after the upgrade the new one does."""
    machine.baseline(name)
    result = machine.certificate.renew_with(name)
    if machine.certificate.versions() != [1, 2]:
        return [Finding("before", "{0} did not renew before the upgrade: {1}".format(
            name, result.text.strip()[-800:]))]
    machine.upgrade()
    # Older clients write the configuration anew, and leave out the hook that they do not know.
    return machine.certificate.renewal_findings(hook=name == BOTH)


def _old_renewals(machine):
    return _renewals(machine, OLD)


def _cron_renewals(machine):
    return _renewals(machine, CRON)


def _both_renewals(machine):
    return _renewals(machine, BOTH)


def _again(machine):
    """Configured once more, the package says nothing and changes nothing."""
    machine.baseline(OLD)
    machine.upgrade()
    result = machine.install("--reinstall", "certbot")
    return silent(result) + schedules(machine)


CHECKS = (
    check("fresh", _fresh),
    check("xenial", _old, "enabled-unasked"),
    check("xenial-everything", _old_everything),
    check("xenial-no-certificate", _old_without_certificate),
    check("xenial-own-cron-file", _old_own_copy, "two-schedules"),
    check("xenial-own-jobs", _old_own_jobs, "not-told"),
    check("xenial-again", _again),
    check("xenial-no-jobs", _no_jobs),
    check("cron-unchanged", _cron_unchanged),
    check("cron-changed", _cron_changed, "two-schedules"),
    check("cron-deleted", _cron_deleted, "enabled-unasked"),
    check("cron-switched-off", _cron_switched_off, "enabled-unasked"),
    check("both-unchanged", _both_unchanged),
    check("both-changed", _both_changed),
    check("both-disabled", _both_disabled),
    check("both-masked", _both_masked),
    check("both-deleted", _both_deleted),
    check("both-and-own-job", _own_job_and_timer),
    check("xenial-renewal-before", _old_renewals),
    check("cron-renewal-before", _cron_renewals),
    check("both-renewal-before", _both_renewals),
) + cron_notice.CHECKS + cron_plain.CHECKS + upgrade_running.CHECKS
