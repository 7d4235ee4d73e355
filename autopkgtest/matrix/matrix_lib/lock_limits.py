"""How long certbot waits for a lock, what it says then, and who does not wait at all.

Part of lock-environment.  Runs under Python 2.7 and 3.
"""

import lock_check
import lock_place
import lock_probe

VARIABLE = "CERTBOT_LOCK_TIMEOUT"
BAD_VALUES = ("soon", "-1", "", "nan", "1e3")
READING = (("certificates",), ("plugins",), ("config_changes",), ("--help",), ("--version",))


def _limit_reached(place):
    """After the limit: one sentence that names the holder, exit code 1, nothing done."""
    holder = place.hold(place.config)
    place.environment[VARIABLE] = "1"
    result = place.run(place.renewal())
    if result.timed_out:
        return lock_place.ended_well(result)
    found = []
    if result.returncode != 1:
        found.append(lock_check.Finding("exit", "certbot ended with {0} and not with 1.".format(
            result.returncode)))
    lines = result.stderr.splitlines()
    if result.stdout or len(lines) != 1:
        found.append(lock_check.Finding("output", "It should be one sentence and is: {0}".format(
            lock_place.said(result))))
    for wanted in (str(holder.pid), "lock_holder.py", place.config):
        if wanted not in result.stderr:
            found.append(lock_check.Finding("unnamed", "{0!r} is not named in: {1}".format(
                wanted, result.stderr.strip()[-500:])))
    if place.versions() != [1]:
        found.append(lock_check.Finding("written", "certbot wrote though it had no lock."))
    return found


def _bad_values(place):
    """A value that is no number of seconds is said, and is not read as some limit."""
    place.nothing_due()
    found = []
    for value in BAD_VALUES:
        place.environment[VARIABLE] = value
        result = place.run(place.renewal())
        found.extend(lock_place.ended_well(result, quiet=False))
        lines = result.stderr.splitlines()
        if len(lines) != 1 or VARIABLE not in lines[0] or repr(value) not in lines[0]:
            found.append(lock_check.Finding("silent", (
                "Of {0}={1!r} certbot says: {2!r}").format(VARIABLE, value, result.stderr)))
    return found


def _bad_value_waits(place):
    """With a bad value certbot waits for a lock that is held, and goes on when it is free."""
    place.environment[VARIABLE] = "-1"
    holder = place.hold(place.config)
    waiting = place.start(place.renewal())
    if not lock_place.wait_until(lambda: waits(waiting) or not waiting.alive(), place.limit):
        return [lock_check.Finding("blocked", "certbot neither waited for the lock nor ended.")]
    if not waiting.alive():
        return [lock_check.Finding("not-waited", "certbot did not wait: {0}".format(
            lock_place.said(waiting.wait(1))))]
    holder.kill()
    result = waiting.wait(place.limit)
    return [one for one in lock_place.renewed(place, result) if one.kind != "output"]


def waits(running):
    """Whether a process keeps a lock file open, several looks in a row: it holds or awaits it."""
    return all(not lock_place.wait_until(
        lambda: not lock_probe.descriptors_of(running.pid), 0.1) for _ in range(3))


def _reading(place):
    """Commands that only read work while all locks are held."""
    place.hold(*place.directories)
    found = []
    for words in READING:
        result = place.run(place.command(*words))
        found.extend(lock_place.ended_well(result, quiet=False))
        if not result.stdout + result.stderr:
            found.append(lock_check.Finding("output", "{0} said nothing.".format(words[0])))
    return found


CHECKS = (
    lock_check.Check("limit-reached", lock_check.on_naive("blocked"), _limit_reached),
    lock_check.Check("limit-bad-value", lock_check.on_naive("silent"), _bad_values),
    lock_check.Check("limit-bad-value-waits", lock_check.mutated(
        "a bad value counts as no time at all",
        "TIMEOUT_VARIABLE, value, DEFAULT_TIMEOUT))\n    return DEFAULT_TIMEOUT",
        "TIMEOUT_VARIABLE, value, DEFAULT_TIMEOUT))\n    return 0",
        "not-waited"), _bad_value_waits),
    lock_check.Check("reading-commands", lock_check.on_naive("blocked"), _reading),
)
