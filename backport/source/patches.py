"""The quilt series of a recipe: DEP-3 headers, safe paths, every hunk exactly where it says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from backport.engine.process import Completed, require, run
from backport.errors import InputError
from backport.recipe.patch_folder import series_lines
from backport.source import dep3, diff


def read_series(quilt_series: Path) -> tuple[str, ...]:
    """The patches that a quilt series file lists, in order, as paths from its folder.

    Raises:
        InputError: a line has options other than ``-p1``, or names no file below the folder.
    """
    names = []
    for number, words in series_lines(quilt_series):
        where = f"{quilt_series.name}, line {number}"
        if any(option != "-p1" for option in words[1:]):
            raise InputError(
                f"{words[0]} has the options {' '.join(words[1:])}",
                where=where,
                advice="make the patch with -p1; dpkg-source knows nothing else",
            )
        _check_path(words[0], where)
        if not (quilt_series.parent / words[0]).is_file():
            raise InputError(
                f"it lists {words[0]}, and there is no such file",
                where=where,
                advice="add the patch or take its line out",
            )
        names.append(words[0])
    return tuple(names)


def apply_series(
    folder: Path, names: Sequence[str], tree: Path, *, dep3_checked: bool = True
) -> None:
    """Apply patches in order to an unpacked source tree.

    Each hunk has to stand at its very place; the check is made before the tree is touched by
    that patch, and patch(1) with ``--fuzz=0`` then has to come to the same text.

    Parameters:
        folder: where the patches are.
        names: the patches, as paths from there.
        tree: the source tree, which is changed.
        dep3_checked: whether the headers have to have what DEP-3 asks of an update's patch.

    Raises:
        InputError: a header lacks what DEP-3 asks for, a path is not safe, or a hunk fails,
            needs fuzz or has an offset.
        MachineError: patch is not installed.
    """
    for name in names:
        results = _examine(folder / name, name, tree, dep3_checked)
        _run_patch(folder / name, name, tree, results)


def _examine(path: Path, name: str, tree: Path, dep3_checked: bool) -> dict[str, list[str]]:
    """The lines that each file has after the patch; none where the patch removes it."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        header, files = diff.parse(text)
    except diff.DiffError as error:
        raise InputError(
            f"this is no patch that can be used: {error}", where=name, advice="make it anew"
        ) from error
    if dep3_checked and (faults := dep3.faults(dep3.read(header))):
        raise InputError(
            f"the header {' and '.join(faults)}", where=name, advice="complete it as DEP-3 says"
        )
    results: dict[str, list[str]] = {}
    for file in files:
        target = _target(file, name)
        if target in results:
            raise InputError(
                f"it changes {target} twice", where=name, advice="refresh it with: quilt refresh"
            )
        lines = _lines(file, target, tree, name)
        for hunk in file.hunks:
            if wrong := diff.mismatch(hunk, lines):
                said = re.search(
                    r"(?m)^(Hunk #|Reversed).*", _patch(path, tree, "--dry-run").output
                )
                raise _unfit(name, f"hunk {hunk.number} of {target}", wrong, said)
        results[target] = diff.apply(file, lines)
        if not results[target] and not file.removes:
            raise InputError(
                f"it leaves {target} empty, and dpkg-source removes an empty file",
                where=name,
                advice="leave a line in it, or remove the file",
            )
    return results


def _target(file: diff.FileDiff, name: str) -> str:
    """The one file that a file diff changes, relative to the tree."""
    stripped = []
    for path in (file.old, file.new):
        if path == "/dev/null":
            continue
        if path.startswith("/"):
            raise InputError(
                f"it changes the absolute path {path}", where=name, advice="make it with -p1"
            )
        inner = re.sub(r"^[^/]*/+", "", path)
        if inner == path or not inner:
            raise InputError(
                f"its path {path} has no folder to take off", where=name, advice="make it with -p1"
            )
        _check_path(inner, name)
        stripped.append(inner)
    if not stripped or len(set(stripped)) != 1:
        raise InputError(
            f"it gives one file two names, {file.old} and {file.new}",
            where=name,
            advice="refresh it with: quilt refresh -p1",
        )
    if stripped[0].split("/")[0] == "debian":
        raise InputError(
            f"it changes {stripped[0]}, and a quilt patch may not touch debian/",
            where=name,
            advice="change the packaging, or use a control edit of the recipe",
        )
    return stripped[0]


def _check_path(path: str, where: str) -> None:
    parts = path.split("/")
    if "\0" in path or any(len(os.fsencode(part)) > 255 for part in parts):
        raise InputError(f"{path[:60]!r} is no path", where=where, advice="name a file")
    if path.startswith("/") or ".." in parts:
        raise InputError(
            f"the path {path} leaves its folder", where=where, advice="name a file below it"
        )


def _lines(file: diff.FileDiff, target: str, tree: Path, name: str) -> list[str]:
    path = tree / target
    for part in (path, *path.parents):
        if part == tree:
            break
        if part.is_symlink():
            raise InputError(
                f"{target} goes through the symbolic link {part.relative_to(tree)}",
                where=name,
                advice="change the file that the link points to",
            )
    if path.is_file():
        if file.creates:
            raise InputError(
                f"it makes {target}, which is there already",
                where=name,
                advice="is the change in this version already?",
            )
        return diff.split_lines(path.read_bytes().decode("utf-8", "surrogateescape"))
    if file.hunks[0].start:
        raise InputError(
            f"hunk 1 of {target} does not apply: there is no such file in this version",
            where=name,
            advice="make a variant of the patch for this version",
        )
    return []


def _unfit(
    name: str, hunk: str, wrong: tuple[int, str, str], said: re.Match[str] | None
) -> InputError:
    line, expected, found = wrong
    place = f"the file has only {line - 1} lines"
    if expected:
        # Their ends are shown where they differ in nothing else.
        cut = "\n" if expected.rstrip("\n") != found.rstrip("\n") else ""
        there = repr(found.rstrip(cut)) if found else "the file's end"
        place = f"line {line}: expected {expected.rstrip(cut)!r}, found {there}"
    return InputError(
        f"{hunk} does not fit: {place}" + (f"; patch(1) says: {said[0]}" if said else ""),
        where=name,
        advice="refresh the patch for this version with: quilt push -f, then quilt refresh",
    )


def _patch(path: Path, tree: Path, *options: str) -> Completed:
    # The options of dpkg-source (Dpkg::Source::Patch), less its backup files.
    words = ["--batch", "--forward", "--strip=1", "--unified", "--version-control=never"]
    words += ["--no-backup-if-mismatch", "--remove-empty-files", f"--input={path.resolve()}"]
    env = {"LC_ALL": "C.UTF-8", "PATCH_GET": "0", "TZ": "UTC"}
    return run([require("patch", "patch"), *words, *options], cwd=tree, env=env)


def _run_patch(path: Path, name: str, tree: Path, results: Mapping[str, list[str]]) -> None:
    done = _patch(path, tree, "--fuzz=0")
    if done.exit_code != 0 or re.search(r"\b(?:offset|fuzz|FAILED|Reversed)\b", done.output):
        raise InputError(
            f"patch(1) does not take it: {done.tail(3)}",
            where=name,
            advice="refresh it with: quilt refresh",
        )
    for target, lines in results.items():
        there = tree / target
        got = there.read_bytes() if there.is_file() else b""
        if got != "".join(lines).encode("utf-8", "surrogateescape"):
            raise InputError(
                f"patch(1) makes another text of {target} than the patch says",
                where=name,
                advice="make the patch anew with: quilt refresh",
            )
