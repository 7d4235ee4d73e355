"""Small recipes on disk: a specification becomes a backport.toml with its patches folders.

`load` reads it as a command would. A test of a wrong recipe changes the data that `data` gives
before `write` puts it on disk.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from backport.recipe.model import Published, Recipe
from backport.recipe.reader import load as load_file

SHA256 = "0123456789abcdef" * 4
FILE = "backport.toml"
UBUNTU = {"xenial": "16.04", "yakkety": "16.10", "zesty": "17.04"}

_CONTROL = """\
Source: {name}
Section: python
Priority: optional
Maintainer: Test Maintainers <tests@example.org>
Build-Depends: debhelper (>= 9)
Standards-Version: 3.9.8

Package: {name}
Architecture: all
Depends: ${{misc:Depends}}
Description: a package of the tests
"""

_PATCH = """\
Description: change {name}
Author: Test Maintainers <tests@example.org>
Bug-Ubuntu: https://bugs.launchpad.net/bugs/1
--- a/README
+++ b/README
@@ -1 +1 @@
-{name}
+{name}, changed
"""


@dataclass(frozen=True)
class SourceSpec:
    """One source package of a small recipe.

    `quilt` maps a quilt series file (``series``, ``series.xenial``) to the patches it lists; each
    is written. `pinned` is the version of a pinned .dsc; "" means our own packaging. `more` is what
    else the source's table holds.
    """

    name: str
    version: str = "1.0"
    series: tuple[str, ...] = ("xenial", "yakkety")
    needs: tuple[str, ...] = ()
    quilt: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pinned: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """A small recipe.

    `archive` maps (source, series) to a version that the archive has, `variants` a variant to its
    sources, and `matrix` holds the rows of the test matrix as they stand in the file.
    """

    sources: tuple[SourceSpec, ...] = (SourceSpec("alpha"),)
    series: tuple[str, ...] = ("xenial", "yakkety")
    archive: Mapping[tuple[str, str], str] = field(default_factory=dict)
    retired: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    matrix: tuple[Mapping[str, Any], ...] = ()


def data(spec: Spec) -> dict[str, Any]:
    """The recipe as the data of its TOML file, to be changed at will."""
    content = {
        "update": {
            "name": "small",
            "bug": 1,
            "maintainer": "Test Maintainers <tests@example.org>",
            "date": "Mon, 23 Nov 2026 12:00:00 +0000",
        },
        "series": {name: _series(spec, name) for name in spec.series},
        "source": {source.name: _source(source) for source in spec.sources},
        "retired": {name: dict(table) for name, table in spec.retired.items()},
        "variant": {
            name: {"without-patches": list(sources), "purpose": "a control of the tests"}
            for name, sources in spec.variants.items()
        },
        "review": {"source": {}, "all": {}},
        "matrix": {"test": [dict(row) for row in spec.matrix]},
    }
    return copy.deepcopy(content)


def write(root: Path, spec: Spec, content: Mapping[str, Any] | None = None) -> Path:
    """Write the recipe and its folders below `root`; `content` stands in for `data(spec)`."""
    for source in spec.sources:
        folder = root / "patches" / source.name
        folder.mkdir(parents=True, exist_ok=True)
        for series_file, patches in source.quilt.items():
            (folder / series_file).write_text("".join(f"{patch}\n" for patch in patches))
            for patch in patches:
                (folder / patch).write_text(_PATCH.format(name=patch))
        if not source.pinned:
            (folder / "debian").mkdir(exist_ok=True)
            (folder / "debian" / "control").write_text(_CONTROL.format(name=source.name))
        own = [row["name"] for row in spec.matrix if _in(row, source.name)]
        write_tests(root / "autopkgtest" / source.name, ["smoke", *own])
    matrix = [row["name"] for row in spec.matrix if row.get("matrix")]
    write_tests(root / "autopkgtest" / "matrix", [*matrix, *_controls(spec)])
    path = root / FILE
    path.write_text(toml(data(spec) if content is None else content))
    return path


def _in(row: Mapping[str, Any], source: str) -> bool:
    named = row["source"]
    return source in ([named] if isinstance(named, str) else named) and not row.get("matrix")


def _controls(spec: Spec) -> Iterator[str]:
    for row in spec.matrix:
        controls = row.get("control", [])
        for control in [controls] if isinstance(controls, Mapping) else controls:
            yield control["test"]


def write_tests(folder: Path, names: Iterable[str]) -> None:
    """A folder of DEP-8 tests that do nothing; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(names)
    if names:
        (folder / "control").write_text(f"Tests: {', '.join(names)}\nDepends: @\n")
    for name in names:
        if not (folder / name).exists():
            (folder / name).write_text("#!/bin/sh\n")


def load(root: Path, spec: Spec, content: Mapping[str, Any] | None = None) -> Recipe:
    """Write the recipe as `write` does and read it back."""
    return load_file(write(root, spec, content))


def toml(content: Mapping[str, Any]) -> str:
    """The text of a TOML file."""
    return tomlkit.dumps(content)


def _series(spec: Spec, name: str) -> dict[str, Any]:
    archive = {
        source: {"version": version, "confirmed": "the specification"}
        for (source, series), version in spec.archive.items()
        if series == name
    }
    return {"version": UBUNTU[name], "archive": archive}


def _source(source: SourceSpec) -> dict[str, Any]:
    file = f"{source.name}-{source.version}.tar.gz"
    table: dict[str, Any] = {
        "version": source.version,
        "debian-version": source.pinned or f"{source.version}-1",
        "series": list(source.series),
        "needs": list(source.needs),
        "changes": [f"Update {source.name}."],
        "upstream": {"url": f"https://example.org/{file}", "file": file, "sha256": SHA256},
    }
    if source.pinned:
        dsc = f"{source.name}_{source.pinned}.dsc"
        table["pinned"] = {
            "version": source.pinned,
            "dsc": dsc,
            "sha256": SHA256,
            "url": f"https://example.org/{dsc}",
        }
    return table | dict(source.more)


def recipe_versions(recipe: Recipe) -> dict[tuple[str, str], Published]:
    """What the recipe's own series data say of the archive."""
    return {
        (source, series.name): published
        for series in recipe.series
        for source, published in series.archive.items()
    }
