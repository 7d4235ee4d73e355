"""Edit backport.toml with its comments and layout kept, and write a first one."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions
import tomlkit.items

from backport import atomic
from backport.errors import InputError, RecipeError, UsageError
from backport.recipe.model import BasePin


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
        atomic.write(path, new, mode=path.stat().st_mode & 0o777)
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
    name = atomic.write(path.with_name(f".{path.name}.{os.getpid()}.new"), text)
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
