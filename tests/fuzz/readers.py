"""Every reader of data that others make, with a right sample and the damage that once broke one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from backport.check import finding, rules
from backport.engine import records
from backport.engine.step import StepId
from backport.engine.store import RECORD, Outcome, Store
from backport.engine.verdict import Passed
from backport.environments import prepared
from backport.launchpad.api.environment import service_root
from backport.launchpad.archive.publication import Publication
from backport.launchpad.archive.publications import Records
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.upload import journal
from backport.recipe import reader as recipes
from backport.source import changelog, control, dep3, dep8, dsc, installable, patches, weight
from backport.sru import check, manifest, run_record, sections
from backport.sru.checklist_data import Checklist
from backport.testbed import reports
from tests.fuzz.strategies import damaged, damaged_json
from tests.support import source_builder
from tests.support.recipes import Spec, write
from tests.support.source_builder import patch_text, write_files

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Reader:
    """A reader: `read` takes the file, in a folder of its own, that has the content.

    `inputs` are right and damaged contents, `seeds` those that once ended in a traceback.
    """

    name: str
    file: str
    read: Read
    sample: bytes
    inputs: st.SearchStrategy[bytes]
    seeds: tuple[bytes, ...] = ()


def _text(name: str, file: str, read: Read, sample: bytes, *seeds: bytes) -> Reader:
    return Reader(name, file, read, sample, damaged(sample), seeds)


def _json(name: str, file: str, read: Read, sample: Any, *seeds: bytes) -> Reader:
    text = json.dumps(sample).encode()
    return Reader(name, file, read, text, damaged_json(sample), (*_JSON_SEEDS, *seeds))


_JSON_SEEDS = (b"", b"null", b"[" * 100_000, b'{"a": ' * 5000, b"9" * 5000, b"\xff", b"[1e999]")

DSC = b"""\
Format: 3.0 (quilt)
Source: tiny
Binary: tiny
Version: 1.0-1
Maintainer: A B <a@example.org>
Checksums-Sha256:
 %(hash)s 10 tiny_1.0.orig.tar.gz
 %(hash)s 20 tiny_1.0-1.debian.tar.xz
Files:
 %(md5)s 10 tiny_1.0.orig.tar.gz
 %(md5)s 20 tiny_1.0-1.debian.tar.xz
""" % {b"hash": b"0" * 64, b"md5": b"0" * 32}
CONTROL = (
    source_builder.CONTROL.format(name="tiny")
    .replace("python-all", "libc6-dev [amd64] <!nocheck>,")
    .encode()
)
CHANGELOG = b"""\
tiny (1:1.0-1) unstable; urgency=medium

  * First. (LP: #1)

 -- A B <a@example.org>  Mon, 23 Nov 2026 12:00:00 +0000
"""
TESTS = b"Tests: smoke, other\nDepends: @, procps\nRestrictions: allow-stderr\n\nTests: third\n"
PATCH = patch_text("README", "one\ntwo\nthree\n", "one\n2\nthree\n").encode()
ENTRY = CHANGELOG.decode().replace("1.0-1", "1.0-1ubuntu1")


def _recipe(path: Path) -> object:
    content = path.read_bytes()
    write(path.parent, Spec())
    path.write_bytes(content)
    return recipes.load(path)


def _recipe_sample() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write(
            Path(folder), Spec(matrix=({"name": "smoke", "source": "alpha"},))
        ).read_bytes()


def _control(path: Path) -> object:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    edited = control.for_ubuntu(text, file="debian/control")
    installable.check(edited, "1.0-1", "tiny")
    return control.relations(text)


def _tests(path: Path) -> str:
    """Read it as the tests of the recipe, and as those of the pinned package."""
    plain = write_files(path.parent / "plain", {"control": "Tests: plain\n", "plain": ""})
    damaged = write_files(path.parent / "damaged", dict.fromkeys(("smoke", "other", "third"), ""))
    shutil.copy(path, damaged / "control")
    for place, theirs in (("first", plain), ("second", damaged)):
        debian = path.parent / place
        shutil.copytree(theirs, debian / "tests")
        dep8.add_tests(damaged if theirs is plain else plain, debian)
    return (debian / "tests/control").read_text("utf-8", "surrogateescape")


def _patch(path: Path) -> object:
    tree = path.parent / "tree"
    tree.mkdir()
    (tree / "README").write_text("one\ntwo\nthree\n")
    patches.apply_series(path.parent, [path.name], tree)
    return (tree / "README").read_bytes()


def _series(path: Path) -> object:
    (path.parent / "a.patch").write_bytes(PATCH)
    return patches.read_series(path)


def _step_record() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scratch = store.scratch("build")
        (scratch / "a.deb").write_text("a")
        store.commit(StepId("build"), "k", Outcome(Passed("built"), ("a.deb",)), scratch, 1.0)
        return json.loads((store.folder(StepId("build")) / RECORD).read_text())


def _store(path: Path) -> object:
    """A damaged record counts as none; nothing is raised."""
    store = Store(path.parent.parent)
    notes: list[str] = []
    step_id = StepId(path.parent.name)
    fresh = store.fresh(step_id, "k", notes.append)
    assert fresh is None or not notes
    return store.last(step_id), store.seconds(step_id)


FINDING = asdict(finding.make(next(iter(rules.RULES)), "warning", "debian/rules", "why", "what"))
PASSED = records.encode(Passed("fine"))
ROW = {
    "source": "alpha", "series": "xenial", "arch": "amd64", "version": "1.0-1~ppa1",
    "trigger": "alpha/1.0-1~ppa1", "result": "https://x/", "log_address": "https://x/log.gz",
    "verdict": PASSED,
}  # fmt: skip
SUMMARY = {
    "format": verdicts.FORMAT, "ppa": "a/b", "control_ppa": "", "launchpad": "https://x/",
    "tests": [{**ROW, "each": {"smoke": PASSED}}],
    "controls": [{**ROW, "control": "smoke-control", "variant": "unpatched"}],
}  # fmt: skip
UPLOAD = {
    "format": 1, "source": "alpha", "series": "xenial", "version": "1.0-1", "update": "1.0-1",
    "ppa": "a/b", "root": "https://x/", "server": "ppa", "content": {"a": "0"}, "files": {"a": "0"},
    "signer": "F", "account": "a", "base": "stand-in", "steps": {"build": "passed"},
    "state": "sent", "times": {"sent": "2026-11-23T12:00:00+00:00"},
}  # fmt: skip
PUBLICATION = asdict(Publication(
    "ubuntu", "alpha", "1.0-1", "xenial", "Release", "main", "Published",
    "2026-11-23T12:00:00+00:00", link="https://x/",
))  # fmt: skip
RECORDS = {
    "format": 3,
    "answers": {
        f"{service_root()} ubuntu/xenial/alpha": {
            "asked_at": "2026-11-23T12:00:00+00:00", "publications": [PUBLICATION],
        }
    },
}  # fmt: skip
CHECKLIST = {
    "bug": 1, "evidence": "small-0", "sha256": "0" * 64, "asked": "",
    "items": [{"state": "done", "place": "x", "what": "y", "why": "z", "rule": "r"}],
    "tags": [{"series": "xenial", "add": "a", "remove": ["b"]}],
}  # fmt: skip
TEST_REPORT = {
    "total_processes": 4, "failed_processes": 0, "skipped_checks": 0,
    "cases": [{"case": "due", "failed": 0, "processes": [{"returncode": 0}]}],
    "checks": [{"name": "a", "outcome": "passed"}],
}  # fmt: skip
CONTROL_REPORT = {
    "outcome": "harm-seen", "rounds": 2,
    "cases": [{"case": "due", "rounds": [{"failed": 1, "harm": ["x"], "processes": [{}]}]}],
}  # fmt: skip
SECTION = {"title": "T", "sentence": "S.", "columns": ["a", "b"], "rows": [["x", 1], ["y", 2.5]]}
PREPARED = {
    "kind": "stand-in", "suite": "Debian", "repository": "/r", "chroot": "/c", "testbed_root": "/t",
    "differing": [{"package": "a", "series_version": "1", "base_version": "2"}],
}  # fmt: skip


def _manifest(path: Path) -> object:
    """With its own hash right again, as somebody would who has changed it on purpose."""
    try:
        data = json.loads(path.read_bytes())
        data["sha256"] = manifest.digest_of({k: v for k, v in data.items() if k != "sha256"})
        path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    except (ValueError, TypeError, RecursionError, AttributeError):
        pass
    return check.check(path.parent)


STEP: dict[str, Any] = {
    "step": {
        "id": {
            "kind": "test", "series": "xenial", "source": "alpha", "variant": "", "test": "smoke"},
        "needs": [], "inputs": [["recipe", "0"]], "control": False, "limit": 0},
    "record": {
        "name": "test/xenial/alpha.smoke", "key": "k", "verdict": PASSED, "exit_code": 0,
        "digest": "d", "started": 1.5, "seconds": 2.5, "outputs": {"log": [3, 1, "0" * 64]},
        "logs": {}},
}  # fmt: skip
MANIFEST = {
    "update": "small", "bug": 1, "toolkit": "0", "format": manifest.FORMAT,
    "bases": [{"series": "xenial", "kind": "stand-in", "suite": "Debian",
               "differing": PREPARED["differing"]}],
    "versions": {"xenial/alpha": "1.0-1"}, "steps": [STEP],
    "files": {"steps/test/xenial/alpha.smoke/log": {
        "size": 3, "sha256": "0" * 64, "executable": False, "removed": {"x": 1}}},
    "links": {"a": "b"}, "recipe": "backport.toml", "matrix": ["m.toml"],
    "sha256": "",
}  # fmt: skip
LARGE = {"inputs/a": {"size": 1 << 30, "sha256": "0" * 64}}
RUN = {
    "steps": [STEP["step"]],
    "ended": {"test/xenial/alpha.smoke": ["k", "passed", 1.5]},
    "versions": {"xenial/alpha": "1.0-1"}, "matrix": [],
}  # fmt: skip


READERS = (
    _text("dsc", "tiny_1.0-1.dsc", dsc.read_dsc, DSC, DSC.replace(b" 10 ", b" ten "),
          DSC.replace(b"A B", b"\xc4 B"), DSC.split(b"Files:")[0] + b"Files: x\n"),
    _text("control", "control", _control, CONTROL, b"Source:\x80\n",
          CONTROL.replace(b"nothing", b"\xe9"),
          CONTROL.replace(b"Testers", b"Test\xc2\x85ers")),
    _text("changelog", "changelog", lambda path: changelog.prepend(ENTRY, path.read_bytes()),
          CHANGELOG, CHANGELOG.replace(b"(1:", b"(\0001:")),
    _text("DEP-8 control", "control", _tests, TESTS, b"Tests: " + b"9" * 5000,
          b"Tests: smoke\nX: \xc2\x85\n", b"Tests: \xff\n"),
    _text("patch", "a.patch", _patch, PATCH, PATCH.replace(b"-1,3", b"-1," + b"9" * 5000),
          PATCH.replace(b"README", b"a" * 300), PATCH.replace(b"README", b"\0")),
    _text("patch header", "a.patch",
          lambda path: dep3.faults(dep3.read(path.read_text("utf-8", "surrogateescape"))), PATCH),
    _text("quilt series", "series", _series, b"# ours\na.patch -p1\n", b"a" * 300,
          b"\xff\n"),
    _text("recipe", "backport.toml", _recipe, _recipe_sample(), b"a = " + b"9" * 5000,
          b"bug = 0x" + b"f" * 6000, b"a = " + b"[" * 3000, b"a." * 3000 + b"a = 1", b"\xff",
          _recipe_sample().replace(b'"Test', b'"\\u0000Test'),
          _recipe_sample().replace(b"[source.alpha]", b'[source.alpha]\npatches = "a\\u0000b"')),
    _json("step record", f"build/{RECORD}", _store, _step_record()),
    _json("record of a base", prepared.FILE, lambda path: prepared.read(path.parent),
          PREPARED),
    _json("record of a run", run_record.FILE, lambda path: run_record.read(path.parent), RUN),
    _json("manifest", manifest.FILE, _manifest, MANIFEST,
          json.dumps({**MANIFEST, "files": LARGE}).encode(),
          json.dumps({**MANIFEST, "steps": [
              {**STEP, "record": {**STEP["record"], "started": 1e300}}]}).encode(),
          json.dumps({**MANIFEST, "versions": ["1.0-1"]}).encode(),
          json.dumps({**MANIFEST, "links": {"a\0b": ""}}).encode()),
    _json("findings", finding.FILE, finding.read, [FINDING]),
    _json("weight", weight.FILE, weight.read,
          {"lines": {}, "files": [{"name": "a", "part": "patches", "lines": 3}]}),
    _json("checklist", "checklist.json",
          lambda path: records.load(Checklist, path, what="it is damaged", advice="x"), CHECKLIST),
    _json("section of the report", "report-a.json", sections.read, SECTION),
    _json("report of a test", "artifacts/result.json",
          lambda path: reports.of_test(Passed(), path.parent), TEST_REPORT),
    _json("report of a control", "artifacts/control.json",
          lambda path: reports.of_control(Passed(), path.parent), CONTROL_REPORT),
    _json("publication records", "launchpad-records.json",
          lambda path: Records(path.parent, None).published("alpha", "xenial"), RECORDS),
    _json("record of an upload", "uploads/a.json",
          lambda path: journal.read(path.parent.parent, "a/b", "https://x/"), UPLOAD),
    _json("summary of the autopkgtest service", verdicts.SUMMARY,
          lambda path: verdicts.read(path.parent.parent, {}), SUMMARY),
)  # fmt: skip
