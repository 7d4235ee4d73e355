"""Updates whose packages are in -proposed: the evidence of a small run, and what Launchpad says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from backport.launchpad.bug_plan import Bug, Task
from backport.launchpad.publication import Publication
from backport.sru import check
from backport.sru.checklist import make
from backport.sru.checklist_data import Checklist
from backport.sru.facts import Facts, PublishedFile
from backport.sru.manifest import Manifest
from tests.sru.runs import SPEC, Place
from tests.support.recipes import SourceSpec

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SINCE = "2026-11-12T10:00:00.000000+00:00"
PINNED = replace(
    SPEC, sources=(SourceSpec("alpha", base="1.0-1", quilt={"series": ("lock.patch",)}),)
)
SERIES = ("xenial", "yakkety")
GOOD = """\
[ Impact ]

Two renewals at the same time fail, and sometimes leave a certificate with another key.

[ Test Plan ]

1. Start two renewals at the same time. Both have to end well.

[ Where problems could occur ]

A process that never ends keeps the others waiting; they then give up and say so.
"""
NEEDED = tuple(f"verification-needed-{series}" for series in SERIES)
RULE = "The tests"


def place(root_place: Place, kind: str = "ubuntu") -> Place:
    """A place whose sources are pinned, so that its versions are those of the upload."""
    root_place.spec, root_place.kind = PINNED, kind
    return root_place


def deb(where: Place, series: str) -> bytes:
    """The content of alpha's package in a series."""
    name = f"build/{series}/alpha"
    return where.debs.get(name, f"the package of {name}\n".encode())


def bug(tags: tuple[str, ...] = NEEDED, description: str = GOOD) -> Bug:
    tasks = [Task("alpha", "", "Fix Released")]
    tasks += [Task("alpha", series, "Fix Committed") for series in SERIES]
    return Bug(1, "It breaks", description, tags, tuple(tasks), (), ("It breaks", description))


def publication(
    series: str, version: str, pocket: str = "Proposed", since: str = SINCE
) -> Publication:
    return Publication(
        "ubuntu", "alpha", version, series, pocket, "universe", "Published", since,
        f"https://api.example.org/{series}/{pocket}",
    )  # fmt: skip


def facts(where: Place, seen: Bug | None = None, **changes: object) -> Facts:
    """What Launchpad says when all is as it should be."""
    versions = {series: where.version(series) for series in SERIES}
    published: Mapping[tuple[str, str], tuple[Publication, ...]] = {
        ("alpha", one): (publication(one, versions[one]), publication(one, "0.9-1", "Release"))
        for one in SERIES
    }
    files = {
        ("alpha", one): (
            PublishedFile(
                "alpha",
                versions[one],
                f"alpha_{versions[one]}_all.deb",
                hashlib.sha256(deb(where, one)).hexdigest(),
                f"https://example.org/alpha_{versions[one]}_all.deb",
            ),
        )
        for one in SERIES
    }
    known = Facts(NOW.isoformat(), seen or bug(), published, files)
    return replace(known, **changes)  # type: ignore[arg-type]


def manifest(where: Place) -> Manifest:
    return check.load(where.evidence().folder)


def checklist(where: Place, known: Facts) -> Checklist:
    return make(where.recipe(), manifest(where), known, sha256="e" * 64, now=NOW)
