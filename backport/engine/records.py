"""Records in JSON, read back strictly as the dataclasses that they were written from."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from backport import atomic
from backport.engine import verdict
from backport.errors import reading

T = TypeVar("T")
# The manifest of 13 packages in three series has 0.2 MiB.
MOST_BYTES = 16 << 20


def load(kind: type[T], path: Path, *, what: str, advice: str, form: int = 0) -> T:
    """Read the record of that dataclass from a file; see `reading` for what is raised.

    Parameters:
        form: the number of the format that the file has to name; 0 where it names none.
    """
    with reading(path, what=what, advice=advice):
        data = read_json(path)
        if form and data.pop("format") != form:
            raise ValueError("it is of another format")
        record: T = decode(kind, data)
        return record


def save(path: Path, record: Any, form: int) -> Path:
    """Write the record of a dataclass with the number of its format, by one rename."""
    data = {"format": form, **encode(record)}
    return atomic.write(path, json.dumps(data, default=encode, indent=1, sort_keys=True) + "\n")


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """The JSON data in a file; raises as `read_bytes`, and RecursionError."""
    return json.loads(read_bytes(path, most))


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file.

    Parameters:
        most: the size in bytes that it may have.

    Raises:
        ValueError: it is larger, or something else than a file. OSError: it cannot be read.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most >> 20} MiB")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO that nobody writes to would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def encode(record: Any) -> dict[str, Any]:
    """A dataclass as JSON data, which `decode` reads back; the `default` of `json.dumps`."""
    named = {"verdict": verdict.kind(record)} if isinstance(record, verdict.Verdict) else {}
    return named | {field.name: getattr(record, field.name) for field in fields(record)}


def decode(kind: Any, data: Any, place: str = "it") -> Any:
    """JSON data as a value of a type: a dataclass, a tuple, a mapping, a path or a plain value.

    A union of dataclasses is told apart by the class's name in lower case, under ``verdict``.

    Parameters:
        place: what the data is called in messages.

    Raises:
        ValueError: a value is not of its type, or a key is missing or unknown.
    """
    if kind is Any:
        return data
    if isinstance(kind, type):
        return (_dataclass if is_dataclass(kind) else _plain)(kind, data, place)
    origin, args = get_origin(kind), get_args(kind)
    value: Any
    if origin in (UnionType, Union):
        value = _union(args, data, place)
    elif origin is tuple:
        value = _tuple(args, data, place)
    elif origin is frozenset:
        value = frozenset(_tuple((*args, ...), data, place))
    elif origin in (dict, Mapping):
        _require(dict, data, place, "an object")
        value = {name: decode(args[1], one, f"{place}.{name}") for name, one in data.items()}
    else:
        assert origin is Literal, kind
        if data not in args:
            raise _wrong(place, data, f"one of {', '.join(args)}")
        value = data
    return value


def _tuple(kinds: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    _require(list, data, place, "a list")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(data)
    if len(data) != len(kinds):
        raise _wrong(place, data, f"a list of {len(kinds)}")
    return tuple(decode(kind, one, f"{place}[]") for kind, one in zip(kinds, data, strict=True))


def _dataclass(kind: Any, data: Any, place: str) -> Any:
    _require(dict, data, place, "an object")
    types, required = _form(kind)
    if missing := sorted(required - data.keys()):
        raise ValueError(f"{place} lacks {missing[0]}")
    if unknown := sorted(data.keys() - types.keys()):
        raise ValueError(f"{place} has the unknown key {unknown[0]!r:.60}")
    return kind(**{name: decode(types[name], one, name) for name, one in data.items()})


@cache
def _form(kind: Any) -> tuple[Mapping[str, Any], frozenset[str]]:
    """The type of each field, and the fields that have no default."""
    needed = (
        field.name for field in fields(kind) if field.default is field.default_factory is MISSING
    )
    return get_type_hints(kind), frozenset(needed)


def _union(kinds: tuple[Any, ...], data: Any, place: str) -> Any:
    if data is None and NoneType in kinds:
        return None
    rest = [kind for kind in kinds if kind is not NoneType]
    if str in rest and isinstance(data, str):
        return data
    rest = [kind for kind in rest if kind is not str]
    if len(rest) == 1:
        return decode(rest[0], data, place)
    _require(dict, data, place, "an object")
    named = {kind.__name__.lower(): kind for kind in rest}
    name = decode(str, data.get("verdict"), f"{place}.verdict")
    if name not in named:
        raise _wrong(place, name, f"one of {', '.join(named)}")
    inner = {key: value for key, value in data.items() if key != "verdict"}
    return decode(named[name], inner, place)


def _plain(kind: Any, data: Any, place: str) -> Any:
    if kind is Path:
        return Path(decode(str, data, place))
    if kind is float:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
            raise _wrong(place, data, "a number")
        return float(data)
    if kind is int and (isinstance(data, bool) or not isinstance(data, int) or abs(data) >> 63):
        raise _wrong(place, data, "a whole number of 64 bits")
    _require(kind, data, place, {str: "a string", int: "", bool: "true or false"}[kind])
    return data


def _require(kind: type, data: Any, place: str, words: str) -> None:
    if not isinstance(data, kind):
        raise _wrong(place, data, words)


def _wrong(place: str, data: Any, words: str) -> ValueError:
    return ValueError(f"{place} is {data!r:.60}, not {words}")
