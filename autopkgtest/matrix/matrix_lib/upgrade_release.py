"""From one Ubuntu series' packages to the next one's: versions only go up, nothing is lost.

The packages of the later series are those of this one under the versions that
the later series have, without the transitional packages that only xenial has:
what the series' packages differ in is tested in each series itself.

Runs under Python 2.7 and 3.
"""

import os
import re
import shutil

import upgrade_machine
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, OLD, must, read, run, state, write

NAME = "release-upgrade"
PLACE = "/var/lib/own-series"
SOURCES = "/etc/apt/sources.list.d/own-series.list"
# Above the pins of the testbed itself: among versions of one priority the highest is taken.
PINS = "/etc/apt/preferences.d/00own-series"
# Names that only xenial's packages have.
_XENIAL_ONLY = ("python-letsencrypt", "python-letsencrypt-apache", "python-letsencrypt-doc")
RELEASES = ("16.04", "16.10", "17.04")
# What the update does not upload to zesty.
_ZESTY_OWN = {"python-filelock": "2.0.7-1", "python-acme": "0.10.2-1",
              "python-certbot-apache": "0.10.2-1"}
SETS = ("python-filelock", "python-acme", "python-certbot", "certbot", "letsencrypt",
        "python-certbot-apache")


def _later(package, release):
    """The version of a package in a later series."""
    if release == "17.04" and package in _ZESTY_OWN:
        return _ZESTY_OWN[package]
    return upgrade_machine.newest(package).replace("ubuntu0.16.04", "ubuntu0." + release).replace(
        "~ubuntu16.04", "~ubuntu" + release)


def _series(release):
    """A repository of a later series; returns its packages' versions."""
    folder = os.path.join(PLACE, release)
    must(["mkdir", "-p", folder])
    made = {}
    for package in SETS:
        before = upgrade_machine.newest(package)
        made[package] = _later(package, release)
        if before == made[package]:
            raise Broken("{0} {1} names no series.".format(package, before))
        must(["sh", "-c", "cd {0} && apt-get -q download {1}={2}".format(PLACE, package, before)])
        found = [name for name in os.listdir(PLACE) if name.startswith(package + "_")]
        tree = os.path.join(PLACE, "tree")
        must(["dpkg-deb", "-R", os.path.join(PLACE, found[0]), tree])
        os.unlink(os.path.join(PLACE, found[0]))
        control = os.path.join(tree, "DEBIAN", "control")
        text = read(control)
        # In relations to one another, too.
        text = text.replace("ubuntu0.16.04", "ubuntu0." + release)
        text = re.sub(r"(?m)^Version: .*$", "Version: " + made[package], text)
        write(control, text)
        must(["dpkg-deb", "-b", tree, folder])
        shutil.rmtree(tree)
    must(["sh", "-c", "cd {0} && dpkg-scanpackages -m . >Packages 2>/dev/null".format(folder)])
    return made


def _release_upgrade(machine, start, schedules, disabled=False):
    shutil.rmtree(PLACE, ignore_errors=True)
    later = dict((release, _series(release)) for release in RELEASES[1:])
    machine.baseline(start)
    machine.upgrade("letsencrypt")
    if disabled:
        must(["systemctl", "disable", "--now", "certbot.timer"])
    found = []
    seen = [dict((name, upgrade_machine.version(name)) for name in SETS)]
    try:
        for release in RELEASES[1:]:
            write(SOURCES, "deb [trusted=yes] file:{0} ./\n".format(
                os.path.join(PLACE, release)))
            write(PINS, "Package: {0}\nPin: version *\nPin-Priority: 1002\n".format(
                " ".join(SETS)))
            update = must(["apt-get", "-q", "update"])
            offered = upgrade_machine.newest("certbot")
            if offered != later[release]["certbot"]:
                raise Broken("apt offers certbot {0}, not {1}: {2}{3}".format(
                    offered, later[release]["certbot"], update.text,
                    run(["apt-cache", "policy", "certbot"]).text))
            result = machine.apt(*(list(upgrade_machine.KEEP) + ["dist-upgrade"]))
            if result.code != 0:
                found.append(Finding("apt", "To {0}: {1}".format(
                    release, result.text.strip()[-1500:])))
            if "DOWNGRADED" in result.text:
                found.append(Finding("down", "To {0}, packages were downgraded.".format(release)))
            now = dict((name, upgrade_machine.version(name)) for name in SETS)
            for name in SETS:
                if seen[-1][name] and now[name] != later[release][name]:
                    found.append(Finding("version", "In {0}, {1} is {2!r}, not {3}.".format(
                        release, name, now[name], later[release][name])))
                if seen[-1][name] and now[name] and run(
                        ["dpkg", "--compare-versions", now[name], "lt", seen[-1][name]]).code == 0:
                    found.append(Finding("down", "To {0}, {1} went down: {2}, {3}.".format(
                        release, name, seen[-1][name], now[name])))
            seen.append(now)
            active = machine.schedules()
            if active != list(schedules):
                found.append(Finding("schedule", "In {0} the active schedules are {1}.".format(
                    release, active)))
            broken = run(["dpkg", "--audit"]).text.strip()
            if broken:
                found.append(Finding("apt", "In {0}: {1}".format(release, broken)))
    finally:
        for path in (SOURCES, PINS):
            if os.path.exists(path):
                os.unlink(path)
        must(["apt-get", "-q", "update"])
    machine.details["versions"] = seen
    # Whatever becomes of the names that no later series has, they hold nothing back.
    for name in _XENIAL_ONLY:
        if state(name) not in ("", "ii", "un"):
            found.append(Finding("names", "{0} is {1!r}.".format(name, state(name))))
    return found + machine.certificate.renewal_findings()


def _from_old(machine):
    return _release_upgrade(machine, OLD, ())


def _from_cron(machine):
    return _release_upgrade(machine, CRON, ("timer",))


def _from_both(machine):
    return _release_upgrade(machine, BOTH, ("timer",))


def _from_both_disabled(machine):
    return _release_upgrade(machine, BOTH, (), disabled=True)


CHECKS = (
    check("from-xenial", _from_old),
    check("from-0.8.1", _from_cron),
    check("from-0.10.2", _from_both),
    check("from-0.10.2-disabled", _from_both_disabled),
)
