"""Checks of upgrades: what a check is, how a test or its control runs them, what it reports.

A check is a function of a machine that returns findings; no finding means that
all was as it should be.  A check with ``harm`` is in the control too: there it
runs with the archive's packaging as the target of the upgrade, and must have a
finding of one of these kinds.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import collections
import json
import os
import shlex
import sys
import time
import traceback

PASSED, FAILED, BROKEN, SKIPPED = "passed", "failed", "broken", "skipped"
SEEN, NOT_SEEN = "harm-seen", "not-seen"
VARIABLE = "UPGRADE_ARGUMENTS"


class Broken(Exception):
    """The testbed did not do what the check needs, so nothing is known; one sentence."""


class Skip(Exception):
    """A check cannot be made here; one sentence that says why."""


class Finding(collections.namedtuple("Finding", "kind sentence")):
    """One thing that is wrong: ``kind`` for machines, ``sentence`` for people."""


class Check(collections.namedtuple("Check", "name run harm")):
    """One property: ``run(machine)`` returns findings."""


def check(name, run, *harm):
    """A Check; ``harm`` are the kinds that the control has to show, none if it has no control."""
    return Check(name, run, harm)


def _arguments(description, checks, arguments):
    parser = argparse.ArgumentParser(description=description.split("\n")[0], epilog=(
        "More arguments are read from the environment variable {0}.".format(VARIABLE)))
    parser.add_argument("--check", action="append", dest="checks", metavar="CHECK",
                        choices=[one.name for one in checks],
                        help="only this check, repeatable: {0}".format(
                            ", ".join(one.name for one in checks)))
    parser.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")),
                        help="directory for the results")
    return parser.parse_args(shlex.split(os.environ.get(VARIABLE, "")) + list(arguments))


def main(test, description, checks, machine, arguments, control=False):
    """Run the checks on a machine and write the report; returns the exit code.

    A test: 0 passed, 1 failed, 2 broken.  A control: 0 all harm seen, 1 not, 2 broken.
    """
    options = _arguments(description, checks, arguments)
    chosen = [one for one in checks if not options.checks or one.name in options.checks]
    if control:
        chosen = [one for one in chosen if one.harm]
    reports = []
    for one in chosen:
        report = _run(one, machine, control)
        reports.append(report)
        _say(report)
    outcomes = [report["outcome"] for report in reports]
    result = {"test": test + ("-control" if control else ""), "checks": reports,
              "skipped_checks": outcomes.count(SKIPPED)}
    made = set(outcomes) - set([SKIPPED])
    if not made or BROKEN in made:
        result["outcome"] = BROKEN
    elif control:
        result["outcome"] = SEEN if made == set([SEEN]) else NOT_SEEN
        result["rounds"] = len(reports)
    else:
        result["outcome"] = FAILED if FAILED in made else PASSED
    result["failed_checks"] = sum(1 for outcome in outcomes if outcome not in (PASSED, SKIPPED))
    result.update(machine.facts())
    write_json(options.artifacts, "control.json" if control else "result.json", result)
    print("{0}: {1}, {2} checks, {3} skipped".format(
        result["test"], result["outcome"], len(reports), result["skipped_checks"]))
    return {PASSED: 0, SEEN: 0, FAILED: 1, NOT_SEEN: 1}.get(result["outcome"], 2)


def _run(one, machine, control):
    started = time.time()
    report = {"check": one.name, "findings": []}
    machine.details = {}
    try:
        machine.clean()
        findings = one.run(machine)
        report["findings"] = [{"kind": each.kind, "sentence": each.sentence} for each in findings]
        if control:
            seen = any(each.kind in one.harm for each in findings)
            report["outcome"] = SEEN if seen else NOT_SEEN
        else:
            report["outcome"] = FAILED if findings else PASSED
    except Skip as reason:
        report["outcome"], report["reason"] = SKIPPED, str(reason)
    except Broken as reason:
        report["outcome"], report["reason"] = BROKEN, str(reason)
    except Exception:  # one check's fault must not hide what the others find
        report["outcome"], report["reason"] = BROKEN, traceback.format_exc()
    report["seconds"] = round(time.time() - started, 1)
    report["details"] = machine.details
    return report


def _say(report):
    print("{0}: {1} ({2} s)".format(report["check"], report["outcome"], report["seconds"]))
    for finding in report["findings"]:
        print("  - [{0}] {1}".format(
            finding["kind"], finding["sentence"].replace("\n", "\n    ")))
    if "reason" in report:
        print("  - " + report["reason"].replace("\n", "\n    "))
    sys.stdout.flush()


def write_json(directory, name, value):
    """Write a result for the evidence; nothing when there is no directory for it."""
    if not directory:
        return
    path = os.path.join(directory, name)
    with open(path + ".new", "w") as target:
        json.dump(value, target, indent=1, sort_keys=True)
        target.write("\n")
    os.rename(path + ".new", path)
