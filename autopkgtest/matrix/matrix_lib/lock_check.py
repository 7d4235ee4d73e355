"""What a check of the lock is, what it finds, and what its control has to show.

A check is a function that does something to certbot and returns findings; no
finding means that the lock has the property.  Each check names one control:
the variant of the packages, or the one-line mutation of the patched certbot,
on which it must have findings of the kinds given.  A check that finds nothing
there proves nothing.

Runs under Python 2.7 and 3.
"""

import collections
import re

PATCHED, NAIVE, UNPATCHED = "patched", "naive", "unpatched"
SEEN, NOT_SEEN, BROKEN = "harm-seen", "not-seen", "broken"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# What says that the scene is broken, and nothing about a lock.
UNRELATED = re.compile(
    r"Connection refused|Max retries exceeded|NewConnectionError|ImportError|VersionConflict|"
    r"DistributionNotFound|SyntaxError|NameError|command not found|unrecognized arguments|"
    r"MemoryError|urn:acme:error:(serverInternal|malformed|badNonce)")


class Skipped(Exception):
    """A check cannot be made here; one sentence that says why.  Counted, and never a pass."""


class Finding(collections.namedtuple("Finding", "kind sentence")):
    """One thing that is wrong: ``kind`` for machines, ``sentence`` for people."""


class Mutation(collections.namedtuple("Mutation", "name path old new")):
    """One changed line of certbot: in the module ``path`` (below the package), the one
    occurrence of ``old`` becomes ``new``; ``name`` says what fault that is."""


class Control(collections.namedtuple("Control", "variant kinds mutation")):
    """Where a check must find harm: on ``variant`` (changed by ``mutation`` where that is
    not None), findings of which at least one is of ``kinds``."""

    def __str__(self):
        if self.mutation is None:
            return self.variant
        return "{0}, with {1}: {2}".format(self.variant, self.mutation.path, self.mutation.name)


class Check(collections.namedtuple("Check", "name control run")):
    """One property: ``run(place)`` returns findings, or raises Skipped."""


def on_naive(*kinds):
    """The control that runs on packages with a stock filelock.FileLock around main."""
    return Control(NAIVE, kinds, None)


def on_unpatched(*kinds):
    """The control that runs on packages without any lock."""
    return Control(UNPATCHED, kinds, None)


def mutated(name, old, new, *kinds, **where):
    """The control that runs on a patched certbot, of which one line of lock.py (or of the module
    ``path``) is changed."""
    return Control(PATCHED, kinds, Mutation(name, where.get("path", "lock.py"), old, new))


def outcome_of(findings):
    """The outcome of one check from its findings."""
    return FAILED if findings else PASSED


def control_outcome(control, findings):
    """What one check shows on its control: harm seen, not seen, or something else (broken)."""
    if any(UNRELATED.search(finding.sentence) for finding in findings):
        return BROKEN
    if not findings:
        return NOT_SEEN
    return SEEN if any(finding.kind in control.kinds for finding in findings) else BROKEN


def overall_control(outcomes):
    """The outcome of a control from those of its checks: each must have shown its harm."""
    if not outcomes or BROKEN in outcomes:
        return BROKEN
    return SEEN if set(outcomes) == set([SEEN]) else NOT_SEEN


def overall(outcomes):
    """The outcome of a test from those of its checks; nothing but skipped checks is broken."""
    if FAILED in outcomes:
        return FAILED
    return PASSED if PASSED in outcomes else BROKEN


def described(findings):
    """Findings as data for JSON."""
    return [{"kind": finding.kind, "sentence": finding.sentence} for finding in findings]
