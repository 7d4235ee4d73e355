"""What steps leave in their folders for other steps, and how that is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from debian.deb822 import Dsc

from backport.engine.store import Store
from backport.environments.base import Differing, PreparedBase

PREPARED = "prepared.json"
WANTED = "wanted.json"
# A base may have a test of the same name: then ours is shipped under another.
SHIPPED = "tests.json"
BUILT_ORIGIN = "backport-built"


def kept_chroot(store: Store, series: str, source: str) -> Path:
    """Where a run with --keep leaves the chroot of a build that does not pass."""
    return store.work / "kept" / f"{series}_{source}"


def dsc_names(dsc: Path) -> tuple[str, ...]:
    """The files that a .dsc lists."""
    return tuple(entry["name"] for entry in Dsc(dsc.read_text())["Checksums-Sha256"])


def one_file(folder: Path, pattern: str) -> Path:
    """The one file of that pattern in a step's folder."""
    (found,) = folder.glob(pattern)
    return found


def built_debs(folders: Iterable[Path]) -> list[Path]:
    """The .deb files in the folders of build steps."""
    return sorted(path for folder in folders for path in folder.glob("*.deb"))


def what_serves(wanted: Mapping[str, list[str]], earlier: Path) -> str:
    """What the base has to hold, as the text of a file.

    A run for a few sources wants less than one for all: then the base that an earlier run asked
    for in the file `earlier` serves, and nothing is prepared anew.
    """
    if earlier.is_file():
        text = earlier.read_text()
        before = json.loads(text)
        if all(set(wanted[key]) <= set(before.get(key, ())) for key in wanted):
            return text
    return json.dumps(wanted, indent=1)


def base_kind(store: Store) -> str:
    """The kind of base that the work folder's bases are of; "" where there is none or several."""
    kinds = {
        read_prepared(path.parent).kind for path in (store.work / "base").glob(f"*/{PREPARED}")
    }
    return kinds.pop() if len(kinds) == 1 else ""


def read_prepared(folder: Path) -> PreparedBase:
    """The base that a base step prepared."""
    data = json.loads((folder / PREPARED).read_text())
    differing = tuple(Differing(**one) for one in data["differing"])
    return PreparedBase(
        kind=data["kind"],
        suite=data["suite"],
        repository=Path(data["repository"]),
        chroot=Path(data["chroot"]),
        testbed_root=Path(data["testbed_root"]),
        differing=differing,
        older=Path(data["older"]) if data.get("older") else None,
        notes=tuple(data.get("notes", ())),
    )
