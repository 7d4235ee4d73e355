"""TOML tables read as the model's dataclasses: every error names the key, and no key is unread."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from backport.engine import records
from backport.errors import RecipeError, reading
from backport.output import printable
from backport.recipe.keys import Advice, Form, Key, Pinned

T = TypeVar("T")
_NAMES = {str: "a string", int: "a whole number", bool: "true or false", dict: "a table"}


def parsed(path: Path, missing: str, advice: str, allowed: tuple[Path, ...]) -> Table:
    """Read a file as a table.

    Parameters:
        missing, advice: what is said where the file is not there.
        allowed: the folders that its paths may lead to.

    Raises:
        RecipeError: the file is not there, or is no TOML.
    """
    if not path.exists():
        raise RecipeError(missing, where=str(path), advice=advice)
    with reading(
        path, what="this is not readable as TOML", advice="mend that line", kind=RecipeError
    ):
        data = tomllib.loads(records.read_bytes(path).decode("utf-8"))
        _check_values(data)
    return Table(data, path.name, Folders(path.parent.resolve(), allowed))


def _check_values(value: Any, depth: int = 0) -> None:
    """Raise ValueError where a value is nested or a number large beyond all use."""
    if depth > 20:
        raise ValueError("it is nested too deeply")
    if isinstance(value, int) and abs(value) >> 31:
        raise ValueError("it has a whole number of more than 32 bits")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_values(item, depth + 1)


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
        folders: what its paths are about.
    """

    def __init__(self, data: dict[str, Any], where: str, folders: Folders | None = None) -> None:
        self.folders = folders or Folders()
        self.where = where
        self._data = data
        self._read: set[str] = set()

    def place(self, key: str) -> str:
        """The file and the whole key of a key in this table; "" is the table itself."""
        if not key:
            return self.where
        return f"{self.where}.{key}" if ": " in self.where else f"{self.where}: {key}"

    def get(self, key: str, kind: Any, default: Any = MISSING) -> Any:
        """The value under `key`, as a type of the model: see `read`.

        Raises:
            RecipeError: it is missing (and there is no default), or of another type or form.
        """
        self._read.add(key)
        marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
        advice = next((mark.text for mark in marks if isinstance(mark, Advice)), "")
        if key in self._data:
            return self._decode(kind, self._data[key], key, advice)
        if default is MISSING:
            raise self._wrong(key, "this key is missing", advice or f"add {key} = …")
        return default

    def read(
        self, kind: Callable[..., T], *, defaults: Mapping[str, Any] | None = None, **given: Any
    ) -> T:
        """The whole table as a dataclass, whose fields are the keys, their types and defaults.

        A string may be of a `Form`; one value stands for a list of one; and where the class has a
        `TEXT`, a string for a table with that key. What the class's `faults` finds is refused.

        Parameters:
            defaults: in place of those of the class, by field.
            given: values of fields that are not looked for in the table.

        Raises:
            RecipeError: a key is missing, unknown or wrong.
        """
        values = dict(given)
        for name, (key, inner, default) in _keys(kind).items():
            if name in given:
                self._check_form(inner, given[name], "")
            else:
                values[name] = self.get(key, inner, (defaults or {}).get(name, default))
        self.done()
        made = kind(**values)
        for key, what, advice in getattr(made, "faults", tuple)():
            raise self._wrong(key, what, advice)
        return made

    def _decode(self, kind: Any, value: Any, key: str, advice: str = "") -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            if Pinned in args:
                return str(self._path(value, key, pinned=True)) if value else ""
            decoded = self._decode(args[0], value, key, advice)
            self._check_form(kind, decoded, key)
        elif origin in (UnionType, Union):
            (inner,) = (arg for arg in args if arg is not NoneType)
            decoded = None if value == "" else self._decode(inner, value, key, advice)
        elif origin is tuple:
            items = value if isinstance(value, list) else [value]
            places = [f"{key}[{n}]" for n in range(1, len(items) + 1)] if items is value else [key]
            decoded = tuple(map(self._decode, [args[0]] * len(items), items, places))
        elif origin is Mapping:
            decoded = self._mapping(args, value, key)
        elif is_dataclass(kind):
            decoded = self._record(kind, value, key)
        elif origin is Literal:
            if value not in args:
                advice = f"write one of {', '.join(args)}"
                raise self._wrong(key, f"{value!r} is not known here", advice)
            decoded = value
        else:
            decoded = self._plain(kind, value, key, advice)
        return decoded

    def _plain(self, kind: Any, value: Any, key: str, advice: str) -> Any:
        if kind is Table:
            return self._inner(value, key)
        if kind is Path:
            return self._path(value, key)
        if kind is date:
            return self._day(value, key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._wrong(key, f"{value!r} is not {_NAMES[kind]}", advice)
        return value

    def _record(self, kind: Any, value: Any, key: str) -> Any:
        if isinstance(value, str) and hasattr(kind, "TEXT"):
            value = {kind.TEXT: value}
        return self._inner(value, key).read(kind)

    def _mapping(self, args: tuple[Any, ...], value: Any, key: str) -> dict[str, Any]:
        inner = self._inner(value, key)
        if get_origin(args[0]) is Literal:
            inner._read |= {*get_args(args[0])}
        else:
            inner._read |= inner._data.keys()
        inner.done()
        for name in inner._data:
            inner._check_form(args[0], name, name)
        return {name: inner.get(name, args[1]) for name in inner._data}

    def _check_form(self, kind: Any, value: Any, key: str) -> None:
        for form in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
            if isinstance(form, Form) and not form.allows(value):
                raise self._wrong(key, f"{value!r} {form.what}", form.advice)

    def _day(self, value: Any, key: str) -> date:
        try:
            return date.fromisoformat(value)
        except (ValueError, TypeError) as error:
            advice = 'write it as in ISO 8601, such as "2017-02-15"'
            raise self._wrong(key, f"{value!r} is no day", advice) from error

    def _path(self, value: Any, key: str, *, pinned: bool = False) -> Path:
        name = str(self._decode(str, value, key))
        long = any(len(os.fsencode(part)) > 255 for part in name.split("/"))
        if printable(name, lines=False) != name or long or len(name) > 1000:
            advice = "name a file without control characters"
            raise self._wrong(key, f"{name[:60]!r} is no path", advice)
        path = self.folders.start / name
        if not pinned and not self.folders.allow(path):
            what = f"{name!r} leads out of the recipe's folder"
            advice = "put it below that folder, or allow its own with --outside"
            raise self._wrong(key, what, advice)
        return path

    def _wrong(self, key: str, what: str, advice: str) -> RecipeError:
        return RecipeError(what, where=self.place(key), advice=advice)

    def _inner(self, value: Any, key: str) -> Table:
        return Table(self._decode(dict, value, key), self.place(key), self.folders)

    def has(self, key: str) -> bool:
        """Whether `key` is there; it counts as read, and so as known."""
        self._read.add(key)
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        """The keys that are there, in the file's order."""
        return iter(self._data)

    def plain(self, key: str) -> dict[str, Any]:
        """The table under `key` as it stands; empty where it is missing."""
        return dict(self.get(key, dict, {}))

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one where it is missing."""
        return self._inner(self.plain(key), key)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Each table in the table under `key`, with its name, in the file's order."""
        outer = self.table(key)
        for name in outer:
            yield name, outer.table(name)

    def array(self, key: str, defaults: Mapping[str, Any]) -> Iterator[Table]:
        """Each table of the array of tables under `key`, with the keys of `defaults` it lacks."""
        for item in self.get(key, tuple[Table, ...], ()):
            yield Table({**defaults, **item._data}, item.where, self.folders)

    def done(self) -> None:
        """Check that every key has been read.

        Raises:
            RecipeError: a key is unknown; the advice names the nearest known one.
        """
        for key in self._data:
            if key not in self._read:
                near = difflib.get_close_matches(key, self._read, n=1)
                advice = (
                    f"write {near[0]}" if near else f"known keys: {', '.join(sorted(self._read))}"
                )
                raise self._wrong(key, "this key is unknown", advice)


@cache
def _keys(kind: Any) -> dict[str, tuple[str, Any, Any]]:
    """The fields of a dataclass that are keys: the key's name, the type and the default of each."""
    types = get_type_hints(kind, include_extras=True)
    keys = {}
    for field in fields(kind):
        if field.metadata.get("key", True):
            marks = get_args(types[field.name])[1:]
            named = [mark.name for mark in marks if isinstance(mark, Key)]
            default = field.default
            if field.default_factory is not MISSING:
                default = field.default_factory()
            key = named[0] if named else field.name.replace("_", "-")
            keys[field.name] = (key, types[field.name], default)
    return keys
