"""The test that several ``certbot renew`` at one moment do no harm.

Runs the cases of ``renewal_race``, prints one line for each, and writes
``result.json`` with the numbers.  Exit code 0: all went well; 1: a case went
wrong; 2: nothing could be tested.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import renewal_race

LEAST_PROCESSES = 2
MOST_PROCESSES = 20
PACKAGES = ("certbot", "python-certbot", "python-certbot-apache", "python-certbot-nginx",
            "python-acme", "python-filelock", "python-cryptography", "python2.7", "apache2",
            "nginx")
ARGUMENTS_VARIABLE = "CONCURRENT_RENEW_ARGUMENTS"
PASSED, FAILED, BROKEN = 0, 1, 2


def parser(description):
    """The options that this test and its control share."""
    result = argparse.ArgumentParser(description=description, epilog=(
        "More arguments are read from the environment variable {0}.".format(ARGUMENTS_VARIABLE)))
    result.add_argument("--processes", type=_process_count, default=4,
                        help="how many renew at once, {0} to {1} (default 4)".format(
                            LEAST_PROCESSES, MOST_PROCESSES))
    result.add_argument("--case", action="append", dest="cases", type=_case, metavar="CASE",
                        help="only this case, repeatable: {0}".format(
                            ", ".join(str(case) for case in known_cases())))
    result.add_argument("--limit-seconds", type=float, default=240,
                        help="time limit of one race (default 240)")
    result.add_argument("--certbot", type=shlex.split, default=["certbot"],
                        help="the certbot command (default: certbot)")
    result.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")),
                        help="directory for the results and the logs of failed cases")
    return result


def read_arguments(argument_parser, arguments):
    """Parse the command line, preceded by what the environment variable holds."""
    return argument_parser.parse_args(
        shlex.split(os.environ.get(ARGUMENTS_VARIABLE, "")) + list(arguments))


def known_cases():
    """All cases that can be named."""
    return (renewal_race.CASES + (renewal_race.DEFAULT_CASE,) + renewal_race.SERVER_CASES +
            renewal_race.APART_CASES)


def in_testbed():
    """Whether autopkgtest runs this as root: then the system's directories may be used."""
    return os.geteuid() == 0 and bool(
        os.environ.get("AUTOPKGTEST_TMP") or os.environ.get("ADTTMP"))


def stop_timer():
    """Keep the package's own timer from renewing in the system's directories meanwhile."""
    if os.path.isdir("/run/systemd/system"):
        with open(os.devnull, "r+b") as null:
            subprocess.call(["systemctl", "stop", "certbot.timer"], stdout=null, stderr=null)


def package_versions():
    """The installed versions of what is tested, by package; empty without dpkg."""
    found = {}
    for package in PACKAGES:
        try:
            query = subprocess.Popen(
                ["dpkg-query", "-W", "-f", "${Version}", package],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError:
            break
        version = query.communicate()[0].decode("ascii", "replace")
        if query.returncode == 0 and version:
            found[package] = version
    return found


def certbot_version(certbot):
    """What ``certbot --version`` says; SceneError when it cannot be run."""
    try:
        asked = subprocess.Popen(
            certbot + ["--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise renewal_race.SceneError("{0} cannot be run: {1}".format(certbot[0], error))
    text = asked.communicate()[0].decode("utf-8", "replace").strip()
    if asked.returncode != 0:
        raise renewal_race.SceneError("{0} --version failed: {1}".format(certbot[0], text))
    return text


def write_json(directory, name, value):
    """Write a result for the evidence; nothing when there is no directory for it."""
    if not directory:
        return
    path = os.path.join(directory, name)
    with open(path + ".new", "w") as target:
        json.dump(value, target, indent=1, sort_keys=True)
        target.write("\n")
    os.rename(path + ".new", path)


def run_case(case, settings, artifacts):
    """Set one case up, race it, print the line; returns the report."""
    with renewal_race.Scene(case, settings) as scene:
        observation = scene.race()
        findings = renewal_race.judge(observation)
        if findings and artifacts:
            scene.keep_logs(artifacts)
    report = renewal_race.report(observation, findings)
    print(one_line(report, observation))
    for finding in findings:
        print("  - " + finding.sentence.replace("\n", "\n    "))
    sys.stdout.flush()
    return report


def one_line(report, observation):
    """A report as one line for people."""
    return "{0}: {1} processes, {2} failed, versions {3} -> {4}, {5:.1f} s: {6}".format(
        report["case"], len(observation.results), report["failed"], observation.before,
        observation.after, max(result.seconds for result in observation.results),
        "wrong" if report["findings"] else "ok")


def main(arguments, cases=None):
    """Run the test; returns the exit code.

    ``cases`` are those of a test that has its own: without, and without --case, all that need
    no web server.
    """
    options = read_arguments(parser(__doc__.split("\n")[0]), arguments)
    cases = options.cases or cases
    if not cases:
        cases = list(renewal_race.CASES)
        if in_testbed():
            stop_timer()
            cases.append(renewal_race.DEFAULT_CASE)
        else:
            print("{0}: not run, the system's own directories are only used as root under "
                  "autopkgtest".format(renewal_race.DEFAULT_CASE))
    result = {"test": "concurrent-renew", "processes": options.processes,
              "packages": package_versions(), "cases": [], "outcome": "broken"}
    base = tempfile.mkdtemp(prefix="concurrent-renew.", dir=os.environ.get("AUTOPKGTEST_TMP"))
    try:
        result["certbot"] = certbot_version(options.certbot)
        print("{0}, {1} at once, against the stand-in CA".format(
            result["certbot"], options.processes))
        settings = renewal_race.Settings(
            options.certbot, options.processes, options.limit_seconds, base)
        for case in cases:
            result["cases"].append(run_case(case, settings, options.artifacts))
    except renewal_race.SceneError as error:
        result["error"] = str(error)
        print("Broken: {0}".format(error))
        write_json(options.artifacts, "result.json", result)
        return BROKEN
    finally:
        shutil.rmtree(base, ignore_errors=True)
    wrong = [report for report in result["cases"] if report["findings"]]
    result["outcome"] = "failed" if wrong else "passed"
    result["total_processes"] = sum(len(report["processes"]) for report in result["cases"])
    result["failed_processes"] = sum(report["failed"] for report in result["cases"])
    write_json(options.artifacts, "result.json", result)
    print("{0} of {1} processes failed, {2} of {3} cases went wrong".format(
        result["failed_processes"], result["total_processes"], len(wrong), len(result["cases"])))
    return FAILED if wrong else PASSED


def _process_count(text):
    count = int(text)
    if not LEAST_PROCESSES <= count <= MOST_PROCESSES:
        raise argparse.ArgumentTypeError("must be from {0} to {1}".format(
            LEAST_PROCESSES, MOST_PROCESSES))
    return count


def _case(text):
    for case in known_cases():
        if str(case) == text:
            return case
    raise argparse.ArgumentTypeError("no such case: {0}".format(text))
