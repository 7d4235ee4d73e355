"""What the stand-in knows: entries, collections, named operations and files."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from debian.debian_support import Version

from .table import BY_NAME

Value = Any
Operate = Callable[["World", "Entry", Mapping[str, Value]], Value]


@dataclass
class Entry:
    """One entry. Links in `values` are paths such as ``/ubuntu/xenial``."""

    kind: str
    path: str
    values: dict[str, Value]

    @property
    def etag(self) -> str:
        """Two hashes, as lazr.restful has them: what only is read, and what can be written."""
        return f'"{self._hash(written=False)}-{self.etag_of_written}"'

    @property
    def etag_of_written(self) -> str:
        """The hash of what can be written: the part that a change is compared by."""
        return self._hash(written=True)

    def _hash(self, *, written: bool) -> str:
        keys = [one.key for one in BY_NAME[self.kind].fields if one.marked == written]
        text = json.dumps([self.path, {key: self.values[key] for key in sorted(keys)}])
        return hashlib.sha1(text.encode()).hexdigest()


@dataclass(frozen=True)
class Created:
    """What a POST made: the answer is 201 with the entry's address."""

    entry: Entry


class DeniedError(Exception):
    """The operation is not allowed, or asks for what cannot be: `status`, with this text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class NotThereError(DeniedError):
    """The operation looked for something that is not there: 404, with this text."""

    def __init__(self, text: str) -> None:
        super().__init__(404, text)


class World:
    """The stand-in's data. Every method may be called while the server runs."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.entries: dict[str, Entry] = {}
        self.collections: dict[str, tuple[str, Callable[[], list[Entry]]]] = {}
        self.operations: dict[tuple[str, str], Operate] = dict(_OPERATIONS)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.source_files: dict[str, list[tuple[str, bytes]]] = {}
        # Entries and all below them that are not shown, with the status that says so.
        self.hidden: dict[str, int] = {}
        # Called before each request: what has changed since the last one.
        self.before: list[Callable[[], None]] = []
        # The entry of the person that is logged in.
        self.me = "/~tester"
        # The OAuth tokens that are accepted; None accepts every one.
        self.tokens: set[str] | None = None
        # Pages outside the web service: method, fields and token give status and text.
        self.pages: dict[str, Callable[[str, Mapping[str, Any], str], tuple[int, str]]] = {}
        self._next = 1000
        for kind in BY_NAME.values():
            if kind.collection:
                every = functools.partial(self.all, kind.name)
                self.collections[f"/{kind.collection}"] = (kind.collection, every)

    def number(self) -> int:
        """A number that was not given before."""
        self._next += 1
        return self._next

    def add(self, kind: str, path: str, **values: Value) -> Entry:
        """Add an entry; fields that are not given are null.

        Raises:
            KeyError: the table has no such type or field.
        """
        known = {field.key for field in BY_NAME[kind].fields}
        wrong = sorted(set(values) - known)
        if wrong:
            raise KeyError(f"{kind} has no field {', '.join(wrong)}")
        with self.lock:
            entry = Entry(kind, path, {key: values.get(key) for key in sorted(known)})
            self.entries[path] = entry
        return entry

    def all(self, kind: str) -> list[Entry]:
        """Every entry of a type, in the order in which they were added."""
        with self.lock:
            return [entry for entry in self.entries.values() if entry.kind == kind]

    def distribution(self, name: str) -> Entry:
        """Add a distribution with its primary archive."""
        archive = f"/{name}/+archive/primary"
        entry = self.add(
            "distribution",
            f"/{name}",
            active=True,
            name=name,
            display_name=name.capitalize(),
            title=name.capitalize(),
            main_archive_link=archive,
            series_collection_link=f"/{name}/series",
        )
        self.add(
            "archive",
            archive,
            name="primary",
            displayname=f"Primary Archive for {name.capitalize()}",
            distribution_link=f"/{name}",
            permit_obsolete_series_uploads=False,
            private=False,
            reference=name,
        )

        def series() -> list[Entry]:
            every = self.all("distro_series")
            return [one for one in every if one.values["distribution_link"] == entry.path]

        self.collections[f"/{name}/series"] = ("distro_series-page-resource", series)
        return entry

    def series(self, distribution: str, name: str, version: str, status: str) -> Entry:
        """Add a series of a distribution."""
        return self.add(
            "distro_series",
            f"/{distribution}/{name}",
            active=status not in ("Obsolete", "Future"),
            supported=status in ("Current Stable Release", "Supported"),
            distribution_link=f"/{distribution}",
            main_archive_link=f"/{distribution}/+archive/primary",
            name=name,
            displayname=name.capitalize(),
            fullseriesname=f"{distribution.capitalize()} {name.capitalize()}",
            title=f"{distribution.capitalize()} {version}",
            status=status,
            version=version,
        )

    def publish(
        self,
        series: str,
        source: str,
        version: str,
        *,
        distribution: str = "ubuntu",
        pocket: str = "Release",
        status: str = "Published",
        component: str = "universe",
        date: str = "2017-01-27T10:00:00.000000+00:00",
        superseded: str | None = None,
        removed: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Publish a version of a source package, with files that can be downloaded.

        `date`, `superseded` and `removed` are when that happened, as in the web service; the
        record's status has to fit, and is not made from them.
        """
        archive = f"/{distribution}/+archive/primary"
        entry = self.add(
            "source_package_publishing_history",
            f"{archive}/+sourcepub/{self.number()}",
            archive_link=archive,
            distro_series_link=f"/{distribution}/{series}",
            component_name=component,
            section_name="web",
            date_created=date,
            date_published=date,
            date_superseded=superseded,
            date_removed=removed,
            display_name=f"{source} {version} in {series}",
            pocket=pocket,
            source_package_name=source,
            source_package_version=version,
            status=status,
        )
        self.source_files[entry.path] = []
        for name, content in (files or {}).items():
            web = f"{archive}/+sourcefiles/{quote(source)}/{quote(version)}/{quote(name)}"
            stored = f"/librarian/{self.number()}/{quote(name)}"
            self.files[stored] = content
            self.redirects[web] = stored
            self.source_files[entry.path].append((web, content))
        return entry


def _get_series(world: World, distribution: Entry, given: Mapping[str, Value]) -> Value:
    wanted = given["name_or_version"]
    for one in world.collections[f"{distribution.path}/series"][1]():
        if wanted in (one.values["name"], one.values["version"]):
            return one
    raise NotThereError(f"No such distribution series: '{wanted}'.")


def _get_archive(world: World, distribution: Entry, given: Mapping[str, Value]) -> Value:
    return world.entries.get(f"{distribution.path}/+archive/{given['name']}")


def _published_sources(world: World, archive: Entry, given: Mapping[str, Value]) -> Value:
    equal = {
        "version": "source_package_version",
        "distro_series": "distro_series_link",
        "status": "status",
        "component_name": "component_name",
        "pocket": "pocket",
    }

    def fits(entry: Entry) -> bool:
        values = entry.values
        name, wanted = values["source_package_name"], given.get("source_name")
        if wanted is not None and (
            name != wanted if given.get("exact_match") else wanted not in name
        ):
            return False
        since = given.get("created_since_date")
        return (
            values["archive_link"] == archive.path
            and (since is None or values["date_created"] >= since)
            and all(given.get(key) in (None, values[field]) for key, field in equal.items())
        )

    found = [one for one in world.all("source_package_publishing_history") if fits(one)]
    found.reverse()
    if given.get("order_by_date"):
        return sorted(found, key=lambda one: str(one.values["date_created"]), reverse=True)
    found.sort(key=lambda one: Version(one.values["source_package_version"]), reverse=True)
    return sorted(found, key=lambda one: str(one.values["source_package_name"]))


def _package_uploads(world: World, series: Entry, given: Mapping[str, Value]) -> Value:
    def fits(entry: Entry) -> bool:
        values = entry.values
        name = given.get("name")
        equal = {"version": "package_version", "status": "status", "archive": "archive_link"}
        return (
            values["distroseries_link"] == series.path
            and (name is None or values["package_name"] == name)
            and all(given.get(key) in (None, values[field]) for key, field in equal.items())
        )

    return [one for one in world.all("package_upload") if fits(one)]


@dataclass(frozen=True)
class WebLink:
    """An address outside the web service, made absolute by the server."""

    path: str


def _source_file_urls(world: World, publication: Entry, given: Mapping[str, Value]) -> Value:
    files = world.source_files[publication.path]
    if not given.get("include_meta"):
        return [WebLink(web) for web, _ in files]
    return [
        {"url": WebLink(web), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for web, content in files
    ]


_OPERATIONS: dict[tuple[str, str], Operate] = {
    ("distribution", "getSeries"): _get_series,
    ("distribution", "getArchive"): _get_archive,
    ("archive", "getPublishedSources"): _published_sources,
    ("distro_series", "getPackageUploads"): _package_uploads,
    ("source_package_publishing_history", "sourceFileUrls"): _source_file_urls,
}
