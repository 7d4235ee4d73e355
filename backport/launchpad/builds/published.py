"""What is published of an upload: builds and binary packages, as JSON below ``published/``.

The evidence takes versions and hashes from here; `wait` writes it when all is published.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backport.engine import records
from backport.errors import InputError, reading

FOLDER = "published"
_FORMAT = 1


@dataclass(frozen=True)
class Built:
    """A build that succeeded: its architecture, page and log on Launchpad."""

    arch: str
    web: str
    log: str


@dataclass(frozen=True)
class Binary:
    """A published binary package. `sha256` may be "" where Launchpad does not say it.

    `arch` is that of the file's name, such as ``all``; size in bytes.
    """

    package: str
    version: str
    arch: str
    file: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Published:
    """A source package in a series of a PPA, with all of its builds and binaries.

    `seen` is when it was found published, in ISO 8601, UTC.
    """

    source: str
    series: str
    version: str
    ppa: str
    root: str
    seen: str
    builds: tuple[Built, ...]
    binaries: tuple[Binary, ...]


def path_of(work: Path, series: str, source: str) -> Path:
    """The record's file."""
    return work / FOLDER / series / f"{source}.json"


def write(work: Path, record: Published) -> Path:
    """Keep a record, by one rename; one that says the same is left as it is, with its time."""
    path = path_of(work, record.series, record.source)
    with suppress(InputError):
        if replace(read(path), seen=record.seen) == record:
            return path
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": _FORMAT, **asdict(record)}, indent=1, sort_keys=True) + "\n"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def read(path: Path) -> Published:
    """One record.

    Raises:
        InputError: it is damaged.
    """
    what = "this record of what is published cannot be read"
    with reading(path, what=what, advice="remove it, and run: backport wait"):
        data = records.read_json(path)
        if data.pop("format") != _FORMAT:
            raise ValueError("it is of another format")
        record: Published = records.decode(Published, data)
        return record


def read_all(work: Path, ppa: str, root: str) -> tuple[Published, ...]:
    """Every record of a PPA of that Launchpad, by series and source.

    Raises:
        InputError: one is damaged.
    """
    every = (read(path) for path in sorted((work / FOLDER).glob("*/[!.]*.json")))
    return tuple(one for one in every if (one.ppa, one.root) == (ppa, root))
