"""What the tests of the risk do around what they measure: begin, say what for, write, end.

A test is given the harm that it has seen or not; as a control it has to see it.

Exit code as a test: 0 no harm, 1 harm, 2 broken.  As a control: 0 harm, 1
none, 2 broken.

Runs under Python 2.7.
"""

from __future__ import print_function

import os
import shutil
import tempfile
import time

import lock_check
import lock_variant
import matrix_test
import race_standing
import race_warm
import renewals

# What says in one sentence why nothing could be measured.
BROKEN_BY = (renewals.SceneError, lock_variant.VariantError,
             race_standing.StandingError)


def memory():
    """A directory in memory for the scenes; the usual one where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else os.environ.get("AUTOPKGTEST_TMP")


def conduct(name, artifact, facts, options, control, measure, rounds):
    """Measure and write the result; returns the exit code.

    Parameters:
        name: of the test.
        artifact: the name of the result's file.
        facts: what the result has from the beginning.
        options: with ``artifacts``, a directory or None.
        control: whether harm is wanted.
        measure: called with the result, which it adds to, and a directory in memory; says
            whether there was harm, and raises one of BROKEN_BY where it cannot.
        rounds: called with the result; how often was tried.
    """
    result = {"test": name + ("-control" if control else ""), "outcome": lock_check.BROKEN,
              "packages": matrix_test.package_versions()}
    result.update(facts)
    base = tempfile.mkdtemp(prefix=name + ".", dir=memory())
    started = time.time()
    try:
        race_warm.load()
        harmed = measure(result, base)
        wanted = (lock_check.SEEN, lock_check.NOT_SEEN) if control else (
            lock_check.FAILED, lock_check.PASSED)
        result["outcome"] = wanted[0] if harmed else wanted[1]
    except BROKEN_BY as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    # Some have a time of their own, which their speed is reckoned from.
    result.setdefault("seconds", round(time.time() - started, 1))
    matrix_test.write_json(options.artifacts, artifact, result)
    if control:
        matrix_test.write_json(options.artifacts, "control.json", {
            "outcome": result["outcome"], "rounds": rounds(result)})
    print("{0}: {1}, {2:.0f} s".format(result["test"], result["outcome"], time.time() - started))
    codes = {lock_check.PASSED: 0, lock_check.SEEN: 0, lock_check.FAILED: 1,
             lock_check.NOT_SEEN: 1}
    return codes.get(result["outcome"], 2)


def tell_subject(result, certbot, more=""):
    """Add and print which certbot it is: its version, and with what patch."""
    result["certbot"] = matrix_test.certbot_version(certbot)
    result["variant"] = lock_variant.variant_of(lock_variant.package_directory())
    print("{0} ({1}){2}".format(result["certbot"], result["variant"], more))


def shortfalls(measurements):
    """In sentences, what keeps measurements from being whole: pairs left out, or cut off."""
    found = []
    for one in measurements:
        done = one["pairs"] + one["aimed"]
        late = sum(1 for pair in done if pair["timed_out"])
        what = "{0}, sleep {1}".format(one["disk"], one["sleep"])
        if len(done) != one["planned"]:
            found.append("{0}: only {1} of {2} pairs were run within {3:.0f} s; give it more "
                         "with --seconds".format(what, len(done), one["planned"], one["seconds"]))
        if late:
            found.append("{0}: {1} of {2} pairs had not ended in time".format(
                what, late, len(done)))
    return found
