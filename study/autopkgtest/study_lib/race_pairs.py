"""Pairs of renewals: run two with an offset, and say how that ended.

An outcome is one of four, the worst that was seen: ``mismatch`` (what live/
shows is a certificate with another one's key), ``inconsistent`` (any other
damage of the lineage), ``error`` (a process failed or wrote something, so that
cron sends a mail), ``fine``.

Runs under Python 2.7.
"""

import errno
import json
import os
import signal
import time

import race_audit
import race_standing
import race_warm
import renewals
from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import serialization

LIMIT_SECONDS = 120
# How long a run that has come to its window waits there for the other one.
GATE_SECONDS = 1.0
LEAD_SECONDS = 0.03


class Disk(object):
    """Where the lineages are: ``delay_seconds`` after each write stand for a slow disk."""

    def __init__(self, name, delay_seconds=0.0, emulated=""):
        self.name = name
        self.delay_seconds = delay_seconds
        self.emulated = emulated


class Gate(object):
    """Where two runs meet before their windows; ``apart_seconds`` is what the second waits more.

    Who comes first waits for the other, but not for ever: with a lock the
    other one does not come.
    """

    def __init__(self, directory, apart_seconds):
        self.directory = directory
        self.apart_seconds = apart_seconds

    def install(self, number):
        """In a child: stop before a lineage's new version is written, once."""
        from certbot import storage
        plain = storage.RenewableCert.save_successor
        gate = self

        def save_successor(*arguments, **named):
            """Meet, then do as ever."""
            gate._meet(number)
            return plain(*arguments, **named)

        storage.RenewableCert.save_successor = save_successor

    def clear(self):
        """Make it ready for the next pair."""
        if not os.path.isdir(self.directory):
            os.mkdir(self.directory)
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))

    def _meet(self, number):
        mine = os.path.join(self.directory, str(number))
        theirs = os.path.join(self.directory, str(1 - number))
        if os.path.exists(mine):
            return
        with open(mine + ".new", "w") as target:
            target.write(repr(time.time()))
        os.rename(mine + ".new", mine)
        deadline = time.time() + GATE_SECONDS
        while not os.path.exists(theirs):
            if time.time() > deadline:
                return
            time.sleep(0.001)
        moments = []
        for path in (mine, theirs):
            with open(path) as source:
                moments.append(float(source.read()))
        race_warm.wait_until(
            max(moments) + 0.005 + (self.apart_seconds if number == 1 else 0))


def prepare(one):
    """In a run's process, before certbot begins; returns what is to be called at its end.

    ``one`` has ``root``, ``delay``, ``record`` and ``gate``, as ``run`` makes it.
    """
    audit = race_audit.Audit([one["root"]], one["delay"])
    if one["gate"]:
        directory, apart_seconds, number = one["gate"]
        Gate(directory, apart_seconds).install(number)
    audit.install()
    return lambda: audit.save(one["record"])


def wanted(scene, number, arguments, moment, disk, gate=None):
    """What a run is to do, for ``prepare`` and for what starts it."""
    return {"arguments": arguments, "moment": moment, "record": scene.output(number, "audit"),
            "stdout": scene.output(number, "stdout"), "stderr": scene.output(number, "stderr"),
            "root": scene.config, "delay": disk.delay_seconds,
            "gate": gate and (gate.directory, gate.apart_seconds, number)}


def run(scene, commands, offsets, disk, gate=None, killer=None, standing=None, keys=None):
    """Run certbots side by side; returns a list with a dictionary for each.

    ``commands`` are argument lists, ``offsets`` the seconds after which each begins;
    ``killer.due(number, started, now)`` says whether to kill one now.  With a
    ``standing`` certbot all runs are copies of that, and ``keys`` has one for each.
    """
    begin = time.time() + LEAD_SECONDS
    todo = []
    for number, (arguments, offset) in enumerate(zip(commands, offsets)):
        one = wanted(scene, number, arguments, begin + offset, disk, gate)
        if os.path.exists(one["record"]):
            os.unlink(one["record"])
        if keys:
            one["key"] = keys[number]
        todo.append(one)
    source = standing or race_standing.Cold(prepare)
    children = dict((pid, number) for number, pid in enumerate(source.start(todo)))
    runs = [{"start": one["moment"], "end": None, "code": None, "timed_out": False}
            for one in todo]
    _await(source, children, runs, begin + max(offsets) + LIMIT_SECONDS, killer)
    for number, one in enumerate(runs):
        one["output"] = _text(scene.output(number, "stdout")) + _text(
            scene.output(number, "stderr"))
        one["writes"] = _record(scene.output(number, "audit"))
        one["window"] = race_audit.window(one["writes"], scene.config)
    return runs


def judge(scene, name, runs):
    """A dictionary about what happened to a lineage under two runs."""
    first, second = runs
    windows = [one["window"] for one in runs]
    findings = renewals.check_lineage(scene.config, name)
    mail = any(one["code"] != 0 or one["output"] for one in runs)
    if mismatched(scene.config, name):
        outcome = "mismatch"
    elif findings:
        outcome = "inconsistent"
    else:
        outcome = "error" if mail else "fine"
    return {
        "offset": second["start"] - first["start"],
        "overlapped": second["start"] < first["end"] and first["start"] < second["end"],
        "raced": all(windows) and windows[0][0] <= windows[1][1] and windows[1][0] <= windows[0][1],
        "apart": windows[1][0] - windows[0][0] if all(windows) else None,
        "outcome": outcome,
        "mail": mail,
        "versions": len(renewals.versions(scene.config, name)),
        "findings": sorted(set(finding.kind for finding in findings)),
        "codes": [one["code"] for one in runs],
        "said": [_reason(one["output"]) for one in runs],
        "timed_out": any(one["timed_out"] for one in runs),
    }


def names(config):
    """The names of all lineages that have a live or an archive directory, sorted."""
    return sorted(set(
        name for part in ("live", "archive") if os.path.isdir(os.path.join(config, part))
        for name in os.listdir(os.path.join(config, part))
        if os.path.isdir(os.path.join(config, part, name))))


def mismatched(config, name):
    """Whether a server that reads live/ now gets a certificate with another one's key."""
    live = os.path.join(config, "live", name)
    try:
        key = serialization.load_pem_private_key(
            _bytes(os.path.join(live, "privkey.pem")), None, default_backend())
    except (IOError, OSError, ValueError, TypeError):
        return False  # unreadable is another finding
    numbers = key.public_key().public_numbers()
    for kind in ("cert", "fullchain"):
        try:
            certificate = x509.load_pem_x509_certificate(
                _bytes(os.path.join(live, kind + ".pem")), default_backend())
        except (IOError, OSError, ValueError, TypeError):
            continue
        if certificate.public_key().public_numbers() != numbers:
            return True
    return False


def _await(source, children, runs, deadline, killer):
    left = set(children)
    late = False
    while left:
        for pid, status, moment in source.ended():
            if pid not in left:
                continue
            one = runs[children[pid]]
            one["end"] = moment
            one["code"] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
            left.discard(pid)
        for pid in left if killer is not None else ():
            if killer.due(children[pid], runs[children[pid]]["start"], time.time()):
                _kill(pid)
        if not late and time.time() > deadline:
            late = True
            for pid in left:
                runs[children[pid]]["timed_out"] = True
                _kill(pid)


def _kill(pid):
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise


def _text(path):
    return _bytes(path).decode("utf-8", "replace") if os.path.exists(path) else ""


def _bytes(path):
    with open(path, "rb") as source:
        return source.read()


def _record(path):
    if not os.path.exists(path):
        return []
    with open(path) as source:
        return json.load(source)


def _reason(text):
    """The line that says why a renewal failed, else the last one."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    why = [line for line in lines if "unexpected error" in line]
    return (why or lines or [""])[-1][-200:]
