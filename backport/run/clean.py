"""What `backport clean` removes: old steps, bases that no step names, what kills left behind.

Only what the toolkit makes again by itself is ever touched. The evidence, the summary, and all
that is not known here stay.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from backport.engine import owner, process
from backport.engine.execute import REGISTRY
from backport.engine.outputs import KEPT, PROPOSED
from backport.engine.step import KINDS
from backport.engine.store import RECORD, Store
from backport.environments import chroot, prepared
from backport.errors import InputError, MachineError
from backport.source import dsc, fetch
from backport.testbed import lxc

# What the two bases keep below bases/KIND/ or bases/KIND/SERIES/; all of it can be made again.
_BASE = (
    "chroot-*.tar", "testbed-*", "base-*", "older-*", "system-*", "modules-*", "pool-*.json",
    "layer-*",
)  # fmt: skip
_UNFINISHED = (".making-*", ".new-*", ".comparing-*", ".signing-*")


def old(store: Store, before: float) -> Iterator[Path]:
    """The files and folders that can go, each once; nobody else may use the store meanwhile.

    Parameters:
        before: seconds since 1970; what is as old or older goes. What a killed run left half
            made goes at any age.
    """
    removed = [path for path in _steps(store) if (path / RECORD).stat().st_mtime <= before]
    yield from removed
    yield from unfinished(store)
    kept = sorted((store.work / KEPT).glob("*"))
    yield from (path for path in kept if _time(path) <= before)
    yield from _bases(store, {*removed}, before)


def left_by_kills(cache: Path, *, remove: bool) -> list[str]:
    """What killed runs left outside of their work folders: testbeds and temporary folders.

    Parameters:
        cache: the folder of downloads.
        remove: whether to remove it.

    Those of live runs do not count. Where nobody may look for testbeds, there is none of ours.
    """
    folders = owner.left_temporary(cache / fetch.PARTS, cache / dsc.HOME)
    left = [str(folder) for folder in folders]
    with suppress(MachineError):
        if shutil.which("lxc-config"):
            names = lxc.clean_leftovers() if remove else lxc.left_over()
            left += [f"the testbed {name}" for name in names]
    for folder in folders if remove else ():
        chroot.remove(folder)
        folder.with_name(f"{folder.name}{owner.NOTE}").unlink(missing_ok=True)
    return left


def tidy(store: Store, cache: Path, note: Callable[[str], None]) -> None:
    """End and remove what earlier runs left when they were broken off; `note` is told of each."""
    for line in process.end_left(store.work / REGISTRY):
        note(f"ended what an interrupted run had left running: {line}")
    for what in left_by_kills(cache, remove=True):
        note(f"removed what an interrupted run had left: {what}")
    for path in (*(store.work / "scratch").glob("*"), *unfinished(store)):
        note(f"removed what an interrupted run had left: {path}")
        chroot.remove_tree(path)


def _steps(store: Store) -> Iterator[Path]:
    """The folders of all steps: those whose record has their own name.

    An artifact of a test may be named like a record, so the name is not enough.
    """
    for kind in KINDS:
        for pattern in ("", "*/", "*/*/"):
            for record in sorted((store.work / kind).glob(f"{pattern}{RECORD}")):
                name = str(record.parent.relative_to(store.work))
                try:
                    known = json.loads(record.read_text())["name"]
                except (OSError, ValueError, LookupError, TypeError):
                    known = ""
                if known == name:
                    yield record.parent


def unfinished(store: Store) -> Iterator[Path]:
    """What killed runs left half made; nobody else may use the store meanwhile."""
    own = [path for path in sorted(store.work.glob("*")) if not path.is_symlink()]
    for folder in (store.work, *own, *_homes(store)):
        for pattern in _UNFINISHED:
            yield from sorted(folder.glob(pattern))


def _bases(store: Store, removed: set[Path], before: float) -> Iterator[Path]:
    """Parts of prepared bases that are old, and that no base step names which stays."""
    named: set[Path] = set()
    for step in (*_steps(store), *_steps(Store(store.work / PROPOSED))):
        if step not in removed and (step / prepared.FILE).is_file():
            with suppress(InputError):  # such a step runs anew
                base = prepared.read(step)
                parts = (base.chroot, base.testbed_root, base.repository, base.older)
                named |= {part.resolve() for part in parts if part is not None}
    for home in _homes(store):
        for path in (path for pattern in _BASE for path in sorted(home.glob(pattern))):
            if path.resolve() not in named and _time(path) <= before:
                yield path


def _homes(store: Store) -> Iterator[Path]:
    """The folders that hold its own bases; never what is inside of a testbed."""
    bases = store.work / "bases"
    others = bases.is_symlink() and bases.readlink() == Path("../bases")
    for folder in () if others else sorted(bases.glob("*")):
        if folder.is_dir():
            yield folder
            for inner in sorted(folder.iterdir()):
                if inner.is_dir() and not any(inner.match(pattern) for pattern in (*_BASE, ".*")):
                    yield inner


def _time(path: Path) -> float:
    """When it was put there: a testbed's root has the time stamp that its archive says."""
    stat = path.lstat()
    return max(stat.st_mtime, stat.st_ctime)
