"""Make the source package of one source and series: .dsc, source .changes, debdiff."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.errors import InputError, StepError
from backport.recipe.model import Recipe, Series, Source, Variant
from backport.recipe.patch_folder import quilt_series_file
from backport.recipe.version_strings import upstream_part
from backport.source import installable
from backport.source.changelog import make_entry, prepend, timestamp
from backport.source.control import edit_control, for_ubuntu
from backport.source.dep8 import add_tests
from backport.source.dpkg import Dpkg, isolated
from backport.source.dsc import QUILT, DscInfo, file_version, read_dsc, require_format
from backport.source.files import LEFT_OUT, set_modes_and_times, sha256_of, tree_hashes
from backport.source.overlay import lay_over
from backport.source.patches import apply_series, read_series
from backport.source.tarball import compression, unpack
from backport.source.text import not_utf8, read_text, write_text


@dataclass(frozen=True)
class SourcePackage:
    """A finished source package; all its files are in one folder, named by their sha256.

    `applied` are the recipe's patches where the format has no quilt series for them, `notes` what a
    reviewer should know of how it was made.
    """

    dsc: Path
    changes: Path
    debdiff: Path | None
    files: Mapping[str, str]
    applied: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    """What is made, and the folder that it is made in; `patches` are names in the quilt series."""

    recipe: Recipe
    source: Source
    series: Series
    version: str
    variant: Variant | None
    format: str
    patches: tuple[str, ...]
    work: Path
    dpkg: Dpkg

    @property
    def tree(self) -> Path:
        return self.work / "tree"

    @property
    def patched(self) -> Path:
        """The tree with all patches; only the format 3.0 (quilt) has one without the recipe's."""
        return self.work / "patched" if self.format == QUILT else self.tree

    @property
    def debian(self) -> Path:
        return self.tree / "debian"

    @property
    def stem(self) -> str:
        return f"{self.source.name}_{file_version(self.version)}"


def make(
    recipe: Recipe,
    source: Source,
    series: Series,
    version: str,
    *,
    orig: Path | None,
    pinned_dsc: Path | None,
    out: Path,
    variant: Variant | None = None,
    since: str = "",
) -> SourcePackage:
    """Make one source package, of the pinned one's format; the same input gives the same bytes.

    In the format 3.0 (quilt) the recipe's patches go into the quilt series; in the others they
    are applied to the files.

    Parameters:
        recipe, source, series: what to make.
        version: the package's version.
        orig: the upstream tarball, for our own packaging; its bytes are kept.
        pinned_dsc: the archive's source package to start from, its files beside it.
        out: the folder for the finished files; it appears by one rename (an empty one may be
            there).
        variant: builds its sources without the recipe's patches.
        since: the version that the series has now; newer changelog entries go into .changes.

    Raises:
        InputError: tarball, .dsc, packaging, patch or edit cannot be used, or a binary package
            could never be installed.
        StepError: dpkg-source or dpkg-genchanges fails, or what it made is not what was asked.
        MachineError: a program is missing.
    """
    moment = timestamp(recipe.date)
    out.parent.mkdir(parents=True, exist_ok=True)
    # The programs run in other folders than ours: no relative path may reach them.
    with tempfile.TemporaryDirectory(dir=out.parent.resolve(), prefix=".making-") as name:
        work = Path(name)
        quilt_series = quilt_series_file(source, series.name, variant)
        patches = read_series(quilt_series) if quilt_series else ()
        info = read_dsc(pinned_dsc) if pinned_dsc else None
        form = info.format if info else QUILT
        dpkg = isolated(work, moment)
        job = _Job(recipe, source, series, version, variant, form, patches, work, dpkg)
        if pinned_dsc is not None and info is not None:
            _start_from_pinned(job, pinned_dsc, info)
        else:
            assert orig is not None, "the recipe's reader asks for the one or the other"
            _start_from_upstream(job, orig)
        apply_series(source.patches, patches, job.patched)
        words = {"VERSION": version, "SERIES": series.name}
        words |= {"MAINTAINER": recipe.maintainer, "DATE": recipe.date}
        notes = lay_over(source, series.name, job.debian, words) + _edit_control(job)
        applied = () if form == QUILT else patches
        if form == QUILT:
            _add_patches(job)
        elif applied:
            notes += (f"applied, as the format {form} has no quilt series: {', '.join(applied)}",)
        add_tests(source.tests, job.debian)
        _add_changelog(job, fresh=pinned_dsc is None)
        for file in ("control", "control.in", "changelog", "tests/control", "patches/series"):
            if (job.debian / file).is_file():
                notes += not_utf8(read_text(job.debian / file), f"debian/{file}")
        # Of the other formats' trees more than debian/ is packed anew.
        set_modes_and_times(job.debian if form == QUILT else job.tree, moment)
        job.dpkg.build(job.tree, form)
        _check_unpacked(job)
        done = work / "done"
        done.mkdir()
        job.dpkg.changes(job.tree, done / f"{job.stem}_source.changes", since=since)
        built = work / f"{job.stem}.dsc"
        for file in (*(part.name for part in read_dsc(built).files), built.name):
            (work / file).rename(done / file)
        if pinned_dsc is not None:
            job.dpkg.debdiff(pinned_dsc, done / f"{job.stem}.dsc", done / f"{job.stem}.debdiff")
        for path in done.iterdir():
            path.chmod(0o644)
        done.chmod(0o755)
        hashes = {path.name: sha256_of(path) for path in sorted(done.iterdir())}
        done.rename(out)
    return SourcePackage(
        dsc=out / f"{job.stem}.dsc",
        changes=out / f"{job.stem}_source.changes",
        debdiff=out / f"{job.stem}.debdiff" if pinned_dsc is not None else None,
        files=hashes,
        applied=applied,
        notes=notes,
    )


def _start_from_pinned(job: _Job, pinned_dsc: Path, info: DscInfo) -> None:
    """Unpack the pinned package to `job.tree`, and with its own patches to `job.patched`."""
    require_format(info)
    upstream = upstream_part(job.version)
    wrong = ""
    if info.source != job.source.name:
        wrong = f"the pinned .dsc is of the source package {info.source}"
    elif info.origs() and info.upstream_version != upstream:
        wrong = f"the .dsc is of upstream {info.upstream_version}, and {job.version} is to be made"
    if wrong:
        raise InputError(wrong, where=f"source.{job.source.name}.pinned", advice="pin another .dsc")
    for name in info.origs():
        shutil.copyfile(pinned_dsc.parent / name, job.work / name)
    if job.format == QUILT:
        job.dpkg.unpack(pinned_dsc, job.tree, patches=False)
    job.dpkg.unpack(pinned_dsc, job.patched)


def _start_from_upstream(job: _Job, orig: Path) -> None:
    """Unpack the tarball to `job.tree` with our own packaging, and patched to `job.patched`."""
    packaging = job.source.patches / "debian"
    name = f"{job.source.name}_{job.source.version}.orig{compression(orig)}"
    shutil.copyfile(orig, job.work / name)
    for tree in (job.tree, job.patched):
        unpack(job.work / name, tree)
        # dpkg-source removes upstream's own debian/ when it unpacks the package.
        shutil.rmtree(tree / "debian", ignore_errors=True)
    shutil.copytree(packaging, job.debian, ignore=LEFT_OUT)
    own = packaging / "patches"
    if (own / "series").is_file():
        apply_series(own, read_series(own / "series"), job.patched, dep3_checked=False)
    (job.debian / "rules").chmod(0o755)
    format_file = job.debian / "source" / "format"
    format_file.parent.mkdir(exist_ok=True)
    if not format_file.exists():
        format_file.write_text(f"{QUILT}\n")
    if (form := format_file.read_text().strip()) != QUILT:
        raise InputError(
            f"the packaging's source format is {form}",
            where=str(packaging / "source" / "format"),
            advice=f"write {QUILT}",
        )


def _edit_control(job: _Job) -> tuple[str, ...]:
    """Edit and check debian/control, and control.in where there is one: it makes the other."""
    notes = []
    for name in ("control", "control.in"):
        path = job.debian / name
        if not path.is_file():
            continue
        text = read_text(path)
        where = f"debian/{name} of {job.source.name}"
        edited = edit_control(text, job.source.control, job.series.name, file=where)
        edited = for_ubuntu(edited, file=where)
        write_text(path, edited)
        if name == "control":
            installable.check(edited, job.version, job.source.name)
        elif edited != text:
            notes.append("debian/control.in was edited like debian/control, which it makes")
    return tuple(notes)


def _add_patches(job: _Job) -> None:
    """Append the recipe's patches to the quilt series that is there."""
    if not job.patches:
        return
    folder = job.debian / "patches"
    folder.mkdir(exist_ok=True)
    for name in job.patches:
        if (folder / name).exists():
            raise InputError(
                f"there is a patch of the name {name} already",
                where=f"patches of {job.source.name}",
                advice="rename ours",
            )
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(job.source.patches / name, folder / name)
    # dpkg-source(1): for the vendor Ubuntu, ubuntu.series takes the place of series.
    theirs = [name for name in ("series", "ubuntu.series") if (folder / name).is_file()]
    for name in theirs or ["series"]:
        path = folder / name
        text = read_text(path) if path.is_file() else ""
        if text and not text.endswith("\n"):
            text += "\n"
        write_text(path, text + "".join(f"{patch}\n" for patch in job.patches))


def _add_changelog(job: _Job, *, fresh: bool) -> None:
    items = job.source.changes_in(job.series.name)
    if job.variant is not None:
        items = (*items, f"Variant {job.variant.name} for a test's control, never uploaded.")
    entry = make_entry(
        package=job.source.name,
        version=job.version,
        series=job.series.name,
        items=items,
        bug=job.recipe.bug,
        maintainer=job.recipe.maintainer,
        date=job.recipe.date,
    )
    path = job.debian / "changelog"
    where = f"debian/changelog of {job.source.name}"
    path.write_bytes(entry.encode() if fresh else prepend(entry, path.read_bytes(), where=where))


def _check_unpacked(job: _Job) -> None:
    """The package unpacks, and to the very tree that the patches were checked on."""
    unpacked = job.work / "unpacked"
    job.dpkg.unpack(job.work / f"{job.stem}.dsc", unpacked)
    got = tree_hashes(unpacked, but=("debian", ".pc"))
    want = tree_hashes(job.patched, but=("debian", ".pc"))
    if got != want:
        differing = sorted({name for name, _ in got.items() ^ want.items()})
        raise StepError(
            f"it unpacks to another text of {', '.join(differing[:3])} than the patches say",
            where=f"{job.stem}.dsc",
        )
