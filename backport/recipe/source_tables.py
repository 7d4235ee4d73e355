"""The tables of a source package in backport.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backport.errors import RecipeError
from backport.recipe.model import (
    BasePin,
    Change,
    ControlEdit,
    PackagingEdit,
    Revision,
    Source,
    Upstream,
)
from backport.recipe.toml_file import check_sha256, version_of
from backport.recipe.toml_table import Table
from backport.recipe.version_strings import upstream_part

T = TypeVar("T")


def read_source(name: str, table: Table, *, unpinned: bool) -> Source:
    """Read ``[source.NAME]``.

    Raises:
        RecipeError: a key is wrong. This holds for every function here.
    """
    base, bases = _by_series(table, "base", lambda inner: read_base(inner, unpinned=unpinned))
    revision, revisions = _by_series(table, "revision", _revision)
    first = next(iter(bases.values()), None) if base is None else None
    given = upstream_part(first.version) if first and not table.has("version") else ""
    version = given or version_of(table, "version")
    debian = first.version if first else f"{version}-1"
    source = Source(
        name=name,
        version=version,
        debian_version=version_of(table, "debian-version")
        if table.has("debian-version")
        else debian,
        next_version=version_of(table, "next-version") if table.has("next-version") else "",
        series=table.strings("series"),
        needs=table.strings("needs", ()),
        needs_upstream=needs_upstream(table.table("needs-upstream"), version),
        same_upstream=_same_upstream(table.table("needs-upstream")),
        upstream=upstream_or_none(table, version),
        base=base,
        bases=bases,
        revision=revision,
        revisions=revisions,
        patches=table.path("patches", f"patches/{name}"),
        tests=table.path("tests", f"autopkgtest/{name}"),
        changes=tuple(_change(inner) for inner in table.texts("changes")),
        control=tuple(_control_edit(inner) for inner in table.array("control")),
        packaging=tuple(_packaging_edit(inner) for inner in table.array("packaging")),
    )
    table.done()
    return source


def _change(table: Table) -> Change:
    change = Change(table.string("text"), table.strings("series", ()))
    table.done()
    return change


def needs_upstream(table: Table, version: str) -> dict[str, tuple[str, ...]]:
    """The upstream versions that each need may have; ``"same"`` stands for `version`."""
    same = _same_upstream(table)
    return {
        name: (version,) if name in same else table.strings(name)
        for name in table.keys()  # noqa: SIM118
    }


def _same_upstream(table: Table) -> tuple[str, ...]:
    return tuple(
        name
        for name in table.keys()  # noqa: SIM118
        if table.is_string(name) and table.string(name) == "same"
    )


def upstream_or_none(table: Table, version: str) -> Upstream | None:
    """Where the orig tarball comes from; None where the pinned .dsc names it."""
    if table.has("base") and not table.has("upstream"):
        return None  # the .dsc names its own orig tarball
    return read_upstream(table.table("upstream"), version)


def read_upstream(table: Table, version: str) -> Upstream:
    """Read where an orig tarball comes from: a path, PyPI or an address, with its sha256."""
    path, project = _place(table), table.string("pypi", "")
    name = path.name if path else f"{project}-{version}.tar.gz" if project else None
    upstream = Upstream(
        file=table.string("file", name),
        sha256=table.string("sha256", "" if path and path.is_dir() else None),
        pypi=project,
        url=table.string("url", ""),
        path=str(path or ""),
    )
    table.done()
    if sum(map(bool, (upstream.pypi, upstream.url, upstream.path))) != 1:
        raise RecipeError(
            "the tarball's place is not clear",
            where=table.where,
            advice="write exactly one of pypi, url and path",
        )
    if upstream.sha256 or not upstream.path:
        check_sha256(upstream.sha256, table)
    return upstream


def _place(table: Table) -> Path | None:
    """The file or folder under ``path``; a folder has no sha256, so it may not lie anywhere."""
    if not table.string("path", ""):
        return None
    path = table.path("path", pinned=True)
    return table.path("path") if path.is_dir() else path


def _by_series(table: Table, key: str, read: Callable[[Table], T]) -> tuple[T | None, dict[str, T]]:
    """What `read` makes of the table under `key`, and of each table in it, one for a series."""
    if not table.has(key):
        return None, {}
    inner = table.table(key)
    series = [name for name in inner.keys() if inner.is_table(name)]  # noqa: SIM118
    common = read(inner) if len(series) < len(inner.keys()) else None
    return common, {name: read(inner.table(name)) for name in series}


def _revision(table: Table) -> Revision:
    revision = Revision(
        table.integer("number", advice="write the last number that the version gets"),
        table.string("reason", advice="say why it is not the one that follows"),
    )
    table.done()
    if revision.number < 1 or not revision.reason:
        raise RecipeError(
            f"{revision.number} is no number of an upload"
            if revision.reason
            else "it has no reason",
            where=table.where,
            advice="give a number from 1 on, and its reason",
        )
    return revision


def read_base(table: Table, *, unpinned: bool = False) -> BasePin:
    """Read the pin of a .dsc."""
    path = table.path("path", pinned=True) if table.string("path", "") else None
    if unpinned and table.keys() == ("version",):
        return BasePin(version_of(table, "version"), dsc="", sha256="")
    pin = BasePin(
        version=version_of(table, "version"),
        dsc=table.string("dsc", path.name if path else None),
        sha256=table.string("sha256", advice="fill it in with: backport pin"),
        url=table.string("url", ""),
        path=str(path or ""),
    )
    table.done()
    check_sha256(pin.sha256, table)
    if bool(pin.url) == bool(pin.path):
        raise RecipeError(
            "the .dsc's place is not clear",
            where=table.where,
            advice="write exactly one of url and path",
        )
    return pin


def _control_edit(table: Table) -> ControlEdit:
    edit = ControlEdit(
        paragraph=table.string("paragraph", advice='write "source" or a binary package'),
        field=table.string("field"),
        reason=table.string("reason"),
        add=table.strings("add", ()),
        drop=table.strings("drop", ()),
        replace=table.mapping("replace"),
        optional=table.boolean("optional", False),
        series=table.strings("series", ()),
    )
    table.done()
    if not (edit.add or edit.drop or edit.replace):
        raise RecipeError(
            "this edit changes nothing", where=table.where, advice="give add, drop or replace"
        )
    if edit.optional and edit.add:
        raise RecipeError(
            "an optional edit cannot add a relation",
            where=table.where,
            advice="write add into an edit of its own",
        )
    return edit


def _packaging_edit(table: Table) -> PackagingEdit:
    edit = PackagingEdit(
        file=table.string("file", advice="write a path below debian/"),
        reason=table.string("reason"),
        replaces=table.boolean("replaces", False),
        removes=table.boolean("removes", False),
        requires=table.strings("requires", ()),
        series=table.strings("series", ()),
    )
    table.done()
    if (edit.replaces and edit.removes) or not (edit.replaces or edit.removes or edit.requires):
        raise RecipeError(
            "it is not clear what this edit does",
            where=table.where,
            advice="give replaces or removes, or what the file requires",
        )
    return edit
