"""The tables of a source package in backport.toml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from pathlib import Path
from typing import TypeVar

from backport.recipe.keys import Version
from backport.recipe.model import BasePin, Revision, Source, Upstream
from backport.recipe.toml_table import Table
from backport.recipe.version_strings import upstream_part

T = TypeVar("T")


def read_source(name: str, table: Table, *, unpinned: bool) -> Source:
    """Read ``[source.NAME]``.

    Raises:
        RecipeError: a key is wrong. This holds for every function here.
    """
    pins = _by_series(table, "base", lambda inner: read_base(inner, unpinned=unpinned))
    revisions = _by_series(table, "revision", lambda inner: inner.read(Revision))
    # Where each series has a base of its own, these have the versions.
    first = next(iter(pins.values())) if pins and "" not in pins else None
    version = table.get("version", Version, upstream_part(first.version) if first else MISSING)
    needed = table.table("needs-upstream")
    same = tuple(need for need, said in table.plain("needs-upstream").items() if said == "same")
    upstream = None
    if table.has("upstream") or not pins:
        upstream = read_upstream(table.table("upstream"), version)
    return table.read(
        Source,
        name=name,
        version=version,
        base=pins.pop("", None),
        bases=pins,
        revision=revisions.pop("", None),
        revisions=revisions,
        upstream=upstream,
        same_upstream=same,
        needs_upstream={
            need: (version,) if need in same else needed.strings(need) for need in needed
        },
        patches=table.get("patches", Path, table.folders.start / "patches" / name),
        tests=table.get("tests", Path, table.folders.start / "autopkgtest" / name),
        defaults={"debian_version": first.version if first else f"{version}-1"},
    )


def _by_series(table: Table, key: str, read: Callable[[Table], T]) -> dict[str, T]:
    """What `read` makes of the table under `key`, as "", and of that of each series in it."""
    if not table.has(key):
        return {}
    inner = table.table(key)
    named = [name for name, value in table.plain(key).items() if isinstance(value, dict)]
    series = {name: read(inner.table(name)) for name in named}
    common = {"": read(inner)} if len(series) < len([*inner]) else {}
    return common | series


def read_upstream(table: Table, version: str) -> Upstream:
    """Read where an orig tarball comes from: a path, PyPI or an address, with its sha256."""
    path, project = table.string("path", ""), table.string("pypi", "")
    name = Path(path).name or (f"{project}-{version}.tar.gz" if project else "")
    return table.read(Upstream, defaults={"file": name} if name else {})


def read_base(table: Table, *, unpinned: bool = False) -> BasePin:
    """Read the pin of a .dsc."""
    if unpinned and [*table] == ["version"]:
        return BasePin(table.get("version", Version), dsc="", sha256="")
    name = Path(table.string("path", "")).name
    return table.read(BasePin, defaults={"dsc": name} if name else {})
