"""What lies where the lock file belongs, and what an ordinary user can do to root's certbot.

Part of lock-environment.  Runs under Python 2.7 and 3.
"""

import os
import stat
import sys

import lock_check
import lock_place
import lock_probe

NOBODY = 65534
VICTIM = b"This file belongs to somebody else and must stay as it is.\n"


def _symlink(place):
    """A link in the lock file's place: certbot neither changes nor locks its target, and renews."""
    victim = os.path.join(place.spare("victim"), "victim")
    with open(victim, "wb") as target:
        target.write(VICTIM)
    os.symlink(victim, place.lock_file())
    report = os.path.join(place.spare("hook"), "locks")
    result = place.run(place.renewal("--pre-hook", "sh -c 'cat /proc/locks >{0}'".format(report)))
    found = lock_place.renewed(place, result)
    with open(victim, "rb") as source:
        left = source.read()
    if left != VICTIM:
        found.append(lock_check.Finding(
            "truncated", "The victim's {0} bytes became {1}.".format(len(VICTIM), len(left))))
    with open(report) as source:
        if ":{0} ".format(os.stat(victim).st_ino) in source.read():
            found.append(lock_check.Finding("locked", "certbot locked the victim."))
    return found


def _fifo(place):
    """A FIFO in the lock file's place: certbot does not wait for its other end."""
    os.mkfifo(place.lock_file(), 0o600)
    return [one for one in lock_place.ended_well(place.run(place.renewal()))
            if one.kind == "blocked"]


def _umask(place):
    """With umask 0 the lock files are still for root alone."""
    report = os.path.join(place.spare("hook"), "report")
    result = place.run(place.renewal("--pre-hook", place.probe_hook(report)),
                       preexec=lambda: os.umask(0) and None)
    found = lock_place.renewed(place, result)
    found.extend(lock_place.held_findings(place, report))
    for path in place.left_over():
        found.append(lock_check.Finding("left-over", "{0} is left, with the mode {1:o}.".format(
            path, stat.S_IMODE(os.lstat(path).st_mode))))
    return found


def _ordinary_holder(place):
    """Whatever an ordinary user could get hold of, root's next renewal goes on at once."""
    if os.geteuid() != 0:
        raise lock_check.Skipped("Only root can become another user.")
    os.chmod(place.base, 0o755)
    attacker = place.start_ready(
        [sys.executable, os.path.join(lock_place.HERE, "lock_attacker.py")],
        [str(lock_place.LONGEST_SECONDS)] + list(place.directories),
        preexec=lock_place.become(NOBODY))
    found = lock_place.renewed(place, place.run(place.renewal()))
    # Longer than the attacker's pause: time to take what that renewal has left.
    lock_place.wait_until(lambda: not attacker.alive(), 1)
    following = place.run(place.renewal("--force-renewal"))
    found.extend(lock_place.renewed(place, following, (1, 2, 3)))
    with open(attacker.command[2] + ".held") as source:
        held = sorted(set(source.read().splitlines()))
    place.details["held"] = [os.path.relpath(path, place.base) for path in held]
    if not attacker.alive() or not held:
        raise lock_place.PlaceError("The ordinary user held nothing: that proves nothing.")
    for path in held:
        if os.path.basename(path) == lock_probe.LOCK_FILE:
            found.append(lock_check.Finding(
                "held-by-user", "An ordinary user could open and lock {0}.".format(path)))
    return found


CHECKS = (
    lock_check.Check("symlink", lock_check.on_naive("truncated"), _symlink),
    lock_check.Check("fifo", lock_check.mutated(
        "the lock file is opened for writing only, and waits for a reader",
        "os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)",
        "os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)", "blocked"), _fifo),
    lock_check.Check("umask", lock_check.on_naive("mode"), _umask),
    lock_check.Check("ordinary-holder", lock_check.on_naive("blocked"), _ordinary_holder),
)
