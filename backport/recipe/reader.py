"""backport.toml -> Recipe. Every error is one sentence that names the key and the fix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from backport.errors import RecipeError
from backport.recipe import bug as recipe_bug
from backport.recipe import checks
from backport.recipe import exception as recipe_exception
from backport.recipe import outside as recipe_outside
from backport.recipe.model import (
    BasePin,
    Change,
    Control,
    ControlEdit,
    MatrixFolder,
    MatrixTest,
    PackagingEdit,
    Published,
    Recipe,
    Retired,
    Review,
    Revision,
    Series,
    Source,
    TestSource,
    Upstream,
    Variant,
)
from backport.recipe.toml_table import Table
from backport.recipe.version_strings import upstream_part
from backport.source.weight import PARTS

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Debian Policy 5.6.12.
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?")
_OUTCOMES = ("superseded", "final-upload", "untouched")
_RUNS = ("every", "full", "long")
# The keys that stand in one kind of table only: where another one has them, it is named.
_PLACES = {
    key: place
    for place, keys in {
        "[update]": "bug maintainer date ppa as-of key stand-in",
        "[bug]": "impact test-plan where-problems-could-occur other-info tags status",
        "[series.NAME]": "mirror archive toolchain",
        "[series.NAME.archive]": "confirmed note",
        "[source.NAME]": "debian-version next-version needs needs-upstream changes packaging base "
        "revision tests",
        "[source.NAME.upstream]": "pypi file",
        "[source.NAME.base]": "dsc",
        "[[source.NAME.control]]": "paragraph field add drop replace",
        "[[source.NAME.packaging]]": "replaces removes requires",
        "[retired.NAME]": "outcome by",
        "[variant.NAME]": "without-patches with-patches",
        "[matrix]": "full test include",
        "[[matrix.test]]": "run timeout matrix with",
    }.items()
    for key in keys.split()
}


def load(
    path: Path, *, unpinned: bool = False, alone: bool = False, matrix: Sequence[Path] = ()
) -> Recipe:
    """Read and check a recipe.

    Parameters:
        path: the file.
        alone: it lies in evidence, without what it names outside of its own folder.
        matrix: files of more rows of its test matrix, beside those that it includes.
        unpinned: let a source have neither a pinned .dsc nor packaging of our own, as before
            `backport pin`.

    Raises:
        RecipeError: a file is missing or wrong; the sentence names the key and the fix.
    """
    advice = "name one with --recipe, or make one with: backport init SOURCE --series NAME"
    top = _parsed(path, "there is no such recipe", advice)
    recipe = _recipe(top, path, matrix, unpinned=unpinned)
    checks.check(recipe, unpinned=unpinned)
    if not alone:
        recipe_outside.check_tests(recipe)
    return recipe


def _parsed(path: Path, missing: str, advice: str) -> Table:
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), path.name, _PLACES)
    except FileNotFoundError as error:
        raise RecipeError(missing, where=str(path), advice=advice) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            f"this is not readable as TOML: {error}", where=str(path), advice="mend that line"
        ) from error


def _recipe(top: Table, path: Path, more: Sequence[Path], *, unpinned: bool) -> Recipe:
    root = path.parent.resolve()
    update = top.table("update")
    matrix = top.table("matrix")
    found = _tests(top, matrix, root)
    included = [root / name for name in matrix.strings("include", ())]
    files = tuple(dict.fromkeys(one.resolve() for one in (*included, *more)))
    for file in files:
        found.add(_matrix_file(file, root))
    recipe = Recipe(
        path=path.resolve(),
        root=root,
        name=update.string("name"),
        bug=update.integer("bug", advice="write the Launchpad bug's number"),
        maintainer=update.string("maintainer", advice='write "Name <address>"'),
        date=update.string("date", advice="write the changelog's date as in RFC 5322"),
        ppa=update.string("ppa", ""),
        as_of=_day(update, "as-of"),
        key=update.string("key", ""),
        stand_in=root / update.string("stand-in") if update.has("stand-in") else None,
        series=tuple(_series(name, table) for name, table in top.tables("series")),
        sources=tuple(
            _source(name, table, root, unpinned=unpinned) for name, table in top.tables("source")
        ),
        retired=tuple(_retired(name, table) for name, table in top.tables("retired")),
        variants=tuple(found.variants),
        test_sources=tuple(found.test_sources),
        full=matrix.strings("full", ()),
        matrix=tuple(found.rows),
        matrix_files=files,
        bug_text=recipe_bug.read(top.table("bug")) if top.has("bug") else None,
        exception=(recipe_exception.read(top.table("exception")) if top.has("exception") else None),
        review=_review(top.table("review")),
    )
    for table in (update, matrix, top):
        table.done()
    return recipe


@dataclass
class _Tests:
    """What one file has for tests; the paths in it start from its own folder."""

    variants: list[Variant]
    test_sources: list[TestSource]
    rows: list[MatrixTest]

    def add(self, more: _Tests) -> None:
        """Take in another file's.

        Raises:
            RecipeError: one of its names is taken.
        """
        known = self._places()
        for name, where in more._places().items():
            if name in known:
                raise RecipeError(
                    f"{known[name]} has that name", where=where, advice="name it otherwise"
                )
        self.variants += more.variants
        self.test_sources += more.test_sources
        self.rows += more.rows

    def _places(self) -> dict[str, str]:
        places = {one.name: one.where for one in self.variants}
        return places | {one.name: one.where for one in self.test_sources}


def _tests(top: Table, matrix: Table, root: Path) -> _Tests:
    tests = root / matrix.string("tests", "autopkgtest/matrix")
    library = tuple(root / name for name in matrix.strings("library", ()))
    folder = MatrixFolder(tests, library or (tests.parent / "lib",))
    defaults = matrix.plain("defaults")
    return _Tests(
        [_variant(name, table) for name, table in top.tables("variant")],
        [_test_source(name, table, root) for name, table in top.tables("test-source")],
        [row for table in matrix.array("test", defaults) for row in _matrix_tests(table, folder)],
    )


def _matrix_file(path: Path, root: Path) -> _Tests:
    """Read a file with rows of the matrix, and the variants and test sources that they need."""
    top = _parsed(path, "there is no such file of tests", "mend matrix.include, or --matrix")
    if not path.is_relative_to(root):
        raise RecipeError(
            "this file of tests is not below the recipe's folder",
            where=str(path),
            advice=f"put it below {root}: evidence holds nothing else",
        )
    matrix = top.table("matrix")
    found = _tests(top, matrix, path.parent)
    for table in (matrix, top):
        table.done()
    return found


def _day(table: Table, key: str) -> date | None:
    value = table.string(key, "")
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise RecipeError(
            f"{value!r} is no day",
            where=f"{table.where}.{key}",
            advice='write it as in ISO 8601, such as "2017-02-15"',
        ) from error


def _series(name: str, table: Table) -> Series:
    series = Series(
        name=name,
        version=table.string("version", advice='write the release, such as "16.04"'),
        mirror=table.string("mirror", ""),
        archive={
            # Without a version it is not known; "" says that the series has none.
            source: _published(inner)
            for source, inner in table.tables("archive")
            if inner.has("version") or not inner.has("note")
        },
        toolchain=_toolchain(table.table("toolchain")),
    )
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}", series.version):
        raise RecipeError(
            f"{series.version!r} is no Ubuntu release",
            where=f"{table.where}.version",
            advice='write it like "16.04"',
        )
    table.done()
    return series


def _toolchain(table: Table) -> dict[str, Published]:
    """The tools' versions: a string is a version that nobody has confirmed."""
    found = {}
    for name in table.keys():  # noqa: SIM118
        if table.is_string(name):
            found[name] = Published(_version(table, name, empty='write "" if it is not known'))
        else:
            found[name] = _published(table.table(name))
    table.done()
    return found


def _published(table: Table) -> Published:
    none = 'write "" if the series has none'
    published = Published(
        version=_version(table, "version", empty=none),
        confirmed=table.string("confirmed", ""),
        note=table.string("note", ""),
    )
    table.done()
    return published


def _source(name: str, table: Table, root: Path, *, unpinned: bool) -> Source:
    base, bases = _by_series(table, "base", lambda inner: _base(inner, root, unpinned=unpinned))
    revision, revisions = _by_series(table, "revision", _revision)
    first = next(iter(bases.values()), None) if base is None else None
    given = upstream_part(first.version) if first and not table.has("version") else ""
    version = given or _version(table, "version")
    debian = first.version if first else f"{version}-1"
    source = Source(
        name=name,
        version=version,
        debian_version=_version(table, "debian-version") if table.has("debian-version") else debian,
        next_version=_version(table, "next-version") if table.has("next-version") else "",
        series=table.strings("series"),
        needs=table.strings("needs", ()),
        needs_upstream=_needs_upstream(table.table("needs-upstream"), version),
        same_upstream=_same_upstream(table.table("needs-upstream")),
        upstream=_upstream_or_none(table, root, version),
        base=base,
        bases=bases,
        revision=revision,
        revisions=revisions,
        patches=root / table.string("patches", f"patches/{name}"),
        tests=root / table.string("tests", f"autopkgtest/{name}"),
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


def _test_source(name: str, table: Table, root: Path) -> TestSource:
    version = _version(table, "version")
    debian = _version(table, "debian-version") if table.has("debian-version") else f"{version}-1"
    purpose = table.string("purpose", advice="say what the tests need it for")
    test_source = TestSource(
        name=name,
        package=Source(
            name=table.string("source", advice="write the source package's name"),
            version=version,
            debian_version=debian,
            series=table.strings("series"),
            needs=table.strings("needs", ()),
            upstream=_upstream(table.table("upstream"), root, version),
            patches=root / table.string("patches", f"patches/test-sources/{name}"),
            tests=root / "autopkgtest" / "none",
            changes=(Change(purpose[0].upper() + purpose[1:] + "."),) if purpose else (),
        ),
        purpose=purpose,
        where=table.where,
    )
    table.done()
    return test_source


def _needs_upstream(table: Table, version: str) -> dict[str, tuple[str, ...]]:
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


def _version(table: Table, key: str, *, empty: str = "") -> str:
    """A version; `empty` is what is said of "" where that is allowed."""
    value = table.string(key, advice=empty)
    if not _VERSION.fullmatch(value) and not (empty and not value):
        rule = "start with a digit; letters, digits and . + ~ - may follow (Policy 5.6.12)"
        raise RecipeError(
            f"{value!r} is no version",
            where=f"{table.where}.{key}",
            advice=f"{rule}, or {empty}" if empty else rule,
        )
    return value


def _upstream_or_none(table: Table, root: Path, version: str) -> Upstream | None:
    if table.has("base") and not table.has("upstream"):
        return None  # the .dsc names its own orig tarball
    return _upstream(table.table("upstream"), root, version)


def _upstream(table: Table, root: Path, version: str) -> Upstream:
    path, project = table.string("path", ""), table.string("pypi", "")
    name = Path(path).name if path else f"{project}-{version}.tar.gz" if project else None
    upstream = Upstream(
        file=table.string("file", name),
        sha256=table.string("sha256", "" if (root / path).is_dir() and path else None),
        pypi=project,
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


def _base(table: Table, root: Path, *, unpinned: bool) -> BasePin:
    path = table.string("path", "")
    if unpinned and table.keys() == ("version",):
        return BasePin(_version(table, "version"), dsc="", sha256="")
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
    patched = table.strings("with-patches", ())
    variant = Variant(
        name,
        (*table.strings("without-patches", () if patched else None), *patched),
        table.string("purpose"),
        patched,
        table.where,
    )
    if not checks.VARIANT.fullmatch(name):
        raise RecipeError(
            f"{name!r} cannot be a part of a version",
            where=table.where,
            advice="name a variant with lower case letters only",
        )
    table.done()
    return variant


def _matrix_tests(table: Table, folder: MatrixFolder) -> list[MatrixTest]:
    """A row of the file: a test for each of its sources."""
    controls = []
    for inner in table.one_or_more("control"):
        controls.append(Control(inner.string("test"), inner.string("variant", "")))
        inner.done()
    test = MatrixTest(
        name=table.string("name"),
        source="",
        folder=folder,
        run=_one_of(table, "run", _RUNS),
        controls=tuple(controls),
        timeout=table.integer("timeout", 900),
        matrix=table.boolean("matrix", False),
        extra=table.strings("with", ()),
        from_archive=table.boolean("from-archive", False),
        where=table.where,
    )
    one = table.is_string("source") or not table.has("source")
    sources = (table.string("source"),) if one else table.strings("source")
    table.done()
    return [replace(test, source=source) for source in sources]


def _review(table: Table) -> Review:
    review = Review(_limits(table.table("source")), _limits(table.table("all")))
    table.done()
    return review


def _limits(table: Table) -> dict[str, int]:
    """The most lines to read, by the part that has a limit."""
    found = {part: table.integer(part) for part in PARTS if table.has(part)}
    table.done()
    return found


def _one_of(table: Table, key: str, allowed: tuple[str, ...]) -> str:
    value = table.string(key, allowed[0])
    if value not in allowed:
        raise RecipeError(
            f"{value!r} is not known here",
            where=f"{table.where}.{key}",
            advice=f"write one of {', '.join(allowed)}",
        )
    return value
