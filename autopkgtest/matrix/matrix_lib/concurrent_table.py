"""The table of concurrency: every case with 2, 5 and 20 processes, on whatever certbot is there.

Each race is one row.  On the patched packages every row must be without a
finding.  As a control, on unpatched packages, every case must have a row that
shows harm.  Where certbot 0.14.2 is installed beside, it has rows too, and each
of them must be as it is documented: one renews, and the others end with 1 and
say that another instance is running.

``table.json`` has the rows.  Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import os
import shutil
import sys
import tempfile

import harm
import lock_check
import lock_variant
import matrix_test
import newer_certbot
import renewal_race
import renewals

COUNTS = (2, 5, 20)
CASES = renewals.CASES + renewal_race.SERVER_CASES
# Twenty forced renewals through Apache take seven seconds each on an idle machine.
LIMIT_SECONDS = 900
# With 20 processes each: after them the harm has had its chances.
MORE_ROUNDS = 3
PREPARATION = (renewals.SceneError, lock_variant.VariantError)


def parser(description):
    """The options of the table."""
    result = matrix_test.parser(description, CASES)
    result.set_defaults(limit_seconds=LIMIT_SECONDS)
    result.add_argument("--count", action="append", dest="counts", type=int, metavar="N",
                        help="only with so many processes, repeatable: {0}".format(
                            ", ".join(str(count) for count in COUNTS)))
    return result


def row(name, observation, findings):
    """One race as one row."""
    results = observation.results
    return {
        "certbot": name,
        "case": "-".join(observation.case),
        "processes": len(results),
        "failed": sum(1 for result in results if result.returncode != 0),
        "spoke": sum(1 for result in results if result.stdout or result.stderr),
        "refused": sum(1 for result in results if refused(result)),
        "issued": observation.issued,
        "versions": observation.after,
        "broken": len(observation.lineage),
        "seconds": max(result.seconds for result in results),
        "harm": harm.classify(observation, findings)["harm"],
        "findings": [finding.sentence for finding in findings],
    }


def refused(result):
    """Whether a process ended as 0.14 does when another one has a directory or a server root."""
    text = result.stdout + result.stderr
    return result.returncode == 1 and (
        newer_certbot.REFUSES in text or newer_certbot.ROOT_TAKEN in text)


def newer_is_as_documented(observation):
    """Whether 0.14.2 did in a race what it does: one renews, the others are refused or too late."""
    answers = [result.returncode == 0 or refused(result) for result in observation.results]
    return all(answers) and not observation.lineage and any(
        result.returncode == 0 for result in observation.results)


def line(one):
    """A row for people."""
    return ("{certbot:<22} {case:<22} {processes:>2} processes: {failed:>2} failed, {spoke:>2} "
            "spoke, {issued:>2} issued, {broken} wrong in the lineage, {seconds:.1f} s {mark}"
            ).format(mark=", ".join(one["harm"]), **one)


def race_case(case, options, base, certbot, name, judge, lacking=None):
    """The rows of one case; ``judge(observation, findings)`` returns what the row adds.

    While ``lacking()`` after the last of them, at most MORE_ROUNDS are added.
    """
    rows = []
    todo = list(options.counts or COUNTS)
    more = MORE_ROUNDS if lacking else 0
    with renewal_race.Scene(case, base, certbot, options.limit_seconds) as scene:
        while todo:
            if rows:
                scene.reset()
            observation = scene.race(todo.pop(0))
            findings = renewals.judge(observation)
            one = row(name, observation, findings)
            one.update(judge(observation, findings))
            rows.append(one)
            print(line(one))
            if not one["ok"]:
                for sentence in one["findings"][:6]:
                    print("  - " + sentence.replace("\n", "\n    ")[:600])
            sys.stdout.flush()
            if not todo and more and lacking():
                todo.append(matrix_test.MOST_PROCESSES)
                more -= 1
    return rows


def main(description, arguments, control=False):
    """Run the table as a test or as a control; returns the exit code."""
    options = matrix_test.read_arguments(parser(description.split("\n")[0]), arguments)
    result = {"test": "concurrent-many" + ("-control" if control else ""), "rows": [],
              "packages": matrix_test.package_versions(), "outcome": lock_check.BROKEN}
    base = tempfile.mkdtemp(prefix="many.", dir=os.environ.get("AUTOPKGTEST_TMP"))
    try:
        result["certbot"] = matrix_test.certbot_version(options.certbot)
        result["variant"] = lock_variant.variant_of(lock_variant.package_directory())
        runner = _control if control else _test
        runner(options, base, result)
    except PREPARATION as error:
        result["error"] = str(error)
        result["outcome"] = lock_check.BROKEN
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    matrix_test.write_json(options.artifacts, "table.json", result)
    matrix_test.write_json(
        options.artifacts, "control.json" if control else "result.json", result)
    print("{0}: {1}, {2} races".format(result["test"], result["outcome"], len(result["rows"])))
    return {lock_check.PASSED: 0, lock_check.SEEN: 0, lock_check.FAILED: 1,
            lock_check.NOT_SEEN: 1}.get(result["outcome"], 2)


def _test(options, base, result):
    name = "{0} {1}".format(result["variant"], result["certbot"].split()[-1])

    def clean(_, findings):
        """A row of ours must be without findings."""
        return {"ok": not findings}

    def documented(observation, _):
        """A row of 0.14.2 must be as documented."""
        return {"ok": newer_is_as_documented(observation)}

    for case in options.cases or CASES:
        result["rows"].extend(race_case(case, options, base, options.certbot, name, clean))
    ours = list(result["rows"])
    result["total_processes"] = sum(one["processes"] for one in ours)
    result["failed_processes"] = sum(one["failed"] for one in ours)
    wrong = [one for one in ours if not one["ok"]]
    theirs = []
    if newer_certbot.present():
        for case in options.cases or CASES:
            theirs.extend(race_case(
                case, options, base, newer_certbot.command(), newer_certbot.VERSION, documented))
        result["rows"].extend(theirs)
    result["outcome"] = lock_check.FAILED if wrong else lock_check.PASSED
    strange = [one for one in theirs if not one["ok"]]
    if strange:
        result["outcome"] = lock_check.BROKEN
        result["error"] = "0.14.2 did not do what it is documented to do in {0}, {1}.".format(
            strange[0]["case"], strange[0]["processes"])
        print(result["error"])


def _control(options, base, result):
    name = "{0} {1}".format(result["variant"], result["certbot"].split()[-1])
    outcomes = []
    for case in options.cases or CASES:
        shown = []

        def seen(observation, findings):
            """The row's outcome as a control."""
            outcome = harm.classify(observation, findings)["outcome"]
            shown.append(outcome)
            return {"ok": outcome != harm.BROKEN, "outcome": outcome}

        result["rows"].extend(race_case(
            case, options, base, options.certbot, name, seen, lambda: harm.SEEN not in shown))
        outcomes.append(lock_check.BROKEN if harm.BROKEN in shown else (
            lock_check.SEEN if harm.SEEN in shown else lock_check.NOT_SEEN))
    result["rounds"] = len(result["rows"])
    result["outcome"] = lock_check.overall_control(outcomes)
    if result["variant"] == lock_check.PATCHED:
        result["outcome"] = lock_check.BROKEN
        result["error"] = "This control is for packages without the lock."
        print(result["error"])
