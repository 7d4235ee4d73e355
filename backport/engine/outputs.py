"""What steps leave in their folders for other steps, and how that is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from backport.engine import records
from backport.engine.store import Store
from backport.environments.base import PreparedBase
from backport.errors import InputError, reading

PREPARED = "prepared.json"
WANTED = "wanted.json"
# A base may have a test of the same name: then ours is shipped under another.
SHIPPED = "tests.json"
BUILT_ORIGIN = "backport-built"


def kept_chroot(store: Store, series: str, source: str) -> Path:
    """Where a run with --keep leaves the chroot of a build that does not pass."""
    return store.work / "kept" / f"{series}_{source}"


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
    with suppress(InputError), reading(earlier):
        text = earlier.read_text()
        before = records.decode(dict[str, tuple[str, ...]], json.loads(text))
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
    """The base that a base step prepared.

    Raises:
        InputError: its record is damaged.
    """
    path = folder / PREPARED
    with reading(path, what="the record of this base is damaged", advice="remove its folder"):
        data = records.read_json(path)
        # What only the step's hash is about.
        data.pop("state", None)
        found: PreparedBase = records.decode(PreparedBase, data)
    return found
