"""The plugin study: what runs of ``certbot --apache`` and ``--nginx`` write, and their pairs.

For each server, on the real one: one run is traced; every pair of writes of
two such runs that no lock orders is a finding; then pairs of runs for two
sites are let go at drawn moments, and what is left is looked at.  Writes
``study.json``.

Harm is any of these.  Runs under Python 2.7, as root, in a testbed only.
"""

from __future__ import print_function

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time

import matrix_test
import race_pairs
import race_scene
import race_test
import race_warm
import renewals
import study_pairs
import study_servers
import study_trace

SITES = ("first.example.org", "second.example.org")
SEED = 1640978
LOG_NAMES = ("letsencrypt.log", "certbot.log")


def parser():
    """The options."""
    result = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    result.add_argument("--rounds", type=int, default=12, metavar="N", help="pairs per server")
    result.add_argument("--seed", type=int, default=SEED)
    result.add_argument("--server", action="append", choices=["apache", "nginx"], dest="servers")
    result.add_argument("--certbot", default="certbot")
    result.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")))
    return result


def main(arguments, control=False):
    """Run the study; returns the exit code."""
    options = matrix_test.read_arguments(parser(), arguments)
    return race_test.conduct(
        "plugin-study", "study.json", {"seed": options.seed, "servers": []}, options, control,
        lambda result, base: _study_all(result, base, options),
        lambda result: sum(len(one["rounds"]) for one in result["servers"]))


def _study_all(result, base, options):
    """Fill the result; returns whether anything was found."""
    if not matrix_test.in_testbed():
        raise renewals.SceneError(
            "The servers' own directories are only used as root under autopkgtest.")
    race_test.tell_subject(result, [options.certbot])
    study_servers.allow_small_keys(base)
    _free_the_ports()
    for kind in (study_servers.Apache, study_servers.Nginx):
        if not options.servers or kind.name in options.servers:
            result["servers"].append(_study(kind, options, base))
    # The lock is that of certbot's own directories: with others, pairs are told and not judged.
    return any(one["findings"] or one["wrong_rounds"] for one in result["servers"])


def _free_the_ports():
    for name in ("apache2", "nginx"):
        if os.path.isdir("/run/systemd/system"):
            subprocess.call(["systemctl", "stop", name])


class ServerScene(race_scene.RaceScene):
    """A race scene whose CA checks TLS-SNI on the server's own port."""

    tls_sni_01_port = 443


def _study(kind, options, base):
    server = kind(base)
    server.save(SITES)
    with ServerScene(base, [], options.certbot) as scene:
        server.start()
        try:
            found = _trace(server, scene)
            found["rounds"] = _rounds(server, scene, options)
        finally:
            server.stop()
            server.restore()
    found["wrong_rounds"] = sum(1 for one in found["rounds"] if one["wrong"])
    print("{0}: {1} writes to {2} paths; {3} unordered pairs, {4} with other directories of "
          "certbot; {5} of {6} rounds went wrong".format(
              server.name, found["writes"], found["paths"], len(found["findings"]),
              len(found["findings_other_directories"]), found["wrong_rounds"],
              len(found["rounds"])))
    for one in found["rounds"]:
        if one["wrong"]:
            print("  - offset {0} s: {1}".format(one["offset"], one["wrong"][0].replace("\n", " ")))
    mine = [one for one in found["findings"] if one["path"].startswith(server.root)]
    for one in mine[:10] + found["findings_other_directories"][:4]:
        print("  - {0}: {1} and {2}: {3}".format(
            one["path"], one["places"][0], one["places"][-1], one["what"]))
    sys.stdout.flush()
    return found


def _command(server, scene, site):
    return (["run", "-n", "--agree-tos", "-m", renewals.CONTACT, "--server",
             scene.ca.url("/directory"), "-d", site, "--no-redirect", "--tls-sni-01-port", "443"]
            + server.options + scene.directories())


def _trace(server, scene):
    """One run alone, traced."""
    _register(scene)
    trace = study_trace.Trace([server.root, scene.config, scene.work, scene.logs])
    record = scene.output(0, "trace")
    pid = race_warm.start(
        _command(server, scene, SITES[0]), scene.output(0, "stdout"), scene.output(0, "stderr"),
        time.time(), trace.install, lambda: trace.save(record))
    code = os.waitpid(pid, 0)[1]
    with open(scene.output(0, "stderr")) as said:
        text = said.read()
    if code != 0 or not os.path.exists(record) or not server.serves(SITES[0]):
        raise renewals.SceneError("One run with {0} alone goes wrong: exit {1}: {2}".format(
            server.name, os.WEXITSTATUS(code), text.strip()[-600:]))
    with open(record) as source:
        rows = [row for row in json.load(source)
                if os.path.basename(row["path"]).split(".log")[0] + ".log" not in LOG_NAMES]
    for row in rows:
        row["path"] = row["path"].replace(scene.base, "")
        row["held"] = [one.replace(scene.base, "") for one in row["held"]]
    return {"server": server.name, "writes": len(rows),
            "paths": len(set(row["path"] for row in rows)), "order": study_pairs.order(rows),
            "findings": study_pairs.findings(rows),
            "findings_other_directories": study_pairs.findings(rows, server.root)}


def _rounds(server, scene, options):
    """Two runs for two sites, at drawn moments; what each round left."""
    draw = random.Random("{0} {1}".format(options.seed, server.name))
    disk = race_pairs.Disk("tmpfs")
    rounds = []
    for _ in range(options.rounds):
        server.reset()
        for path in (scene.config, scene.work, scene.logs):
            shutil.rmtree(path, ignore_errors=True)
        _register(scene)
        offset = draw.uniform(0, 6)
        runs = race_pairs.run(
            scene, [_command(server, scene, site) for site in SITES], [0, offset], disk)
        wrong = []
        for site, run in zip(SITES, runs):
            if run["code"] != 0 or run["timed_out"]:
                wrong.append("the run for {0} ended with {1}: {2}".format(
                    site, run["code"], run["output"].strip()[-300:]))
            elif not server.serves(site):
                wrong.append("{0} is not served, though its run ended with 0".format(site))
        if server.broken():
            wrong.append("the server refuses its configuration: " + server.broken())
        for name in race_pairs.names(scene.config):
            wrong.extend(finding.sentence for finding in renewals.check_lineage(scene.config, name))
        wrong.extend(_left(server, scene))
        rounds.append({"offset": round(offset, 3), "wrong": wrong})
    return rounds


def _register(scene):
    """An account, so that the two runs differ in their sites only."""
    run, = race_pairs.run(
        scene, [["register", "-n", "--agree-tos", "-m", renewals.CONTACT, "--server",
                 scene.ca.url("/directory")] + scene.directories()], [0], race_pairs.Disk("tmpfs"))
    if run["code"] != 0:
        raise renewals.SceneError("No account could be registered: {0}".format(
            run["output"].strip()[-400:]))


def _left(server, scene):
    """What a run that ended well does not leave."""
    found = []
    for part in ("temp_checkpoint", os.path.join("backups", "IN_PROGRESS")):
        if os.path.isdir(os.path.join(scene.work, part)):
            found.append("{0} was left".format(part))
    for parent, _, files in os.walk(server.root):
        found.extend("{0} was left".format(os.path.join(parent, name))
                     for name in files if "tls_sni_01" in name)
        if os.path.exists(os.path.join(parent, study_trace.LOCK)):
            found.append("a lock file was left in {0}".format(parent))
    return found

