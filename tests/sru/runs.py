"""Small runs of the real executor and store: a recipe, its plan, and files as the steps leave them.

Nothing is built: the actions write what sbuild and autopkgtest would leave, in few bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from backport.check import finding
from backport.engine import execute
from backport.engine.execute import Action
from backport.engine.process import run as run_program
from backport.engine.step import KINDS, Step, StepId
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Broken, Passed, Skipped, Verdict
from backport.environments import prepared
from backport.environments.base import Differing, PreparedBase
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.run import plan as planning
from backport.run.plan import Selection
from backport.sru import bundle, run_record
from backport.sru.bundle import MadeEvidence
from tests.support.recipes import SourceSpec, Spec, load
from tests.support.source_builder import write_files

SPEC = Spec(
    sources=(
        SourceSpec(
            "alpha",
            quilt={"series": ("lock.patch",)},
            more={"changes": ["Update alpha.", {"text": "Mend it.", "series": ["xenial"]}]},
        ),
    ),
    series=("xenial", "yakkety"),
    archive={("alpha", "xenial"): "0.9-1", ("alpha", "yakkety"): "0.9-1"},
    variants={"unpatched": ("alpha",)},
    matrix=(
        {"name": "smoke", "source": "alpha"},
        {
            "name": "renew",
            "source": "alpha",
            "control": {"test": "renew-control", "variant": "unpatched"},
        },
    ),
)
RESULT = {"failed_processes": 0, "total_processes": 20, "outcome": "passed", "test": "renew"}
CONTROL = {"outcome": "harm-seen", "rounds": 7, "test": "renew-control"}


@dataclass
class Place:
    """Where a small run happens, and what its steps are to leave.

    `verdicts` replaces the verdict of a step, `files` adds files to a step's folder; `kind` is the
    base's, `debs` the content of a step's binary package.
    """

    root: Path
    spec: Spec = SPEC
    kind: str = "stand-in"
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    files: dict[str, dict[str, str | bytes]] = field(default_factory=dict)
    debs: dict[str, bytes] = field(default_factory=dict)
    checked: bool = True
    findings: tuple[finding.Finding, ...] = ()

    @property
    def store(self) -> Store:
        return Store(self.root / "work")

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def command(self, *words: str) -> list[str]:
        """A command of the toolkit on this place."""
        words += ("--recipe", str(self.root / "recipe/backport.toml"))
        return [*words, "--work", str(self.store.work), "--cache", str(self.cache)]

    def recipe(self) -> Recipe:
        return load(self.root / "recipe", self.spec)

    def run(self) -> run_record.RunRecord:
        """Run all steps that are not up to date, and note the run."""
        recipe = self.recipe()
        steps = planning.make(recipe, Selection(checks=self.checked), self.kind)
        action: Action = self._act
        table = dict.fromkeys(KINDS, action)
        results = execute.run(steps, table, self.store, jobs=1, sink=lambda _: None)
        made = {(one.source, one.series): one.built for one in versions.table(recipe, {})}
        record = run_record.make(steps, results, made, recipe)
        record.write(self.store.work)
        return record

    def evidence(self) -> MadeEvidence:
        """Run, and make the evidence."""
        return bundle.make(self.recipe(), self.store, self.run(), self.cache)

    def version(self, series: str) -> str:
        """The version of alpha that is made for a series."""
        rows = versions.table(self.recipe(), {})
        return next(row.built for row in rows if (row.source, row.series) == ("alpha", series))

    def _act(self, step: Step, out: Path, _needs: Mapping[StepId, Path]) -> Outcome:
        write: Callable[[Step, Path], tuple[str, ...]] = getattr(
            self, f"_{step.id.kind}", self._other
        )
        outputs = write(step, out)
        for name, content in self.files.get(str(step.id), {}).items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content.encode() if isinstance(content, str) else content)
        verdict = self.verdicts.get(str(step.id), Passed("as it should be"))
        # What a step that did not pass leaves is no output.
        kept = () if isinstance(verdict, (Broken, Skipped)) else outputs
        return Outcome(verdict, kept)

    def _fetch(self, step: Step, out: Path) -> tuple[str, ...]:
        return _written(out, {f"{step.id.source}-1.0.tar.gz": "upstream\n"})

    def _source(self, step: Step, out: Path) -> tuple[str, ...]:
        run_program(["tar", "--version"], log=out / "source.log")
        name = f"{step.id.source}_{self.version(step.id.series)}{step.id.variant}"
        dsc, changes = f"Source: {step.id.source}\n", "Launchpad-Bugs-Fixed: 1\n"
        return _written(out, {f"{name}.dsc": dsc, f"{name}_source.changes": changes})

    def _other(self, step: Step, out: Path) -> tuple[str, ...]:
        return _written(out, {f"{step.id.kind}.json": "{}\n"})

    def _check(self, _step: Step, out: Path) -> tuple[str, ...]:
        finding.write(self.findings, out / finding.FILE)
        return (finding.FILE,)

    def _base(self, step: Step, out: Path) -> tuple[str, ...]:
        place = self.store.work / "bases"
        base = PreparedBase(self.kind, f"Ubuntu {step.id.series}", place, place, place)
        if self.kind == "stand-in":
            differing = (Differing("python", "2.7.11-1", "2.7.18"),)
            base = replace(base, suite="Debian bullseye", differing=differing)
        prepared.write(base, out)
        return (prepared.FILE,)

    def _build(self, step: Step, out: Path) -> tuple[str, ...]:
        name = f"{step.id.source}_{self.version(step.id.series)}{step.id.variant}_all.deb"
        content = f"the package of {step.id}\n".encode()
        (out / name).write_bytes(self.debs.get(str(step.id), content))
        (out / "build.log").write_text(f"sbuild builds {name}\nit is done\n")
        return (name,)

    def _test(self, step: Step, out: Path) -> tuple[str, ...]:
        files = {"log": f"autopkgtest of {step.id.test}\n{step.id.test} PASS\n"}
        files["summary"] = f"{step.id.test} PASS\n"
        if step.id.test != "smoke":
            name, report = ("control", CONTROL) if step.control else ("result", RESULT)
            files[f"artifacts/{name}.json"] = json.dumps(report)
        write_files(out, files)
        return ()


def _written(out: Path, files: dict[str, str]) -> tuple[str, ...]:
    write_files(out, files)
    return tuple(files)
