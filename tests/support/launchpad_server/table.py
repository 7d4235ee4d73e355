"""The table of resource types: one row a type, from which the WADL is made.

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
    r"(?:\s*->\s*(?P<list>\[?)(?P<target>[a-z_]+)\]?|\s*:\s*(?P<kind>.+))?"
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


_PUBLICATION = (
    "archive -> archive",
    "component_name",
    "copied_from_archive -> archive",
    "creator -> person",
    "date_created*: datetime",
    "date_made_pending*: datetime",
    "date_published*: datetime",
    "date_removed*: datetime",
    "date_superseded*: datetime",
    "display_name*",
    f"pocket: {POCKETS}",
    "removal_comment*",
    "removed_by* -> person",
    "scheduled_deletion_date*: datetime",
    "section_name",
    "source_package_name",
    "source_package_version",
    f"status*: {PUBLISHING}",
)

TYPES = (
    Type(
        "distribution",
        fields(
            "active*",
            "current_series* -> distro_series",
            "date_created: datetime",
            "description*",
            "display_name*",
            "domain_name*",
            "main_archive -> archive",
            "name*",
            "owner* -> person",
            "series -> [distro_series]",
            "summary*",
            "title*",
        ),
        (
            op("getSeries", "name_or_version!", returns="distro_series"),
            op("getArchive", "name!", returns="archive"),
        ),
        collection="distributions",
    ),
    Type(
        "distro_series",
        fields(
            "active*",
            "component_names",
            "date_created: datetime",
            "datereleased*: datetime",
            "description*",
            "displayname*",
            "distribution -> distribution",
            "fullseriesname*",
            "main_archive -> archive",
            "name*",
            f"status*: {SERIES_STATUS}",
            "suite_names",
            "supported*",
            "title*",
            "version*",
        ),
    ),
    Type(
        "archive",
        fields(
            "description*",
            "displayname*",
            "distribution -> distribution",
            "name*",
            "owner -> person",
            "private",
            "reference",
            "signing_key_fingerprint",
        ),
        (
            op(
                "getPublishedSources",
                "version",
                "source_name",
                "distro_series -> distro_series",
                f"status: {PUBLISHING}",
                "component_name",
                f"pocket: {POCKETS}",
                "created_since_date: datetime",
                "exact_match",
                "order_by_date",
                returns="[source_package_publishing_history]",
            ),
        ),
    ),
    Type(
        "source_package_publishing_history",
        fields(
            *_PUBLICATION,
            "distro_series* -> distro_series",
            "package_creator -> person",
            "package_maintainer -> person",
            "package_signer -> person",
            "sponsor -> person",
        ),
        (
            op("sourceFileUrls", "include_meta"),
            op("getPublishedBinaries", returns="[binary_package_publishing_history]"),
            op("changesFileUrl"),
        ),
        web=False,
    ),
    Type(
        "binary_package_publishing_history",
        fields(
            *_PUBLICATION,
            "architecture_specific",
            "binary_package_name",
            "binary_package_version",
            "priority_name",
        ),
        (op("binaryFileUrls", "include_meta"),),
        web=False,
    ),
    Type(
        "person",
        fields("description*", "display_name*", "is_team", "is_valid", "name*", "time_zone"),
        collection="people",
    ),
)

BY_NAME = {one.name: one for one in TYPES}
