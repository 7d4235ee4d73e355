"""How fast races are: warm pairs against plain ones, in turns, so that other load meets both.

In each round there are plain pairs one after the other in one lane, then plain
pairs in all lanes at once, then warm pairs in all lanes.  The second is for
what the cores give: plain certbots sleep most of their time.

Runs under Python 2.7.
"""

import marshal
import os
import random
import socket
import sys
import time
import traceback

import race_lane
import race_pairs
import renewals

PACKET = 1 << 16
ALONE, PLAIN, WARM = "plain, one after the other", "plain, side by side", "warm, side by side"
# Pairs of a lane in one round.
NUMBERS = {ALONE: 1, PLAIN: 1, WARM: 30}


def measure(base, certbot, keys, lanes, rounds, shape):
    """Run the rounds; returns a dictionary for the result.

    Parameters:
        base: a directory for the scenes.
        certbot: the command.
        keys: for warm runs.
        lanes: how many pairs side by side.
        rounds: how often each kind is sampled.
        shape: (seed, the offsets of free pairs go up to, those of aimed ones to either side).

    Raises SceneError where a lane fails.
    """
    running = [Running(base, certbot, keys, shape, number) for number in range(lanes)]
    samples = []
    try:
        for one in running:
            one.answer()
        for _ in range(rounds):
            samples.append(dict(
                (kind, _sample(running[:1] if kind == ALONE else running, kind))
                for kind in (ALONE, PLAIN, WARM)))
    finally:
        for one in running:
            one.close()
    result = {"lanes": lanes, "rounds": samples, "shortcuts": race_lane.shortcuts()}
    for kind in (ALONE, PLAIN):
        result["times, " + kind] = median([
            one[WARM]["pairs_an_hour"] / one[kind]["pairs_an_hour"] for one in samples])
    result["times, by processor"] = median([
        one[PLAIN]["processor_seconds_a_pair"] / one[WARM]["processor_seconds_a_pair"]
        for one in samples])
    return result


def told(result):
    """The result in lines for people."""
    lines = []
    for kind in (ALONE, PLAIN, WARM):
        found = [one[kind] for one in result["rounds"]]
        lines.append("{0}: {1:.0f} pairs an hour ({2}), {3:.3f} s of a core each".format(
            kind, median([one["pairs_an_hour"] for one in found]),
            ", ".join("{0:.0f}".format(one["pairs_an_hour"]) for one in found),
            median([one["processor_seconds_a_pair"] for one in found])))
    lines.append("{0} lanes: {1:.1f} times the first, {2:.1f} times the second, a core {3:.1f} "
                 "times".format(result["lanes"], result["times, " + ALONE],
                                result["times, " + PLAIN], result["times, by processor"]))
    return lines


def median(values):
    """The middle one, or the mean of the two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def _sample(running, kind):
    """Let each do its number of pairs of a kind, all at once."""
    started = time.time()
    for one in running:
        one.ask(kind, NUMBERS[kind])
    answers = [one.answer() for one in running]
    seconds = time.time() - started
    pairs = len(running) * NUMBERS[kind]
    return {"pairs": pairs, "seconds": round(seconds, 3),
            "pairs_an_hour": round(3600 * pairs / seconds, 1),
            "write_races": sum(raced for _, raced in answers),
            "processor_seconds_a_pair": round(sum(used for used, _ in answers) / pairs, 4)}


class Running(object):
    """A lane in a process of its own, which does as it is told."""

    def __init__(self, base, certbot, keys, shape, number):
        self._channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                self._channel.close()
                _serve(its, base, certbot, keys, shape, number)
                code = 0
            except BaseException:  # the lane must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        its.close()

    def ask(self, kind, number):
        """Begin so many pairs."""
        self._channel.send(marshal.dumps((kind, number)))

    def answer(self):
        """Wait until it is ready, or done: seconds of a core, and pairs whose windows met."""
        said = self._channel.recv(PACKET)
        if not said:
            raise renewals.SceneError("A lane of the speed failed; see above.")
        return marshal.loads(said)

    def close(self):
        """End it; lanes that began later hold this end of its channel too, so it is told."""
        try:
            self._channel.send(marshal.dumps(None))
        except socket.error:
            pass  # it has ended before
        self._channel.close()
        os.waitpid(self._pid, 0)


def _serve(channel, base, certbot, keys, shape, number):
    seed, longest, width = shape
    draw = random.Random("{0} speed {1}".format(seed, number))
    disk = race_pairs.Disk("tmpfs")
    with race_lane.Lane(base, certbot, keys) as lane:
        channel.send(marshal.dumps((0.0, 0)))
        while True:
            asked = marshal.loads(channel.recv(PACKET))
            if asked is None:
                return
            kind, pairs = asked
            before, raced = lane.used(), 0
            for one in range(pairs):
                if kind == WARM:
                    free = one % 2 == 0
                    raced += lane.pair(
                        disk, "free" if free else "aimed",
                        draw.uniform(0, longest) if free else draw.uniform(-width, width))["raced"]
                else:
                    lane.plain(2)
            channel.send(marshal.dumps((lane.used() - before, raced)))
