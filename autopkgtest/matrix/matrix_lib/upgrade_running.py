"""A renewal that runs goes on, whatever is done to the packages meanwhile.

The renewal is a real one: certbot waits in its pre-hook until the packages'
scripts are done, and then has to come to its end.

Runs under Python 2.7 and 3.
"""

import os
import subprocess
import time

import upgrade_machine
import upgrade_mutant
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, ENVIRONMENT, must, run, write

STARTED, GO_ON = "/var/lib/own-renewal-started", "/var/lib/own-renewal-go-on"
_HOOK = "touch {0}; while [ ! -e {1} ]; do sleep 0.2; done".format(STARTED, GO_ON)
_DROP_IN = "/etc/systemd/system/certbot.service.d/own.conf"
# What debhelper writes where it is not told to leave a service alone.
_STOPS = "set -e\ndeb-systemd-invoke stop certbot.service >/dev/null || true\n"
LIMIT_SECONDS = 120


def _begin():
    for path in (STARTED, GO_ON):
        if os.path.exists(path):
            os.unlink(path)
    script = "/usr/local/sbin/own-hook"
    write(script, "#!/bin/sh\n" + _HOOK + "\n", 0o755)
    return script


def _wait(condition, what):
    deadline = time.time() + LIMIT_SECONDS
    while not condition():
        if time.time() > deadline:
            raise Broken("It took more than {0} s: {1}.".format(LIMIT_SECONDS, what))
        time.sleep(0.2)


def _state():
    text = run(["systemctl", "show", "-p", "ActiveState", "certbot.service"]).text
    return text.strip().partition("=")[2]


def _by_service(machine, change):
    """The renewal runs as the service; ``change`` is done to the packages."""
    script = _begin()
    write(_DROP_IN, "[Service]\nExecStart=\nExecStart=/usr/bin/certbot -q renew --pre-hook {0}\n"
          .format(script))
    must(["systemctl", "daemon-reload"])
    must(["systemctl", "start", "--no-block", "certbot.service"])
    _wait(lambda: os.path.exists(STARTED), "the renewal to begin")
    change()
    os.unlink(_DROP_IN)
    going = _state()
    write(GO_ON, "")
    _wait(lambda: _state() in ("inactive", "failed"), "the renewal to end")
    return _ended(machine, going == "activating", "the service was {0}".format(going))


def _by_hand(machine, change):
    """The renewal is a person's own."""
    script = _begin()
    with open(os.path.join(machine.certificate.base, "renewal.output"), "wb") as output:
        process = subprocess.Popen(["certbot", "-q", "renew", "--pre-hook", script],
                                   stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT,
                                   close_fds=True)
    _wait(lambda: os.path.exists(STARTED), "the renewal to begin")
    change()
    going = process.poll() is None
    write(GO_ON, "")
    _wait(lambda: process.poll() is not None, "the renewal to end")
    return _ended(machine, going and process.returncode == 0, "it ended with {0}: {1}".format(
        process.returncode, upgrade_machine.read(
            os.path.join(machine.certificate.base, "renewal.output"))[-800:]))


def _ended(machine, whole, how):
    machine.details["ended"] = how
    found = [] if whole else [Finding("stopped", "The running renewal was stopped: {0}.".format(
        how))]
    if machine.certificate.versions() != [1, 2]:
        found.append(Finding("stopped", "The versions are {0}: nothing was renewed; {1}.".format(
            machine.certificate.versions(), how)))
    return found


def _upgrade(machine):
    words = upgrade_mutant.wanted(machine, upgrade_mutant.edited(
        "DEBIAN/postinst", "set -e\n", _STOPS))
    return lambda: machine.install(*words)


def _service_upgraded(machine):
    machine.baseline(BOTH)
    return _by_service(machine, _upgrade(machine))


def _by_hand_upgraded(machine):
    machine.baseline(BOTH)
    return _by_hand(machine, _upgrade(machine))


def _service_reinstalled(machine):
    machine.baseline(BOTH)
    machine.upgrade()
    return _by_service(machine, lambda: machine.install("--reinstall", "certbot"))


def _service_removed(machine):
    """Even where certbot is removed: its files are gone, and what runs comes to its end."""
    machine.baseline(BOTH)
    machine.install(*upgrade_mutant.wanted(machine, upgrade_mutant.edited(
        "DEBIAN/prerm", "set -e\n", _STOPS)))
    return _by_service(machine, lambda: must(["dpkg", "--remove", "certbot"]))


CHECKS = (
    check("running-renewal", _service_upgraded, "stopped"),
    check("running-renewal-by-hand", _by_hand_upgraded),
    check("running-renewal-reinstalled", _service_reinstalled),
    check("running-renewal-removed", _service_removed, "stopped"),
)
