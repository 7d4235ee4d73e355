"""certbot is killed at random moments while others wait: the next one renews, nothing is stale.

Where certbot itself leaves a lineage half-written, that is no fault of the
lock: it is reported apart, as ``certbot_windows``, with the step.

Runs under Python 2.7 and 3.
"""

import random
import re
import time

import lock_check
import lock_crash_step
import lock_place
import lock_probe
import renewals

NAME = "lock-crash"
KILLS = 20
OTHERS = 2
STALE_ROUNDS = 1
# After the CA has issued, certbot writes: kills within so many seconds look for its windows.
AFTER_ISSUE_SECONDS = 0.05
# What makes a finding in such a window the lock's all the same.
LOCK_WORDS = re.compile(r"without the lock|Unable to lock|Interrupted while waiting")


def add_options(parser):
    """The options of this test."""
    parser.add_argument("--kills", type=int, default=KILLS,
                        help="how many are killed (default {0})".format(KILLS))
    parser.add_argument("--seed", type=int, default=1640978,
                        help="seed of the moments (default 1640978)")


def moments(seed, count):
    """When to kill: pairs of ("start" or "issue", part from 0 to 1), the same for a seed."""
    chance = random.Random(seed)
    return [("start" if number % 2 == 0 else "issue", chance.random()) for number in range(count)]


def _random_kills(place):
    """Kill at the moments of the seed; in a control until the first harm."""
    usual = place.run(place.renewal())
    found = lock_place.renewed(place, usual)
    place.details.update(kills=[], certbot_windows=[], rounds=0, seed=place.options.seed,
                         usual_seconds=usual.seconds)
    for origin, part in moments(place.options.seed, place.options.kills):
        place.again()
        found.extend(_one_kill(place, origin, part, usual.seconds))
        place.details["rounds"] += 1
        if found and place.control:
            break
    steps = [one["place"] for one in place.details["kills"]]
    place.details["steps"] = dict((step, steps.count(step)) for step in sorted(set(steps)))
    holding = sum(1 for one in place.details["kills"] if one["held"])
    place.details["killed_holding"] = holding
    if not holding and not found:
        raise lock_place.PlaceError("None of those killed held a lock: that proves nothing.")
    return found


def _one_kill(place, origin, part, usual_seconds):
    before = lock_crash_step.snapshot(place.config, renewals.NAME)
    ca = place.scene.ca
    issued, requests = len(ca.issued), ca.requests
    victim = place.start(place.renewal())
    # The others come when it is at work: where there is a lock, they find it held.
    lock_place.wait_until(
        lambda: lock_probe.holder_of(place.logs) == victim.pid or not victim.alive() or
        ca.requests > requests, place.limit, 0.002)
    others = [place.start(place.renewal()) for _ in range(OTHERS)]
    if origin == "start":
        time.sleep(max(0, victim.started + part * usual_seconds - time.time()))
    else:
        lock_place.wait_until(
            lambda: not victim.alive() or len(ca.issued) > issued, place.limit, 0.001)
        time.sleep(part * AFTER_ISSUE_SECONDS)
    holder = lock_probe.holder_of(place.config)
    alive = victim.alive()
    victim.kill()
    step = lock_crash_step.step_of(
        before, lock_crash_step.snapshot(place.config, renewals.NAME), renewals.NAME)
    held = holder == victim.pid
    place.details["kills"].append({
        "moment": "{0} + {1:.3f}".format(origin, part), "alive": alive, "held": held,
        "place": step.place})
    found = []
    for other in others:
        found.extend(lock_place.ended_well(other.wait(place.limit)))
    following = place.start(place.renewal())
    found.extend(lock_place.renewed(place, following.wait(place.limit)))
    if step.place == lock_crash_step.WITHIN and held:
        # Who was killed held the lock: only certbot itself can have left this.
        last = place.run(place.renewal("--force-renewal"))
        place.details["certbot_windows"].append({
            "moment": place.details["kills"][-1]["moment"], "step": step.sentence,
            "healed": all(one.kind == "output" for one in found),
            "findings": lock_check.described(found),
            "forced_renewal_after_it": last.returncode})
        return [one for one in found if one.kind == "blocked" or LOCK_WORDS.search(one.sentence)]
    return [lock_check.Finding(one.kind, "After a kill at {0} ({1}): {2}".format(
        place.details["kills"][-1]["moment"], step.sentence, one.sentence)) for one in found]


def _stale(place):
    """Killed for certain while it held the lock: the next one has it without any wait."""
    found = []
    for _ in range(STALE_ROUNDS):
        place.again()
        place.kill_holding()
        following = place.start(place.renewal())
        found.extend(lock_place.renewed(place, following.wait(place.limit)))
        for path in place.left_over():
            found.append(lock_check.Finding("left-over", "{0} is left.".format(path)))
        if found and place.control:
            break
    return found


CHECKS = (
    lock_check.Check("random-kills", lock_check.on_unpatched(
        "exit", "output", "versions", "lineage"), _random_kills),
    lock_check.Check("stale-lock", lock_check.mutated(
        "the lock is a mark in the file, which outlives its process",
        "                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "                (_ for _ in ()).throw(OSError(errno.EAGAIN, 'held')) if os.fstat(fd).st_size "
        "else os.write(fd, b'held') and fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "exit", "blocked"), _stale),
)
