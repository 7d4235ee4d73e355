"""What a machine is expected to be after an upgrade: its schedules, the notice, its cron file.

Each function returns findings; none means that it is so.

Runs under Python 2.7 and 3.
"""

import os

from upgrade_check import Broken, Finding
from upgrade_machine import CRON_FILE, read, run, write

COMMAND = "systemctl enable --now certbot.timer"
NOTICE = "certbot: "
# A cron file of an administrator's own, with a job that does not look at systemd.
CHANGED = ("# Mine.\nSHELL=/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n\n"
           "23 5 * * * root certbot -q renew\n")
UNATTENDED_LOG = "/var/log/unattended-upgrades/unattended-upgrades-dpkg.log"
_CONFIGURATION = "/etc/apt/apt.conf.d/99own-unattended"


def notices(result):
    """The lines of the notice in what apt said."""
    return [line for line in result.text.splitlines() if line.startswith(NOTICE)]


def told(result, *parts):
    """Findings unless apt's output has one line of notice with all these parts."""
    lines = notices(result)
    if len(lines) != 1:
        return [Finding("not-told" if not lines else "told-too-much",
                        "There are {0} lines of notice: {1}".format(len(lines), lines))]
    return [Finding("not-told", "The notice lacks {0!r}: {1}".format(part, lines[0]))
            for part in parts if part not in lines[0]]


def silent(result):
    """Findings if there is a notice."""
    return [Finding("told-too-much", "There was nothing to tell, and it said: {0}".format(line))
            for line in notices(result)]


def schedules(machine, *wanted):
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


def kept(text):
    """Findings unless the cron file has this text; None for no file."""
    there = read(CRON_FILE) if os.path.exists(CRON_FILE) else None
    return [] if there == text else [Finding(
        "conffile", "The administrator's cron file became: {0!r}".format(there))]


def renewal(machine):
    """Findings unless what is due is renewed, in silence and with its hook."""
    return machine.certificate.renewal_findings()


def unattended(machine):
    """Let unattended-upgrades upgrade everything to what is newest; its Result."""
    for name in ("python3", "cron", "faketime", "unattended-upgrades"):
        run(["apt-mark", "hold", name])
    if os.path.exists(UNATTENDED_LOG):
        os.unlink(UNATTENDED_LOG)
    write(_CONFIGURATION, (
        "Unattended-Upgrade::Origins-Pattern { \"origin=*\"; };\n"
        "Unattended-Upgrade::Allowed-Origins { };\n"
        "Unattended-Upgrade::Skip-Updates-On-Metered-Connections \"false\";\n"
        "Unattended-Upgrade::OnlyOnACPower \"false\";\n"))
    try:
        # It ends with 1 where it held something back.
        result = run(["unattended-upgrade", "-v", "-d"], timeout=900)
    finally:
        os.unlink(_CONFIGURATION)
    if result.code not in (0, 1) or "pkgs that look like they should be upgraded" not in (
            result.text):
        raise Broken("unattended-upgrade ended with {0}: {1}".format(
            result.code, result.text.strip()[-1500:]))
    machine.details["unattended"] = result.text[-6000:]
    return result
