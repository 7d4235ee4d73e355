"""Certbot 0.14.2 goes on with what this certbot left behind: nothing in it stops the later one.

That is the way of a machine after a release upgrade, or with certbot-auto.
The first certbot obtains, renews, or is killed; then 0.14.2 lists and renews
what lies there, with the same cli.ini.

Runs under Python 2.7 and 3.
"""

import os

import lock_check
import lock_place
import newer_certbot
import renewals

NAME = "lock-successor"
UNKNOWN = "unrecognized arguments:"
KEY_IN_SETTINGS = lock_check.mutated(
    "the limit is kept as a key in cli.ini",
    "    return _take(config.quiet)\n",
    "    open(os.path.join(config.config_dir, 'cli.ini'), 'a').write('lock-timeout = 60\\n'); "
    "return _take(config.quiet)\n",
    "unknown-key")
SETTINGS = "# What an administrator wrote.\nemail = admin@example.org\n"


def _settings(place):
    """A cli.ini that both certbots are given; returns its path."""
    path = os.path.join(place.config, "cli.ini")
    with open(path, "w") as target:
        target.write(SETTINGS)
    return path


def _newer(place, *words):
    """Run 0.14.2 on the directories of this place."""
    place.certbot, own = newer_certbot.command(), place.certbot
    try:
        return place.run(place.command(*words))
    finally:
        place.certbot = own


def _found(findings):
    """Findings about a run of 0.14.2, of which those about an unknown key say so.

    A usage error of a certbot says of other tests that they are wrong themselves: here it is
    what an unknown key in cli.ini comes to.
    """
    result = []
    for one in findings:
        _, mark, rest = one.sentence.partition(UNKNOWN)
        result.append(one if not mark else lock_check.Finding(
            "unknown-key", "0.14.2 stops at what it does not know:" + rest))
    return result


def _goes_on(place, settings, versions):
    """Findings about 0.14.2 after versions 1 to ``versions``: it lists, has nothing due, renews."""
    found = []
    listed = _newer(place, "certificates", "-c", settings)
    found.extend(_found(lock_place.ended_well(listed, quiet=False)))
    if not found and renewals.NAME not in listed.stdout:
        found.append(lock_check.Finding("exit", "0.14.2 does not list the certificate: {0}".format(
            lock_place.said(listed))))
    for expected, words in ((versions, ()), (versions + 1, ("--force-renewal",))):
        result = _newer(place, "-q", "renew", "-c", settings, *words)
        found.extend(_found(lock_place.renewed(place, result, range(1, expected + 1))))
    return found


def _renewed_before(place):
    """After a renewal: configuration, renewal configuration, account and logs."""
    settings = _settings(place)
    first = place.run(place.renewal("-c", settings))
    found = lock_place.renewed(place, first)
    with open(settings) as source:
        if source.read() != SETTINGS:
            found.append(lock_check.Finding("settings", "certbot changed {0}.".format(settings)))
    for path in place.left_over():
        found.append(lock_check.Finding("left-over", "{0} is left.".format(path)))
    return found + _goes_on(place, settings, 2)


def _killed_before(place):
    """After a kill: the lock files of a certbot that could not remove them."""
    settings = _settings(place)
    place.kill_holding()
    if len(place.left_over()) != len(place.directories):
        raise lock_place.PlaceError("The killed certbot left no lock files: that proves nothing.")
    found = _found(lock_place.renewed(
        place, _newer(place, "-q", "renew", "-c", settings, "--pre-hook", "true")))
    # 0.14.2 rewrites the renewal configuration: the earlier certbot can go on with that too.
    found.extend(lock_place.renewed(
        place, place.run(place.renewal("--force-renewal", "--pre-hook", "true")), (1, 2, 3),
        quiet=False))
    return found


def _ended_before(place):
    """After a regular end: nothing in the place of a lock file."""
    settings = _settings(place)
    found = lock_place.ended_well(place.run(place.renewal("--force-renewal")))
    return found + _goes_on(place, settings, 2)


CHECKS = (
    lock_check.Check("renewed-before", KEY_IN_SETTINGS, _renewed_before),
    lock_check.Check("killed-before", KEY_IN_SETTINGS, _killed_before),
    lock_check.Check("ended-before", lock_check.mutated(
        "a directory is left in the place of the lock file",
        "            os.remove(self._lock_file)\n",
        "            os.remove(self._lock_file) or os.mkdir(self._lock_file)\n",
        "exit"), _ended_before),
)
