"""The quilt series of a recipe: DEP-3 headers, safe paths, every hunk exactly where it says."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import require, run
from backport.errors import InputError
from backport.source import dep3, diff
from backport.source.files import sha256_of
from backport.source.text import read_text


@dataclass(frozen=True)
class HunkReport:
    """How one hunk of a patch fits its file; see `diff.Fit`."""

    file: str
    number: int
    start: int
    fit: diff.Fit


@dataclass(frozen=True)
class PatchReport:
    """One patch of the series: its header's summary and what became of each hunk."""

    name: str
    sha256: str
    description: str
    bug: str
    files: tuple[str, ...]
    hunks: tuple[HunkReport, ...]

    @property
    def exact(self) -> bool:
        """Whether every hunk fits without offset and fuzz."""
        return all(hunk.fit.outcome == "exact" for hunk in self.hunks)


class PatchError(InputError):
    """A patch that is not taken; `reports` has every hunk that was looked at."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        advice: str = "",
        reports: tuple[PatchReport, ...] = (),
    ) -> None:
        super().__init__(what, where=where, advice=advice)
        self.reports = reports


def read_series(quilt_series: Path) -> tuple[Path, ...]:
    """The patches that a quilt series file lists, as paths beside it, in order.

    Raises:
        PatchError: a line has options other than ``-p1``, or names no file below the folder.
    """
    patches = []
    for number, raw in enumerate(read_text(quilt_series).split("\n"), start=1):
        words = raw.partition("#")[0].split()
        if not words:
            continue
        where = f"{quilt_series.name}, line {number}"
        if any(option != "-p1" for option in words[1:]):
            raise PatchError(
                f"{words[0]} has the options {' '.join(words[1:])}",
                where=where,
                advice="make the patch with -p1; dpkg-source knows nothing else",
            )
        _check_path(words[0], where)
        path = quilt_series.parent / words[0]
        if not path.is_file():
            raise PatchError(
                f"it lists {words[0]}, and there is no such file",
                where=where,
                advice="add the patch or take its line out",
            )
        patches.append(path)
    return tuple(patches)


def apply_series(
    patches: Sequence[Path], names: Sequence[str], tree: Path, *, dep3_checked: bool = True
) -> tuple[PatchReport, ...]:
    """Apply patches in order to an unpacked source tree, and report every hunk.

    Each hunk has to stand at its very place; the check is made before the tree is touched by
    that patch, and patch(1) with ``--fuzz=0`` then has to come to the same text.

    Parameters:
        patches: the patch files.
        names: what each is called in messages and reports.
        tree: the source tree, which is changed.
        dep3_checked: whether the headers have to have what DEP-3 asks of an update's patch.

    Raises:
        PatchError: a header lacks what DEP-3 asks for, a path is not safe, or a hunk fails,
            needs fuzz or has an offset.
        MachineError: patch is not installed.
    """
    reports: tuple[PatchReport, ...] = ()
    for path, name in zip(patches, names, strict=True):
        report, results = _examine(path, name, tree, dep3_checked)
        reports += (report,)
        if not report.exact:
            raise _unfit(report, reports)
        _run_patch(path, name, tree, results, reports)
    return reports


def _examine(
    path: Path, name: str, tree: Path, dep3_checked: bool
) -> tuple[PatchReport, dict[str, list[str] | None]]:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        header_text, files = diff.parse(text)
    except diff.DiffError as error:
        raise PatchError(
            f"this is no patch that can be used: {error}", where=name, advice="make it anew"
        ) from error
    header = dep3.read(header_text)
    if dep3_checked and (faults := dep3.faults(header)):
        raise PatchError(
            f"the header {' and '.join(faults)}",
            where=name,
            advice="complete it as DEP-3 says",
        )
    hunks: list[HunkReport] = []
    results: dict[str, list[str] | None] = {}
    for file in files:
        target = _target(file, name)
        if target in results:
            raise PatchError(
                f"it changes {target} twice", where=name, advice="refresh it with: quilt refresh"
            )
        lines = _lines(file, target, tree, name)
        fits = [diff.fit(hunk, lines) for hunk in file.hunks]
        hunks += [
            HunkReport(target, hunk.number, hunk.start, fit)
            for hunk, fit in zip(file.hunks, fits, strict=True)
        ]
        if all(fit.outcome == "exact" for fit in fits):
            new = diff.apply(file, lines)
            results[target] = None if file.new == "/dev/null" and not new else new
        else:
            results[target] = None
    summary = header.description.partition("\n")[0]
    report = PatchReport(name, sha256_of(path), summary, header.bug, tuple(results), tuple(hunks))
    return report, results


def _target(file: diff.FileDiff, name: str) -> str:
    """The one file that a file diff changes, relative to the tree."""
    stripped = []
    for path in (file.old, file.new):
        if path == "/dev/null":
            continue
        if path.startswith("/"):
            raise PatchError(
                f"it changes the absolute path {path}", where=name, advice="make it with -p1"
            )
        inner = re.sub(r"^[^/]*/+", "", path)
        if inner == path or not inner:
            raise PatchError(
                f"its path {path} has no folder to take off", where=name, advice="make it with -p1"
            )
        _check_path(inner, name)
        stripped.append(inner)
    if not stripped or len(set(stripped)) != 1:
        raise PatchError(
            f"it gives one file two names, {file.old} and {file.new}",
            where=name,
            advice="refresh it with: quilt refresh -p1",
        )
    if stripped[0].split("/")[0] == "debian":
        raise PatchError(
            f"it changes {stripped[0]}, and a quilt patch may not touch debian/",
            where=name,
            advice="change the packaging, or use a control edit of the recipe",
        )
    return stripped[0]


def _check_path(path: str, where: str) -> None:
    parts = path.split("/")
    if "\0" in path or any(len(os.fsencode(part)) > 255 for part in parts):
        raise PatchError(f"{path[:60]!r} is no path", where=where, advice="name a file")
    if path.startswith("/") or ".." in parts:
        raise PatchError(
            f"the path {path} leaves its folder", where=where, advice="name a file below it"
        )


def _lines(file: diff.FileDiff, target: str, tree: Path, name: str) -> list[str]:
    path = tree / target
    for part in (path, *path.parents):
        if part == tree:
            break
        if part.is_symlink():
            raise PatchError(
                f"{target} goes through the symbolic link {part.relative_to(tree)}",
                where=name,
                advice="change the file that the link points to",
            )
    if path.is_file():
        if file.creates:
            raise PatchError(
                f"it makes {target}, which is there already",
                where=name,
                advice="is the change in this version already?",
            )
        return diff.split_lines(path.read_bytes().decode("utf-8", "surrogateescape"))
    if not file.creates:
        raise PatchError(
            f"hunk 1 of {target} does not apply: there is no such file in this version",
            where=name,
            advice="make a variant of the patch for this version",
        )
    return []


def _unfit(report: PatchReport, reports: tuple[PatchReport, ...]) -> PatchError:
    wrong = [hunk for hunk in report.hunks if hunk.fit.outcome != "exact"]
    first = wrong[0]
    fit = first.fit
    lines = [text.rstrip("\n") for text in (fit.expected, fit.found)]
    if lines[0] == lines[1]:  # they differ in how they end
        lines = [fit.expected, fit.found]
    found = f"found {lines[1]!r}" if fit.found else "found the file's end"
    place = f"line {fit.line}: expected {lines[0]!r}, {found}"
    if not fit.expected:
        place = f"the file has only {fit.line - 1} lines"
    match fit.outcome:
        case "offset":
            how = f"fits only with an offset, {_moved(fit.shift)}"
        case "fuzz":
            moved = f", {_moved(fit.shift)}" if fit.shift else ""
            how = f"fits only with fuzz {fit.fuzz}{moved}"
        case "applied already":
            how = "seems to be applied already"
        case _:
            how = "does not apply"
    rest = f"; hunks that do not fit: {len(wrong)}" if len(wrong) > 1 else ""
    return PatchError(
        f"hunk {first.number} of {first.file} {how}: {place}{rest}",
        where=report.name,
        advice="refresh the patch for this version with: quilt push -f, then quilt refresh",
        reports=reports,
    )


def _moved(shift: int) -> str:
    lines = "1 line" if abs(shift) == 1 else f"{abs(shift)} lines"
    return f"{lines} further {'down' if shift > 0 else 'up'}"


def _run_patch(
    path: Path,
    name: str,
    tree: Path,
    results: dict[str, list[str] | None],
    reports: tuple[PatchReport, ...],
) -> None:
    # The options of dpkg-source (Dpkg::Source::Patch), less its backup files.
    done = run(
        [
            require("patch", "patch"),
            "--batch",
            "--fuzz=0",
            "--forward",
            "--strip=1",
            "--unified",
            "--version-control=never",
            "--no-backup-if-mismatch",
            "--remove-empty-files",
            f"--input={path.resolve()}",
        ],
        cwd=tree,
        env={"LC_ALL": "C.UTF-8", "PATCH_GET": "0", "TZ": "UTC"},
    )
    if done.exit_code != 0 or re.search(r"\b(?:offset|fuzz|FAILED|Reversed)\b", done.output):
        raise PatchError(
            f"patch(1) does not take it: {done.tail(3)}",
            where=name,
            advice="refresh it with: quilt refresh",
            reports=reports,
        )
    for target, lines in results.items():
        there = tree / target
        got = there.read_bytes() if there.is_file() else None
        want = None if lines is None else "".join(lines).encode("utf-8", "surrogateescape")
        if got != want and not (not got and not want):
            raise PatchError(
                f"patch(1) makes another text of {target} than the patch says",
                where=name,
                advice="make the patch anew with: quilt refresh",
                reports=reports,
            )
