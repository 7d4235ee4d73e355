"""Sets of packages that are upgraded in part, and what starts certbot meanwhile.

Runs under Python 2.7 and 3.
"""

import itertools
import os
import re

import upgrade_machine
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, must, read, run, without_systemd

NAME = "half-upgraded"
PARTS = ("python-acme", "python-certbot", "certbot", "python-certbot-apache",
         "python-certbot-nginx")
# Without one of these certbot does not work; without a plugin it does.
NEEDED = ("certbot", "python-certbot", "python-acme", "python-filelock")
PLUGINS = PARTS[3:]
# The plugins that can be loaded, as certbot loads them; also those that it does not list.
_PLUGINS = """
import pkg_resources
for one in pkg_resources.iter_entry_points("certbot.plugins"):
    one.load()
    print(one.name)
"""
_OLD_VERSION = "0.10.2-0baseline1"


def _baseline_with_plugins(machine):
    machine.baseline(BOTH)
    machine.install(*["{0}={1}".format(name, _OLD_VERSION) for name in PARTS])


def _subsets(machine):
    """Each subset alone to the update: apt refuses, or certbot and its plugins can be used."""
    _baseline_with_plugins(machine)
    found, refused, taken = [], [], []
    for size in range(1, len(PARTS) + 1):
        for subset in itertools.combinations(PARTS, size):
            words = ["{0}={1}".format(name, upgrade_machine.newest(name) if name in subset
                                      else _OLD_VERSION) for name in PARTS]
            if machine.apt("-s", "install", *words).code != 0:
                refused.append(list(subset))
                continue
            taken.append(list(subset))
            machine.install(*words)
            for command in (["certbot", "--version"], ["certbot", "plugins"]):
                result = run(command)
                if result.code != 0:
                    found.append(Finding("broken", (
                        "With {0} upgraded, {1} ended with {2}: {3}").format(
                            ", ".join(subset), " ".join(command), result.code,
                            result.text[-600:])))
            listed = run(["python2.7", "-c", _PLUGINS]).text
            found += [Finding("plugin", "With {0} upgraded, the {1} plugin is missing.".format(
                ", ".join(subset), name)) for name in ("apache", "nginx")
                if name not in listed.split()]
            machine.install(*["{0}={1}".format(name, _OLD_VERSION) for name in PARTS])
    machine.details["refused"], machine.details["taken"] = refused, taken
    if list(PARTS) not in taken:
        found.append(Finding("broken", "Even all of them together are refused."))
    return found + machine.certificate.renewal_findings()


def _steps(machine, *wanted):
    """What apt would do, as (Inst or Conf or Remv, package, version), in its order."""
    if machine.target != "update":
        packages, version = upgrade_machine.BASELINE[machine.target]
        wanted = ["{0}={1}".format(name, version) for name in packages]
    result = machine.apt("-s", "install", *wanted)
    if result.code != 0:
        raise Broken("apt refuses the upgrade: {0}".format(result.text.strip()[-1000:]))
    return re.findall(r"^(Inst|Conf|Remv) (\S+)(?: \[\S*\])? [\[(](\S+?)[\]) ]", result.text, re.M)


def _fetched(folder, name, version):
    """The file of a version of a package, from the archive."""
    run(["rm", "-rf", folder])
    must(["mkdir", "-p", folder])
    must(["sh", "-c", "cd {0} && apt-get -q download {1}={2}".format(folder, name, version)])
    return must(["sh", "-c", "ls {0}/*.deb".format(folder)]).text.strip()


def _journal():
    """All that the service's processes wrote, by lines."""
    must(["journalctl", "--sync"])
    return run(["journalctl", "-q", "-o", "cat", "_SYSTEMD_UNIT=certbot.service"]).text.splitlines()


def _by_service(machine):
    """Start the service: its exit code, what it wrote, and whether certbot ran."""
    # Until an upgrade has come to this, systemd goes on with the service that it knows.
    must(["systemctl", "daemon-reload"])
    # No timer starts it as often as this does: systemd's limit of that is not the question.
    run(["systemctl", "reset-failed", "certbot.service"])
    before, said = machine.certificate.runs(), _journal()
    code = run(["systemctl", "start", "certbot.service"], timeout=120).code
    text = "\n".join(_journal()[len(said):])
    return code, text, machine.certificate.runs() != before


def _by_cron(machine):
    """Run cron's job where no systemd is: 0, what it wrote, and whether certbot ran."""
    (command,) = upgrade_machine.jobs_in(read(CRON_FILE))
    before = machine.certificate.runs()
    with upgrade_machine.no_sleep():
        text = without_systemd(["/bin/sh", "-c", command], timeout=300).text.strip()
    return 0, text, machine.certificate.runs() != before


def _half():
    """The needed packages that are in the middle of an upgrade."""
    return [name for name in NEEDED
            if upgrade_machine.state(name)[1:] not in ("", "i", "n", "c", "W", "t")]


def see(machine, when, runs):
    """Findings unless certbot runs in silence if ``runs``, or does not and says why."""
    found = []
    for how, start in (("service", _by_service), ("cron", _by_cron)):
        code, text, ran = start(machine)
        if ran != runs:
            found.append(Finding("ran" if ran else "idle", "{0}, {1}: certbot {2}.".format(
                when, how, "ran" if ran else "did not run")))
        named = [] if runs else ["certbot renews nothing: {0} is ".format(name) for name in _half()]
        if code != 0 or (runs and text) or not all(words in text for words in named):
            found.append(Finding("output", "{0}, {1}: it ended with {2} and wrote: {3}".format(
                when, how, code, text[-600:])))
    return found


def _probe(machine, when):
    """Findings unless the service, where there is one, runs whole or says what is in the way."""
    service = "/lib/systemd/system/certbot.service"
    if not os.path.exists(service) or (
            machine.target == "update" and "renews nothing" not in read(service)):
        return []  # what an older package's does is not the update's
    half = _half()
    code, text, ran = _by_service(machine)
    said = [line for line in text.splitlines()
            if not (half and line.startswith("certbot renews nothing: "))]
    found = []
    if code != 0 or said:
        found.append(Finding("service", "{0}: the service ended with {1} and wrote: {2}".format(
            when, code, text[-600:])))
    if half and ran:
        found.append(Finding("ran", "{0}: certbot ran, with {1} not configured.".format(
            when, ", ".join(half))))
    return found


def _between(machine, *wanted):
    """Upgrade step by step in apt's order, and start certbot between every two steps."""
    found, done = [], []
    todo = _steps(machine, *wanted)
    # apt hands several packages to one run of dpkg, which configures what others need first.
    postponed = 0
    while todo:
        action, name, version = todo.pop(0)
        if action == "Remv":
            result = run(["dpkg", "--remove", "--force-depends", name])
        elif action == "Inst":
            result = run(["dpkg", "--auto-deconfigure", "--force-confold", "--unpack",
                          _fetched("/var/tmp/own-debs", name, version)])
        else:
            result = run(["dpkg", "--force-confold", "--configure", name])
            if "dependency problems" in result.text and postponed < len(todo):
                todo.append((action, name, version))
                postponed += 1
                continue
        when = "after {0} {1}".format({"Inst": "unpacking", "Conf": "configuring",
                                       "Remv": "removing"}[action], name)
        done.append(when)
        if result.code != 0:
            raise Broken("dpkg failed {0}: {1}".format(when, result.text.strip()[-1000:]))
        postponed = 0
        found += _probe(machine, "step {0}, {1}".format(len(done), when))
    machine.details["steps"] = done
    return found


def _all_between(machine, wanted):
    found = _between(machine, *wanted)
    versions = machine.certificate.versions()
    if versions == [1]:
        # Nothing was renewed on the way, or no service was enabled: the next one does it.
        found += machine.certificate.renewal_findings(
            ("systemctl", "start", "certbot.service"))
    elif versions != [1, 2]:
        found.append(Finding("versions", "The versions of the certificate are {0}.".format(
            versions)))
    return found


def _between_both(machine):
    _baseline_with_plugins(machine)
    return _all_between(machine, PARTS)


def _between_cron(machine):
    machine.baseline(CRON)
    return _all_between(machine, ("certbot",))


def _between_old(machine):
    machine.baseline(OLD)
    return _all_between(machine, ("certbot", "letsencrypt", "python-letsencrypt"))


def _whole(machine):
    machine.baseline(BOTH)
    machine.install(*(NEEDED + PLUGINS if machine.target == "update" else PLUGINS))
    must(["systemctl", "enable", "certbot.timer"])


def _not_configured(machine):
    """Each needed package that is only unpacked is in the way, alone; a plugin is not."""
    _whole(machine)
    found = see(machine, "all configured", True)
    for name in NEEDED + PLUGINS:
        version = upgrade_machine.version(name)
        if not version:
            continue
        must(["dpkg", "--force-depends", "--force-confold", "--unpack",
              _fetched("/var/tmp/own-debs", name, version)])
        found += see(machine, name + " unpacked", name in PLUGINS)
        must(["dpkg", "--force-depends", "--force-confold", "--configure", "-a"])
    return found + see(machine, "all configured again", True)


def _no_status(machine):
    """An image without dpkg's database renews."""
    _whole(machine)
    must(["mv", "/var/lib/dpkg/status", "/var/lib/dpkg/own-status"])
    try:
        return see(machine, "without dpkg's status file", True)
    finally:
        must(["mv", "/var/lib/dpkg/own-status", "/var/lib/dpkg/status"])


def _missing(machine):
    """Where a needed package is gone, certbot says so, and the service fails."""
    _whole(machine)
    must(["dpkg", "--force-depends", "--remove", "python-acme"])
    code, text, _ = _by_service(machine)
    return [] if code != 0 and "acme" in text else [
        Finding("silent", "Without python-acme the service ended with {0} and wrote: {1}".format(
            code, text[-600:]))]


def _switch(machine):
    """The cron job's run follows the timer's state: disabled and masked are off."""
    _whole(machine)
    found = []
    for command, runs in (("disable", False), ("enable", True), ("mask", False), ("unmask", True)):
        run(["systemctl", "stop", "certbot.timer"])
        must(["systemctl", command, "certbot.timer"])
        _, text, ran = _by_cron(machine)
        if ran != runs or text:
            found.append(Finding("ran" if ran else "idle", (
                "After systemctl {0}, cron's job {1} certbot and wrote: {2}").format(
                    command, "started" if ran else "did not start", text[-300:])))
    return found


CHECKS = (
    check("every-subset", _subsets),
    check("between-0.10.2", _between_both),
    check("between-0.8.1", _between_cron, "service"),
    check("between-0.4.1", _between_old),
    check("not-configured", _not_configured, "ran", "output"),
    check("no-status-file", _no_status),
    check("missing", _missing),
    check("switch", _switch, "ran"),
)
