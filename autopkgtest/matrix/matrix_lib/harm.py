"""The control of concurrent-renew: on packages without a lock the harm must show.

A test that passes proves nothing unless it fails where the fault is.  The
control races the same cases on unpatched packages until the harm is seen, with
more processes the longer that takes.  Each case begins with one renewal alone,
which must go well: what then goes wrong with several at once comes from their
being several.  An error of another kind (no CA, a broken installation) is no
control.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import os
import re
import shutil
import sys
import tempfile

import matrix_test
import renewal_race
import renewals

SEEN, NOT_SEEN, BROKEN = "harm-seen", "not-seen", "broken"
EXIT_CODES = {SEEN: 0, NOT_SEEN: 1, BROKEN: 2}
MOST_ROUNDS = 20
# After so many rounds without harm, twice as many processes: where the moment of
# harm is short, four processes can miss each other for long on a busy machine.
ROUNDS_BEFORE_MORE = 3

# What one certbot does to another, as the other says it.
HARM = (
    ("port-taken", r"required ports is already taken|Problem binding to port"),
    # The standalone plugin gave up on the port and returned nothing.
    ("port-taken", r"object of type 'NoneType' has no len\(\)"),
    ("file-exists", r"\[Errno 17\] File exists"),
    ("file-gone", r"\[Errno 2\] No such file or directory"),
    # A link of live was missing while another process replaced it.
    ("link-gone", r"'NoneType' object has no attribute 'rfind'"),
    ("link-gone", r"expected .* to be a symlink"),
    # Another process took its file or its virtual host for the challenge away, or has the port.
    ("challenge-gone", r"No right answer to the challenge"),
    ("recovery", r"Unable to revert temporary config|Incomplete or failed recovery"),
    ("recovery", r"Could not be found to be deleted"),
    ("server", r"Error while running (apache2ctl|nginx)|(Apache|[Nn]ginx) [Rr]estart [Ff]ailed"),
    ("server", r"The (apache|nginx) plugin is not working|Error parsing|parsing failed"),
    ("recovery", r"Encountered exception during recovery"),
    ("broken-configuration", r"Renewal configuration file .* (is broken|produced)"),
)
# What no number of certbots does to each other: the scene itself is broken.
UNRELATED = (
    ("no-ca", r"Connection refused|Max retries exceeded|NewConnectionError|Connection aborted"),
    ("installation", r"ImportError|ModuleNotFoundError|VersionConflict|DistributionNotFound"),
    ("installation", r"SyntaxError|error while loading shared libraries|command not found"),
    ("usage", r"unrecognized arguments|^usage:"),
    ("disk", r"No space left on device|Read-only file system"),
    ("memory", r"MemoryError|Cannot allocate memory"),
    ("rights", r"Permission denied|Operation not permitted"),
    ("ca-fault", r"urn:acme:error:(serverInternal|malformed|badNonce)"),
)


def classify_text(text):
    """The kinds of one process's output: (harm, unrelated), both sorted lists."""
    return tuple(sorted(set(kind for kind, pattern in patterns if re.search(pattern, text, re.M)))
                 for patterns in (HARM, UNRELATED))


def classify(observation, findings):
    """What one race shows: a dictionary with outcome, harm, unrelated and unknown.

    ``harm`` and ``unrelated`` list kinds; ``unknown`` lists the sentences of
    findings that neither explains.  The outcome is
    broken as soon as something unrelated went wrong, or when there is nothing
    but the unknown.
    """
    harm = set()
    unrelated = set()
    unknown = []
    explained = {}
    for number, result in enumerate(observation.results):
        harms, others = classify_text(result.stdout + "\n" + result.stderr)
        explained[number] = bool(harms or others)
        harm.update(harms)
        unrelated.update(others)
    for finding in findings:
        if finding.kind == "lineage":
            harm.add("lineage")
        elif finding.kind == "versions" and observation.case.reason == "due" and (
                len(observation.after) > len(observation.before) + 1):
            harm.add("renewed-twice")
        elif finding.process is not None and (
                finding.kind == "time-limit" or not explained[finding.process]):
            unknown.append(finding.sentence)
    if unrelated or (unknown and not harm):
        outcome = BROKEN
    else:
        outcome = SEEN if harm else NOT_SEEN
    return {"outcome": outcome, "harm": sorted(harm), "unrelated": sorted(unrelated),
            "unknown": unknown}


def control_case(case, base, options):
    """Race one case until the harm is seen; returns a dictionary with outcome and rounds."""
    result = {"case": "-".join(case), "outcome": NOT_SEEN, "rounds": []}
    with renewal_race.Scene(case, base, options.certbot, options.limit_seconds) as scene:
        alone = scene.race(processes=1)
        findings = renewals.judge(alone)
        result["alone"] = renewals.report(alone, findings)
        if findings:
            result["outcome"] = BROKEN
            result["error"] = "One renewal alone already goes wrong: " + findings[0].sentence
        while result["outcome"] == NOT_SEEN and len(result["rounds"]) < options.rounds:
            scene.reset()
            observation = scene.race(
                processes_in_round(options.processes, len(result["rounds"])))
            findings = renewals.judge(observation)
            report = renewals.report(observation, findings)
            report.update(classify(observation, findings))
            result["rounds"].append(report)
            result["outcome"] = report["outcome"]
            print("  so: " + (", ".join(
                report["harm"] + report["unrelated"] + report["unknown"]) or "no harm"))
            sys.stdout.flush()
        if options.artifacts:
            scene.keep_logs(options.artifacts)
    return result


def processes_in_round(first, number):
    """How many processes race in round ``number``, counted from 0, that began with ``first``."""
    return min(matrix_test.MOST_PROCESSES, first * 2 ** (number // ROUNDS_BEFORE_MORE))


def overall(outcomes):
    """The control's outcome from its cases': every case must have shown the harm."""
    if not outcomes or BROKEN in outcomes:
        return BROKEN
    return SEEN if set(outcomes) == set([SEEN]) else NOT_SEEN


def main(arguments, cases=tuple(renewals.CASES)):
    """Run the control, write ``control.json``; 0 harm seen, 1 not seen, 2 broken."""
    parser = matrix_test.parser(__doc__.split("\n")[0], cases)
    parser.add_argument("--rounds", type=int, default=MOST_ROUNDS,
                        help="rounds of a case at most (default {0})".format(MOST_ROUNDS))
    options = matrix_test.read_arguments(parser, arguments)
    result = {"test": "concurrent-renew-control", "processes": options.processes,
              "packages": matrix_test.package_versions(), "cases": [], "outcome": BROKEN}
    base = tempfile.mkdtemp(prefix="renew-control.", dir=os.environ.get("AUTOPKGTEST_TMP"))
    try:
        result["certbot"] = matrix_test.certbot_version(options.certbot)
        print("{0}, {1} at once, against the stand-in CA: the harm must show".format(
            result["certbot"], options.processes))
        for case in options.cases or cases:
            result["cases"].append(control_case(case, base, options))
        result["outcome"] = overall([report["outcome"] for report in result["cases"]])
    except renewals.SceneError as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    result["rounds"] = sum(len(report["rounds"]) for report in result["cases"])
    matrix_test.write_json(options.artifacts, "control.json", result)
    print("control: {0} after {1} rounds".format(result["outcome"], result["rounds"]))
    return EXIT_CODES[result["outcome"]]
