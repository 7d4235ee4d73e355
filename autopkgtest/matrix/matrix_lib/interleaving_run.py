"""The test that no order of two writers does harm, and its control.

As a test: the installed packages; every order must be fine.  As a control: the
same orders on unpatched packages, or on patched ones with the mutations below,
and the harm must show.  Writes ``result.json`` or ``control.json``, and
``interleaving.json`` with all counts.  Exit code 0: passed, or every harm seen;
1: a bad order, or harm not seen; 2: broken, nothing could be tested.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import collections
import importlib
import multiprocessing
import os
import shlex
import shutil
import sys
import tempfile

import interleaving_engine
import interleaving_measure
import lock_check
import lock_variant
import matrix_test
import renewals

MEMORY = "/dev/shm"
# Probabilities of a switch after each step: a now and then, and two processors side by side.
CHANCES = (1.0 / 16, 1.0 / 4, 1.0 / 2)
MUTATIONS = (
    lock_check.Mutation("no lock is taken", "main.py",
                        "    lock_messages = lock.enter(config)\n", "    lock_messages = []\n"),
    lock_check.Mutation("a lock that another process holds counts as taken", "lock.py",
                        "if _clock() > self.deadline:",
                        "if setattr(self, \"_lock_file_fd\", os.dup(fd)):"),
)


class Settings(collections.namedtuple("Settings", "switches sample checked random")):
    """How much is run of each subject; as in interleaving_measure.Plan."""


TEST = Settings(switches=2, sample=300, checked=100, random=50)
LONG_TEST = Settings(switches=3, sample=0, checked=500, random=500)
CONTROL = Settings(switches=1, sample=300, checked=50, random=50)
LONG_CONTROL = Settings(switches=3, sample=0, checked=500, random=500)
# Each order of these runs nginx eight times, or Apache ten times.
SLOW_TEST = Settings(switches=1, sample=300, checked=30, random=30)
SLOW_CONTROL = Settings(switches=1, sample=150, checked=20, random=30)


class Subject(collections.namedtuple("Subject", "name path")):
    """What is run: the installed certbot (``path`` None) or a changed copy."""


def parser(description, settings, pair):
    """The options."""
    result = argparse.ArgumentParser(description=description)
    for name, text in (
            ("switches", "every order with up to so many switches"),
            ("sample", "so many orders with one switch more, chosen at random"),
            ("checked", "run so many of the orders that are known without a run"),
            ("random", "so many orders with a switch at random after each step, per probability")):
        value = getattr(settings, name)
        result.add_argument("--" + name, type=int, default=value,
                            help="{0} (default {1})".format(text, value))
    result.add_argument("--seed", type=int, default=1, help="of all random choices (default 1)")
    result.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(),
                        help="pairs of writers at once (default: one for each processor)")
    result.add_argument("--reason", action="append", dest="reasons", choices=pair.REASONS,
                        help="why both write, repeatable (default: {0})".format(
                            ", ".join(pair.REASONS)))
    result.add_argument("--certbot", type=shlex.split, default=["certbot"],
                        help="the certbot command that obtains the first certificate")
    result.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")),
                        help="directory for the results")
    return result


def main(description, arguments, settings, control=False, pair="interleaving_lineage"):
    """Run the test or its control on the writers of the module ``pair``; returns the exit code."""
    name, pair = pair, importlib.import_module(pair)
    options = matrix_test.read_arguments(
        parser(description.split("\n")[0], settings, pair), arguments)
    result = {"test": "interleaving" + ("-control" if control else ""), "writers": name.replace("interleaving_", ""),
              "outcome": lock_check.BROKEN, "packages": matrix_test.package_versions(),
              "pairs": []}
    base = tempfile.mkdtemp(prefix="interleaving.", dir=(
        MEMORY if os.access(MEMORY, os.W_OK) else os.environ.get("AUTOPKGTEST_TMP")))
    try:
        result["certbot"] = matrix_test.certbot_version(options.certbot)
        package = lock_variant.package_directory()
        result["variant"] = lock_variant.variant_of(package)
        templates = {}
        print("{0} ({1}), every order with up to {2} switches, {3} processes".format(
            result["certbot"], result["variant"], options.switches, options.jobs))
        for subject in _subjects(result["variant"], package, base, control):
            for reason in options.reasons or pair.REASONS:
                if reason not in templates:
                    room = tempfile.mkdtemp(prefix=reason + ".", dir=base)
                    templates[reason] = pair.prepare(options.certbot, room, reason)
                result["pairs"].append(
                    _run(pair, subject, reason, templates[reason], base, options))
        judge(pair, result, control)
    except (renewals.SceneError, lock_variant.VariantError,
            interleaving_engine.EngineError) as error:
        result["outcome"] = lock_check.BROKEN
        result["error"] = str(error)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return _finish(pair, result, options.artifacts, control)


def _subjects(variant, package, base, control):
    if not control or variant != lock_check.PATCHED:
        return [Subject("as installed", None)]
    found = []
    for mutation in MUTATIONS:
        target = tempfile.mkdtemp(prefix="mutated.", dir=base)
        lock_variant.mutated_copy(package, mutation, target)
        found.append(Subject("{0}: {1}".format(mutation.path, mutation.name), target))
    return found


def _run(pair, subject, reason, template, base, options):
    room = tempfile.mkdtemp(prefix="pair.", dir=base)
    plan = interleaving_measure.Plan(
        options.switches, options.sample, options.checked, options.random, CHANCES, options.seed,
        max(1, options.jobs))
    measured = interleaving_measure.measure(
        pair, lambda directory: pair.make_place(template, directory, reason, subject.path),
        room, plan)
    shutil.rmtree(room, ignore_errors=True)
    measured.update(subject=subject.name, reason=reason)
    _say(pair, measured)
    return measured


def judge(pair, result, control):
    """Set the outcome, and how many orders there were and how many of them are bad."""
    rows = [row for one in result["pairs"] for row in one["switches"] + one["random"]]
    result["total_orders"] = sum(row["orders"] for row in rows)
    result["bad_orders"] = sum(row["bad"] for row in rows)
    for one in result["pairs"]:
        if any(set(words).intersection(pair.BAD) for words in one["alone"]["outcomes"]):
            result["error"] = "A writer alone already goes wrong: {0}, {1}.".format(
                one["subject"], one["alone"]["outcomes"])
            result["outcome"] = lock_check.BROKEN
            return
        if one.get("wrongly_known"):
            result["error"] = "An order that was taken as known came out otherwise: {0}.".format(
                one["wrongly_known"][0])
            result["outcome"] = lock_check.BROKEN
            return
    if not control:
        # Without switches nothing was interleaved, and nothing is proved.
        tried = all(sum(row["orders"] for row in one["switches"][1:]) for one in result["pairs"])
        if not tried or not result["pairs"]:
            result["error"] = "No order with a switch was run."
        else:
            result["outcome"] = (
                lock_check.FAILED if result["bad_orders"] else lock_check.PASSED)
        return
    seen = [all(any(row[word] for row in one["switches"] + one["random"]) for word in pair.HARM)
            for one in result["pairs"]]
    result["outcome"] = lock_check.SEEN if seen and all(seen) else lock_check.NOT_SEEN


def _say(pair, measured):
    print("{0}, {1}: {2} and {3} steps alone; {4} runs, {5:.0f} s, {6} a second".format(
        measured["subject"], measured["reason"], measured["alone"]["steps"][0],
        measured["alone"]["steps"][1], measured["runs"], measured["seconds"],
        measured["runs_per_second"]))
    for row in measured["switches"]:
        print("  {0} switches, {1}: {2}".format(row["switches"], row["how"], _line(pair, row)))
    for row in measured["random"]:
        print("  a switch after each step with {0:.2f}: {1}".format(
            row["chance"], _line(pair, row)))
    sys.stdout.flush()


def _line(pair, row):
    parts = ["{0} orders, {1} blocked, {2} infeasible, {3} bad".format(
        row["orders"], row["blocked"], row["infeasible"], row["bad"])]
    parts += ["{0} {1}".format(row[word], word) for word in pair.BAD if row[word]]
    for group in pair.GROUPS:
        one = row["of"][group]
        if one["orders"]:
            parts.append("{0}: {1} of them, {2}".format(group, one["orders"], ", ".join(
                "{0} {1}".format(one[word], word) for word in pair.BAD if one[word]) or "fine"))
    return "; ".join(parts)


def section(pair, result):
    """What the report shows of the orders."""
    words = ["orders", "blocked"] + list(pair.BAD)
    rows = [[
        "{0}, {1}: {2}".format(one["subject"], one["reason"], (
            "{0} switches, {1}".format(row["switches"], row["how"]) if "switches" in row else
            "random, chance {0}".format(row["chance"])))] + [row[word] for word in words]
        for one in result["pairs"] for row in one["switches"] + one["random"]]
    return {
        "title": "Orders of the steps of two writers: {0}".format(result["writers"]),
        "sentence": "{0} orders were run; {1} of them went wrong.".format(
            result.get("total_orders", 0), result.get("bad_orders", 0)),
        "columns": ["Orders"] + words, "rows": rows,
    }


def _finish(pair, result, artifacts, control):
    matrix_test.write_json(artifacts, "interleaving.json", result)
    matrix_test.write_json(artifacts, "report-interleaving.json", section(pair, result))
    short = dict((key, value) for key, value in result.items() if key != "pairs")
    if control:
        short["rounds"] = result.get("total_orders", 0)
        codes = {lock_check.SEEN: 0, lock_check.NOT_SEEN: 1}
    else:
        codes = {lock_check.PASSED: 0, lock_check.FAILED: 1}
    matrix_test.write_json(artifacts, "control.json" if control else "result.json", short)
    print("{0}: {1}, {2} of {3} orders bad".format(
        result["test"], result["outcome"], result.get("bad_orders", 0),
        result.get("total_orders", 0)))
    if "error" in result:
        print("Broken: " + result["error"])
    return codes.get(result["outcome"], 2)
