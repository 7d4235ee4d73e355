"""Edit backport.toml with its comments and layout kept, and write a first one."""

from __future__ import annotations

import difflib
import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions
import tomlkit.items

from backport.errors import InputError, RecipeError, UsageError
from backport.recipe.model import BasePin, Published
from backport.recipe.releases import releases


def set_base(text: str, source: str, pin: BasePin, series: str = "") -> str:
    """The recipe with the table ``[source.NAME.base]`` made or replaced; nothing else changes.

    Parameters:
        series: the table is that of this series, ``[source.NAME.base.SERIES]``; "" for all.

    Raises:
        RecipeError: the text is no TOML, or has no such source.
    """
    try:
        document = tomlkit.parse(text)
        tables: Any = document["source"]
        table: Any = tables[source]
    except (tomlkit.exceptions.NonExistentKey, TypeError) as error:
        raise RecipeError(
            "there is no such source", where=f"source.{source}", advice="add its table first"
        ) from error
    except tomlkit.exceptions.TOMLKitError as error:
        raise RecipeError(f"the recipe cannot be edited: {error}") from error
    wanted = {"version": pin.version, "dsc": pin.dsc, "sha256": pin.sha256}
    wanted["path" if pin.path else "url"] = pin.path or pin.url
    place = ("base", series) if series else ("base",)
    base = _inner(table, place)
    if base is not None:
        for key in [key for key in base if key not in wanted and not isinstance(base[key], dict)]:
            del base[key]
        new = {key: value for key, value in wanted.items() if key not in base}
        for key in wanted.keys() - new.keys():
            base[key] = wanted[key]
        edited = _with_lines(tomlkit.dumps(document), ["source", source, *place], _lines(new))
    else:
        key = tomlkit.key(["source", source, *place]).as_string()
        edited = _with_lines(text, ["source", source], ["", f"[{key}]", *_lines(wanted)])
    _check_only_base_changed(text, edited, source, place, wanted)
    return edited


def _inner(table: Any, place: Sequence[str]) -> Any:
    """The table in a table, by the keys on the way; None where there is none."""
    for key in place:
        if key not in table:
            return None
        table = table[key]
    return table


def _lines(values: Mapping[str, str]) -> list[str]:
    return [f"{name} = {quoted(value)}" for name, value in values.items()]


def _with_lines(text: str, table: Sequence[str], block: Sequence[str]) -> str:
    """Put lines behind the last one of a table, or of those in it.

    Done on lines: tomlkit would rewrite the distance between the tables that follow.
    """
    if not block:
        return text
    lines = text.splitlines(keepends=True)
    last = -1
    inside = False
    for number, line in enumerate(lines):
        header = _header(line)
        if header is not None:
            inside = header[: len(table)] == table
        if inside and line.strip() and not line.lstrip().startswith("#"):
            last = number
    if last < 0:
        raise RecipeError(
            "this source is not written as a table of its own",
            where=".".join(table),
            advice=f"write it below a line [{'.'.join(table)}]",
        )
    end = "\r\n" if lines[last].endswith("\r\n") else "\n"
    before = lines[: last + 1]
    if not before[-1].endswith("\n"):
        before[-1] += end
    return "".join([*before, *(line + end for line in block), *lines[last + 1 :]])


def _header(line: str) -> list[str] | None:
    """The key of a table's header line, or None where the line is none."""
    if not line.lstrip().startswith("["):
        return None
    try:
        node: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(node, dict) and len(node) == 1:
        name, node = next(iter(node.items()))
        path.append(name)
    return path


def _check_only_base_changed(
    old: str, new: str, source: str, place: Sequence[str], wanted: Mapping[str, str]
) -> None:
    """Fail where the edit lost or changed anything else."""

    def without(text: str) -> tuple[Any, Any]:
        """The recipe without that table, and the table; those of the series are no part of it."""
        data = tomllib.loads(text)
        base = _inner(data["source"][source], place) or {}
        values = {key: base.pop(key) for key in list(base) if not isinstance(base[key], dict)}
        if not base and len(place) > 1:
            _inner(data["source"][source], place[:-1]).pop(place[-1], None)
        elif not base:
            data["source"][source].pop(place[0], None)
        return data, values

    before, _ = without(old)
    try:
        after, made = without(new)
        good = made == wanted and before == after
    except (tomllib.TOMLDecodeError, LookupError, AttributeError):
        good = False
    if not good:
        raise RecipeError(
            "the pin cannot be written without changing other parts of the recipe",
            where=f"source.{source}.base",
            advice="write this table by hand: "
            + ", ".join(f"{key} = {quoted(value)}" for key, value in wanted.items()),
        )


def quoted(value: str) -> str:
    """A TOML string."""
    return tomlkit.item(value).as_string()


def difference(old: str, new: str, name: str) -> str:
    """The change as a unified diff; "" where there is none."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} (new)"
    )
    return "".join(lines)


def replace_file(path: Path, old: str, new: str) -> None:
    """Write the new text in one step, if the file still holds the old one.

    Raises:
        InputError: somebody else changed the file in the meantime, or it cannot be written.
    """
    try:
        # newline="" everywhere: line ends are a part of the layout.
        if _read(path) != old:
            raise InputError(
                "the recipe was changed by somebody else meanwhile, and nothing was written",
                where=str(path),
                advice="run the command again",
            )
        name = _temporary(path, new)
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", where=str(path)) from error


def read_text(path: Path) -> str:
    """A recipe's text with its line ends as they are.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return _read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"it cannot be read: {error}", where=str(path)) from error


def create_file(path: Path, text: str) -> None:
    """Write a new recipe, if the loader accepts it and there is none yet.

    Raises:
        UsageError: there is a file of that name already.
        RecipeError: the text is no right recipe.
    """
    from backport.recipe import reader  # noqa: PLC0415 - it imports much that editing does not need

    exists = UsageError(
        "there is a recipe already, and it is not overwritten",
        where=str(path),
        advice="name another file with --recipe",
    )
    if path.exists():
        raise exists
    path.parent.mkdir(parents=True, exist_ok=True)
    name = Path(_temporary(path, text))
    try:
        reader.load(name, outside=(Path("/"),))
        # Unlike a rename a link never replaces a file (link(2)).
        os.link(name, path)
    except FileExistsError as error:
        raise exists from error
    finally:
        name.unlink(missing_ok=True)


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _temporary(path: Path, text: str) -> str:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    Path(name).chmod(0o644)
    return name


def new_recipe(
    source: str,
    series: Sequence[str],
    *,
    base: BasePin,
    version: str,
    archive: Mapping[tuple[str, str], Published],
    maintainer: str,
    date: str,
    bug: int = 0,
    known: Mapping[str, str] | None = None,
) -> str:
    """A first recipe for the backport of one source package, with comments.

    Parameters:
        source: the source package.
        series: the series that it is uploaded to, by name.
        base: the pinned .dsc.
        version: upstream's version.
        archive: what the series have of it, as far as that is known.
        maintainer: "Name <address>".
        date: the changelog's date, as in RFC 5322.
        bug: the Launchpad bug; 0 until there is one.
        known: the series that there are; see `releases`.

    Raises:
        UsageError: a series is unknown.
    """
    known = known or releases()
    for name in series:
        if name not in known:
            raise UsageError(
                f"{name!r} is no Ubuntu series that is known here",
                where="--series",
                advice=f"write one of {', '.join(list(known)[-12:])}",
            )
    ordered = sorted(dict.fromkeys(series), key=lambda name: known[name])
    listed = ", ".join(quoted(name) for name in ordered)
    item = f"Backport of {base.version} to the stable releases."
    number = f"bug = {bug}" if bug else "bug = 0                   # still to be filed on Launchpad"
    lines = [
        f"# The backport of {source} {base.version}. Read by: backport plan, run, upload.",
        "",
        "[update]",
        f"name = {quoted(source)}",
        f"{number}",
        f"maintainer = {quoted(maintainer)}",
        "# The changelog's date: fixed, so that the same recipe makes the same bytes.",
        f"date = {quoted(date)}",
        '# ppa = "OWNER/NAME"',
    ]
    for name in ordered:
        lines += ["", f"[series.{name}]", f"version = {quoted(known[name])}"]
        lines += _archive_entry(source, name, archive.get((source, name)))
    lines += [
        "",
        f"[source.{_key(source)}]",
        f"version = {quoted(version)}",
        "# The version in Debian or in a later series that this update brings.",
        f"debian-version = {quoted(base.version)}",
        f"series = [{listed}]",
        "# The items of the changelog; the bug's number is added.",
        f"changes = [{quoted(item)}]",
        f"# Patches on top go to patches/{source}/ with a file named series; a build-dependency",
        "# that a series cannot meet is relaxed in a table like this one:",
        f"# [[source.{_key(source)}.control]]",
        '# paragraph = "source"',
        '# field = "Build-Depends"',
        '# replace = { "debhelper (>= 10)" = "debhelper (>= 9)" }',
        f"# series = [{quoted(ordered[0])}]",
        '# reason = "the series has debhelper 9"',
        "",
        "# The archive's own source package, fixed by its hash; the upstream tarball is its own.",
        f"[source.{_key(source)}.base]",
        f"version = {quoted(base.version)}",
        f"dsc = {quoted(base.dsc)}",
        f"sha256 = {quoted(base.sha256)}",
        f"path = {quoted(base.path)}" if base.path else f"url = {quoted(base.url)}",
    ]
    lines += [
        "",
        "[matrix]",
        "# The series that are tested in full; the others get the tests that run in every one.",
        f"full = [{quoted(ordered[0])}]",
        "# [[matrix.test]]",
        '# name = "smoke"          # a test in the package\'s debian/tests/control',
        f"# source = {quoted(source)}",
        '# run = "every"           # or "full", or "long"',
        "",
    ]
    return "\n".join(lines)


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()


def _archive_entry(source: str, series: str, seen: Published | None) -> list[str]:
    note = "unconfirmed: Launchpad was not asked, so no version is assumed; fill it in"
    seen = seen or Published("", note=note)
    values = {"version": seen.version}
    values |= {"confirmed": seen.confirmed} if seen.confirmed else {}
    values |= {"note": seen.note} if seen.note else {}
    inner = ", ".join(f"{key} = {quoted(value)}" for key, value in values.items())
    return ["", f"[series.{series}.archive]", f"{_key(source)} = {{ {inner} }}"]
