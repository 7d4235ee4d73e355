"""The quilt series of a recipe: DEP-3 headers, safe paths, every hunk exactly where it says."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from backport.engine.process import require, run
from backport.errors import InputError
from backport.recipe.patch_folder import series_lines
from backport.source import dep3, diff

# What patch(1) says where it did anything but apply every hunk as it stands.
_NOT_EXACT = re.compile(
    r"^(?:Hunk #.*|Reversed.*|.*\b(?:offset|fuzz|FAILED|malformed|unexpectedly|Stripping)\b.*)",
    re.MULTILINE,
)


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
    """Apply patches in order to an unpacked source tree, each hunk at its very place.

    patch(1) finds that: without fuzz, and with no word of an offset.

    Parameters:
        folder: where the patches are.
        names: the patches, as paths from there.
        tree: the source tree, which is changed; after an error it is of no use.
        dep3_checked: whether the headers have to have what DEP-3 asks of an update's patch.

    Raises:
        InputError: a header lacks what DEP-3 asks for, a path is not safe, or a hunk fails,
            needs fuzz or has an offset.
        MachineError: patch is not installed.
    """
    for name in names:
        kept = _examine(folder / name, name, tree, dep3_checked)
        _run_patch(folder / name, name, tree)
        for target in kept:
            if not (tree / target).exists():
                raise InputError(
                    f"it leaves {target} empty, and dpkg-source removes an empty file",
                    where=name,
                    advice="leave a line in it, or remove the file",
                )


def _examine(path: Path, name: str, tree: Path, dep3_checked: bool) -> list[str]:
    """Check what a patch is about to do; the files that it leaves there."""
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
    targets: dict[str, diff.FileDiff] = {}
    for file in files:
        target = _target(file, name)
        if target in targets:
            raise InputError(
                f"it changes {target} twice", where=name, advice="refresh it with: quilt refresh"
            )
        _check_target(file, target, tree, name)
        targets[target] = file
    return [target for target, file in targets.items() if not file.removes]


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


def _check_target(file: diff.FileDiff, target: str, tree: Path, name: str) -> None:
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
    elif file.start:
        raise InputError(
            f"hunk 1 of {target} does not apply: there is no such file in this version",
            where=name,
            advice="make a variant of the patch for this version",
        )


def _run_patch(path: Path, name: str, tree: Path) -> None:
    # The options of dpkg-source (Dpkg::Source::Patch), less its backup files.
    words = ["--batch", "--forward", "--strip=1", "--unified", "--version-control=never"]
    words += ["--no-backup-if-mismatch", "--remove-empty-files", "--reject-file=-", "--fuzz=0"]
    command = [require("patch", "patch"), *words, f"--input={path.resolve()}"]
    env = {"LC_ALL": "C.UTF-8", "PATCH_GET": "0", "TZ": "UTC"}
    done = run(command, cwd=tree, env=env)
    said = _NOT_EXACT.search(done.output)
    if done.exit_code != 0 or said:
        before = done.output[: said.start()] if said else done.output
        file = before.rpartition("patching file ")[2].partition("\n")[0]
        raise InputError(
            f"it does not fit {file} exactly: {said[0] if said else done.tail(3)}",
            where=name,
            advice="refresh it for this version with: quilt push -f, then quilt refresh",
        )
