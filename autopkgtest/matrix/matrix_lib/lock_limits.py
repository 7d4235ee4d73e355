"""How long certbot waits, for whom it does not, and how a wait is ended.

Part of lock-environment.  Runs under Python 2.7 and 3.
"""

import os
import signal
import threading

import lock_check
import lock_place
import lock_probe
import lock_variant

READING = (("certificates",), ("plugins",), ("config_changes",), ("--help",), ("--version",))
SHORT = lock_check.Mutation("a limit of two seconds", "lock.py", "LIMIT = 3600\n", "LIMIT = 2\n")
INTERRUPTED = "Interrupted while waiting for another certbot process."


def _limit(place):
    """After the limit certbot renews without the lock; one sentence names the holder."""
    holder = place.hold(place.config)
    package = lock_variant.package_directory()
    if lock_variant.variant_of(package) == lock_check.PATCHED:
        place.environment["PYTHONPATH"] = lock_variant.mutated_copy(
            package, SHORT, place.spare("short"))
    result = place.run(place.renewal())
    found = lock_place.renewed(place, result, quiet=False)
    sentence = "Going on without the lock on {0}, held by process {1}, for more than".format(
        place.config, holder.pid)
    lines = result.stderr.splitlines()
    if result.stdout or len(lines) != 1 or not lines[0].startswith(sentence):
        found.append(lock_check.Finding("output", "It should be one sentence and is: {0}".format(
            lock_place.said(result))))
    if sentence not in place.log_text():
        found.append(lock_check.Finding("log", "The log does not name the holder."))
    return found


def _silent_server(place):
    """A CA that takes the connection and never answers: certbot gives up, and releases."""
    server = place.scene.ca
    answer, server.get = server.get, lambda *_: threading.Event().wait()
    try:
        result = place.run(place.renewal())
    finally:
        server.get = answer
    if result.timed_out:
        return lock_place.ended_well(result)
    if "Read timed out" not in place.log_text():
        raise lock_place.PlaceError("certbot did not wait for the silent server: {0}".format(
            lock_place.said(result)))
    return lock_place.renewed(place, place.run(place.renewal()))


def _hook(place):
    """A hook that runs certbot on the same directories: the inner one does not wait."""
    return _nested(place, [])


def _hook_of_process_1(place):
    """The same where the outer certbot is the first process, as in a container."""
    if os.geteuid() != 0:
        raise lock_check.Skipped("Only root can make a process namespace.")
    return _nested(place, ["unshare", "--pid", "--fork", "--mount-proc"])


def _nested(place, prefix):
    inner = os.path.join(place.spare("hook"), "inner")
    script = inner + ".sh"
    with open(script, "w") as target:
        # certbot keeps the hook for later renewals: those do not run it again.
        target.write("[ -e {0} ] || {{ : >{0}; {1} >{0} 2>&1; echo $? >>{0}; }}\n".format(
            inner, " ".join(place.renewal())))
    result = place.run(prefix + place.renewal("--pre-hook", "sh " + script))
    if not os.path.exists(inner):
        raise lock_place.PlaceError("The hook did not run: {0}".format(lock_place.said(result)))
    with open(inner) as source:
        said = source.read()
    found = lock_place.ended_well(result)
    if not result.timed_out and said != "0\n":
        found.append(lock_check.Finding("exit", "The inner certbot said: {0}".format(said)))
    return found


def _interrupted(place):
    """The first Ctrl-C or SIGTERM ends a wait, with one line."""
    holder = place.hold(place.config)
    found = []
    for number in (signal.SIGINT, signal.SIGTERM):
        waiting = place.start(place.renewal())
        if not lock_place.wait_until(lambda: lock_probe.waits(waiting.pid), place.limit):
            raise lock_place.PlaceError("certbot did not wait for the lock.")
        os.kill(waiting.pid, number)
        result = waiting.wait(place.limit)
        found.extend(one for one in lock_place.ended_well(result) if one.kind == "blocked")
        if (result.stdout + result.stderr).splitlines() != [INTERRUPTED]:
            found.append(lock_check.Finding("output", "After signal {0} certbot said: {1}".format(
                number, lock_place.said(result))))
    holder.kill()
    return found + lock_place.renewed(place, place.run(place.renewal()))


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
    lock_check.Check("limit", lock_check.on_naive("blocked"), _limit),
    lock_check.Check("silent-server", lock_check.mutated(
        "requests have no time limit", "timeout=45)", "timeout=None)", "blocked",
        path="client.py"), _silent_server),
    lock_check.Check("hook", lock_check.on_naive("blocked"), _hook),
    lock_check.Check("hook-of-process-1", lock_check.mutated(
        "the first process counts as nobody's parent", "return pid > 0", "return pid > 1",
        "blocked"), _hook_of_process_1),
    lock_check.Check("interrupted", lock_check.mutated(
        "a signal is not expected", "except (KeyboardInterrupt, errors.SignalExit):",
        "except errors.SignalExit:", "output"), _interrupted),
    lock_check.Check("reading-commands", lock_check.on_naive("blocked"), _reading),
)
