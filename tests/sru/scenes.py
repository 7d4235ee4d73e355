"""Updates whose packages are in -proposed: the evidence of a small run, and what Launchpad says."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backport.engine.verdict import Passed, Skipped, Verdict
from backport.launchpad.archive.publication import Publication
from backport.launchpad.autopkgtest.verdicts import ServiceRun, ServiceSummary
from backport.launchpad.bug.data import Bug, Task
from backport.launchpad.builds.states import PublishedBinary
from backport.launchpad.upload import journal
from backport.sru import check, comment
from backport.sru.checklist import make
from backport.sru.checklist_data import Checklist
from backport.sru.facts import Facts
from backport.sru.manifest import Manifest
from backport.sru.proof import Proofs
from tests.sru.runs import SPEC, Place
from tests.support.recipes import SourceSpec
from tests.support.uploads import upload_record

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SINCE = "2026-11-12T10:00:00.000000+00:00"
PINNED = replace(
    SPEC, sources=(SourceSpec("alpha", pinned="1.0-1", quilt={"series": ("lock.patch",)}),)
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


def publication(series: str, version: str, pocket: str = "Proposed") -> Publication:
    return Publication(
        "ubuntu", "alpha", version, series, pocket, "universe", "Published", SINCE,
        f"https://api.example.org/{series}/{pocket}",
    )  # fmt: skip


def facts(where: Place, seen: Bug | None = None) -> Facts:
    """What Launchpad says when all is as it should be."""
    versions = {series: where.version(series) for series in SERIES}
    published: Mapping[tuple[str, str], tuple[Publication, ...]] = {
        ("alpha", one): (publication(one, versions[one]), publication(one, "0.9-1", "Release"))
        for one in SERIES
    }
    files = {
        ("alpha", one): (
            PublishedBinary(
                "alpha",
                versions[one],
                "all",
                f"alpha_{versions[one]}_all.deb",
                len(deb(where, one)),
                hashlib.sha256(deb(where, one)).hexdigest(),
                f"https://example.org/alpha_{versions[one]}_all.deb",
            ),
        )
        for one in SERIES
    }
    return Facts(NOW.isoformat(), seen or bug(), published, files)


def manifest(where: Place) -> Manifest:
    return check.load(where.evidence().folder)


def proofs(where: Place, known: Facts) -> Proofs:
    folder = where.evidence().folder
    return Proofs(where.recipe(), folder, check.load(folder), known, "e" * 64)


def checklist(where: Place, known: Facts) -> Checklist:
    return make(proofs(where, known), NOW)


def comment_of(where: Place, known: Facts) -> str:
    """The comment on xenial."""
    return comment.make(proofs(where, known), checklist(where, known), "xenial")


def run(where: Place, arch: str, each: Mapping[str, Verdict], **more: Any) -> ServiceRun:
    """A run of alpha's tests in xenial on the service, with what each test came to."""
    bad = [one for one in each.values() if not isinstance(one, Passed)]
    version = f"{where.version('xenial')}~ppa1"
    address = f"https://autopkgtest.example.org/xenial/{arch}"
    made = ServiceRun(
        "alpha", "xenial", arch, version, bad[0] if bad else Passed(f"{len(each)} tests"), address,
        f"{address}/log.gz", f"alpha/{version}", "https://autopkgtest.example.org/request", each,
    )  # fmt: skip
    return replace(made, **more)


def no_result(where: Place, arch: str) -> ServiceRun:
    """A request that the service has not answered yet."""
    none = dict.fromkeys(("result", "log_address", "trigger"), "")
    return run(where, arch, {}, verdict=Skipped("no result yet"), **none)


def control(where: Place, made: Verdict, **more: Any) -> ServiceRun:
    """The control of renew in xenial, in a PPA of its own."""
    own = {"version": f"{where.version('xenial')}~unpatched1", "verdict": made, "test": "renew",
           "control": "renew-control", "variant": "unpatched"}  # fmt: skip
    return run(where, "amd64", {}, **{**own, **more})


def serve(where: Place, *rows: ServiceRun, made_of: str = "") -> None:
    """Put the service's records, and those of the uploads, into the work folder.

    Parameters:
        made_of: the sha256 of the .dsc that the uploads were made of; that of this run.
    """
    where.run()
    work = where.store.work
    for series in SERIES:
        (dsc,) = (work / f"source/{series}/alpha").glob("*.dsc")
        upload = upload_record(
            "alpha", f"{where.version(series)}~ppa1", series=series, root="https://lp.example.org/",
            made_of=made_of or hashlib.sha256(dsc.read_bytes()).hexdigest(),
        )  # fmt: skip
        journal.write(work, upload)
    tests = tuple(row for row in rows if not row.variant)
    for row in tests:
        (work / row.file).parent.mkdir(parents=True, exist_ok=True)
        (work / row.file).write_bytes(gzip.compress(f"tested on {row.arch}\n".encode(), mtime=0))
    controls = tuple(row for row in rows if row.variant)
    ServiceSummary("ppa:me/sru", "", "https://lp.example.org/", tests, controls).write(work)
