"""Measures the race of two renewals: lengths, write windows, and the outcomes of pairs.

For each kind of disk: plain certbots for the length of a renewal, renewals
alone for the write window, then pairs from a warm interpreter, *free* ones
whose starts lie apart by an even draw and *aimed* ones which meet just before
they write.  certbot's own sleeps are shortened, and its surroundings are made
cheaper (``shortcuts`` in the result); a sample of free pairs on each disk runs
with full sleeps and without any of that, since of shorter runs that overlap
more meet in the write.  Pairs of plain certbots are timed in turns with warm
ones, for the ratio of the speeds.  Writes ``race.json``.

Runs under Python 2.7.
"""

from __future__ import print_function

import json
import multiprocessing
import os
import random
import sys
import time
import traceback

import matrix_test
import race_keys
import race_lane
import race_pairs
import race_speed
import race_test
import race_warm
import renewals

SEED = 1640978
# 0.15 s in place of 3: certbot asks fifteen times, which has to be enough on a busy machine.
SLEEP_FACTOR = 0.05
MARGIN = 1.25  # the offsets go this far beyond the length of a renewal
WINDOWS = 1.5  # and, of aimed pairs, beyond the width of the window
SOLO_RUNS = 10
# Runs with full sleeps, or on a slow disk, wait most of the time: more of them fit.
SLEEPING_WORKERS = 3
SLOW_DELAY_SECONDS = 0.01
DISKS = (
    race_pairs.Disk("tmpfs"),
    race_pairs.Disk(
        "slow disk", SLOW_DELAY_SECONDS,
        "emulated: {0:.0f} ms after each of certbot's writes".format(1000 * SLOW_DELAY_SECONDS)),
)


def parser():
    """The options."""
    result = matrix_test.parser(__doc__.split("\n")[0])
    result.add_argument("--free", type=int, default=1200, metavar="N",
                        help="pairs whose starts lie apart by an even draw, per disk")
    result.add_argument("--aimed", type=int, default=1200, metavar="N",
                        help="pairs that meet before they write, per disk")
    result.add_argument("--full", type=int, default=600, metavar="N",
                        help="free pairs with certbot's full sleeps, per disk")
    result.add_argument("--plain", type=int, default=8, metavar="N",
                        help="plain certbots, for the lengths")
    result.add_argument("--speed-rounds", type=int, default=3, metavar="N",
                        help="how often the speeds of plain and of warm pairs are sampled")
    result.add_argument("--lanes", type=int, default=3 * multiprocessing.cpu_count(), metavar="N",
                        help="pairs side by side for the speed")
    result.add_argument("--seconds", type=float, default=1500, metavar="S",
                        help="time for the pairs of one measurement: beyond it, it is broken")
    result.add_argument("--workers", type=int, default=3, metavar="N", help="side by side")
    result.add_argument("--disk", action="append", dest="disks", metavar="NAME",
                        choices=[disk.name for disk in DISKS], help="only this one, repeatable")
    result.add_argument("--seed", type=int, default=SEED)
    return result


def main(arguments, control=False):
    """Measure; returns the exit code."""
    options = matrix_test.read_arguments(parser(), arguments)
    return race_test.conduct(
        "race-measure", "race.json", {"seed": options.seed, "measurements": []}, options, control,
        lambda result, base: _measure_all(result, base, options),
        lambda result: sum(len(one["pairs"]) + len(one["aimed"])
                           for one in result["measurements"]))


def _measure_all(result, base, options):
    """Fill the result; returns whether a pair went wrong."""
    race_test.tell_subject(result, options.certbot)
    keys = race_keys.make()
    for disk in DISKS:
        if not options.disks or disk.name in options.disks:
            result["measurements"].extend(_measure(disk, options, base, keys))
    for one in result["measurements"]:
        print("{0}, sleep {1}: {2:.0f} pairs an hour, each {3:.3f} s of a core".format(
            one["disk"], one["sleep"], one["pairs_an_hour"], one["processor_seconds_a_pair"]))
    if options.speed_rounds:
        os.environ[race_warm.SHORT_VARIABLE] = str(SLEEP_FACTOR)
        longest, width = _shape(_solo(base, options, DISKS[0], keys))
        result["speed"] = race_speed.measure(
            base, options.certbot, keys, options.lanes, options.speed_rounds,
            (options.seed, longest, width))
        print("\n".join(race_speed.told(result["speed"])))
    pairs = [pair for one in result["measurements"] for pair in one["pairs"] + one["aimed"]]
    lacking = race_test.shortfalls(result["measurements"])
    if lacking or not pairs:
        raise renewals.SceneError("; ".join(lacking) or "No pair was asked for.")
    return any(pair["outcome"] != "fine" for pair in pairs)


def _measure(disk, options, base, keys):
    """The measurements on one disk: with shortened sleeps, and with full ones."""
    lengths = _plain_lengths(options, base, disk)
    os.environ[race_warm.SHORT_VARIABLE] = str(SLEEP_FACTOR)
    solo = _solo(base, options, disk, keys)
    found = [_pairs(disk, options, base, keys, solo, lengths, options.free, options.aimed)]
    if options.full:
        os.environ[race_warm.SHORT_VARIABLE] = "1"
        found.append(_pairs(
            disk, options, base, keys, _solo(base, options, disk, keys), lengths, options.full, 0))
    return found


def _pairs(disk, options, base, keys, solo, lengths, free, aimed):
    """Run the pairs on all workers; returns one measurement."""
    workers = options.workers
    if disk.delay_seconds or not race_warm.shortened():
        workers *= SLEEPING_WORKERS
    longest, width = _shape(solo)
    draw = random.Random("{0} {1} {2}".format(
        options.seed, disk.name, os.environ[race_warm.SHORT_VARIABLE]))
    plan = [("free", draw.uniform(0, longest)) for _ in range(free)]
    plan += [("aimed", draw.uniform(-width, width)) for _ in range(aimed)]
    draw.shuffle(plan)
    started = time.time()
    rows = share_out(plan, workers, base, lambda place, todo: _run_all(
        place, todo, options, disk, keys, started + options.seconds))
    used = sum(row["seconds"] for kind, row in rows if kind == "used")
    rows = [(kind, row) for kind, row in rows if kind != "used"]
    # Making the scenes is no part of the speed.
    seconds = time.time() - min([started + options.seconds] + [row["begun"] for _, row in rows])
    measurement = {
        "disk": disk.name, "emulated": disk.emulated, "sleep": _sleep_text(),
        "shortcuts": race_lane.shortcuts(),
        "delay_seconds": disk.delay_seconds, "workers": workers, "planned": len(plan),
        "bin_seconds": max(0.05, longest / 25), "lengths": lengths,
        "warm_lengths": solo["lengths"], "windows": solo["windows"],
        "before_window": solo["before_window"],
        "pairs": [row for kind, row in rows if kind == "free"],
        "aimed": [row for kind, row in rows if kind == "aimed"],
        "seconds": round(seconds, 1),
        "processor_seconds_a_pair": round(used / max(len(rows), 1), 4),
        "pairs_an_hour": round(3600 * len(rows) / max(seconds, 0.001), 1)}
    counts = {}
    for _, row in rows:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    print("{0}, sleep {1}: {2} pairs in {3:.0f} s: {4}".format(
        disk.name, measurement["sleep"], len(rows), seconds,
        ", ".join("{0} {1}".format(name, counts[name]) for name in sorted(counts))))
    sys.stdout.flush()
    return measurement


def share_out(plan, workers, base, work):
    """Let workers go through a plan, each in a scene of its own; returns their rows.

    ``work`` gets a path and its share, and writes one JSON line a row there.
    Raises SceneError when a worker fails.
    """
    children = []
    for number in range(workers):
        path = os.path.join(base, "rows.{0}".format(number))
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(path, plan[number::workers])
                code = 0
            except BaseException:  # the worker must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        children.append((child, path))
    rows = []
    failed = 0
    for child, path in children:
        failed += os.waitpid(child, 0)[1] != 0
        if os.path.exists(path):
            with open(path) as source:
                rows.extend(json.loads(line) for line in source)
            os.unlink(path)
    if failed:
        raise renewals.SceneError("{0} of {1} workers failed; see above.".format(
            failed, workers))
    return rows


def _run_all(path, todo, options, disk, keys, deadline):
    with open(path, "w") as target:
        with race_lane.Lane(os.path.dirname(path), options.certbot, keys) as lane:
            # The first certificate is no part of the pairs.
            before = lane.used()
            for kind, offset in todo:
                if time.time() > deadline:
                    break
                target.write(json.dumps([kind, lane.pair(disk, kind, offset)]) + "\n")
            target.write(json.dumps(["used", {"seconds": lane.used() - before}]) + "\n")


def _shape(solo):
    """Up to where the offsets of free pairs go, and of aimed ones to either side, in seconds."""
    return (race_speed.median(solo["lengths"]) * MARGIN,
            race_speed.median(solo["windows"]) * WINDOWS)


def _solo(base, options, disk, keys):
    """Renewals alone in the warm interpreter: lengths, windows, and what goes before these."""
    found = {"lengths": [], "windows": [], "before_window": []}
    with race_lane.Lane(base, options.certbot, keys) as lane:
        for _ in range(SOLO_RUNS):
            run = lane.alone(disk)
            found["lengths"].append(run["end"] - run["start"])
            found["windows"].append(run["window"][1] - run["window"][0])
            found["before_window"].append(run["window"][0] - run["start"])
    return found


def _plain_lengths(options, base, disk):
    """How long plain certbots take, sleeps and imports and all; on a slow disk plus its waits."""
    os.environ[race_warm.SHORT_VARIABLE] = "1"
    with race_lane.Lane(base, options.certbot, None) as lane:
        waits = 0.0
        if disk.delay_seconds:
            waits = len(lane.alone(disk)["writes"]) * disk.delay_seconds
        return [lane.plain(1) + waits for _ in range(options.plain)]


def _sleep_text():
    factor = race_warm.sleep_factor()
    return "full" if factor == 1.0 else "shortened to {0:g} %".format(100 * factor)
