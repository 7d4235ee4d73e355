"""The concurrency test, the unit tests and all lock tests once more, beside a later python-filelock.

The version that is loaded is looked at first: beside another one nothing would
be tested.  Each test writes its own results into a directory of its name; the
whole has one check for each of them.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import json
import os
import subprocess
import tempfile

import lock_check
import lock_crash
import lock_environment
import lock_inheritance
import lock_prompt
import lock_run
import lock_unit_tests
import lock_variant
import matrix_test
import renewal_race
import renewals

NAME = "newer-filelock"
VERSION = "2.0.8"
MODULES = (lock_unit_tests, lock_environment, lock_inheritance, lock_prompt, lock_crash)
ASK = "import filelock; print(filelock.__version__)"


def loaded_version():
    """The version of filelock that certbot's interpreter loads; SceneError when there is none."""
    asked = subprocess.Popen([lock_variant.INTERPRETER, "-c", ASK], cwd="/",
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = asked.communicate()[0].decode("utf-8", "replace").strip()
    if asked.returncode != 0:
        raise renewals.SceneError("filelock cannot be imported: {0}".format(text[-300:]))
    return text


def main(description, arguments, control=False):
    """Run all tests, or their mutated controls; returns the exit code."""
    artifacts = os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")
    artifacts = artifacts or tempfile.mkdtemp(prefix="filelock.")
    file_name = "control.json" if control else "result.json"
    result = {"test": NAME + ("-control" if control else ""), "checks": [],
              "packages": matrix_test.package_versions(), "outcome": lock_check.BROKEN}
    try:
        result["filelock"] = loaded_version()
        print("{0}: python-filelock {1}".format(description.split("\n")[0], result["filelock"]))
        if result["filelock"] != VERSION:
            raise renewals.SceneError("python-filelock {0} is loaded, and not {1}.".format(
                result["filelock"], VERSION))
        if not control:
            _add(result, "concurrent-renew", artifacts, file_name, lambda place: (
                renewals.main(renewal_race.Scene, place)))
        for module in MODULES:
            # Only a mutation can show harm on the patched packages.
            has_mutation = [check for check in module.CHECKS if check.control.mutation]
            if control and not has_mutation:
                continue
            _add(result, module.NAME, artifacts, file_name, lambda place, module=module: (
                lock_run.main(module, description, ["--artifacts", place], control=control)))
        outcomes = [one["outcome"] for one in result["checks"]]
        overall = lock_check.overall_control if control else lock_check.overall
        result["outcome"] = lock_check.BROKEN if lock_check.BROKEN in outcomes else (
            overall(outcomes))
    except renewals.SceneError as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    result["failed_checks"] = sum(
        1 for one in result["checks"] if one["outcome"] not in (lock_check.PASSED, lock_check.SEEN))
    result["skipped_checks"] = sum(1 for one in result["checks"] if one["skipped"])
    result["rounds"] = len(result["checks"])
    matrix_test.write_json(artifacts, file_name, result)
    print("{0}: {1}, {2} tests".format(result["test"], result["outcome"], len(result["checks"])))
    return {lock_check.PASSED: 0, lock_check.SEEN: 0, lock_check.FAILED: 1,
            lock_check.NOT_SEEN: 1}.get(result["outcome"], 2)


def _add(result, name, artifacts, file_name, run):
    """Run one test into a directory of its name and add what it reports."""
    place = os.path.join(artifacts, name)
    if not os.path.isdir(place):
        os.makedirs(place)
    code = run(place)
    with open(os.path.join(place, file_name)) as source:
        report = json.load(source)
    result["checks"].append({"check": name, "exit": code, "outcome": report["outcome"],
                             "skipped": report.get("skipped_checks", 0)})
