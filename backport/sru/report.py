"""The report: one HTML page that needs nothing else, and the same as Markdown for a comment."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

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


def make(evidence: Path, out: Path | None, *, checklist: Checklist | None = None) -> Report:
    """A report on a folder of evidence, which is checked first.

    Parameters:
        evidence: the folder. out: the page's file, for its links; None for no links.
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
    link = quote(os.path.relpath(folder, out.resolve().parent)) if out is not None else ""
    packed = folder.with_name(f"{folder.name}{archive.SUFFIX}")
    there = (packed.name, sha256_of(packed)) if packed.is_file() else ("", "")
    return Report(folder, contents, link, *there, checklist)


def as_html(report: Report) -> str:
    """The page: self-contained, without a script; links lead into the evidence's folder."""
    return _render("report.html.j2", report)


def as_markdown(report: Report) -> str:
    """The same for a comment on the bug: no links into files, since nobody else has them."""
    lines = [line.rstrip() for line in _render("report.md.j2", report).splitlines()]
    text: list[str] = []
    for line in lines:
        if line or (text and text[-1]):
            text.append(line)
    return "\n".join(text).strip("\n") + "\n"


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
        "number": _number,
        "day": _day,
        "cell": _cell,
        "bordered": lambda value: _cell(value).replace("|", "\\|"),
        "breakable": _breakable,
    }
    environment.filters |= filters
    names = {"signs": _WORDS, "item_signs": _ITEMS, "item_names": _NAMES, "parts": PARTS}
    return environment.get_template(template).render(report=report, **names)


def _breakable(version: str) -> Markup:
    """A version that may be broken where a person would: before a hyphen or a tilde."""
    return Markup(re.sub(r"([-~+])", r"<wbr>\1", str(escape(printable(version)))))


def _cell(value: str | float) -> str:
    """A cell of a table that a test left."""
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    """A number as a person reads it.

    >>> _number(1234.0), _number(3.25), _number(0.0)
    ('1,234', '3.2', '0')
    """
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 10 else f"{value:.1f}"


def _duration(seconds: float) -> str:
    """A length of time as a person reads it.

    >>> _duration(0.4), _duration(79.7), _duration(3700)
    ('0.4 s', '1 min 20 s', '61 min 40 s')
    """
    whole = round(seconds)
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    return f"{seconds:.1f} s"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
