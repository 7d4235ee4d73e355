"""Read a TOML table strictly: every error names the key, and no key is left unread."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.errors import RecipeError
from backport.output import printable

_NAMES = {str: "a string", int: "a whole number", bool: "true or false", dict: "a table"}


@dataclass(frozen=True)
class Folders:
    """Where the relative paths of a file start, and the folders that its paths may lead to."""

    start: Path = Path()
    allowed: tuple[Path, ...] = (Path("/"),)

    def allow(self, path: Path) -> bool:
        """Whether a path, its links followed, is in one of the folders."""
        return any(path.resolve().is_relative_to(folder.resolve()) for folder in self.allowed)


class Table:
    """One table of a TOML file, which knows its own key and what has been read from it.

    Parameters:
        data: the parsed table.
        where: the file's name and the table's key, such as ``backport.toml: source.hello``;
            for the whole file its name.
        places: the table that a key belongs to, for the advice where it stands in another.
        folders: what its paths are about.
    """

    def __init__(
        self,
        data: dict[str, Any],
        where: str,
        places: Mapping[str, str] | None = None,
        folders: Folders | None = None,
    ) -> None:
        self._places = places or {}
        self._folders = folders or Folders()
        self._data = data
        self._read: set[str] = set()
        self.where = where

    def _fail(self, key: str, what: str, advice: str = "") -> RecipeError:
        return RecipeError(what, where=self._place(key), advice=advice)

    def _place(self, key: str) -> str:
        return f"{self.where}.{key}" if ": " in self.where else f"{self.where}: {key}"

    def _get(self, key: str, wanted: type, default: Any, advice: str) -> Any:
        self._read.add(key)
        if key not in self._data:
            if default is not None:
                return default
            raise self._fail(key, "this key is missing", advice or f"add {key} = …")
        value = self._data[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise self._fail(key, f"{value!r} is not {_NAMES[wanted]}", advice)
        return value

    def string(self, key: str, default: str | None = None, *, advice: str = "") -> str:
        """The string under `key`.

        Raises:
            RecipeError: it is missing (and there is no default), or no string.
        """
        return str(self._get(key, str, default, advice))

    @property
    def start(self) -> Path:
        """The folder where relative paths start."""
        return self._folders.start

    def path(self, key: str, default: str | None = None, *, pinned: bool = False) -> Path:
        """The path under `key`, from the folder of the file's paths; raises as `string` does.

        Parameters:
            pinned: the file is taken only if it has a sha256 that is given too, so that it may
                lie anywhere, as behind an address.

        Raises:
            RecipeError: it is no path, or leads out of the folders that are allowed.
        """
        value = self.string(key, default)
        long = any(len(os.fsencode(part)) > 255 for part in value.split("/"))
        if printable(value, lines=False) != value or long or len(value) > 1000:
            raise self._fail(
                key, f"{value[:60]!r} is no path", "name a file without control characters"
            )
        path = self._folders.start / value
        if not pinned and not self._folders.allow(path):
            raise self._fail(
                key,
                f"{value!r} leads out of the recipe's folder",
                "put it below that folder, or allow its own with --outside",
            )
        return path

    def paths(self, key: str, default: tuple[str, ...]) -> tuple[Path, ...]:
        """The list of paths under `key`; see `path`."""
        names = self.strings(key, default)
        where = self._place(key)
        inner = Table(dict(zip(names, names, strict=True)), where, {}, self._folders)
        return tuple(inner.path(name) for name in names)

    def integer(self, key: str, default: int | None = None, *, advice: str = "") -> int:
        """The whole number under `key`; raises as `string` does."""
        return int(self._get(key, int, default, advice))

    def is_string(self, key: str) -> bool:
        """Whether what is under `key` is a string."""
        return isinstance(self._data.get(key), str)

    def is_table(self, key: str) -> bool:
        """Whether what is under `key` is a table; it counts as read then, and so as known."""
        found = isinstance(self._data.get(key), dict)
        if found:
            self._read.add(key)
        return found

    def boolean(self, key: str, default: bool) -> bool:
        """The true or false under `key`; raises as `string` does."""
        return bool(self._get(key, bool, default, ""))

    def strings(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The list of strings under `key`; raises as `string` does."""
        self._read.add(key)
        if key not in self._data:
            if default is not None:
                return default
            raise self._fail(key, "this key is missing", f'add {key} = ["…"]')
        value = self._data[key]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._fail(key, "this is not a list of strings", f'write {key} = ["…"]')
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        """The table of strings under `key`; empty where it is missing."""
        inner = self.table(key)
        return {name: inner.string(name) for name in inner.keys()}  # noqa: SIM118

    def has(self, key: str) -> bool:
        """Whether `key` is there; it counts as read, and so as known."""
        self._read.add(key)
        return key in self._data

    def keys(self) -> tuple[str, ...]:
        """The keys that are there, in the file's order."""
        return tuple(self._data)

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one where it is missing."""
        inner = self._get(key, dict, {}, "")
        return Table(inner, self._place(key), self._places, self._folders)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Each table in the table under `key`, with its name, in the file's order."""
        outer = self.table(key)
        for name in outer.keys():  # noqa: SIM118
            yield name, outer.table(name)

    def plain(self, key: str) -> dict[str, Any]:
        """The table under `key` as it stands; empty where it is missing."""
        return dict(self._get(key, dict, {}, ""))

    def array(self, key: str, defaults: Mapping[str, Any] | None = None) -> Iterator[Table]:
        """Each table of the array of tables under `key`, with the keys of `defaults` it lacks."""
        self._read.add(key)
        items = self._data.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._fail(key, "this is not an array of tables", f"write [[…{key}]]")
        for number, item in enumerate(items, start=1):
            joined = {**(defaults or {}), **item}
            yield Table(joined, f"{self._place(key)}[{number}]", self._places, self._folders)

    def texts(self, key: str) -> Iterator[Table]:
        """Each item of the list under `key`; a string stands for a table with that ``text``."""
        if key not in self._data:
            raise self._fail(key, "this key is missing", f'add {key} = ["…"]')
        self._read.add(key)
        items = self._data[key]
        if not isinstance(items, list) or not all(isinstance(item, (str, dict)) for item in items):
            raise self._fail(
                key, "this is not a list of strings and tables", f'write {key} = ["…"]'
            )
        for number, item in enumerate(items, start=1):
            data = {"text": item} if isinstance(item, str) else item
            yield Table(data, f"{self._place(key)}[{number}]")

    def one_or_more(self, key: str) -> Iterator[Table]:
        """The table under `key`, or each one of the array of tables there."""
        if isinstance(self._data.get(key), dict):
            yield self.table(key)
        else:
            yield from self.array(key)

    def done(self) -> None:
        """Check that every key has been read.

        Raises:
            RecipeError: a key is unknown; the advice names the nearest known one.
        """
        for key in self._data:
            if key not in self._read:
                near = difflib.get_close_matches(key, self._read, n=1)
                known = ", ".join(sorted(self._read))
                advice = f"known keys: {known}"
                if near:
                    advice = f"write {near[0]}"
                elif key in self._places:
                    advice = f"it belongs to {self._places[key]}"
                raise self._fail(key, "this key is unknown", advice)
