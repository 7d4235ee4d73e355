"""What lies where the lock file belongs, and what an ordinary user can do to root's certbot.

Runs under Python 2.7 and 3.
"""

import os
import stat
import sys

import lock_check
import lock_place
import lock_probe

NAME = "lock-security"
NOBODY = 65534
VICTIM = b"This file belongs to somebody else and must stay as it is.\n"
# What certbot says of a lock file that it does not use: any of these words, with its path.
SAYS = ("lock", "not safe", "Remove it")


def _make_victim(place):
    path = os.path.join(place.spare("victim"), "victim")
    with open(path, "wb") as target:
        target.write(VICTIM)
    return path


def _victim_findings(path):
    with open(path, "rb") as source:
        left = source.read()
    return [] if left == VICTIM else [lock_check.Finding(
        "truncated", "The victim's {0} bytes became {1}.".format(len(VICTIM), len(left)))]


def _refused(place, result):
    """Findings where certbot neither refused what lies at its lock file nor said so."""
    text = result.stdout + result.stderr
    if result.timed_out:
        return [lock_check.Finding("blocked", "certbot hung on what lies at its lock file.")]
    found = []
    if result.returncode == 0:
        found.append(lock_check.Finding(
            "accepted", "certbot took what lies at its lock file for the lock, without a word."))
    elif place.lock_file() not in text or not all(word in text for word in SAYS):
        found.append(lock_check.Finding(
            "unclear", "certbot ended with {0} and did not say why: {1}".format(
                result.returncode, text.strip()[-500:])))
    if "Traceback" in text:
        found.append(lock_check.Finding("traceback", text.strip()[-500:]))
    if result.returncode != 0 and place.versions() != [1]:
        found.append(lock_check.Finding("written", "certbot failed and yet wrote a version."))
    return found


def _with_victim(place, link):
    """certbot meets a link to a victim: it neither changes nor locks the victim."""
    victim = _make_victim(place)
    link(victim, place.lock_file())
    report = os.path.join(place.spare("hook"), "locks")
    result = place.run(place.renewal(
        "--pre-hook", "sh -c 'cat /proc/locks >{0}'".format(report)))
    found = _refused(place, result) + _victim_findings(victim)
    if os.path.exists(report):
        inode = ":{0} ".format(os.stat(victim).st_ino)
        with open(report) as source:
            if inode in source.read():
                found.append(lock_check.Finding("locked", "certbot locked the victim."))
    return found


def _symlink(place):
    return _with_victim(place, os.symlink)


def _hard_link(place):
    return _with_victim(place, os.link)


def _fifo(place):
    os.mkfifo(place.lock_file(), 0o600)
    return place.run(place.renewal())


def _fifo_no_hang(place):
    result = _fifo(place)
    return [one for one in lock_place.ended_well(result) if one.kind == "blocked"]


def _fifo_refused(place):
    return _refused(place, _fifo(place))


def _directory(place):
    os.mkdir(place.lock_file(), 0o700)
    return _refused(place, place.run(place.renewal()))


def _foreign_file(place):
    """A lock file that an ordinary user could put there and keep open is not used."""
    _need_root()
    with open(place.lock_file(), "w"):
        os.chmod(place.lock_file(), 0o600)
    os.chown(place.lock_file(), NOBODY, NOBODY)
    found = _refused(place, place.run(place.renewal()))
    info = os.lstat(place.lock_file()) if os.path.lexists(place.lock_file()) else None
    if info is not None and info.st_uid != NOBODY:
        found.append(lock_check.Finding("written", "certbot changed the foreign file's owner."))
    return found


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
    _need_root()
    os.chmod(place.base, 0o755)
    attacker = _attack(place)
    found = lock_place.renewed(place, place.run(place.renewal()))
    # Longer than his pause: time to take what that renewal has left.
    lock_place.wait_until(lambda: not attacker.alive(), 1)
    place.environment["CERTBOT_LOCK_TIMEOUT"] = "0"
    following = place.run(place.renewal("--force-renewal"))
    found.extend(lock_place.renewed(place, following, (1, 2, 3)))
    with open(attacker.held) as source:
        held = sorted(set(source.read().splitlines()))
    place.details["held"] = [os.path.relpath(path, place.base) for path in held]
    if not attacker.alive() or not held:
        raise lock_place.PlaceError("The ordinary user held nothing: that proves nothing.")
    for path in held:
        if os.path.basename(path) == lock_probe.LOCK_FILE:
            found.append(lock_check.Finding(
                "held-by-user", "An ordinary user could open and lock {0}.".format(path)))
    return found


def _exposed_file(place):
    """A lock file that others can read, and do hold: certbot says so at once and does not wait."""
    _need_root()
    os.chmod(place.base, 0o755)
    with open(place.lock_file(), "w"):
        os.chmod(place.lock_file(), 0o644)
    attacker = _attack(place)
    result = place.run(place.renewal())
    if not attacker.alive():
        raise lock_place.PlaceError("The ordinary user's process ended too early.")
    return _refused(place, result)


def _attack(place):
    attacker = place.start_ready(
        [sys.executable, os.path.join(lock_place.HERE, "lock_attacker.py")],
        [str(lock_place.LONGEST_SECONDS)] + list(place.directories),
        preexec=lock_place.become(NOBODY))
    attacker.held = attacker.command[2] + ".held"
    return attacker


def _need_root():
    if os.geteuid() != 0:
        raise lock_check.Skipped("Only root can become another user.")


CHECKS = (
    lock_check.Check("symlink", lock_check.on_naive("truncated"), _symlink),
    lock_check.Check("hard-link", lock_check.on_naive("truncated"), _hard_link),
    lock_check.Check("fifo-no-hang", lock_check.mutated(
        "the lock file is opened for writing only, and waits for a reader",
        "os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o600)", "os.O_WRONLY | os.O_CREAT, 0o600)",
        "blocked"), _fifo_no_hang),
    lock_check.Check("fifo-refused", lock_check.on_naive("accepted"), _fifo_refused),
    lock_check.Check("directory-refused", lock_check.on_naive("unclear"), _directory),
    lock_check.Check("foreign-owner", lock_check.on_naive("accepted"), _foreign_file),
    lock_check.Check("umask", lock_check.on_naive("mode"), _umask),
    lock_check.Check("ordinary-holder", lock_check.on_naive("blocked"), _ordinary_holder),
    lock_check.Check("exposed-file", lock_check.on_naive("blocked"), _exposed_file),
)
