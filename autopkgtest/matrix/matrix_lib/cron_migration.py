"""Which schedule a machine gets when it is upgraded, from every version and state of its files.

Runs under Python 2.7 and 3.
"""

import os

import cron_jobs
import upgrade_machine
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, must, read, run, state, write

NAME = "cron-migration"
COMMAND = "systemctl enable --now certbot.timer"
NOTICE = "certbot: "
SHORT = ["systemctl", "is-enabled", "certbot.timer"]
CHANGED = ("# Mine.\nSHELL=/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n\n"
           "23 5 * * * root certbot -q renew\n")


def _notices(result):
    """The lines of the notice in what apt said."""
    return [line for line in result.text.splitlines() if line.startswith(NOTICE)]


def _told(result, *parts):
    """Findings unless apt's output has one line of notice with all these parts."""
    lines = _notices(result)
    if len(lines) != 1:
        return [Finding("not-told" if not lines else "told-too-much",
                        "There are {0} lines of notice: {1}".format(len(lines), lines))]
    return [Finding("not-told", "The notice lacks {0!r}: {1}".format(part, lines[0]))
            for part in parts if part not in lines[0]]


def _silent(result):
    return [Finding("told-too-much", "There was nothing to tell, and it said: {0}".format(line))
            for line in _notices(result)]


def _schedules(machine, *wanted):
    """Findings unless exactly these schedules of the package are active."""
    active = machine.schedules()
    machine.details["schedules"] = active
    if active == list(wanted):
        return []
    kind = "two-schedules" if len(active) > 1 else (
        "enabled-unasked" if len(active) > len(wanted) else "schedule")
    return [Finding(kind, (
        "The active schedules should be {0} and are {1}; the timer is {2}.").format(
            list(wanted), active, machine.details["timer"]))]


def _renewal(machine):
    return machine.certificate.renewal_findings()


def _fresh(machine):
    result = machine.upgrade()
    return _silent(result) + _schedules(machine, "timer")


def _old(machine):
    """xenial: no schedule before, none after, the administrator is told the one command."""
    machine.baseline(OLD)
    found = _renewable_before(machine)
    result = machine.upgrade()
    found += _told(result, COMMAND, "not enabled") + _schedules(machine)
    if state("letsencrypt") != "ii" or state("python-letsencrypt") not in ("ii", ""):
        found.append(Finding("names", "letsencrypt is {0!r}, python-letsencrypt {1!r}.".format(
            state("letsencrypt"), state("python-letsencrypt"))))
    found += _renewal(machine)
    if machine.target == "update":
        must(COMMAND.split())
        found += _schedules(machine, "timer")
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
    return found + _told(result, COMMAND) + _schedules(machine) + _renewal(machine)


def _old_without_certificate(machine):
    machine.baseline(OLD, certificate=False)
    result = machine.upgrade()
    return _silent(result) + _schedules(machine, "timer")


def _old_own_copy(machine):
    """A cron.d/certbot of the administrator's own, that no package owned."""
    machine.baseline(OLD)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    found = _told(result, COMMAND, CRON_FILE) + _kept(CHANGED) + _renewal(machine)
    return found + _schedules(machine, "cron")


def _kept(text):
    there = read(CRON_FILE) if os.path.exists(CRON_FILE) else None
    return [] if there == text else [Finding(
        "conffile", "The administrator's cron file became: {0!r}".format(there))]


def _old_own_jobs(machine):
    """Jobs of each kind: named in the notice, never shown, and nothing else depends on them."""
    machine.baseline(OLD)
    for job in cron_jobs.JOBS:
        job.put()
    result = machine.upgrade()
    found = _told(result, COMMAND, *[job.place for job in cron_jobs.JOBS])
    if cron_jobs.SECRET in result.text:
        found.append(Finding("shown", "The notice shows what is in a user's crontab."))
    found += [Finding("job", "{0} changed.".format(path)) for job in cron_jobs.JOBS
              for path, text, _ in job.files
              if read(path) != text and path != "/usr/local/sbin/own-wrapper"]
    return found + _schedules(machine) + _renewal(machine)


def _each_job(machine):
    """The list finds each kind of job alone, and nothing where there is none."""
    machine.install("certbot")
    found = []
    for job in cron_jobs.JOBS + cron_jobs.NOT_JOBS:
        saved = read("/etc/crontab") if os.path.exists("/etc/crontab") else ""
        job.put()
        said = run(["/usr/lib/certbot/list-renewal-jobs"]).text.splitlines()
        if said != ([job.place] if job.place else []):
            found.append(Finding("scan", "{0}: the list is {1}.".format(job.name, said)))
        for path, _, _ in job.files:
            os.unlink(path)
        if saved:
            write("/etc/crontab", saved)
    return found


def _cron_unchanged(machine):
    machine.baseline(CRON)
    result = machine.upgrade()
    return _silent(result) + _schedules(machine, "timer") + _renewal(machine)


def _cron_deleted(machine):
    machine.baseline(CRON)
    os.unlink(CRON_FILE)
    result = machine.upgrade()
    found = _told(result, COMMAND, CRON_FILE) + _schedules(machine)
    if os.path.exists(CRON_FILE):
        found.append(Finding("conffile", "The deleted cron file is back."))
    return found + _renewal(machine)


def _cron_changed(machine):
    machine.baseline(CRON)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    return (_told(result, COMMAND, CRON_FILE) + _kept(CHANGED) + _renewal(machine)
            + _schedules(machine, "cron"))


def _cron_switched_off(machine):
    machine.baseline(CRON)
    off = "".join("#" + line if line.startswith("0 ") else line
                  for line in read(CRON_FILE).splitlines(True))
    write(CRON_FILE, off)
    result = machine.upgrade()
    return _told(result, COMMAND) + _schedules(machine) + _kept(off) + _renewal(machine)


def _held_back(machine, name, schedules):
    """unattended-upgrades leaves a package alone that would ask about a changed cron file."""
    machine.baseline(name)
    write(CRON_FILE, CHANGED)
    before = upgrade_machine.version("certbot")
    result = _unattended(machine)
    found = []
    if upgrade_machine.version("certbot") != before:
        found.append(Finding("not-held", "unattended-upgrades upgraded certbot all the same."))
    return found + _kept(CHANGED) + _notices_none(result) + _schedules(machine, *schedules)


def _notices_none(result):
    return [Finding("told-too-much", line) for line in _notices(result)]


def _unattended(machine):
    write("/etc/apt/apt.conf.d/99own-unattended", (
        # The testbed's own apt would never ask about a changed file.
        "#clear DPkg::Options;\n"
        "Unattended-Upgrade::Origins-Pattern { \"origin=*\"; };\n"
        "Unattended-Upgrade::Allowed-Origins { };\n"
        "Unattended-Upgrade::Skip-Updates-On-Metered-Connections \"false\";\n"
        "Unattended-Upgrade::OnlyOnACPower \"false\";\n"))
    for name in ("python3", "cron", "faketime", "unattended-upgrades"):
        run(["apt-mark", "hold", name])
    try:
        # It ends with 1 where it held something back.
        result = run(["unattended-upgrade", "-v", "-d"], timeout=900)
    finally:
        os.unlink("/etc/apt/apt.conf.d/99own-unattended")
    if result.code not in (0, 1) or "pkgs that look like they should be upgraded" not in (
            result.text):
        raise Broken("unattended-upgrade ended with {0}: {1}".format(
            result.code, result.text.strip()[-1500:]))
    machine.details["unattended"] = result.text[-6000:]
    return result


def _cron_unattended_changed(machine):
    return _held_back(machine, CRON, ("cron",))


def _old_unattended_own_copy(machine):
    """The same for a cron.d/certbot that no package owned."""
    machine.baseline(OLD)
    write(CRON_FILE, CHANGED)
    result = _unattended(machine)
    found = _notices_none(result) if state("certbot") != "ii" else []
    broken = run(["dpkg", "--audit"]).text.strip()
    if broken:
        found.append(Finding("half", "unattended-upgrades left this: {0}".format(broken)))
    if state("letsencrypt") not in ("ii",):
        found.append(Finding("names", "letsencrypt is {0!r}.".format(state("letsencrypt"))))
    machine.details["certbot"] = state("certbot")
    return found + _kept(CHANGED)


def _old_unattended(machine):
    """The notice is in unattended-upgrades' own log, which is what it mails."""
    machine.baseline(OLD)
    log = "/var/log/unattended-upgrades/unattended-upgrades-dpkg.log"
    if os.path.exists(log):
        os.unlink(log)
    _unattended(machine)
    if state("certbot") != "ii":
        return [Finding("held", "unattended-upgrades did not upgrade letsencrypt to certbot.")]
    text = read(log) if os.path.exists(log) else ""
    found = [] if COMMAND in text else [
        Finding("not-told", "unattended-upgrades' log lacks the notice.")]
    return found + _schedules(machine) + _renewal(machine)


def _both_unchanged(machine):
    machine.baseline(BOTH)
    result = machine.upgrade()
    return _silent(result) + _schedules(machine, "timer") + _renewal(machine)


def _both_disabled(machine):
    machine.baseline(BOTH)
    must(["systemctl", "disable", "--now", "certbot.timer"])
    result = machine.upgrade()
    return _silent(result) + _schedules(machine) + _renewal(machine)


def _both_masked(machine):
    machine.baseline(BOTH)
    must(["systemctl", "stop", "certbot.timer"])
    must(["systemctl", "mask", "certbot.timer"])
    result = machine.upgrade()
    found = _silent(result) + _schedules(machine) + _renewal(machine)
    said = run(SHORT).text.strip()
    return found + ([] if said == "masked" else [
        Finding("schedule", "The masked timer is {0}.".format(said))])


def _both_deleted(machine):
    machine.baseline(BOTH)
    os.unlink(CRON_FILE)
    result = machine.upgrade()
    found = _silent(result) + _schedules(machine, "timer") + _renewal(machine)
    if os.path.exists(CRON_FILE):
        found.append(Finding("conffile", "The deleted cron file is back."))
    return found


def _both_changed(machine):
    """The administrator's copy runs beside the timer, as before; that is told."""
    machine.baseline(BOTH)
    write(CRON_FILE, CHANGED)
    result = machine.upgrade()
    return (_told(result, CRON_FILE, "hooks") + _kept(CHANGED) + _renewal(machine)
            + _schedules(machine, "timer", "cron"))


def _own_job_and_timer(machine):
    """The timer may renew before the administrator's job, whose hooks then never run: told."""
    machine.baseline(BOTH)
    cron_jobs.JOBS[1].put()
    result = machine.upgrade()
    return (_told(result, cron_jobs.JOBS[1].place, "hooks") + _schedules(machine, "timer")
            + _renewal(machine))


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
    return _silent(result) + _schedules(machine)


def _running_renewal(machine):
    """A renewal that runs while certbot is upgraded, by hand or by the service, goes on."""
    machine.baseline(BOTH)
    folder = "/etc/systemd/system/certbot.service.d"
    write(folder + "/own.conf", (
        "[Service]\nExecStart=\nExecStart=/bin/sh -c 'sleep 25; echo done >/run/own-renewal'\n"))
    must(["systemctl", "daemon-reload"])
    must(["systemctl", "start", "--no-block", "certbot.service"])
    pid = run(["systemctl", "show", "-p", "MainPID", "certbot.service"]).text.strip()
    if pid == "MainPID=0":
        raise Broken("The service did not start.")
    machine.upgrade()
    now = run(["systemctl", "show", "-p", "MainPID", "certbot.service"]).text.strip()
    waited = run(["sh", "-c", "for i in $(seq 60); do [ -e /run/own-renewal ] && exit 0; "
                  "sleep 1; done; exit 1"])
    os.unlink(folder + "/own.conf")
    machine.details["pid"] = [pid, now]
    return [] if waited.code == 0 else [
        Finding("stopped", "The running renewal was stopped: {0}, then {1}.".format(pid, now))]


CHECKS = (
    check("fresh", _fresh),
    check("xenial", _old, "enabled-unasked"),
    check("xenial-everything", _old_everything),
    check("xenial-no-certificate", _old_without_certificate),
    check("xenial-own-cron-file", _old_own_copy, "two-schedules"),
    check("xenial-own-jobs", _old_own_jobs, "not-told"),
    check("xenial-unattended", _old_unattended),
    check("xenial-own-cron-file-unattended", _old_unattended_own_copy),
    check("xenial-again", _again),
    check("each-kind-of-job", _each_job),
    check("cron-unchanged", _cron_unchanged),
    check("cron-changed", _cron_changed, "two-schedules"),
    check("cron-deleted", _cron_deleted, "enabled-unasked"),
    check("cron-switched-off", _cron_switched_off, "enabled-unasked"),
    check("cron-changed-unattended", _cron_unattended_changed),
    check("both-unchanged", _both_unchanged),
    check("both-changed", _both_changed),
    check("both-disabled", _both_disabled),
    check("both-masked", _both_masked),
    check("both-deleted", _both_deleted),
    check("both-and-own-job", _own_job_and_timer),
    check("running-renewal", _running_renewal),
    check("xenial-renewal-before", _old_renewals),
    check("cron-renewal-before", _cron_renewals),
    check("both-renewal-before", _both_renewals),
)
