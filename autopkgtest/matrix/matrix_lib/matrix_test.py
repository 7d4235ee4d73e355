"""What the tests of the matrix share: options, the versions of what is tested, results.

Runs under Python 2.7 and 3.
"""

import argparse
import json
import os
import shlex
import subprocess

import renewals

LEAST_PROCESSES = 2
MOST_PROCESSES = 20
PACKAGES = ("certbot", "python-certbot", "python-certbot-apache", "python-certbot-nginx",
            "python-acme", "python-filelock", "python-cryptography", "python2.7", "apache2",
            "nginx")
ARGUMENTS_VARIABLE = "MATRIX_ARGUMENTS"


def parser(description, cases=()):
    """The options of the tests that race ``cases``."""
    result = argparse.ArgumentParser(description=description, epilog=(
        "More arguments are read from the environment variable {0}.".format(ARGUMENTS_VARIABLE)))
    result.add_argument("--processes", type=int, default=renewals.PROCESSES, metavar="N",
                        choices=range(LEAST_PROCESSES, MOST_PROCESSES + 1),
                        help="how many renew at once, {0} to {1} (default {2})".format(
                            LEAST_PROCESSES, MOST_PROCESSES, renewals.PROCESSES))
    result.add_argument("--case", action="append", dest="cases", metavar="CASE", choices=cases,
                        type=lambda text: renewals.Case(*text.split("-")),
                        help="only this case, repeatable: {0}".format(
                            ", ".join("-".join(case) for case in cases)))
    result.add_argument("--limit-seconds", type=float, default=renewals.LIMIT_SECONDS,
                        help="time limit of one race (default {0})".format(renewals.LIMIT_SECONDS))
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


def in_testbed():
    """Whether autopkgtest runs this as root: then the system's directories may be used."""
    return os.geteuid() == 0 and bool(
        os.environ.get("AUTOPKGTEST_TMP") or os.environ.get("ADTTMP"))


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
        raise renewals.SceneError("{0} cannot be run: {1}".format(certbot[0], error))
    text = asked.communicate()[0].decode("utf-8", "replace").strip()
    if asked.returncode != 0:
        raise renewals.SceneError("{0} --version failed: {1}".format(certbot[0], text))
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
