"""The report: one HTML page that needs nothing else, and the same as Markdown for a comment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from backport.errors import InputError
from backport.output import printable
from backport.source.files import sha256_of
from backport.source.weight import PARTS
from backport.sru import archive, check, manifest
from backport.sru.checklist_data import Checklist
from backport.sru.report_data import Report

_WORDS = {"passed": "✓", "failed": "✕", "skipped": "–", "broken": "!"}
_ITEMS = {"done": "✓", "missing": "✕", "person": "☞", "unknown": "?"}
_NAMES = {
    "done": "done",
    "missing": "missing",
    "person": "for a person",
    "unknown": "not known here",
}


def make(evidence: Path, *, linked: bool = True, checklist: Checklist | None = None) -> Report:
    """A report on a folder of evidence, which is checked first.

    Parameters:
        evidence: the folder. linked: let links lead into it, from a page beside it.
        checklist: what `backport verify` found.

    Raises:
        InputError: the evidence is faulty, or a checklist is of other evidence, or says
            something by a file that the evidence does not have.
    """
    contents = check.sound(evidence, "nothing is reported from it")
    if checklist is not None:
        known = {*contents.files, manifest.FILE}
        named = [one.evidence for one in checklist.items if not one.evidence.startswith("https://")]
        if checklist.evidence != contents.name or not known.issuperset(named):
            raise InputError(
                "the checklist is not about this evidence, or names a file that it does not have",
                where=str(evidence),
                advice="run: backport verify",
            )
    folder = evidence.resolve()
    link = quote(folder.name) if linked else ""
    packed = folder.with_name(f"{folder.name}{archive.SUFFIX}")
    there = (packed.name, sha256_of(packed)) if packed.is_file() else ("", "")
    return Report(folder, contents, link, *there, checklist)


def as_html(report: Report) -> str:
    """The page: self-contained, without a script; links lead into the evidence's folder."""
    return _render("report.html.j2", report)


def as_markdown(report: Report) -> str:
    """The same for a comment on the bug: no links into files, since nobody else has them."""
    text = "\n".join(line.rstrip() for line in _render("report.md.j2", report).splitlines())
    return re.sub("\n{3,}", "\n\n", text).strip("\n") + "\n"


def _render(template: str, report: Report) -> str:
    environment = Environment(
        loader=PackageLoader("backport.sru", "."),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    filters: dict[str, Any] = {
        "duration": _duration,
        "day": _day,
        "cell": _cell,
        "bordered": lambda value: _cell(value).replace("|", "\\|"),
    }
    environment.filters |= filters
    names = {"signs": _WORDS, "item_signs": _ITEMS, "item_names": _NAMES, "parts": PARTS}
    return environment.get_template(template).render(report=report, **names)


def _cell(value: str | float) -> str:
    """A cell of a table that a test left, a number as a person reads it.

    >>> _cell("a"), _cell(12345.0), _cell(3.25)
    ('a', '12,345', '3.25')
    """
    return value if isinstance(value, str) else f"{value:,.10g}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
