from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backport.engine import execute
from backport.engine.step import StepId
from backport.engine.store import RECORD, Outcome, Store
from backport.engine.verdict import Broken, Failed, Passed, Verdict
from backport.environments import choose
from backport.errors import BackportError, InputError, UsageError
from backport.recipe import reader, versions
from backport.recipe.model import Recipe
from backport.run import plan
from backport.run.actions import Actions, Options
from backport.run.plan import Selection
from backport.sru import bundle, check, manifest, rerun, run_record
from backport.sru.bundle import MadeEvidence
from backport.sru.run_record import RunRecord
from tests.sru.runs import Place
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import PackageSpec, orig_tarball, write_files

SOURCE = "source/xenial/alpha"


@dataclass(frozen=True)
class Real:
    """A run that really fetched and made a source package, and its evidence."""

    recipe: Recipe
    store: Store
    record: RunRecord
    cache: Path
    made: MadeEvidence


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    root = tmp_path_factory.mktemp("real")
    packed = orig_tarball(PackageSpec("alpha", files={"README": "lock.patch\n"}), root)
    spec = Spec(
        (SourceSpec("alpha", series=("xenial",), quilt={"series": ("lock.patch",)}),), ("xenial",)
    )
    data = recipes.data(spec)
    data["source"]["alpha"]["upstream"] = {
        "path": str(packed),
        "file": "alpha-1.0.tar.gz",
        "sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
    }
    data["matrix"]["include"] = ["more/tests.toml"]
    data["update"]["stand-in"] = "standin.toml"
    path = recipes.write(root / "recipe", spec, data)
    files = {
        "standin.toml": 'mark = "m1"\nsuite = "bullseye"\n',
        "patches/alpha/debian/rules!": "#!/usr/bin/make -f\n%:\n\tdh $@\n",
        "patches/alpha/debian/compat": "9\n",
        "patches/alpha/debian/source/format": "3.0 (quilt)\n",
        "patches/common/shared!": "#!/bin/sh\ntrue\n",
        "autopkgtest/alpha/smoke": "#!/bin/sh\ntrue\n",
        "more/slow/control": "Tests: more-slow, study-slow\nDepends: @\n",
    }
    for name in ("more", "study"):
        row = {"name": f"{name}-slow", "source": "alpha", "matrix": True}
        rows = {"matrix": {"tests": "../more/slow", "test": [row]}}  # named by a way up
        files[f"{name}/tests.toml"] = recipes.toml(rows)
        files[f"more/slow/{name}-slow"] = "#!/bin/sh\n"
    write_files(path.parent, files)
    (path.parent / "patches/alpha/debian/shared").symlink_to("../../common/shared")
    recipe = reader.load(path, matrix=[path.parent / "study/tests.toml"])
    store = Store(root / "work")
    steps = plan.make(recipe, Selection(until="source"), "")
    base, _ = choose.choose(recipe, "stand-in")
    table = Actions(recipe, store, base, Options(root / "cache")).table()
    results = execute.run(steps, table, store, jobs=1, sink=lambda _: None)
    made = {(one.source, one.series): one.built for one in versions.table(recipe, {})}
    record = run_record.make(steps, results, made, recipe)
    assert {kind for _, kind, _ in record.ended.values()} == {"passed"}, results
    evidence = bundle.make(recipe, store, record, root / "cache")
    return Real(recipe, store, record, root / "cache", evidence)


def test_what_needs_no_base_is_made_again_from_the_evidence_alone_with_the_same_bytes(
    real: Real, tmp_path: Path
) -> None:
    again = rerun.rerun(real.made.archive, SOURCE, tmp_path / "empty", work=None)
    assert (again.agrees, again.different) == (True, ())
    assert any(name.endswith(".dsc") for name in again.same)
    again = rerun.rerun(real.made.archive, "fetch/alpha", real.cache, work=None, offline=True)
    assert (again.agrees, again.same) == (True, ("alpha-1.0.tar.gz",))


@pytest.mark.parametrize("recorded", [Passed(), Failed("input", "a patch does not apply")])
def test_a_step_that_fails_is_compared_too(place: Place, recorded: Verdict) -> None:
    # The small runs' files are no real packages: a real step fails on them.
    place.verdicts[SOURCE] = recorded
    again = rerun.rerun(place.evidence().archive, SOURCE, place.cache, work=None)
    assert again.recorded == recorded
    assert isinstance(again.now, Failed)
    assert "tar cannot unpack it" in again.now.detail


def test_the_evidence_has_the_files_that_the_recipe_names_and_those_of_the_run(real: Real) -> None:
    assert real.record.recipe(real.recipe.path, ()) == real.recipe
    contents = check.load(real.made.folder)
    assert contents.matrix == ("more/tests.toml", "study/tests.toml")
    for name in ("more/slow/control", "standin.toml", *contents.matrix):
        assert f"inputs/{name}" in contents.files
    recipe = check.recipe_of(real.made.folder / check.INPUTS, contents)
    assert [row.name for row in recipe.matrix] == ["more-slow", "study-slow"]


def test_an_output_that_is_not_made_again_is_different(real: Real, tmp_path: Path) -> None:
    store, step = Store(tmp_path / "work"), StepId(*SOURCE.split("/"))
    shutil.copytree(real.store.work, store.work, ignore=shutil.ignore_patterns("evidence"))
    record = store.record(step)
    assert record is not None
    scratch = shutil.move(store.folder(step), tmp_path / "scratch")
    (scratch / RECORD).unlink()
    (packed,) = scratch.glob("*.debian.tar.xz")
    packed.write_bytes(packed.read_bytes() + b"more")
    outcome = Outcome(record.verdict, tuple(record.outputs))
    store.commit(step, record.key, outcome, scratch, record.started)
    made = bundle.make(real.recipe, store, real.record, real.cache)
    again = rerun.rerun(made.archive, SOURCE, real.cache, work=None)
    assert (again.agrees, again.different) == (False, (packed.name,))


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        ("build/xenial/alpha", InputError, "needs the base that it ran on, which is not part"),
        ("build/xenial/beta", UsageError, "the evidence has no step 'build/xenial/beta'"),
        ("base/xenial", UsageError, "the evidence has no step 'base/xenial' that ran and can run"),
    ],
)
def test_a_step_that_cannot_be_done_from_the_evidence_says_why(
    place: Place, step: str, error: type[BackportError], message: str
) -> None:
    made = place.evidence()
    with pytest.raises(error, match=message):
        rerun.rerun(made.archive, step, place.cache, work=None)


@pytest.mark.parametrize(
    ("kind", "python", "message"),
    [
        ("ubuntu", "2.7.18", r"only one of them has python 2\.7\.18"),
        ("stand-in", "2.7.9", r"only one of them has python 2\.7\."),
    ],
)
def test_another_base_is_refused(
    place: Place, tmp_path: Path, kind: str, python: str, message: str
) -> None:
    made = place.evidence()
    other = Place(tmp_path / "other", kind=kind)
    other.run()
    prepared = other.store.work / "base/xenial/prepared.json"
    prepared.write_text(prepared.read_text().replace("2.7.18", python))
    with pytest.raises(InputError, match=message):
        rerun.rerun(made.archive, "test/xenial/alpha.smoke", place.cache, work=other.store.work)


def test_a_step_that_could_not_be_tried_again_does_not_agree() -> None:
    broken = Broken("no sbuild")
    assert not rerun.Rerun("build/xenial/alpha", broken, broken, 5, (), ()).agrees


def test_inputs_that_the_step_has_not_read_are_refused(real: Real, tmp_path: Path) -> None:
    # Whoever changes the recipe and makes all hashes anew has still not run that step with it.
    folder = shutil.copytree(real.made.folder, tmp_path / "copy")
    contents = check.load(folder)
    name = "inputs/patches/alpha/debian/rules"
    content = (folder / name).read_bytes() + b"\n# another\n"
    (folder / name).write_bytes(content)
    mended = replace(
        contents.files[name], size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    changed = replace(contents, files={**contents.files, name: mended})
    (folder / manifest.FILE).write_text(changed.to_text())
    assert check.check(folder).faults == ()
    with pytest.raises(InputError, match="are not those that this step has read"):
        rerun.rerun(folder, SOURCE, real.cache, work=None)
    (folder / "inputs/backport.toml").write_text("")
    with pytest.raises(InputError, match="the evidence is faulty, so nothing of it is run"):
        rerun.rerun(folder, "fetch/alpha", real.cache, work=None)
