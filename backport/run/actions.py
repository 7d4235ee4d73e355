"""What each kind of step does: thin glue between the plan and the folders that do the work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backport.build import sbuild
from backport.build.session import BuildOptions
from backport.builder import sandbox
from backport.check import steps
from backport.engine import records
from backport.engine.execute import Action
from backport.engine.outputs import DEPENDENCIES, built_debs, kept_chroot, one_file
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Store, relative
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict, kind
from backport.environments import layers, localrepo, prepared
from backport.environments.base import Base, Dependencies
from backport.environments.chroot import remove_tree
from backport.errors import InputError
from backport.recipe import versions
from backport.recipe.model import Recipe, Source
from backport.source import dsc as dsc_files
from backport.source import fetch, package, weight
from backport.source.files import folder_texts, same_file, sha256_of
from backport.source.relations import BUILD_DEPENDS
from backport.source.text import control_paragraphs, read_text
from backport.testbed import autopkgtest, matrix, reports
from backport.testbed.lxc import Testbed
from backport.testbed.result import TestResult

# The folder of a test's run on the packages of before, in its step's own.
BEFORE = "before"
# What autopkgtest itself and the tests' checks use inside a testbed.
_TESTBED = ("dpkg-dev", "procps", "openssl", "apt", "ca-certificates")


@dataclass(frozen=True)
class Options:
    """How the steps are done: `offline` fetches nothing, `keep` leaves what failed for a look."""

    cache: Path
    offline: bool = False
    keep: bool = False


class Actions:
    """The actions of every kind of step for one recipe, on one base."""

    def __init__(self, recipe: Recipe, store: Store, base: Base, options: Options) -> None:
        self.recipe = recipe
        self.store = store
        self.base = base
        self.options = options

    def table(self) -> dict[str, Action]:
        """The action of each kind of step."""
        return {
            "fetch": self.fetch,
            "source": self.source,
            "dependencies": self.dependencies,
            "base": self.prepare_base,
            "build": self.build,
            "check": self.check,
            "test": self.test,
        }

    def fetch(self, step: Step, out: Path, _needs: Mapping[StepId, Path]) -> Outcome:
        """Bring the upstream tarball, or the pinned .dsc with all its files, by their hashes."""
        source = self.recipe.built(step.id.source)
        cache, offline = self.options.cache, self.options.offline
        if source.pins:
            files = _of_pins(source, cache, offline=offline)
            detail = "; ".join(f"{pin.dsc}, sha256 {pin.sha256[:12]}…" for pin in source.pins)
        else:
            assert source.upstream is not None
            files = [fetch.fetch_upstream(source.upstream, cache, offline=offline)]
            detail = f"{source.upstream.file}, sha256 {source.upstream.sha256[:12]}…"
        for path in files:
            same_file(out / path.name, path)
        return Outcome(Passed(detail), tuple(path.name for path in files))

    def source(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Make the source package of one source for one series; a pinned test source is there."""
        fetched = needs[StepId("fetch", source=step.id.source)]
        test_source = self.recipe.test_source(step.id.source)
        if test_source and test_source.package.pinned:
            return _as_it_is(fetched, test_source.package, out)
        series = self.recipe.one_series(step.id.series)
        variant = self.recipe.variant(step.id.variant) if step.id.variant else None
        plain = self.recipe.built(step.id.source).in_series(step.id.series)
        source = versions.with_versions(self.recipe, plain, series, variant)
        if test_source:
            version, rule = source.debian_version, "for tests only, never uploaded"
        else:
            version, rule = versions.built_version(source, series, step.id.variant)
        published = series.archive.get(step.id.source)
        pinned = fetched / source.pinned.dsc if source.pinned else None
        made = package.make(
            self.recipe,
            source,
            series,
            version,
            orig=None if pinned or not source.upstream else fetched / source.upstream.file,
            pinned_dsc=pinned,
            out=out,
            variant=variant,
            since=published.version if published else "",
        )
        # Where none is pinned, our own packaging is what the recipe changes.
        before = pinned or folder_texts(source.patches / "debian")
        applied = {
            name: (source.patches / name).read_text("utf-8", "replace") for name in made.applied
        }
        weight.write(weight.of_package(made.dsc, before, applied), out / weight.FILE)
        files = (*sorted(made.files), weight.FILE)
        return Outcome(Passed("; ".join((f"{version} ({rule})", *made.notes))), files)

    def dependencies(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Collect what the base has to hold: build-dependencies, and what the tests install."""
        build: set[str] = set()
        test: set[str] = set(_TESTBED)
        own: set[str] = set()
        made_in: dict[str, set[str]] = {}
        for made_by, folder in needs.items():
            made = one_file(folder, "*.dsc")
            (dsc,) = control_paragraphs(read_text(made))
            names = {name.strip() for name in dsc["Binary"].split(",")}
            own |= names
            made_in.setdefault(made_by.series, set()).update(names)
            for field in BUILD_DEPENDS:
                build |= {part.strip() for part in dsc.get(field, "").split(",") if part.strip()}
            test |= run_relations(made)
        # Their control names them in a run that makes none of them too.
        for source in self.recipe.test_sources:
            if not source.package.pinned:
                control = read_text(source.package.patches / "debian" / "control")
                own |= {part["Package"] for part in control_paragraphs(control)[1:]}
        # The matrix's tests run on variants and beside test sources; where none is made, nothing
        # makes their packages.
        tested = any(need.variant or self.recipe.test_source(need.source) for need in needs)
        for tests in self.recipe.matrix_folders if tested else ():
            if (tests.path / "control").is_file():
                test |= set(test_depends(read_text(tests.path / "control")))
        here = {series: frozenset(names) for series, names in made_in.items()}
        needed = Dependencies(tuple(sorted(build)), tuple(sorted(test)), frozenset(own), here)
        # A run for a few sources needs less than one for all: then the base of that run will do.
        before = _dependencies_in(self.store.folder(step.id))
        kept = before if before is not None and needed.within(before) else needed
        (out / DEPENDENCIES).write_text(json.dumps(asdict(kept), indent=1, default=sorted))
        return Outcome(Passed(f"{len(build)} build relations, {len(test)} test"), (DEPENDENCIES,))

    def prepare_base(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Prepare what the series' packages are built and tested on."""
        sandbox.require_all()
        dependencies = _dependencies_in(needs[StepId("dependencies")])
        assert dependencies is not None, "the step has passed"
        series = self.recipe.one_series(step.id.series)
        home = self.store.work / "bases"
        home.mkdir(exist_ok=True)
        base = self.base.prepare(series, dependencies, home, self.options.cache)
        prepared.write(base, out)
        detail = "; ".join((f"{base.kind} ({base.suite})", *base.notes))
        return Outcome(Passed(detail), (prepared.FILE,))

    def build(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Build one source package in a clean chroot, against what was built before it."""
        dsc = one_file(needs[replace(step.id, kind="source")], "*.dsc")
        base = prepared.read(needs[StepId("base", step.id.series)])
        repositories = [base.repository]
        kept = kept_chroot(self.store, step.id)
        if kept.exists():  # of an earlier build
            remove_tree(kept)
        with self.store.temporary(f"repository/{step.id}") as scratch:
            debs = built_debs(needs.values())
            if debs:
                repositories.insert(0, localrepo.publish(debs, scratch / "built"))
            result = sbuild.build(
                dsc,
                chroot=base.chroot,
                repositories=repositories,
                out=out,
                series=step.id.series,
                options=BuildOptions(
                    keep=kept if self.options.keep else None,
                    # What its own tests say of a variant or a test source helps nobody.
                    nocheck=bool(step.id.variant)
                    or self.recipe.test_source(step.id.source) is not None,
                    layered=True,
                ),
            )
        files = [
            path for path in out.iterdir() if path.suffix in (".deb", ".changes", ".buildinfo")
        ]
        return Outcome(_from_layer(result.verdict, result.layer), relative(sorted(files), out))

    def check(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Look for what is wrong with an update, and write down what was found."""
        with self.store.temporary(f"work/{step.id}") as scratch:
            return steps.action(self.recipe, step, out, needs, scratch)

    def test(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        """Run one DEP-8 test, or a negative control from the matrix, in a testbed with systemd."""
        base = prepared.read(needs[StepId("base", step.id.series)])
        row = next(
            row
            for row in self.recipe.matrix
            if row.source == step.id.source
            and step.id.test in (row.name, *(negative.test for negative in row.controls))
        )
        never_uploaded = step.control or row.matrix
        if never_uploaded:
            tests = row.folder.path
        else:
            made = needs[StepId("source", step.id.series, step.id.source)]
            tests = one_file(made, "*.dsc")

        def on(folders: Iterable[Path], place: Path) -> Verdict:
            with self.store.temporary(f"repository/{step.id}") as scratch:
                there = {
                    "built": localrepo.publish(built_debs(folders), scratch / "built"),
                    "base": base.repository,
                }
                needed = matrix.installed_for(tests, step.id.test)
                layer = layers.for_test(needed, base.testbed_root, [*there.values()])
                with Testbed(base.testbed_root, there, layer=layer) as testbed:
                    result = autopkgtest.run(
                        tests,
                        testbed=testbed,
                        only=(step.id.test,),
                        timeout=row.timeout,
                        library=row.folder.library,
                        beside=self.recipe.built(row.source).tests if step.control else None,
                        out=place,
                    )
            judge = reports.of_control if step.control else reports.of_test
            verdict = judge(single_verdict(result, step.id.test), place / "artifacts")
            return _from_layer(verdict, layer)

        before = self.recipe.before(row)
        only_before = before - {row.source, *row.extra}
        verdict = on((needs[need] for need in needs if need.source not in only_before), out)
        if before and isinstance(verdict, Failed) and not step.control:
            old = on((needs[need] for need in needs if need.source in before), out / BEFORE)
            verdict = compared(verdict, old, row.before)
        return Outcome(verdict)


def _from_layer(verdict: Verdict, layer: layers.Layer | None) -> Verdict:
    """The verdict; where the step passed, its record names the layer that it started from."""
    if not isinstance(verdict, Passed) or layer is None:
        return verdict
    return Passed(", ".join(filter(None, (verdict.detail, f"from {layer.name}"))))


def _as_it_is(fetched: Path, source: Source, out: Path) -> Outcome:
    """Take the pinned .dsc as the source package."""
    assert source.pinned is not None, "the caller has looked"
    dsc = dsc_files.read_dsc(fetched / source.pinned.dsc)
    names = (source.pinned.dsc, *(file.name for file in dsc.files))
    for name in names:
        same_file(out / name, fetched / name)
    return Outcome(Passed(f"{source.pinned.version} (as it is, never uploaded)"), names)


def _of_pins(source: Source, cache: Path, *, offline: bool) -> list[Path]:
    """Every pinned .dsc with its files; a tarball that two of them have is there once."""
    files: dict[str, Path] = {}
    for pin in source.pins:
        dsc = dsc_files.fetch_pinned(pin, cache, offline=offline)
        for path in (dsc, *(dsc.parent / file.name for file in dsc_files.read_dsc(dsc).files)):
            other = files.setdefault(path.name, path)
            if sha256_of(other) != sha256_of(path):
                raise InputError(
                    f"two pinned packages have another {path.name}",
                    where=f"source.{source.name}.pinned",
                    advice="pin what one archive has: it has each name once",
                )
    return list(files.values())


def _dependencies_in(folder: Path) -> Dependencies | None:
    """What a step wrote of the dependencies; None where there is nothing, or nothing whole."""
    with suppress(InputError):
        return records.load(Dependencies, folder / DEPENDENCIES, what="", advice="")
    return None


def compared(failed: Failed, before: Verdict, name: str) -> Verdict:
    """The verdict of a test that fails, by what it gave on the packages of before.

    Parameters:
        name: the test source that those are of.
    """
    if isinstance(before, Failed):
        return Skipped(f"failed before too, on {name}: {failed.detail}; there: {before.detail}")
    detail = f"{failed.detail}; on {name}, from before: {kind(before)}"
    return replace(failed, detail=detail)


def single_verdict(result: TestResult, name: str) -> Verdict:
    """The verdict of the one test that was asked for; no answer is Broken, never a pass."""
    for test in result.tests:
        if test.name == name:
            return test.verdict
    if isinstance(result.verdict, (Failed, Broken)):
        return result.verdict
    return Broken(f"autopkgtest did not report on {name}")


def test_depends(control: str) -> tuple[str, ...]:
    """The Depends of a DEP-8 control file, without the tested packages' own (``@``)."""
    return tuple(part for part in matrix.depends(control) if not part.startswith("@"))


def run_relations(dsc: Path) -> set[str]:
    """What a testbed installs for a source package.

    These are the literal relations in the Depends of its binary packages (what a variable such
    as ``${python:Depends}`` brings is a build-dependency too), and the Depends of its tests.
    """
    texts = dsc_files.debian_texts(dsc)
    relations = set(test_depends(texts.get("tests/control", "")))
    for paragraph in control_paragraphs(texts["control"]):
        for field in ("Pre-Depends", "Depends") if "Package" in paragraph else ():
            parts = (part.strip() for part in paragraph.get(field, "").split(","))
            relations |= {part for part in parts if part and "$" not in part}
    return relations
