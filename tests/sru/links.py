"""The links of a page: where they lead, and which rows of its tables have none."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Row:
    """A row of a table's body: the section that it is in, its words, and its links."""

    section: str
    text: str = ""
    links: list[str] = field(default_factory=list)


class Links(HTMLParser):
    """What a page leads to, and the names (`ids`) and kinds (`tags`) of its parts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.page = page
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()
        self.rows: list[Row] = []
        self._section, self._body = "", False
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        found = [str(values[name]) for name in ("href", "src") if values.get(name)]
        self.links += found
        if values.get("id"):
            self.ids.add(str(values["id"]))
        if tag == "section":
            self._section = str(values["aria-labelledby"])
        elif tag == "tbody":
            self._body = True
        elif tag == "tr" and self._body:
            self.rows.append(Row(self._section))
        elif self._body and self.rows:
            self.rows[-1].links += found

    def handle_endtag(self, tag: str) -> None:
        self._body = self._body and tag != "tbody"

    def handle_data(self, data: str) -> None:
        if self._body and self.rows:
            self.rows[-1].text += data

    @property
    def inside(self) -> list[str]:
        """The links to files beside the page."""
        return [link for link in self.links if not link.startswith(("#", "https://", "data:"))]

    def dead(self) -> list[str]:
        """The links that lead to no file and to no part of the page."""
        files = [one for one in self.inside if not (self.page.parent / unquote(one)).is_file()]
        parts = [link for link in self.links if link.startswith("#") and link[1:] not in self.ids]
        return files + parts
