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
import re
from dataclasses import dataclass, replace
from pathlib import Path

from backport.engine import records
from backport.errors import reading

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
    rows: tuple[tuple[str | float, ...], ...] = ()
    figure: str = ""


def read(path: Path) -> Section:
    """Read one.

    Raises:
        InputError: it is not of the form above.
    """
    what = "this is nothing that the report can show"
    advice = (
        "write title, sentence, and bins with unit, columns with rows, or figure: "
        "docs/verification.md"
    )
    with reading(path, what=what, advice=advice):
        data = records.read_json(path)
        section: Section = records.decode(Section, data)
        if sum(key in data for key in ("bins", "columns", "figure")) != 1:
            raise ValueError("it has not one of bins, columns and figure")
        if section.bins and "unit" not in data:
            raise ValueError("bins lack their unit")
        if ("columns" in data) != ("rows" in data):
            raise ValueError("columns and rows go together")
        if any(len(row) != len(section.columns) for row in section.rows):
            raise ValueError("a row is not as long as columns")
        if section.figure:
            return replace(section, figure=_figure(path.parent, section.figure))
        return section


def _figure(folder: Path, name: str) -> str:
    path = folder / name
    if path.parent != folder or path.suffix not in _FIGURES:
        raise ValueError(f"{name!r} is no .svg or .png file beside it")
    content = base64.b64encode(records.read_bytes(path)).decode()
    return f"data:{_FIGURES[path.suffix]};base64,{content}"
