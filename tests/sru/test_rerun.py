from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest

from backport.engine import execute
from backport.engine.step import hash_text
from backport.engine.store import Store
from backport.environments import choose
from backport.errors import BackportError, InputError, UsageError
from backport.recipe import reader, versions
from backport.recipe.model import Recipe
from backport.run import plan
from backport.run.actions import Actions, Options
from backport.run.plan import Selection
from backport.sru import bundle, check, manifest, rerun, run_record
from backport.sru.bundle import Made
from backport.sru.run_record import RunRecord
from tests.sru.runs import Place
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec


@dataclass(frozen=True)
class Real:
    """A run that really fetched and made a source package."""

    recipe: Recipe
    store: Store
    record: RunRecord
    cache: Path

    def evidence(self) -> Made:
        return bundle.make(self.recipe, self.store, self.record, self.cache)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Real:
    root = tmp_path_factory.mktemp("real")
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        text = b"lock.patch\n"
        info = tarfile.TarInfo("alpha-1.0/README")
        info.size = len(text)
        tar.addfile(info, BytesIO(text))
    (root / "alpha-1.0.tar.gz").write_bytes(content.getvalue())
    spec = Spec(
        (SourceSpec("alpha", series=("xenial",), quilt={"series": ("lock.patch",)}),), ("xenial",)
    )
    data = recipes.data(spec)
    data["source"]["alpha"]["upstream"] = {
        "path": str(root / "alpha-1.0.tar.gz"),
        "file": "alpha-1.0.tar.gz",
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
    }
    data["matrix"]["include"] = ["more/tests.toml"]
    data["update"]["stand-in"] = "standin.toml"
    path = recipes.write(root / "recipe", spec, data)
    (path.parent / "standin.toml").write_text('mark = "m1"\nsuite = "bullseye"\n')
    named = path.parent / "study/tests.toml"
    for place in (path.parent / "more", named.parent):
        (place / "slow").mkdir(parents=True)
        (place / "slow/control").write_text(f"Tests: {place.name}-slow\nDepends: @\n")
        (place / f"slow/{place.name}-slow").write_text("#!/bin/sh\n")
        row = {"name": f"{place.name}-slow", "source": "alpha", "matrix": True}
        matrix = {"tests": "slow", "test": [row]}
        (place / "tests.toml").write_text(recipes.toml({"matrix": matrix}))
    packaging = root / "recipe/patches/alpha/debian"
    (packaging / "rules").write_text("#!/usr/bin/make -f\n%:\n\tdh $@\n")
    (packaging / "rules").chmod(0o755)
    (packaging / "compat").write_text("9\n")
    (root / "recipe/patches/common").mkdir()
    (root / "recipe/patches/common/shared").write_text("#!/bin/sh\ntrue\n")
    (root / "recipe/patches/common/shared").chmod(0o755)
    (packaging / "shared").symlink_to("../../common/shared")
    (packaging / "source").mkdir()
    (packaging / "source/format").write_text("3.0 (quilt)\n")
    (root / "recipe/autopkgtest/alpha/smoke").write_text("#!/bin/sh\ntrue\n")
    recipe = reader.load(path, matrix=[named])
    store = Store(root / "work")
    steps = plan.make(recipe, Selection(until="source"), "")
    base, _ = choose.choose(recipe, "stand-in")
    table = Actions(recipe, store, base, Options(root / "cache")).table()
    results = execute.run(steps, table, store, jobs=1, sink=lambda _: None)
    made = {(one.source, one.series): one.built for one in versions.table(recipe, {})}
    record = run_record.make(steps, results, made, recipe)
    assert {kind for _, kind, _ in record.ended.values()} == {"passed"}, results
    return Real(recipe, store, record, root / "cache")


@pytest.fixture(scope="module")
def real(run: Real) -> tuple[Made, Path]:
    """Its evidence, and its cache."""
    return run.evidence(), run.cache


def test_a_source_package_is_made_again_from_the_evidence_alone_with_the_same_bytes(
    real: tuple[Made, Path], tmp_path: Path
) -> None:
    made, _ = real
    again = rerun.rerun(made.archive, "source/xenial/alpha", tmp_path / "empty", work=None)
    assert again.agrees
    assert again.different == ()
    assert any(name.endswith(".dsc") for name in again.same)


def test_the_evidence_has_the_files_that_the_recipe_names_and_those_of_the_run(
    real: tuple[Made, Path],
) -> None:
    made, _ = real
    found = check.load(made.folder)
    assert found.matrix == ("more/tests.toml", "study/tests.toml")
    named = {f"inputs/{place}/slow/control" for place in ("more", "study")}
    named |= {f"inputs/{name}" for name in ("standin.toml", *found.matrix)}
    assert named <= found.files.keys()
    recipe = check.recipe_of(made.folder / check.INPUTS, found)
    assert [row.name for row in recipe.matrix] == ["more-slow", "study-slow"]


def test_evidence_is_made_with_the_files_that_the_run_had(run: Real) -> None:
    again = run.record.recipe(run.recipe.path, ())
    assert again.matrix_files == run.recipe.matrix_files
    assert again == run.recipe


def test_an_output_that_is_not_made_again_is_different(run: Real, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(run.store.work, work, ignore=shutil.ignore_patterns("evidence"))
    folder = work / "source/xenial/alpha"
    (packed,) = folder.glob("*.debian.tar.xz")
    packed.write_bytes(packed.read_bytes() + b"more")
    record = json.loads((folder / "step.json").read_text())
    entry = record["outputs"][packed.name]
    entry[0], entry[2] = packed.stat().st_size, hashlib.sha256(packed.read_bytes()).hexdigest()
    told = [(name, one[2]) for name, one in sorted(record["outputs"].items())]
    record["digest"] = hash_text(json.dumps(told))
    (folder / "step.json").write_text(json.dumps(record))
    made = bundle.make(run.recipe, Store(work), run.record, run.cache)
    again = rerun.rerun(made.archive, "source/xenial/alpha", run.cache, work=None)
    assert again.different == (packed.name,)
    assert not again.agrees


def test_a_fetch_is_done_again(real: tuple[Made, Path]) -> None:
    made, cache = real
    again = rerun.rerun(made.archive, "fetch/alpha", cache, work=None, offline=True)
    assert (again.agrees, again.same) == (True, ("alpha-1.0.tar.gz",))


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        # The small runs' files are no real packages: a real step fails on them.
        ("source/xenial/alpha", InputError, "tar cannot unpack it"),
        ("build/xenial/alpha", InputError, "needs the base that it ran on, which is not part"),
        ("build/xenial/beta", UsageError, "the evidence has no step 'build/xenial/beta'"),
        ("base/xenial", UsageError, "the evidence has no step 'base/xenial' that ran and can run"),
    ],
)
def test_a_step_that_cannot_be_done_from_the_evidence_says_why(
    place: Place, step: str, error: type[BackportError], said: str
) -> None:
    made = place.evidence()
    with pytest.raises(error, match=said):
        rerun.rerun(made.archive, step, place.cache, work=None)


@pytest.mark.parametrize(
    ("kind", "python", "said"),
    [
        ("ubuntu", "2.7.18", r"only one of them has python 2\.7\.18"),
        ("stand-in", "2.7.9", r"only one of them has python 2\.7\."),
    ],
)
def test_another_base_is_refused(
    place: Place, tmp_path: Path, kind: str, python: str, said: str
) -> None:
    made = place.evidence()
    other = Place(tmp_path / "other", kind=kind)
    other.run()
    prepared = other.store.work / "base/xenial/prepared.json"
    prepared.write_text(prepared.read_text().replace("2.7.18", python))
    with pytest.raises(InputError, match=said):
        rerun.rerun(made.archive, "test/xenial/alpha.smoke", place.cache, work=other.store.work)


def test_inputs_that_the_step_has_not_read_are_refused(real: tuple[Made, Path]) -> None:
    # Whoever changes the recipe and makes all hashes anew has still not run that step with it.
    made, cache = real
    found = check.load(made.folder)
    name = "inputs/patches/alpha/debian/rules"
    rules = made.folder / name
    before = rules.read_bytes()
    try:
        rules.write_bytes(before + b"\n# another\n")
        content = replace(
            found.files[name],
            size=len(rules.read_bytes()),
            sha256=hashlib.sha256(rules.read_bytes()).hexdigest(),
        )
        changed = replace(found, files={**found.files, name: content})
        (made.folder / manifest.FILE).write_text(changed.to_text())
        assert check.check(made.folder).faults == ()
        with pytest.raises(InputError, match="are not those that this step has read"):
            rerun.rerun(made.folder, "source/xenial/alpha", cache, work=None)
    finally:
        rules.write_bytes(before)
        (made.folder / manifest.FILE).write_text(found.to_text())
    assert rerun.rerun(made.folder, "source/xenial/alpha", cache, work=None).agrees


def test_nothing_of_faulty_evidence_is_run(place: Place) -> None:
    made = place.evidence()
    (made.folder / "inputs/backport.toml").write_text("")
    with pytest.raises(InputError, match="the evidence is faulty, so nothing of it is run"):
        rerun.rerun(made.folder, "fetch/alpha", place.cache, work=None)
