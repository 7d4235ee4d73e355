"""What the timer and the cron job start: certbot runs if and only if its set is whole.

Runs under Python 2.7 and 3.
"""

import glob

import upgrade_machine
import upgrade_mutant
from upgrade_check import Finding, check
from upgrade_machine import must, run, write

WRAPPER = "/usr/lib/certbot/scheduled-renewal"
NEEDED = ("certbot", "python-certbot", "python-acme", "python-filelock")
PLUGINS = ("python-certbot-apache", "python-certbot-nginx")
# Another upstream version than certbot's; python-filelock has one of its own.
_OTHER = "0.11.1-1"


def _see(machine, when, whole, named=""):
    """Findings unless the wrapper runs certbot if ``whole``, and is silent in any case."""
    found = []
    for how in ("timer", "cron"):
        before = machine.certificate.runs()
        result = run([WRAPPER, how])
        runs = machine.certificate.runs() != before
        if result.code != 0 or result.text.strip():
            found.append(Finding("output", "{0}, {1}: it ended with {2} and wrote: {3}".format(
                when, how, result.code, result.text.strip()[-400:])))
        if runs != whole:
            found.append(Finding("ran" if runs else "idle", "{0}, {1}: certbot {2}.".format(
                when, how, "ran" if runs else "did not run")))
    result = run([WRAPPER, "check"])
    if whole != (result.code == 0) or named not in result.text:
        found.append(Finding("check", "{0}: check ended with {1} and wrote: {2}".format(
            when, result.code, result.text.strip())))
    return found


def _start(machine):
    names = NEEDED + PLUGINS
    machine.baseline(upgrade_machine.BOTH)
    machine.install(*names)
    if machine.target != "update":
        # As the service and the job of the archive's packages: they do not look.
        write(WRAPPER, "#!/bin/sh\nexec certbot -q renew\n", 0o755)
    must(["systemctl", "enable", "certbot.timer"])


def _debs(names):
    folder = "/var/tmp/own-debs"
    run(["rm", "-rf", folder])
    must(["mkdir", "-p", folder])
    found = {}
    for name in names:
        must(["sh", "-c", "cd {0} && apt-get -q download {1}".format(folder, name)])
        (found[name],) = glob.glob("{0}/{1}_*.deb".format(folder, name))
    return found


def _keep(path):
    return must(["dpkg", "--force-depends", "--force-confold", "--install", path])


def _not_configured(machine):
    """Each package unpacked and not configured keeps certbot from running, alone."""
    _start(machine)
    debs = _debs(NEEDED + PLUGINS)
    found = _see(machine, "all configured", True)
    for name in NEEDED + PLUGINS:
        must(["dpkg", "--force-depends", "--unpack", debs[name]])
        if machine.target != "update" and name == "certbot":
            write(WRAPPER, "#!/bin/sh\nexec certbot -q renew\n", 0o755)
        found += _see(machine, name + " unpacked", False, name)
        must(["dpkg", "--force-depends", "--force-confold", "--configure", "-a"])
    return found + _see(machine, "all configured again", True)


def _missing(machine):
    """Each needed package that is not there does so too; a plugin that is not there does not."""
    _start(machine)
    debs = _debs(NEEDED + PLUGINS)
    found = []
    for name in NEEDED[1:] + PLUGINS:
        must(["dpkg", "--force-depends", "--remove", name])
        if name in PLUGINS:
            found += _see(machine, name + " removed", True)
        else:
            found += _see(machine, name + " removed", False, name)
        _keep(debs[name])
    return found + _see(machine, "all there again", True)


def _other_version(machine):
    """Each package of another version than the others does so too."""
    _start(machine)
    names = ("python-certbot", "python-acme") + PLUGINS
    debs = _debs(names)
    found = []
    for name in names:
        made = upgrade_mutant.mutant(lambda tree: upgrade_machine.write(
            tree + "/DEBIAN/control", _with_version(upgrade_machine.read(
                tree + "/DEBIAN/control"))), name, "")
        _keep(made)
        found += _see(machine, "{0} of {1}".format(name, _OTHER), False, name)
        must(["dpkg", "--force-depends", "--force-downgrade", "--install", debs[name]])
    return found + _see(machine, "all of one version again", True)


def _with_version(control):
    return "".join("Version: {0}\n".format(_OTHER) if line.startswith("Version: ") else line
                   for line in control.splitlines(True))


def _switch(machine):
    """The cron job's run follows the timer's state: disabled and masked are off."""
    _start(machine)
    found = []
    for command, whole in ((("disable",), False), (("enable",), True), (("mask",), False),
                           (("unmask",), True)):
        run(["systemctl", "stop", "certbot.timer"])
        must(["systemctl", command[0], "certbot.timer"])
        before = machine.certificate.runs()
        result = run([WRAPPER, "cron"])
        runs = machine.certificate.runs() != before
        if runs != whole or result.code != 0 or result.text.strip():
            found.append(Finding("ran" if runs else "idle", (
                "After systemctl {0}, cron's run {1} certbot, ended with {2} and wrote: {3}")
                .format(command[0], "started" if runs else "did not start", result.code,
                        result.text.strip()[-300:])))
    return found


CHECKS = (
    check("wrapper-not-configured", _not_configured, "ran", "output"),
    check("wrapper-missing", _missing, "ran", "output"),
    check("wrapper-other-version", _other_version, "ran"),
    check("wrapper-switch", _switch, "ran"),
)
