"""backport.toml -> Recipe. Every error is one sentence that names the key and the fix."""

from __future__ import annotations

import graphlib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from backport.errors import RecipeError
from backport.recipe import (
    BasePin,
    Control,
    ControlEdit,
    MatrixTest,
    Published,
    Recipe,
    Retired,
    Series,
    Source,
    Upstream,
    Variant,
    patch_names,
)
from backport.toml_table import Table

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Debian Policy 5.6.1 (source package names) and 5.6.12 (versions).
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?")
_OUTCOMES = ("superseded", "final-upload", "untouched")
_RUNS = ("every", "full", "long")


def load(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file is missing or wrong; the sentence names the key and the fix.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(
            "there is no such recipe",
            where=str(path),
            advice="name one with --recipe, or make one with: backport init SOURCE --series NAME",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            f"this is not readable as TOML: {error}", where=str(path), advice="mend that line"
        ) from error
    recipe = _recipe(Table(data, path.name), path)
    _check(recipe)
    return recipe


def _recipe(top: Table, path: Path) -> Recipe:
    root = path.parent.resolve()
    update = top.table("update")
    matrix = top.table("matrix")
    recipe = Recipe(
        path=path.resolve(),
        root=root,
        name=update.string("name"),
        bug=update.integer("bug", advice="write the Launchpad bug's number"),
        maintainer=update.string("maintainer", advice='write "Name <address>"'),
        date=update.string("date", advice="write the changelog's date as in RFC 5322"),
        ppa=update.string("ppa", ""),
        series=tuple(_series(name, table) for name, table in top.tables("series")),
        sources=tuple(_source(name, table, root) for name, table in top.tables("source")),
        retired=tuple(_retired(name, table) for name, table in top.tables("retired")),
        variants=tuple(_variant(name, table) for name, table in top.tables("variant")),
        full=matrix.strings("full", ()),
        matrix=tuple(_matrix_test(table) for table in matrix.array("test")),
    )
    for table in (update, matrix, top):
        table.done()
    return recipe


def _series(name: str, table: Table) -> Series:
    series = Series(
        name=name,
        version=table.string("version", advice='write the release, such as "16.04"'),
        mirror=table.string("mirror", ""),
        archive={source: _published(inner) for source, inner in table.tables("archive")},
        toolchain=table.mapping("toolchain"),
    )
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}", series.version):
        raise RecipeError(
            f"{series.version!r} is no Ubuntu release",
            where=f"{table.where}.version",
            advice='write it like "16.04"',
        )
    table.done()
    return series


def _published(table: Table) -> Published:
    published = Published(
        version=table.string("version", advice='write "" if the series has none'),
        confirmed=table.string("confirmed", ""),
        note=table.string("note", ""),
    )
    table.done()
    return published


def _source(name: str, table: Table, root: Path) -> Source:
    if not _PACKAGE.fullmatch(name):
        raise RecipeError(
            f"{name!r} is no source package name",
            where=table.where,
            advice="use lower case letters, digits and + - . (Debian Policy 5.6.1)",
        )
    source = Source(
        name=name,
        version=_version(table, "version"),
        debian_version=_version(table, "debian-version"),
        next_version=_version(table, "next-version") if table.has("next-version") else "",
        series=table.strings("series"),
        needs=table.strings("needs", ()),
        needs_upstream=_needs_upstream(table.table("needs-upstream")),
        upstream=_upstream_or_none(table, root),
        base=_base(table.table("base"), root) if table.has("base") else None,
        patches=root / table.string("patches", f"patches/{name}"),
        tests=root / table.string("tests", f"autopkgtest/{name}"),
        changes=table.strings("changes"),
        control=tuple(_control_edit(inner) for inner in table.array("control")),
    )
    if not source.changes:
        raise RecipeError(
            "the changelog has no item", where=f"{table.where}.changes", advice="write one"
        )
    table.done()
    return source


def _needs_upstream(table: Table) -> dict[str, tuple[str, ...]]:
    return {name: table.strings(name) for name in table.keys()}  # noqa: SIM118


def _version(table: Table, key: str) -> str:
    value = table.string(key)
    if not _VERSION.fullmatch(value):
        raise RecipeError(
            f"{value!r} is no version",
            where=f"{table.where}.{key}",
            advice="start with a digit; letters, digits and . + ~ - may follow (Policy 5.6.12)",
        )
    return value


def _upstream_or_none(table: Table, root: Path) -> Upstream | None:
    if table.has("base") and not table.has("upstream"):
        return None  # the .dsc names its own orig tarball
    return _upstream(table.table("upstream"), root)


def _upstream(table: Table, root: Path) -> Upstream:
    path = table.string("path", "")
    upstream = Upstream(
        file=table.string("file", Path(path).name if path else None),
        sha256=table.string("sha256", "" if (root / path).is_dir() and path else None),
        pypi=table.string("pypi", ""),
        url=table.string("url", ""),
        path=str(root / path) if path else "",
    )
    table.done()
    if sum(map(bool, (upstream.pypi, upstream.url, upstream.path))) != 1:
        raise RecipeError(
            "the tarball's place is not clear",
            where=table.where,
            advice="write exactly one of pypi, url and path",
        )
    if upstream.sha256 or not upstream.path:
        _sha256(upstream.sha256, table)
    return upstream


def _sha256(value: str, table: Table) -> None:
    if not _SHA256.fullmatch(value):
        raise RecipeError(
            f"{value!r} is no sha256",
            where=f"{table.where}.sha256",
            advice="write the 64 hexadecimal digits that sha256sum prints",
        )


def _base(table: Table, root: Path) -> BasePin:
    path = table.string("path", "")
    pin = BasePin(
        version=_version(table, "version"),
        dsc=table.string("dsc", Path(path).name if path else None),
        sha256=table.string("sha256", advice="fill it in with: backport pin"),
        url=table.string("url", ""),
        path=str(root / path) if path else "",
    )
    table.done()
    _sha256(pin.sha256, table)
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
        series=table.strings("series", ()),
    )
    table.done()
    if not (edit.add or edit.drop or edit.replace):
        raise RecipeError(
            "this edit changes nothing", where=table.where, advice="give add, drop or replace"
        )
    return edit


def _retired(name: str, table: Table) -> Retired:
    retired = Retired(
        name=name,
        series=table.strings("series"),
        outcome=_one_of(table, "outcome", _OUTCOMES),
        by=table.strings("by", ()),
        reason=table.string("reason"),
    )
    table.done()
    return retired


def _variant(name: str, table: Table) -> Variant:
    variant = Variant(name, table.strings("without-patches"), table.string("purpose"))
    if not re.fullmatch(r"[a-z]+", name):
        raise RecipeError(
            f"{name!r} cannot be a part of a version",
            where=table.where,
            advice="name a variant with lower case letters only",
        )
    table.done()
    return variant


def _matrix_test(table: Table) -> MatrixTest:
    inner = table.table("control")
    control = Control(inner.string("test"), inner.string("variant")) if inner.keys() else None
    inner.done()
    test = MatrixTest(
        name=table.string("name"),
        source=table.string("source"),
        run=_one_of(table, "run", _RUNS),
        control=control,
        timeout=table.integer("timeout", 900),
    )
    table.done()
    return test


def _one_of(table: Table, key: str, allowed: tuple[str, ...]) -> str:
    value = table.string(key, allowed[0])
    if value not in allowed:
        raise RecipeError(
            f"{value!r} is not known here",
            where=f"{table.where}.{key}",
            advice=f"write one of {', '.join(allowed)}",
        )
    return value


def _known(names: Iterable[str], known: Iterable[str], where: str, what: str) -> None:
    known = tuple(known)
    for name in names:
        if name not in known:
            raise RecipeError(
                f"{name!r} is no {what} of this recipe",
                where=where,
                advice=f"write one of {', '.join(known)}, or add it" if known else "add it",
            )


def _check(recipe: Recipe) -> None:
    file = recipe.path.name
    series = [one.name for one in recipe.series]
    sources = [source.name for source in recipe.sources]
    if not series or not sources:
        missing = "series" if not series else "source"
        raise RecipeError(
            f"there is no {missing}", where=file, advice=f"add a table [{missing}.NAME]"
        )
    for source in recipe.sources:
        where = f"{file}: source.{source.name}"
        _known(source.series, series, f"{where}.series", "series")
        _known(source.needs, sources, f"{where}.needs", "source")
        _known(source.needs_upstream, source.needs, f"{where}.needs-upstream", "need")
        for number, edit in enumerate(source.control, start=1):
            _known(edit.series, series, f"{where}.control[{number}].series", "series")
        _check_patches(source, series, where)
        if source.base is None and not (source.patches / "debian" / "control").is_file():
            raise RecipeError(
                "there is neither a pinned .dsc nor our own packaging",
                where=f"{where}.base",
                advice=f"pin one with: backport pin, or write {source.patches / 'debian'}",
            )
    for retired in recipe.retired:
        _known(retired.series, series, f"{file}: retired.{retired.name}.series", "series")
        _known(retired.by, sources, f"{file}: retired.{retired.name}.by", "source")
    variants = [variant.name for variant in recipe.variants]
    for variant in recipe.variants:
        where = f"{file}: variant.{variant.name}.without-patches"
        _known(variant.sources, sources, where, "source")
    _known(recipe.full, series, f"{file}: matrix.full", "series")
    for number, test in enumerate(recipe.matrix, start=1):
        where = f"{file}: matrix.test[{number}]"
        _known((test.source,), sources, f"{where}.source", "source")
        if test.control:
            _known((test.control.variant,), variants, f"{where}.control.variant", "variant")
    try:
        graphlib.TopologicalSorter({one.name: one.needs for one in recipe.sources}).prepare()
    except graphlib.CycleError as error:
        raise RecipeError(
            f"the sources need each other in a cycle: {' -> '.join(error.args[1])}",
            where=f"{file}: source.{error.args[1][0]}.needs",
            advice="take one of these out of needs",
        ) from error


def _check_patches(source: Source, series: list[str], where: str) -> None:
    for name in ("series", *(f"series.{one}" for one in series)):
        file = source.patches / name
        for patch in patch_names(file if file.is_file() else None):
            if not (source.patches / patch).is_file():
                raise RecipeError(
                    f"{name} lists {patch}, which is not in {source.patches}",
                    where=f"{where}.patches",
                    advice="add the patch or take its line out",
                )
