"""The checks that only read: of a source package, and of what was built of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from backport.check import (
    binaries,
    ceiling,
    changes,
    finding,
    lintian,
    lintian_profile,
    overlay,
    packaging,
    programs,
    shipped,
    sru,
)
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.check.installed import Installed
from backport.environments.base import PreparedBase
from backport.recipe.model import Recipe
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.source import dsc as dsc_files
from backport.source import tarball
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
    source, series = (
        recipe.source(source_name).in_series(series_name),
        recipe.one_series(series_name),
    )
    dpkg = isolated(scratch, int(timestamp(recipe.date)))
    dsc = _one(needs["source"], "*.dsc")
    info = dsc_files.read_dsc(dsc)
    tree, upstream = scratch / "tree", scratch / "upstream"
    dpkg.unpack(dsc, tree, patches=False)
    base_dsc = needs["fetch"] / source.base.dsc if source.base else None
    base = None
    found: list[Finding] = []
    limit, had = ceiling.of(series), ceiling.of(series)
    _check_ceiling(dsc, tree, limit)
    if base_dsc is not None:
        base = scratch / "base"
        dpkg.unpack(base_dsc, base, patches=False)
        _check_ceiling(base_dsc, base, had)
        before = {file.name: file.sha256 for file in dsc_files.read_dsc(base_dsc).files}
        found += changes.other_upstream(
            {name: before[name] for name in dsc_files.read_dsc(base_dsc).origs()},
            {file.name: file.sha256 for file in info.files},
        )
    found += [*finding.against_base(limit.findings, had.findings), *limit.not_known()]
    own = {
        name: source.patches / name for name in patch_names(quilt_series_file(source, series.name))
    }
    if info.format == dsc_files.QUILT:
        _unpack_upstream([needs["source"] / name for name in info.origs()], upstream)
        found += changes.outside(upstream, tree)
    elif own:
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
    made = _one(needs["source"], "*_source.changes")
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
    source, series = (
        recipe.source(source_name).in_series(series_name),
        recipe.one_series(series_name),
    )
    dsc, tree = _one(needs["source"], "*.dsc"), scratch / "tree"
    isolated(scratch, int(timestamp(recipe.date))).unpack(dsc, tree, patches=False)
    debs = sorted(needs["build"].glob("*.deb"))
    built = [binaries.read(deb) for deb in debs]
    limit = ceiling.of(series)
    units = shipped.check_tree(tree, limit)
    limit.findings = []  # the source package has its own check
    shipped.check_debs(built, limit, units)
    found = [*limit.findings, *_programs(built, update, prepared)]
    found += overlay.check(overlay_files(source, series.name), tree / "debian", built)
    made = _one(needs["source"], "*_source.changes")
    base_dsc = needs["fetch"] / source.base.dsc if source.base else None
    found += _lintian(made, debs, base_dsc, limit, scratch)
    log = "".join(path.read_text() for path in sorted(scratch.glob("lintian-*.log")))
    return finding.ordered(found), log


def _check_ceiling(dsc: Path, tree: Path, limit: ceiling.Ceiling) -> None:
    """Compare a source package with the ceiling."""
    packaging.check(tree / "debian", limit)
    names = [file.name for file in dsc_files.read_dsc(dsc).files]
    shipped.check_dsc(dsc, names, limit)
    shipped.check_tree(tree, limit)


def _programs(
    built: list[Binary], update: Iterable[Path], prepared: PreparedBase
) -> tuple[Finding, ...]:
    """The programs that are not there; those of the archive's own packages were not either."""
    older = sorted(prepared.older.glob("*.deb")) if prepared.older else []
    before = Installed(older, prepared.repository)
    names = {one.name for one in built}
    had = [binaries.read(deb) for name, deb in before.own.items() if name in names]
    found = programs.check(built, Installed(update, prepared.repository))
    return finding.against_base(found, programs.check(had, before))


def _lintian(
    made: Path, debs: list[Path], base_dsc: Path | None, limit: ceiling.Ceiling, scratch: Path
) -> list[Finding]:
    own, include = lintian_profile.own(limit.series), scratch / "lintian"
    include.mkdir()
    profile = own or lintian_profile.make(limit, include)
    update, older = (scratch / f"lintian-{name}.log" for name in ("update", "base"))
    tags = lintian.run_lintian([made, *debs], profile, update, include=include)
    base = None
    if base_dsc is not None:
        base = lintian.run_lintian([base_dsc], profile, older, include=include)
    return [*lintian.findings(tags, limit, base), *lintian.about_profile(limit.series, profile)]


def _unpack_upstream(origs: list[Path], folder: Path) -> None:
    """Unpack orig tarballs as dpkg-source does: further ones into folders of their own."""
    parts = {
        orig: orig.name.partition(".orig")[2].partition(".tar")[0].removeprefix("-")
        for orig in origs
        if not orig.name.endswith(".asc")
    }
    for orig, component in sorted(parts.items(), key=lambda item: item[1]):
        place = folder / component if component else folder
        if component:
            shutil.rmtree(place, ignore_errors=True)
        tarball.unpack(orig, place)


def _one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found
