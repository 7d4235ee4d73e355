"""The moments of the schedule: evenly over the day.

What systemd itself draws is read from it after each restart of the timer; the
cron job is run as it is shipped, with its sleep written down in place of slept.
The clock is never set.  systemd counts the timer's two halves of the day in
local time, and only the next one can be read: so one half of the moments is
read with the zone 12 hours further, where the same two points change places.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import os
import re

import schedule_statistics
import upgrade_check
import upgrade_machine
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON_FILE, STAMP, must, read, run, without_systemd, write

NAME = "schedule-spread"
MOMENTS = 2000
# A measurement fails where an even spread would look so uneven once in 10,000 times.
LEAST_P = 1e-4
ZONES = ("UTC", "Etc/GMT-12")
_LOOP = """
i=0
while [ $i -lt {count} ]; do
    touch {stamp}
    systemctl restart certbot.timer || exit 1
    systemctl show -p NextElapseUSecRealtime certbot.timer || exit 1
    i=$((i + 1))
    [ $((i % 20)) -ne 0 ] || systemctl reset-failed certbot.timer
done
"""


def _install(machine):
    if machine.target == "update":
        machine.install("certbot")
    else:
        machine.baseline(BOTH, certificate=False)


def section(what, result, when):
    """What the report shows of the moments."""
    return {
        "title": "When renewals start, by hour of the day: {0}".format(what),
        "sentence": (
            "{0} moments {1}: Kolmogorov-Smirnov D {2}, p {3}; measured with systemd {4}.".format(
                result["moments"], when, result["ks_d"],
                "{0:.3g}".format(result["ks_p"]) if result["ks_p"] else "below 1e-300",
                result["systemd_measured"])),
        "unit": "moments",
        "bins": [["{0}:00".format(hour), number] for hour, number in enumerate(result["hours"])],
    }


def _judge(machine, what, moments):
    result = schedule_statistics.summary(moments)
    result["systemd_measured"] = machine.facts()["systemd"]
    machine.details[what] = result
    artifacts = os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")
    upgrade_check.write_json(artifacts, "report-{0}.json".format(what), section(
        what, result, "with the update" if machine.target == "update" else "before the update"))
    print("{0}: {1} moments, D {2}, p {3:.4g}, by hour {4}".format(
        what, result["moments"], result["ks_d"], result["ks_p"], result["hours"]))
    if result["moments"] < MOMENTS:
        raise Broken("Only {0} moments could be read.".format(result["moments"]))
    if result["ks_p"] < LEAST_P:
        return [Finding("clustered", "The moments are not even over the day: p {0:.3g}.".format(
            result["ks_p"]))]
    return []


def _timer(machine):
    _install(machine)
    write("/etc/systemd/system/certbot.timer.d/own.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    moments = []
    try:
        for zone in ZONES:
            _set_zone(zone)
            text = must(["sh", "-c", _LOOP.format(count=MOMENTS // len(ZONES), stamp=STAMP)],
                        timeout=1500).text
            moments += [int(hours) * 3600 + int(minutes) * 60 + int(seconds)
                        for hours, minutes, seconds in re.findall(
                            r"Realtime=\S+ [0-9-]+ (\d\d):(\d\d):(\d\d)", text)]
    finally:
        _set_zone("UTC")
    return _judge(machine, "timer", moments)


def _set_zone(name):
    path = "/usr/share/zoneinfo/" + name
    if not os.path.exists(path):
        raise Broken("There is no time zone {0}.".format(name))
    if os.path.lexists("/etc/localtime"):
        os.unlink("/etc/localtime")
    os.symlink(path, "/etc/localtime")
    # systemd reads the zone when it starts.
    must(["systemctl", "daemon-reexec"])


def _job():
    jobs = upgrade_machine.jobs_in(read(CRON_FILE))
    if len(jobs) != 1:
        raise Broken("{0} has {1} jobs.".format(CRON_FILE, len(jobs)))
    fields = [line.split() for line in read(CRON_FILE).splitlines() if line[:1].isdigit()][0]
    step = re.match(r"\*/(\d+)$", fields[1])
    if fields[0] != "0" or not step:
        raise Broken("The job's times are not understood: {0}".format(fields[:2]))
    return jobs[0], list(range(0, 24, int(step.group(1))))


def _cron(machine):
    """The job as it stands, where systemd does not run; certbot itself is left out of it."""
    _install(machine)
    # So that the job ends where certbot would begin.
    stub = "/usr/local/sbin/certbot"
    command, hours = _job()
    script = "/var/tmp/own-job"
    write(script, "#!/bin/sh\n" + command + "\n", 0o755)
    write(stub, "#!/bin/sh\nexit 0\n", 0o755)
    sleeper = upgrade_machine.no_sleep()
    try:
        with sleeper:
            result = without_systemd(["sh", "-c", (
                "i=0; while [ $i -lt {0} ]; do {1} || exit 1; i=$((i + 1)); done").format(
                    MOMENTS, script)], timeout=1500)
            seconds = sleeper.seconds()
    finally:
        os.unlink(stub)
    if result.code != 0:
        raise Broken("The cron job ended with {0}: {1}".format(result.code, result.text[-500:]))
    moments = [hours[number % len(hours)] * 3600 + second
               for number, second in enumerate(seconds)]
    found = _judge(machine, "cron", moments)
    if result.text.strip():
        found.append(Finding("output", "The cron job wrote: {0}".format(result.text.strip()[:500])))
    return found


def _cron_under_systemd(machine):
    """Where systemd runs the job does nothing: it does not even wait."""
    _install(machine)
    sleeper = upgrade_machine.no_sleep()
    with sleeper:
        result = run(["sh", "-c", _job()[0]])
        seconds = sleeper.seconds()
    found = []
    if result.text.strip():
        found.append(Finding("output", "The job wrote: {0}".format(result.text.strip()[:500])))
    if seconds:
        found.append(Finding("schedule", "Under systemd the job slept {0} s.".format(seconds)))
    return found


_FAKE_NOON = """
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && mkdir -p /run/lock
exec faketime -f '@2026-11-23 11:59:56' cron -f
"""


def _without_systemd(machine, enabled):
    """cron itself, in a place without systemd, at a noon that only it sees."""
    machine.baseline(BOTH)
    machine.upgrade()
    if not enabled:
        must(["systemctl", "disable", "--now", "certbot.timer"])
    mail, sendmail = "/var/tmp/own-mail", "/usr/sbin/sendmail"
    if os.path.exists(sendmail):
        raise Broken("There is a {0} already.".format(sendmail))
    write(mail, "")
    write(sendmail, "#!/bin/sh\ncat >>{0}\n".format(mail), 0o755)
    sleeper = upgrade_machine.no_sleep()
    try:
        with sleeper:
            # At most so long; the end of unshare is the end of all in its place.
            result = run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                          "sh", "-c", _FAKE_NOON], timeout=60)
            seconds = sleeper.seconds()
    finally:
        os.unlink(sendmail)
    machine.details["slept"], machine.details["cron"] = seconds, result.text[-1000:]
    if result.code not in (124, 137, -9):  # timeout(1): it ran until its time was over
        raise Broken("cron ended with {0}: {1}".format(result.code, result.text[-500:]))
    found = []
    if len(seconds) != 1 or not 0 <= seconds[0] < 43200:
        found.append(Finding("schedule", "cron's job slept {0} s, not once within 12 h.".format(
            seconds)))
    if read(mail):
        found.append(Finding("output", "cron sent mail: {0}".format(read(mail)[:800])))
    wanted = [1, 2] if enabled else [1]
    if machine.certificate.versions() != wanted:
        found.append(Finding("versions", "The versions should be {0} and are {1}.".format(
            wanted, machine.certificate.versions())))
    return found


def _without_systemd_enabled(machine):
    return _without_systemd(machine, True)


def _without_systemd_disabled(machine):
    return _without_systemd(machine, False)


def _removed_meanwhile(machine):
    """Where certbot is gone when the wait is over, cron's job ends without a word."""
    _install(machine)
    there, away, stub = "/usr/bin/certbot", "/usr/bin/own-certbot", "/usr/local/sbin/perl"
    write(stub, "#!/bin/sh\nmv {0} {1}\n".format(there, away), 0o755)
    try:
        result = without_systemd(["sh", "-c", _job()[0]])
    finally:
        os.unlink(stub)
    if os.path.exists(there):
        raise Broken("The job did not wait: {0}".format(result.text.strip()[-500:]))
    os.rename(away, there)
    return [Finding("output", "The job wrote: {0}".format(result.text.strip()[:500]))] if (
        result.text.strip()) else []


CHECKS = (
    check("timer", _timer, "clustered"),
    check("cron", _cron, "clustered"),
    check("cron-removed-meanwhile", _removed_meanwhile, "output"),
    check("cron-under-systemd", _cron_under_systemd),
    check("cron-without-systemd", _without_systemd_enabled),
    check("cron-without-systemd-disabled", _without_systemd_disabled),
)
