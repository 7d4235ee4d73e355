"""The checks that only read: of a source package, and of what was built of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from backport.check import ceiling, changes, finding, lintian, overlay, packaging, programs, sru
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.check.installed import Installed
from backport.engine.outputs import one_file
from backport.environments.base import PreparedBase
from backport.recipe.model import Recipe
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.source import dsc as dsc_files
from backport.source.changelog import timestamp
from backport.source.dpkg import isolated


def check_source(
    recipe: Recipe, source_name: str, series_name: str, needs: Mapping[str, Path], scratch: Path
) -> tuple[Finding, ...]:
    """All that can be checked of a source package before it is built.

    Parameters:
        needs: the folders of the fetch and source steps, by the kind of step.
        scratch: an empty folder to work in.

    Raises:
        InputError, StepError: a package cannot be read.
    """
    source = recipe.source(source_name).in_series(series_name)
    series = recipe.one_series(series_name)
    dpkg = isolated(scratch, int(timestamp(recipe.date)))
    dsc, tree = one_file(needs["source"], "*.dsc"), scratch / "tree"
    info = dsc_files.read_dsc(dsc)
    dpkg.unpack(dsc, tree, patches=False)
    base = None
    found: list[Finding] = []
    limit, had = ceiling.of(series), ceiling.of(series)
    packaging.check_tree(tree, limit)
    limit.check("archive", dsc.name, ((0, file.name) for file in info.files))
    if source.base is not None:
        base, base_dsc = scratch / "base", needs["fetch"] / source.base.dsc
        dpkg.unpack(base_dsc, base, patches=False)
        packaging.check_tree(base, had)
        base_info = dsc_files.read_dsc(base_dsc)
        had.check("archive", base_dsc.name, ((0, file.name) for file in base_info.files))
        before = {file.name: file.sha256 for file in base_info.files}
        found += changes.other_upstream(
            {name: before[name] for name in base_info.origs()},
            {file.name: file.sha256 for file in info.files},
        )
    found += [*finding.against_base(limit.findings, had.findings), *limit.not_known()]
    own = {
        name: source.patches / name for name in patch_names(quilt_series_file(source, series.name))
    }
    if own and info.format != dsc_files.QUILT:
        why = f"the format {info.format} has no quilt series: {', '.join(own)} is applied"
        advice = "read it in the debdiff"
        found.append(finding.make("change-outside-debian", "info", dsc.name, why, advice))
    text = (tree / "debian" / "changelog").read_text("utf-8")
    spoken = changes.new_entries(text, source.base.version if source.base else "")
    if base is not None:
        found += changes.packaging(base, tree, spoken)
    # Without a base, our own packaging is what the update's patches come on top of.
    had_patches = changes.quilt(base or source.patches)
    found += changes.patches({**own, **changes.quilt(tree)}, had_patches, spoken)
    made = one_file(needs["source"], "*_source.changes")
    found += sru.check(sru.Upload(recipe, source, series, tree, made, base))
    return finding.ordered(found)


def check(
    recipe: Recipe,
    source_name: str,
    series_name: str,
    needs: Mapping[str, Path],
    scratch: Path,
    *,
    update: Iterable[Path],
    prepared: PreparedBase,
) -> tuple[tuple[Finding, ...], str]:
    """All that can be checked of built packages without building or installing them again.

    Parameters:
        needs: the folders of the fetch, source and build steps, by the kind of step.
        scratch: an empty folder to work in.
        update: the .deb files of the update that its packages may depend on, and its own.
        prepared: the base that they were built on.

    Returns:
        The findings, and lintian's output.

    Raises:
        InputError, StepError: a package cannot be read.
        MachineError: lintian is not installed, or fails.
    """
    source = recipe.source(source_name).in_series(series_name)
    limit = ceiling.of(recipe.one_series(series_name))
    dsc, tree = one_file(needs["source"], "*.dsc"), scratch / "tree"
    isolated(scratch, int(timestamp(recipe.date))).unpack(dsc, tree, patches=False)
    debs = sorted(needs["build"].glob("*.deb"))
    built = [Binary(deb) for deb in debs]
    # What the source package has is told of by its own check.
    packaging.check_debs(built, limit, packaging.texts(tree))
    found = [*limit.findings, *_programs(built, update, prepared)]
    found += overlay.check(overlay_files(source, series_name), tree / "debian", built)
    made = one_file(needs["source"], "*_source.changes")
    logs = [scratch / f"lintian-{name}.log" for name in ("update", "base")]
    tags, base_tags = lintian.run_lintian([made, *debs], logs[0]), None
    if source.base is not None:
        base_tags = lintian.run_lintian([needs["fetch"] / source.base.dsc], logs[1])
    found += lintian.findings(tags, limit, base_tags)
    log = "".join(path.read_text() for path in logs if path.is_file())
    return finding.ordered(found), log


def _programs(
    built: list[Binary], update: Iterable[Path], prepared: PreparedBase
) -> tuple[Finding, ...]:
    """The programs that are not there; those of the archive's own packages were not either."""
    older = sorted(prepared.older.glob("*.deb")) if prepared.older else []
    before = Installed(older, prepared.repository)
    had = [before.own[one.name] for one in built if one.name in before.own]
    found = programs.check(built, Installed(update, prepared.repository))
    return finding.against_base(found, programs.check(had, before))
