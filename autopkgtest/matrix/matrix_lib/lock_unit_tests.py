"""The unit tests that certbot's package ships, run beside the libraries that are installed.

At package build they run beside the python-filelock of the archive or the update;
here beside whichever one the testbed has.

Runs under Python 2.7 and 3.
"""

import os
import re

import lock_check
import lock_place
import lock_variant

NAME = "unit-tests"
OF_THE_LOCK = "lock_test"
LIMIT_SECONDS = 900
RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
BAD = re.compile(r"^(FAIL|ERROR|UNEXPECTED SUCCESS): (\S+ \([\w.]+\))", re.MULTILINE)


def _unit_tests(place):
    """Every test module of the package that is imported: here, the mutated copy in a control."""
    if "PYTHONPATH" in place.environment:
        package = os.path.join(place.environment["PYTHONPATH"], "certbot")
    else:
        package = lock_variant.package_directory()
    command = [lock_variant.INTERPRETER, "-W", "ignore", "-m", "unittest", "discover", "-v",
               "-s", package, "-t", os.path.dirname(package), "-p", "*_test.py"]
    home = place.spare("home")
    result = place.start(command, cwd=home, environment={"HOME": home}).wait(LIMIT_SECONDS)
    place.details["tests"] = count_run(result.stderr)
    return judged(result)


def count_run(text):
    """The number of tests that unittest says it ran; 0 where it says none."""
    ran = RAN.search(text)
    return int(ran.group(1)) if ran else 0


def judged(result):
    """Findings about a run of unittest: what failed, or that the lock's tests did not run."""
    if result.timed_out:
        return lock_place.ended_well(result)
    found = [lock_check.Finding("unit-test", "{0}: {1}".format(kind, name))
             for kind, name in BAD.findall(result.stderr)]
    if not found and result.returncode != 0:
        found.append(lock_check.Finding("exit", "unittest ended with {0}: {1}".format(
            result.returncode, lock_place.said(result))))
    if OF_THE_LOCK not in result.stderr or not count_run(result.stderr):
        found.append(lock_check.Finding("none", "No test of the lock was run: {0}".format(
            lock_place.said(result))))
    return found


CHECKS = (
    lock_check.Check("unit-tests", lock_check.mutated(
        "a wait is told where there is no terminal", "if not quiet and sys.stderr.isatty():",
        "if not quiet:", "unit-test"), _unit_tests),
)
