"""Runs the checks of one lock test, or their controls, and writes the evidence.

As a test: every check on the patched packages; ``result.json``; exit code 0
passed, 1 failed, 2 broken.  As a control: those checks whose control is the
variant that is installed, on patched packages those that name a mutation;
``control.json``; exit code 0 harm seen, 1 not seen, 2 broken.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time

import lock_check
import lock_place
import lock_variant
import matrix_test
import renewal_race
import renewals

CASE = renewals.Case("due", "webroot", "own")
# A process that has not ended after this is blocked: a renewal takes 4 s on an idle machine.
LIMIT_SECONDS = 120
LEAST_CONTROL_LIMIT_SECONDS = 12
# In a control, where processes do block, the limit is so many times what a renewal alone took.
CONTROL_FACTOR = 3
PREPARATION = (renewals.SceneError, lock_variant.VariantError)


def parser(description, checks):
    """The options of every lock test."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--check", action="append", dest="checks", metavar="CHECK",
                        choices=[check.name for check in checks],
                        help="only this check, repeatable: {0}".format(
                            ", ".join(check.name for check in checks)))
    result.add_argument("--limit-seconds", type=float, default=None,
                        help="time limit of one certbot (default {0}; in a control {1} times what "
                        "one took, at least {2})".format(
                            LIMIT_SECONDS, CONTROL_FACTOR, LEAST_CONTROL_LIMIT_SECONDS))
    result.add_argument("--certbot", type=shlex.split, default=["certbot"],
                        help="the certbot command (default: certbot)")
    result.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")),
                        help="directory for the results")
    return result


def main(module, description, arguments, control=False):
    """Run a test or its control; returns the exit code.

    ``module`` has NAME, CHECKS and maybe add_options, which adds options of the
    test's own to a parser; the checks find their values as ``place.options``.
    """
    test, checks = module.NAME, module.CHECKS
    argument_parser = parser(description.split("\n")[0], checks)
    if hasattr(module, "add_options"):
        module.add_options(argument_parser)
    options = matrix_test.read_arguments(argument_parser, arguments)
    chosen = [check for check in checks if not options.checks or check.name in options.checks]
    result = {"test": test + ("-control" if control else ""), "outcome": lock_check.BROKEN,
              "packages": matrix_test.package_versions(), "checks": []}
    started = time.time()
    base = tempfile.mkdtemp(prefix="lock.", dir=os.environ.get("AUTOPKGTEST_TMP"))
    # An ordinary user of a check has to get through to directories of his own.
    os.chmod(base, 0o711)
    try:
        result["certbot"] = matrix_test.certbot_version(options.certbot)
        package = lock_variant.package_directory()
        result["variant"] = lock_variant.variant_of(package)
        print("{0} ({1})".format(result["certbot"], result["variant"]))
        with renewal_race.Scene(CASE, base, options.certbot, LIMIT_SECONDS) as scene:
            os.chmod(scene.base, 0o711)
            place = lock_place.Place(scene, options.limit_seconds or LIMIT_SECONDS)
            place.options = options
            place.control = control
            try:
                runner = _run_controls if control else _run_checks
                runner(place, chosen, result, package)
            finally:
                place.close()
    except PREPARATION as error:
        result["outcome"] = lock_check.BROKEN
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    result["seconds"] = round(time.time() - started, 1)
    return _finish(result, options.artifacts, control)


def _run_checks(place, checks, result, _):
    for check in checks:
        place.reset()
        report = _run_one(place, check)
        if report["outcome"] != lock_check.SKIPPED:
            report["outcome"] = lock_check.outcome_of(report["findings"])
        _say(report)
        result["checks"].append(_as_data(report))
    result["outcome"] = lock_check.overall([one["outcome"] for one in result["checks"]])


def _run_controls(place, checks, result, package):
    variant = result["variant"]
    mine = [check for check in checks if check.control.variant == variant]
    result["elsewhere"] = dict((check.name, str(check.control)) for check in checks
                               if check.control.variant != variant)
    if not mine:
        result["error"] = "No check of this test has its control on the {0} packages.".format(
            variant)
        return
    place.reset()
    alone = place.run(place.renewal())
    findings = lock_place.renewed(place, alone)
    result["alone"] = {"seconds": alone.seconds, "findings": lock_check.described(findings)}
    if findings:
        result["error"] = "One renewal alone already goes wrong: " + findings[0].sentence
        return
    if place.options.limit_seconds is None:
        place.limit = max(LEAST_CONTROL_LIMIT_SECONDS, CONTROL_FACTOR * alone.seconds)
    for check in mine:
        place.reset()
        if check.control.mutation is not None:
            place.environment["PYTHONPATH"] = lock_variant.mutated_copy(
                package, check.control.mutation, place.spare("mutated"))
        report = _run_one(place, check)
        if report["outcome"] != lock_check.SKIPPED:
            report["outcome"] = lock_check.control_outcome(check.control, report["findings"])
        _say(report)
        result["checks"].append(_as_data(report))
    result["outcome"] = lock_check.overall_control(
        [one["outcome"] for one in result["checks"] if one["outcome"] != lock_check.SKIPPED])


def _run_one(place, check):
    started = time.time()
    report = {"check": check.name, "control": str(check.control), "findings": [], "outcome": None}
    try:
        report["findings"] = check.run(place)
    except lock_check.Skipped as reason:
        report["outcome"] = lock_check.SKIPPED
        report["reason"] = str(reason)
    report["seconds"] = round(time.time() - started, 1)
    report["details"] = place.details
    return report


def _as_data(report):
    return dict(report, findings=lock_check.described(report["findings"]))


def _say(report):
    print("{0}: {1} ({2} s)".format(report["check"], report["outcome"], report["seconds"]))
    for finding in report["findings"]:
        print("  - [{0}] {1}".format(finding.kind, finding.sentence.replace("\n", "\n    ")))
    if "reason" in report:
        print("  - " + report["reason"])
    sys.stdout.flush()


def _finish(result, artifacts, control):
    outcomes = [one["outcome"] for one in result["checks"]]
    result["skipped_checks"] = outcomes.count(lock_check.SKIPPED)
    name = "control.json" if control else "result.json"
    if control:
        result["rounds"] = sum(one["details"].get("rounds", 1) for one in result["checks"])
        codes = {lock_check.SEEN: 0, lock_check.NOT_SEEN: 1}
    else:
        result["failed_checks"] = outcomes.count(lock_check.FAILED)
        codes = {lock_check.PASSED: 0, lock_check.FAILED: 1}
    matrix_test.write_json(artifacts, name, result)
    print("{0}: {1}, {2} checks, {3} skipped, {4} s".format(
        result["test"], result["outcome"], len(outcomes), result["skipped_checks"],
        result["seconds"]))
    if "error" in result:
        print(result["error"])
    return codes.get(result["outcome"], 2)
