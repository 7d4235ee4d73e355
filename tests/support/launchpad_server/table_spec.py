"""How a row of the table of resource types is written.

A field is written ``name``, ``name: datetime``, ``name: A|B`` (a choice), ``name -> type`` (a
link to an entry) or ``name -> [type]`` (a link to a collection); a ``*`` after the name means
that PATCH may change it. A parameter is written the same way; ``!`` means required. The names
and choices are those of Launchpad's own WADL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPEC = re.compile(
    r"(?P<name>[a-z_]+)(?P<mark>[*!]?)"
    r"(?:\s*->\s*(?P<list>\[?)(?P<target>[A-Za-z_]+)\]?|\s*:\s*(?P<kind>.+))?"
)

POCKETS = "Release|Security|Updates|Proposed|Backports"
PUBLISHING = "Pending|Published|Superseded|Deleted|Obsolete"
SERIES_STATUS = (
    "Experimental|Active Development|Pre-release Freeze|Current Stable Release|Supported"
    "|Obsolete|Future"
)


@dataclass(frozen=True)
class Field:
    """A field of an entry, or a parameter of an operation."""

    name: str
    marked: bool = False
    target: str = ""
    many: bool = False
    kind: str = ""

    @property
    def key(self) -> str:
        """The field's name in JSON."""
        if not self.target:
            return self.name
        return self.name + ("_collection_link" if self.many else "_link")

    @property
    def options(self) -> tuple[str, ...]:
        """The values that a choice allows."""
        return tuple(self.kind.split("|")) if "|" in self.kind else ()


@dataclass(frozen=True)
class Operation:
    """A named operation. `returns` is a type, a type in brackets for a page of it, or nothing."""

    name: str
    params: tuple[Field, ...] = ()
    returns: str = ""
    method: str = "GET"


@dataclass(frozen=True)
class Type:
    """A resource type; `collection` is the name of its top-level collection, if it has one."""

    name: str
    fields: tuple[Field, ...]
    operations: tuple[Operation, ...] = ()
    collection: str = ""
    web: bool = True

    def field(self, key: str) -> Field | None:
        """The field with that name in JSON."""
        return {field.key: field for field in self.fields}.get(key)


def fields(*specs: str) -> tuple[Field, ...]:
    """Fields from their written form."""
    out = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        assert match, spec
        out.append(
            Field(
                match["name"],
                bool(match["mark"]),
                match["target"] or "",
                bool(match["list"]),
                match["kind"] or "",
            )
        )
    return tuple(out)


def op(name: str, *params: str, returns: str = "", method: str = "GET") -> Operation:
    """An operation from its written form."""
    return Operation(name, fields(*params), returns, method)
