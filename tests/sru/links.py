"""The links of a page of ours: where they lead, and which rows of its tables have none."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Row:
    """A row of a table's body: the section that it is in, its words, and its links."""

    section: str
    text: str
    links: list[str]


class Links:
    """What a page leads to, the names (`ids`) and kinds (`tags`) of its parts, and its rows."""

    def __init__(self, page: Path) -> None:
        text = page.read_text()
        self.page, self.links = page, _links(text)
        self.ids = set(re.findall(r' id="([^"]*)"', text))
        self.tags = set(re.findall(r"<(\w+)", text))
        self.rows = [
            Row(name, html.unescape(re.sub("<[^>]*>", "", row)), _links(row))
            for name, section in _parts(text, r'<section aria-labelledby="(\w+)">(.*?)</section>')
            for body in _parts(section, "<tbody>(.*?)</tbody>")
            for row in _parts(body, "<tr>(.*?)</tr>")
        ]

    @property
    def inside(self) -> list[str]:
        """The links to files beside the page."""
        return [link for link in self.links if not link.startswith(("#", "https://", "data:"))]

    def dead(self) -> list[str]:
        """The links that lead to no file and to no part of the page."""
        files = [one for one in self.inside if not (self.page.parent / unquote(one)).is_file()]
        parts = [link for link in self.links if link.startswith("#") and link[1:] not in self.ids]
        return files + parts


def _parts(text: str, pattern: str) -> list[Any]:
    return re.findall(pattern, text, re.DOTALL)


def _links(text: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r' (?:href|src)="([^"]*)"', text)]
