"""The report: one HTML page that needs nothing else, and the same as Markdown for a comment."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from backport.errors import InputError
from backport.output import printable
from backport.source.files import sha256_of
from backport.source.weight import PARTS
from backport.sru import archive, charts, check, manifest
from backport.sru.checklist_data import Checklist
from backport.sru.report_data import gather
from backport.sru.report_parts import Report

_WORDS = {"passed": "✓", "failed": "✕", "skipped": "–", "broken": "!"}
_ITEMS = {"done": "✓", "missing": "✕", "person": "☞", "unknown": "?"}
_NAMES = {
    "done": "done",
    "missing": "missing",
    "person": "for a person",
    "unknown": "not known here",
}


def make(evidence: Path, out: Path | None, *, checklist: Checklist | None = None) -> Report:
    """Gather a report from a folder of evidence, which is checked first.

    Parameters:
        evidence: the folder. out: the page's file, for its links; None for no links.
        checklist: what `backport verify` found.

    Raises:
        InputError: the evidence is faulty, or a checklist is of other evidence, or says
            something by a file that the evidence does not have.
    """
    contents = check.sound(evidence, "nothing is reported from it")
    if checklist is not None and checklist.evidence != contents.name:
        raise InputError(
            f"the checklist is about the evidence {checklist.evidence}, not this one",
            where=str(evidence),
            advice="run: backport verify",
        )
    for item in checklist.items if checklist is not None else ():
        known = item.evidence in contents.files or item.evidence == manifest.FILE
        if not known and not item.evidence.startswith("https://"):
            raise InputError(
                f"the checklist names {item.evidence or 'nothing'} for {item.what!r}, and the "
                "evidence has no such file",
                where=str(evidence),
                advice="run: backport verify",
            )
    folder = evidence.resolve()
    packed = folder.with_name(f"{folder.name}{archive.SUFFIX}")
    return gather(
        evidence,
        contents,
        link=quote(os.path.relpath(folder, out.resolve().parent)) if out is not None else "",
        archive=packed.name if packed.is_file() else "",
        sha256=sha256_of(packed) if packed.is_file() else "",
        checklist=checklist,
    )


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
    environment.filters["duration"] = charts.duration
    environment.filters["number"] = charts.number
    environment.filters["day"] = _day
    environment.filters["cell"] = _cell
    environment.filters["bordered"] = lambda value: _cell(value).replace("|", "\\|")
    names = {
        "signs": _WORDS,
        "item_signs": _ITEMS,
        "item_names": _NAMES,
        "bar": lambda share, kind: Markup(charts.bar(share, kind)),
        "share": lambda bad, total: Markup(charts.share(bad, total)),
        "histogram": lambda one: Markup(charts.histogram(one.title, one.bins, one.unit)),
        "ticks": charts.ticks,
        "breakable": _breakable,
        "parts": PARTS,
    }
    return environment.get_template(template).render(report=report, **names)


def _breakable(version: str) -> Markup:
    """A version that may be broken where a person would: before a hyphen or a tilde."""
    return Markup(re.sub(r"([-~+])", r"<wbr>\1", str(escape(version))))


def _cell(value: str | float) -> str:
    """A cell of a table that a test left."""
    return value if isinstance(value, str) else charts.number(value)


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
