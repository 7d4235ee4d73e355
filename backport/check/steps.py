"""The actions of the steps of the kind ``check``, and what their verdict is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backport.check import (
    changes,
    finding,
    lifecycle,
    lintian,
    overlay,
    packaging,
    planned,
    programs,
    reproducible,
    sru,
)
from backport.check.binaries import Binary
from backport.check.ceiling import Ceiling
from backport.check.finding import FILE, Finding
from backport.check.installed import Installed
from backport.engine.outputs import built_debs, one_file
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome
from backport.engine.verdict import Failed, Passed
from backport.environments import prepared
from backport.environments.base import PreparedBase
from backport.recipe.model import Recipe, Review
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.source import dsc as dsc_files
from backport.source import weight
from backport.source.changelog import timestamp
from backport.source.dpkg import isolated

LINTIAN_LOG = "lintian.log"


def action(
    recipe: Recipe, step: Step, out: Path, needs: Mapping[StepId, Path], scratch: Path
) -> Outcome:
    """Carry out a check.

    Parameters:
        out: the step's folder; the findings go there as findings.json, and all logs.
        needs: the folders of the steps that it needs.
        scratch: an empty folder to work in.

    Raises:
        InputError, StepError: a package cannot be read.
        MachineError: a program is missing or fails, or a testbed does not start.
    """
    match step.id.test:
        case planned.SOURCE:
            findings = check_source(recipe, step, needs, scratch)
        case planned.REPRODUCIBLE:
            findings = reproducible.check(recipe, step, needs, out, scratch)
        case planned.LIFECYCLE:
            findings = lifecycle.check(recipe, step, needs, out, scratch)
        case planned.REVIEW:
            findings = review(recipe.review, needs)
        case _:
            findings = check_built(recipe, step, needs, out, scratch)
    return outcome(findings, out)


def outcome(findings: tuple[Finding, ...], out: Path) -> Outcome:
    """Write the findings into the step's folder; only a new error makes the check fail."""
    finding.write(findings, out / FILE)
    told = finding.counts_text(findings)
    bad = [one for one in findings if one.fails]
    if bad:
        first = f"{bad[0].place}: {bad[0].why} ({bad[0].rule})"
        return Outcome(Failed("check", f"{told}; the first: {first}", FILE), (FILE,))
    return Outcome(Passed(told), (FILE,))


def check_source(
    recipe: Recipe, step: Step, needs: Mapping[StepId, Path], scratch: Path
) -> tuple[Finding, ...]:
    """All that can be checked of a source package before it is built; see `action`."""
    source = recipe.source(step.id.source).in_series(step.id.series)
    series = recipe.one_series(step.id.series)
    fetched, made_in = (needs[one] for one in _source_steps(step))
    dpkg = isolated(scratch, int(timestamp(recipe.date)))
    dsc, tree = one_file(made_in, "*.dsc"), scratch / "tree"
    info = dsc_files.read_dsc(dsc)
    dpkg.unpack(dsc, tree, patches=False)
    pinned = None
    findings: list[Finding] = []
    limit, had = (Ceiling(series.name, series.toolchain) for _ in range(2))
    packaging.check_tree(tree, limit)
    limit.check("archive", dsc.name, ((0, file.name) for file in info.files))
    if source.pinned is not None:
        pinned, pinned_dsc = scratch / "pinned", fetched / source.pinned.dsc
        dpkg.unpack(pinned_dsc, pinned, patches=False)
        packaging.check_tree(pinned, had)
        pinned_info = dsc_files.read_dsc(pinned_dsc)
        had.check("archive", pinned_dsc.name, ((0, file.name) for file in pinned_info.files))
        before = {file.name: file.sha256 for file in pinned_info.files}
        findings += changes.other_upstream(
            {name: before[name] for name in pinned_info.origs()},
            {file.name: file.sha256 for file in info.files},
        )
    findings += [*finding.mark_new(limit.findings, had.findings), *limit.not_known()]
    own = {
        name: source.patches / name for name in patch_names(quilt_series_file(source, series.name))
    }
    if own and info.format != dsc_files.QUILT:
        why = f"the format {info.format} has no quilt series: {', '.join(own)} is applied"
        advice = "read it in the debdiff"
        findings.append(finding.make("change-outside-debian", "info", dsc.name, why, advice))
    text = (tree / "debian" / "changelog").read_text("utf-8")
    spoken = changes.new_entries(text, source.pinned.version if source.pinned else "")
    if pinned is not None:
        findings += changes.packaging(pinned, tree, spoken)
    # Where none is pinned, the update's patches come on top of our own packaging.
    had_patches = changes.quilt(pinned or source.patches)
    findings += changes.patches({**own, **changes.quilt(tree)}, had_patches, spoken)
    made = one_file(made_in, "*_source.changes")
    findings += sru.check(sru.Upload(recipe, source, series, tree, made, pinned))
    return finding.ordered(findings)


def check_built(
    recipe: Recipe, step: Step, needs: Mapping[StepId, Path], out: Path, scratch: Path
) -> tuple[Finding, ...]:
    """All that can be checked of packages without building or installing them; see `action`."""
    source = recipe.source(step.id.source).in_series(step.id.series)
    series = recipe.one_series(step.id.series)
    limit = Ceiling(series.name, series.toolchain)
    fetched, made_in = (needs[one] for one in _source_steps(step))
    update = built_debs(folder for need, folder in needs.items() if need.kind == "build")
    base = prepared.read(needs[StepId("base", step.id.series)])
    dsc, tree = one_file(made_in, "*.dsc"), scratch / "tree"
    isolated(scratch, int(timestamp(recipe.date))).unpack(dsc, tree, patches=False)
    debs = sorted(needs[replace(step.id, kind="build")].glob("*.deb"))
    built = [Binary(deb) for deb in debs]
    # What the source package has is told of by its own check.
    packaging.check_debs(built, limit, packaging.texts(tree))
    findings = [*limit.findings, *_programs(built, update, base)]
    findings += overlay.check(overlay_files(source, step.id.series), tree / "debian", built)
    made = one_file(made_in, "*_source.changes")
    logs = [scratch / f"lintian-{name}.log" for name in ("update", "pinned")]
    tags, pinned_tags = lintian.run_lintian([made, *debs], logs[0]), None
    if source.pinned is not None:
        pinned_tags = lintian.run_lintian([fetched / source.pinned.dsc], logs[1])
    findings += lintian.findings(tags, limit, pinned_tags)
    log = "".join(path.read_text() for path in logs if path.is_file())
    (out / LINTIAN_LOG).write_text(log)
    return finding.ordered(findings)


def _source_steps(step: Step) -> tuple[StepId, StepId]:
    return StepId("fetch", source=step.id.source), replace(step.id, kind="source", test="")


def _programs(built: list[Binary], update: list[Path], base: PreparedBase) -> tuple[Finding, ...]:
    """The programs that are not there; those of the archive's own packages were not either."""
    older = sorted(base.older.glob("*.deb")) if base.older else []
    before = Installed(older, base.repository)
    had = [before.own[one.name] for one in built if one.name in before.own]
    findings = programs.check(built, Installed(update, base.repository))
    return finding.mark_new(findings, programs.check(had, before))


def review(limits: Review, needs: Mapping[StepId, Path]) -> tuple[Finding, ...]:
    """A warning for each part that is above its limit in one series.

    Parameters:
        needs: the folders of the source steps.
    """
    weights = {need.source: weight.read(folder / weight.FILE) for need, folder in needs.items()}
    advice = "make it smaller, or raise the limit with a reason that the reviewer will take"
    return tuple(
        finding.make("heavy-review", "warning", place, why, advice)
        for place, why in weight.over(limits, weights)
    )
