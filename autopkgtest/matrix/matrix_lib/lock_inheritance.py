"""No child keeps the lock: what a hook leaves running does not hold it, however certbot ends.

Runs under Python 2.7 and 3.
"""

import os
import sys

import lock_check
import lock_place

NAME = "lock-inheritance"
KEEP_SECONDS = 300
# A hook's pause in which certbot is killed, in tenths of a second.
PAUSE_TRIES = 1200
PAUSE = ("echo >{paused}\ntries={tries}\nwhile [ ! -e {go} ] && [ $tries -gt 0 ]; do\n"
         "sleep 0.1\ntries=$((tries - 1))\ndone\n")

# What a hook starts.  Outputs go to /dev/null, or certbot itself would wait for their end.
BACKGROUND = "sleep {seconds} >/dev/null 2>&1 </dev/null & echo $! >{pid}"
# As a web server's daemon: a session of its own, forked twice, no parent to wait for it.
DAEMON = ("{python} -c 'import os, time; os.fork() and os._exit(0); os.setsid(); "
          "os.fork() and os._exit(0); open(\"{pid}\", \"w\").write(str(os.getpid())); "
          "time.sleep({seconds})' >/dev/null 2>&1 </dev/null")


def _background(place):
    return _outlives(place, BACKGROUND, "--pre-hook")


def _daemon(place):
    return _outlives(place, DAEMON, "--renew-hook")


def _daemon_of_post_hook(place):
    return _outlives(place, DAEMON, "--post-hook")


def _outlives(place, child, hook):
    """certbot ends in three ways while a hook's child lives on; each time the next one renews."""
    found = []
    for ending in ("normal", "terminated", "killed"):
        place.again()
        seen = _one_ending(place, child, hook, ending)
        place.details[ending] = lock_check.described(seen)
        found.extend(seen)
    return found


def _one_ending(place, child, hook, ending):
    files = place.spare("hook")
    pid, paused, go = [os.path.join(files, name) for name in ("pid", "paused", "go")]
    place.expect_stranger(pid)
    script = os.path.join(files, "hook.sh")
    with open(script, "w") as target:
        # certbot keeps the hook for later renewals: those must not start it again.
        target.write("set -e\n[ ! -e {0} ] || exit 0\n{1}\n".format(
            pid, child.format(seconds=KEEP_SECONDS, pid=pid, python=sys.executable)))
        if ending != "normal":
            target.write(PAUSE.format(paused=paused, go=go, tries=PAUSE_TRIES))
    first = place.start(place.renewal(hook, "sh " + script))
    if ending != "normal":
        if not lock_place.wait_until(
                lambda: os.path.exists(paused) or not first.alive(), place.limit) or (
                    not first.alive()):
            raise lock_place.PlaceError("The hook was not reached: {0}".format(
                first.text("stderr").strip()[-500:]))
        if ending == "killed":
            first.kill()
        else:
            first.terminate()
            open(go, "w").close()
    ended = first.wait(place.limit)
    found = lock_place.ended_well(ended) if ending == "normal" else []
    if not lock_place.wait_until(lambda: os.path.exists(pid), lock_place.ANSWER_SECONDS):
        raise lock_place.PlaceError("The hook's child never ran.")
    before = place.versions()
    # Killed in a hook before the renewal, certbot has left that to the next one.
    after = [1, 2] if before == [1] else before
    following = place.run(place.renewal())
    if not lock_place.stranger_lives(pid):
        raise lock_place.PlaceError("The hook's child did not outlive the next renewal.")
    return found + [
        lock_check.Finding(one.kind, "After certbot's end ({0}): {1}".format(ending, one.sentence))
        for one in lock_place.renewed(place, following, after)]


def _descriptors(place):
    """A hook has no descriptor of a lock file."""
    report = os.path.join(place.spare("hook"), "report")
    result = place.run(place.renewal("--pre-hook", place.probe_hook(report)))
    found = lock_place.renewed(place, result)
    if not os.path.exists(report):
        return found + [lock_check.Finding("no-hook", "The hook did not run.")]
    inherited = lock_place.load(report)["inherited"]
    if inherited:
        found.append(lock_check.Finding("inherited", (
            "The hook was handed down descriptors of a lock file: {0}.").format(inherited)))
    return found


CHECKS = (
    lock_check.Check("background-child", lock_check.on_naive("blocked"), _background),
    lock_check.Check("daemon-of-renew-hook", lock_check.on_naive("blocked"), _daemon),
    lock_check.Check("daemon-of-post-hook", lock_check.on_naive("blocked"), _daemon_of_post_hook),
    lock_check.Check("no-descriptor", lock_check.on_naive("inherited"), _descriptors),
)
