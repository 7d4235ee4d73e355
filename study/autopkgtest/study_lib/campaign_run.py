"""The campaign: trials from a seed, until a number or a time is reached.

Writes ``campaign.jsonl``, a line a trial, and ``campaign.json`` with the
counts, the bound, and for each failed trial its plan, how often it fails
again, and the smallest plan that still fails.  ``--only NUMBER`` repeats one
trial.  Every hundredth trial runs with certbot's full sleeps.

Runs under Python 2.7.
"""

from __future__ import print_function

import argparse
import json
import os
import sys
import time

import campaign_plan
import campaign_servers
import campaign_trial
import matrix_test
import race_measure
import race_pairs
import race_test
import race_warm
import renewals

SEED = "1640978"
FULL_EVERY = 100
REPEATS = 8
MOST_MINIMISED = 3
VERSION = 2  # of the plans: rows of another version are another campaign


def parser():
    """The options."""
    result = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    result.add_argument("--seed", default=SEED)
    result.add_argument("--first", type=int, default=0, metavar="N",
                        help="the first trial's number")
    result.add_argument("--trials", type=int, default=150, metavar="N", help="at most so many")
    result.add_argument("--seconds", type=float, default=600, help="at most so long")
    result.add_argument("--examine-seconds", type=float, default=120, metavar="S",
                        help="time for repeating failed trials and making them smaller")
    result.add_argument("--only", type=int, metavar="N", help="repeat this trial alone")
    result.add_argument("--workers", type=int, default=2, metavar="N", help="side by side")
    result.add_argument("--servers", default=",".join(campaign_servers.KINDS), metavar="NAMES",
                        type=_kinds, help="web servers to install into, or none (default: both)")
    result.add_argument("--certbot", default="certbot")
    result.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")))
    return result


def _kinds(text):
    kinds = [] if text == "none" else text.split(",")
    if set(kinds) - set(campaign_servers.KINDS):
        raise argparse.ArgumentTypeError("name some of {0}, or none".format(
            ", ".join(campaign_servers.KINDS)))
    return kinds


def main(arguments, control=False):
    """Run the campaign; returns the exit code."""
    options = matrix_test.read_arguments(parser(), arguments)
    facts = {"version": VERSION, "seed": options.seed, "first": options.first,
             "asked": options.trials, "servers": options.servers}
    return race_test.conduct(
        "campaign", "campaign.json", facts, options, control,
        lambda result, base: _run(result, base, options), lambda result: result.get("trials", 0))


def _run(result, base, options):
    """Fill the result; returns whether a trial failed."""
    started = time.time()
    race_test.tell_subject(result, [options.certbot], ", seed {0}, from trial {1}".format(
        options.seed, options.first))
    if options.servers:
        if not matrix_test.in_testbed():
            raise renewals.SceneError(
                "Servers are only started as root under autopkgtest: give --servers none.")
        campaign_servers.load()
    os.environ.setdefault(race_warm.SHORT_VARIABLE, str(race_measure.SLEEP_FACTOR))
    deadline = started + options.seconds
    rows = race_measure.share_out(
        _numbers(options), options.workers, base,
        lambda path, todo: _work(path, todo, options, deadline))
    rows.sort(key=lambda row: row["number"])
    result["seconds"] = round(time.time() - started, 1)
    _count(result, rows)
    _write_rows(options.artifacts, rows)
    if not rows:
        raise renewals.SceneError("No trial was run: give more time.")
    result["failures"] = _examine(rows, options, base)
    return bool(result["failed"])


def _numbers(options):
    if options.only is not None:
        return [options.only] * REPEATS
    return list(range(options.first, options.first + options.trials))


def _scene(base, options):
    return campaign_servers.Scene(
        base, campaign_plan.NAMES, [options.certbot], options.servers)


def _work(path, todo, options, deadline):
    with _scene(os.path.dirname(path), options) as scene:
        with open(path, "w") as target:
            for number in todo:
                if time.time() > deadline:
                    break
                plan = campaign_plan.draw(options.seed, number, options.servers)
                target.write(json.dumps(_one(plan, scene)) + "\n")


def _one(plan, scene):
    """Run one plan; a row."""
    full = plan["number"] % FULL_EVERY == 0
    shortened = os.environ[race_warm.SHORT_VARIABLE]
    if full:
        os.environ[race_warm.SHORT_VARIABLE] = "1"
    started = time.time()
    try:
        trial = campaign_trial.Trial(plan, scene, race_pairs.Disk("tmpfs"))
        findings = trial.run()
    finally:
        os.environ[race_warm.SHORT_VARIABLE] = shortened
    return {"number": plan["number"], "seed": plan["seed"], "full": full,
            "seconds": round(time.time() - started, 3), "pairs": trial.overlapped(),
            "killed": trial.killed, "servers": sorted(set(one for one, _ in trial.installs)),
            "commands": sorted(one["command"] for one in plan["processes"]),
            "kinds": sorted(set(trial.kinds)), "findings": findings,
            "plan": plan if findings else None}


def _count(result, rows):
    failed = [row for row in rows if row["findings"]]
    result.update({
        "trials": len(rows), "failed": len(failed),
        "pairs": sum(row["pairs"] for row in rows),
        "killed": sum(1 for row in rows if row["killed"]),
        "installing": dict((kind, sum(1 for row in rows if kind in row["servers"]))
                           for kind in result["servers"]),
        "commands": _commands(rows),
        "full_sleep": sum(1 for row in rows if row["full"]),
        "trials_an_hour": round(3600 * len(rows) / max(result["seconds"], 0.001), 1)})
    kinds = {}
    for row in failed:
        for kind in row["kinds"]:
            kinds[kind] = kinds.get(kind, 0) + 1
    result["kinds"] = kinds
    if rows and not failed:
        # (1 - p)^n = 0.05; 3/n is what it is near.
        result["bound"] = 1 - 0.05 ** (1.0 / len(rows))
        print("{0} trials, none failed: below {1:.2g} per trial of this campaign, 95 %; "
              "{2:.0f} an hour".format(len(rows), result["bound"], result["trials_an_hour"]))
    else:
        print("{0} of {1} trials failed: {2}; {3:.0f} an hour".format(
            len(failed), len(rows), ", ".join("{0} {1}".format(kind, kinds[kind])
                                              for kind in sorted(kinds)),
            result["trials_an_hour"]))


def _commands(rows):
    found = {}
    for row in rows:
        for command in row["commands"]:
            found[command] = found.get(command, 0) + 1
    return found


def _examine(rows, options, base):
    """Repeat failed trials and make the first of each kind smaller."""
    seen = set()
    examined = []
    failed = [row for row in rows if row["findings"]]
    if not failed:
        return examined
    deadline = time.time() + options.examine_seconds
    with _scene(base, options) as scene:
        for row in failed:
            kinds = tuple(row["kinds"])
            if kinds in seen or len(examined) >= MOST_MINIMISED or time.time() > deadline:
                continue
            seen.add(kinds)
            again = _failing(row["plan"], scene, kinds)
            plan, complete = _minimise(
                row["plan"], lambda plan, kinds=kinds: _failing(
                    plan, scene, kinds, enough=1), deadline) if again else (
                        row["plan"], True)
            rate = again if plan is row["plan"] else _failing(plan, scene, kinds)
            examined.append({
                "number": row["number"], "kinds": list(kinds), "findings": row["findings"],
                "plan": row["plan"], "failed_again": again, "repeats": REPEATS,
                "smallest": plan, "smallest_failed": rate,
                "complete": complete})
            print("trial {0} ({1}): fails again {2} of {3} times; {4}: {5}, {6} of {3}".format(
                row["number"], ", ".join(kinds), again, REPEATS,
                "smallest" if complete else "so far", campaign_plan.told(plan), rate))
            print("  - {0}".format(row["findings"][0].replace("\n", "\n    ")))
            sys.stdout.flush()
    return examined


def _failing(plan, scene, kinds, enough=REPEATS):
    """How often a plan fails in one of these kinds, in so many repeats or until it is enough."""
    found = 0
    for _ in range(REPEATS):
        found += bool(set(kinds).intersection(_one(plan, scene)["kinds"]))
        if found >= enough:
            break
    return found


def _minimise(plan, fails, deadline):
    """The smallest plan found that still fails, and whether nothing smaller was left to try."""
    shrinking = True
    while shrinking:
        shrinking = False
        for less in campaign_plan.smaller(plan):
            if time.time() > deadline:
                return plan, False
            if fails(less):
                plan, shrinking = less, True
                break
    return plan, True


def _write_rows(directory, rows):
    if not directory:
        return
    path = os.path.join(directory, "campaign.jsonl")
    with open(path + ".new", "w") as target:
        for row in rows:
            target.write(json.dumps(row, sort_keys=True) + "\n")
    os.rename(path + ".new", path)
