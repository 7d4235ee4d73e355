"""What a test shows in the report: a table, a histogram or a figure among its artifacts.

A test of any recipe writes ``report-NAME.json`` into its folder of artifacts: an object with
`title`, `sentence` (what it shows, for people) and one of these:

- a histogram: `bins`, a list of ``[name, number]``, and the `unit` of the numbers;
- a table: `columns`, a list of titles, and `rows`, a list of lists of strings and numbers, each as
  long as `columns`; with a `unit` if the numbers have one;
- a figure: `figure`, the name of an ``.svg`` or ``.png`` file beside it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.errors import InputError

FILE = re.compile(r"report-[A-Za-z0-9._-]+\.json")
_FIGURES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Section:
    """What a test shows, under `title`; two of `bins`, `columns` and `figure` are empty.

    `figure` is an address that holds the whole image (RFC 2397).
    """

    title: str
    sentence: str
    unit: str = ""
    bins: tuple[tuple[str, float], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | int | float, ...], ...] = ()
    figure: str = ""


def read(path: Path) -> Section:
    """Read one.

    Raises:
        InputError: it is not of the form above.
    """
    try:
        return _section(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"this is nothing that the report can show ({error})",
            where=str(path),
            advice="write title, sentence, and bins with unit, columns with rows, or figure: "
            "docs/verification.md",
        ) from error


def _section(data: Mapping[str, Any], folder: Path) -> Section:
    if unknown := data.keys() - {"title", "sentence", "unit", "bins", "columns", "rows", "figure"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if sum(key in data for key in ("bins", "columns", "figure")) != 1:
        raise ValueError("one of bins, columns and figure")
    columns = tuple(_string(one, "columns") for one in data.get("columns", ()))
    rows = tuple(tuple(_cell(one) for one in row) for row in data["rows"]) if columns else ()
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("a row is not as long as columns")
    return Section(
        title=_string(data["title"], "title"),
        sentence=_string(data["sentence"], "sentence"),
        unit=_string(data["unit"] if "bins" in data else data.get("unit", ""), "unit"),
        bins=tuple((_string(name, "bins"), _number(value)) for name, value in data.get("bins", ())),
        columns=columns,
        rows=rows,
        figure=_figure(folder, _string(data["figure"], "figure")) if "figure" in data else "",
    )


def _figure(folder: Path, name: str) -> str:
    path = folder / name
    if path.parent != folder or path.suffix not in _FIGURES:
        raise ValueError(f"{name!r} is no .svg or .png file beside it")
    content = base64.b64encode(path.read_bytes()).decode()
    return f"data:{_FIGURES[path.suffix]};base64,{content}"


def _string(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{key}: {value!r} is no string")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _cell(value: Any) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"{value!r} is neither a string nor a number")
    return value
