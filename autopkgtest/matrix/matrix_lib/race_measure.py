"""Measures the race of two renewals: lengths, write windows, and the outcomes of pairs.

For each kind of disk: plain certbots for the length of a renewal, renewals
alone for the write window, then pairs from a warm interpreter, *free* ones
whose starts lie apart by an even draw and *aimed* ones which meet just before
they write.  certbot's own sleeps are shortened, and its surroundings are made
cheaper (``shortcuts`` in the result); a sample of pairs runs with full sleeps
and without any of that.  Plain pairs of certbots are timed before and after,
for the ratio of the speeds.  Writes ``race.json``.

Exit code as a test: 0 every pair went well, 1 not, 2 broken.  As a control:
0 harm was seen, 1 not, 2 broken.

Runs under Python 2.7.
"""

from __future__ import print_function

import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback

import barrier
import concurrent_renew
import lock_variant
import race_pairs
import race_scene
import race_standing
import race_warm
import renewal_race

NAME = "race.example.org"
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
    result = concurrent_renew.parser(__doc__.split("\n")[0])
    result.add_argument("--free", type=int, default=1200, metavar="N",
                        help="pairs whose starts lie apart by an even draw, per disk")
    result.add_argument("--aimed", type=int, default=1200, metavar="N",
                        help="pairs that meet before they write, per disk")
    result.add_argument("--full", type=int, default=150, metavar="N",
                        help="pairs with certbot's full sleeps, on the first disk")
    result.add_argument("--plain", type=int, default=8, metavar="N",
                        help="plain certbots, and pairs of them, for the lengths")
    result.add_argument("--seconds", type=float, default=600, metavar="S",
                        help="time for the pairs of one measurement: then the rest is left out")
    result.add_argument("--workers", type=int, default=3, metavar="N", help="side by side")
    result.add_argument("--disk", action="append", dest="disks", metavar="NAME",
                        choices=[disk.name for disk in DISKS], help="only this one, repeatable")
    result.add_argument("--seed", type=int, default=SEED)
    return result


def main(arguments, control=False):
    """Measure; returns the exit code."""
    options = concurrent_renew.read_arguments(parser(), arguments)
    result = {"test": "race-measure" + ("-control" if control else ""), "outcome": "broken",
              "seed": options.seed, "packages": concurrent_renew.package_versions(),
              "measurements": []}
    base = tempfile.mkdtemp(prefix="race.", dir=memory())
    started = time.time()
    try:
        result["certbot"] = concurrent_renew.certbot_version(options.certbot)
        result["variant"] = lock_variant.variant_of(lock_variant.package_directory())
        print("{0} ({1})".format(result["certbot"], result["variant"]))
        race_warm.load()
        plain = _plain_pairs(options, base)
        for disk in DISKS:
            if not options.disks or disk.name in options.disks:
                result["measurements"].extend(_measure(disk, options, base))
        plain += _plain_pairs(options, base)
        result["plain_pairs_an_hour"] = round(3600 * len(plain) / sum(plain), 1)
        for one in result["measurements"]:
            print("{0}, sleep {1}: {2:.0f} pairs an hour, plain certbots {3:.0f}: {4:.1f} times; "
                  "{5:.0f} processor seconds a thousand pairs".format(
                      one["disk"], one["sleep"], one["pairs_an_hour"],
                      result["plain_pairs_an_hour"],
                      one["pairs_an_hour"] / result["plain_pairs_an_hour"],
                      1000 * one["processor_seconds_a_pair"]))
        pairs = [pair for one in result["measurements"] for pair in one["pairs"] + one["aimed"]]
        result["outcome"] = _outcome(pairs, control)
    except (renewal_race.SceneError, lock_variant.VariantError, barrier.BarrierError,
            race_standing.StandingError) as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    result["seconds"] = round(time.time() - started, 1)
    concurrent_renew.write_json(options.artifacts, "race.json", result)
    if control:
        concurrent_renew.write_json(options.artifacts, "control.json", {
            "outcome": result["outcome"], "rounds": sum(
                len(one["pairs"]) + len(one["aimed"]) for one in result["measurements"])})
    print("{0}: {1}, {2} s".format(result["test"], result["outcome"], result["seconds"]))
    return {"passed": 0, "harm-seen": 0, "failed": 1, "not-seen": 1}.get(result["outcome"], 2)


def memory():
    """A directory in memory for the scenes; the usual one where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else os.environ.get("AUTOPKGTEST_TMP")


def _outcome(pairs, control):
    if not pairs or any(pair["timed_out"] for pair in pairs):
        return "broken"
    harmed = [pair for pair in pairs if pair["outcome"] != "fine"]
    if control:
        return "harm-seen" if harmed else "not-seen"
    return "failed" if harmed else "passed"


def _measure(disk, options, base):
    """The measurements on one disk: with shortened sleeps, and on the first with full ones."""
    lengths = _plain_lengths(options, base, disk)
    os.environ[race_warm.SHORT_VARIABLE] = str(SLEEP_FACTOR)
    solo = _solo(base, options, disk)
    found = [_pairs(disk, options, base, solo, lengths, options.free, options.aimed)]
    if disk is DISKS[0] and options.full:
        os.environ[race_warm.SHORT_VARIABLE] = "1"
        found.append(_pairs(
            disk, options, base, _solo(base, options, disk), lengths, options.full, 0))
    return found


def _pairs(disk, options, base, solo, lengths, free, aimed):
    """Run the pairs on all workers; returns one measurement."""
    workers = options.workers
    if disk.delay_seconds or not race_warm.shortened():
        workers *= SLEEPING_WORKERS
    longest = sorted(solo["lengths"])[len(solo["lengths"]) // 2] * MARGIN
    width = sorted(solo["windows"])[len(solo["windows"]) // 2] * WINDOWS
    draw = random.Random("{0} {1} {2}".format(
        options.seed, disk.name, os.environ[race_warm.SHORT_VARIABLE]))
    plan = [("free", draw.uniform(0, longest)) for _ in range(free)]
    plan += [("aimed", draw.uniform(-width, width)) for _ in range(aimed)]
    draw.shuffle(plan)
    started = time.time()
    rows = share_out(plan, workers, base, lambda place, todo: _run_all(
        place, todo, options, disk, started + options.seconds))
    used = sum(row["seconds"] for kind, row in rows if kind == "used")
    rows = [(kind, row) for kind, row in rows if kind != "used"]
    # Making the scenes is no part of the speed.
    seconds = time.time() - min([started + options.seconds] + [row["begun"] for _, row in rows])
    measurement = {
        "disk": disk.name, "emulated": disk.emulated, "sleep": _sleep_text(),
        "shortcuts": _shortcuts(),
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
        raise renewal_race.SceneError("{0} of {1} workers failed; see above.".format(
            failed, workers))
    return rows


def _run_all(path, todo, options, disk, deadline):
    used = _used()
    with open(path, "w") as target:
        with race_scene.RaceScene(os.path.dirname(path), [NAME], options.certbot) as scene:
            # The first certificate is no part of the pairs; the servers are, from their start.
            used = _used()
            with Runner(scene) as runner:
                for kind, offset in todo:
                    if time.time() > deadline:
                        break
                    row = _one(scene, runner, disk, kind, offset)
                    target.write(json.dumps([kind, row]) + "\n")
        target.write(json.dumps(["used", {"seconds": _used() - used}]) + "\n")


def _one(scene, runner, disk, kind, offset):
    """Run one pair in a fresh scene; its row."""
    begun = time.time()
    scene.reset()
    gate = None
    if kind == "aimed":
        gate = race_pairs.Gate(os.path.join(scene.base, "gate"), offset)
        gate.clear()
    runs = race_pairs.run(scene, [_renew(scene)] * 2, [0, 0 if gate else offset], disk, gate,
                          standing=runner.standing)
    row = race_pairs.judge(scene, NAME, runs)
    row["begun"] = begun
    if row["outcome"] == "fine":
        del row["said"], row["findings"], row["codes"]
    return row


def _renew(scene):
    return ["-q", "renew"] + scene.directories()


class Runner(object):
    """A standing certbot where sleeps are shortened, else none: runs from the beginning."""

    def __init__(self, scene):
        self.standing = None
        self._scene = scene

    def __enter__(self):
        if race_warm.shortened():
            self.standing = race_standing.Standing(_renew(self._scene), race_pairs.prepare)
        return self

    def __exit__(self, *_):
        if self.standing is not None:
            self.standing.close()


def _used():
    """The processor time of this process and its ended children, in seconds."""
    return sum(sum(resource.getrusage(who)[:2])
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _shortcuts():
    return list(race_warm.SHORTCUTS) + [race_standing.SHORTCUT] if race_warm.shortened() else []


def _solo(base, options, disk):
    """Renewals alone in the warm interpreter: lengths, windows, and what goes before these."""
    found = {"lengths": [], "windows": [], "before_window": []}
    with race_scene.RaceScene(base, [NAME], options.certbot) as scene:
        with Runner(scene) as runner:
            for _ in range(SOLO_RUNS):
                scene.reset()
                run, = race_pairs.run(
                    scene, [_renew(scene)], [0], disk, standing=runner.standing)
                if run["code"] != 0 or run["output"] or run["window"] is None:
                    raise renewal_race.SceneError(
                        "One renewal alone already goes wrong: exit {0}, {1}".format(
                            run["code"], run["output"].strip()[-300:] or "nothing written"))
                found["lengths"].append(run["end"] - run["start"])
                found["windows"].append(run["window"][1] - run["window"][0])
                found["before_window"].append(run["window"][0] - run["start"])
    return found


def _plain_lengths(options, base, disk):
    """How long plain certbots take, sleeps and imports and all; on a slow disk plus its waits."""
    found = []
    with race_scene.RaceScene(base, [NAME], options.certbot) as scene:
        waits = 0.0
        if disk.delay_seconds:
            os.environ[race_warm.SHORT_VARIABLE] = str(SLEEP_FACTOR)
            run, = race_pairs.run(scene, [_renew(scene)], [0], disk)
            waits = len(run["writes"]) * disk.delay_seconds
        for _ in range(options.plain):
            scene.reset()
            found.append(_plain(scene, options, 1) + waits)
    return found


def _plain_pairs(options, base):
    """The seconds that pairs of plain certbots take, one pair after the other."""
    found = []
    with race_scene.RaceScene(base, [NAME], options.certbot) as scene:
        for _ in range(max(1, options.plain // 2)):
            started = time.time()
            scene.reset()
            _plain(scene, options, 2)
            found.append(time.time() - started)
    return found


def _plain(scene, options, number):
    outputs = tempfile.mkdtemp(prefix="plain.", dir=scene.base)
    command = options.certbot + ["-q", "renew"] + scene.directories()
    results = barrier.run_together(
        [command] * number, outputs, race_pairs.LIMIT_SECONDS, renewal_race.environment())
    if number == 1 and results[0].returncode != 0:
        raise renewal_race.SceneError("One plain renewal goes wrong: {0}".format(
            results[0].stderr.strip()[-500:]))
    return max(result.seconds for result in results)


def _sleep_text():
    factor = race_warm.sleep_factor()
    return "full" if factor == 1.0 else "shortened to {0:g} %".format(100 * factor)
