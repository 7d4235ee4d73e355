"""What is removed from a work folder and beside it: what kills left, and what can be made again.

The evidence, the summary, and all that is not known here stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from backport.engine import owner
from backport.engine.step import KINDS
from backport.engine.store import RECORD, Store
from backport.environments import chroot
from backport.errors import MachineError
from backport.source import dsc, fetch
from backport.testbed import lxc

_UNFINISHED = (".making-*", ".new-*", ".comparing-*", ".signing-*")


def made(store: Store) -> Iterator[Path]:
    """The folders of all steps, the bases and what ``--keep`` left, while nobody uses the store."""
    for kind in KINDS:
        for pattern in ("", "*/", "*/*/"):
            records = sorted((store.work / kind).glob(f"{pattern}{RECORD}"))
            yield from (record.parent for record in records)
    for folder in (store.work / "bases", store.work / "kept"):
        if not folder.is_symlink():
            yield from sorted(folder.glob("*"))


def left_by_kills(cache: Path) -> list[str]:
    """Remove what killed runs left outside of their work folders: testbeds and temporary folders.

    Parameters:
        cache: the folder of downloads.

    Those of live runs do not count. Where nobody may look for testbeds, there is none of ours.
    """
    folders = owner.left_temporary(cache / fetch.PARTS, cache / dsc.HOME)
    for folder in folders:
        chroot.remove(folder)
        folder.with_name(f"{folder.name}{owner.NOTE}").unlink(missing_ok=True)
    removed = [str(folder) for folder in folders]
    with suppress(MachineError):
        if shutil.which("lxc-config"):
            removed += [f"the testbed {name}" for name in lxc.clean_leftovers()]
    return removed


def unfinished(store: Store) -> Iterator[Path]:
    """What killed runs left half made; nobody else may use the store meanwhile."""
    folders = [store.work, *(path for path in store.work.glob("*") if not path.is_symlink())]
    if store.work / "bases" in folders:  # never what is inside of a testbed
        folders += [*store.work.glob("bases/*"), *store.work.glob("bases/ubuntu/*")]
    for folder in folders:
        for pattern in _UNFINISHED:
            yield from sorted(folder.glob(pattern))
