"""Sets of packages that are upgraded in part, and what starts certbot meanwhile.

Runs under Python 2.7 and 3.
"""

import itertools
import re

import upgrade_machine
import upgrade_wrapper
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, OLD, must, run

NAME = "half-upgraded"
PARTS = ("python-acme", "python-certbot", "certbot", "python-certbot-apache",
         "python-certbot-nginx")
# Those whose scripts keep the service of older packages from starting.
_GUARDED = PARTS[1:]
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
            if "certbot" in subset:
                must(["/usr/lib/certbot/scheduled-renewal", "check"])
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


def probe(machine, when):
    """Findings unless the service, and the wrapper as cron starts it, are silent and end with 0.

    Nor may either run certbot while one of its packages is unpacked alone.
    """
    found = []
    ran_before = machine.certificate.runs()
    if run(["systemctl", "cat", "certbot.service"]).code == 0:
        cursor = run(["journalctl", "-n", "0", "--show-cursor", "-q"]).text
        mark = re.search(r"cursor: (\S+)", cursor)
        # No timer starts it as often as this does: systemd's limit of that is not the question.
        run(["systemctl", "reset-failed", "certbot.service"])
        result = run(["systemctl", "start", "certbot.service"], timeout=120)
        # Another file on the disk than systemd knows is not the service's own word.
        text = "\n".join(line for line in result.text.splitlines() if "daemon-reload" not in line)
        if result.code != 0 or text.strip():
            found.append(Finding("service", "{0}: starting the service ended with {1}: {2}".format(
                when, result.code, text.strip()[-400:])))
        if mark:
            said = run(["journalctl", "-q", "-o", "cat", "--after-cursor", mark.group(1),
                        "_SYSTEMD_UNIT=certbot.service"]).text.strip()
            if said:
                found.append(Finding("service", "{0}: the service wrote: {1}".format(
                    when, said[-600:])))
    wrapper = "/usr/lib/certbot/scheduled-renewal"
    if run(["test", "-x", wrapper]).code == 0:
        result = run([wrapper, "cron"])
        if result.code != 0 or result.text.strip():
            found.append(Finding("cron", "{0}: the cron job's wrapper ended with {1}: {2}".format(
                when, result.code, result.text.strip()[-400:])))
    half = [name for name in _GUARDED if upgrade_machine.state(name)[1:] not in ("", "i", "n", "c")]
    if half and machine.certificate.runs() != ran_before:
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
        found += probe(machine, "step {0}, {1}".format(len(done), when))
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
    left = run(["sh", "-c", "ls /run/systemd/system/certbot.service.d 2>/dev/null"]).text.strip()
    if left:
        found.append(Finding("left", "After the upgrade is left: {0}".format(left)))
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


CHECKS = (
    check("every-subset", _subsets),
    check("between-0.10.2", _between_both),
    check("between-0.8.1", _between_cron, "service"),
    check("between-0.4.1", _between_old),
) + upgrade_wrapper.CHECKS
