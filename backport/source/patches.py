"""The quilt series of a recipe: DEP-3 headers, safe paths, every hunk exactly where it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from backport.engine.process import run
from backport.errors import InputError
from backport.recipe.patch_folder import patch_names, path_faults, series_faults
from backport.source import dep3, diff
from backport.system_packages import require

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
    for where, what, advice in series_faults(quilt_series):
        raise InputError(what, where=where, advice=advice)
    return patch_names(quilt_series)


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
        target = _inner(file.old if file.removes else file.new)
        for what, advice in _faults(file, target, tree):
            raise InputError(what, where=name, advice=advice)
        if target in targets:
            what = f"it changes {target} twice"
            raise InputError(what, where=name, advice="refresh it with: quilt refresh")
        targets[target] = file
    return [target for target, file in targets.items() if not file.removes]


def _inner(path: str) -> str:
    """A path without its first folder, as ``-p1`` takes it off; "" where there is none."""
    return re.sub(r"^[^/]*/+", "", path) if "/" in path else ""


def _faults(file: diff.FileDiff, target: str, tree: Path) -> Iterator[tuple[str, str]]:
    """Why a patch may not change a file of the tree, each with an advice."""
    named = [path for path in (file.old, file.new) if path != "/dev/null"]
    for path in named:
        if path.startswith("/"):
            yield f"it changes the absolute path {path}", "make it with -p1"
        if not _inner(path):
            yield f"its path {path} has no folder to take off", "make it with -p1"
        yield from path_faults(_inner(path))
    if {_inner(path) for path in named} != {target}:
        what = f"it gives one file two names, {file.old} and {file.new}"
        yield what, "refresh it with: quilt refresh -p1"
    if target.split("/", maxsplit=1)[0] == "debian":
        what = f"it changes {target}, and a quilt patch may not touch debian/"
        yield what, "change the packaging, or use a control edit of the recipe"
    there = tree / target
    for part in (there, *there.parents):
        if part == tree:
            break
        if part.is_symlink():
            what = f"{target} goes through the symbolic link {part.relative_to(tree)}"
            yield what, "change the file that the link points to"
    if there.is_file() and file.creates:
        what = f"it makes {target}, which is there already"
        yield what, "is the change in this version already?"
    if file.start and not there.is_file():
        what = f"hunk 1 of {target} does not apply: there is no such file in this version"
        yield what, "make a variant of the patch for this version"


def _run_patch(path: Path, name: str, tree: Path) -> None:
    # The options of dpkg-source (Dpkg::Source::Patch), less its backup files.
    words = ["--batch", "--forward", "--strip=1", "--unified", "--version-control=never"]
    words += ["--no-backup-if-mismatch", "--remove-empty-files", "--reject-file=-", "--fuzz=0"]
    command = [require("patch"), *words, f"--input={path.resolve()}"]
    env = {"LC_ALL": "C.UTF-8", "PATCH_GET": "0", "TZ": "UTC"}
    done = run(command, cwd=tree, env=env)
    remark = _NOT_EXACT.search(done.output)
    if done.exit_code != 0 or remark:
        before = done.output[: remark.start()] if remark else done.output
        file = before.rpartition("patching file ")[2].partition("\n")[0]
        raise InputError(
            f"it does not fit {file} exactly: {remark[0] if remark else done.tail(3)}",
            where=name,
            advice="refresh it for this version with: quilt push -f, then quilt refresh",
        )
