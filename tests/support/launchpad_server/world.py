"""What the stand-in knows: entries, collections, named operations and files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from debian.debian_support import Version

from .wadl import TYPES

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
        return f'"{self.hash_of(written=False)}-{self.hash_of(written=True)}"'

    def hash_of(self, *, written: bool) -> str:
        """A hash of what only is read, or of what can be written; a change is compared by that."""
        keys = [field.key for field in TYPES[self.kind].fields if field.written == written]
        text = json.dumps([self.path, {key: self.values.get(key) for key in sorted(keys)}])
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


class World:
    """The stand-in's data. Every method may be called while the server runs."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.entries: dict[str, Entry] = {}
        self.collections: dict[str, tuple[str, Callable[[], list[Entry]]]] = {}
        self.operations: dict[tuple[str, str], Operate] = dict(_OPERATIONS)
        self.files: dict[str, bytes] = {}
        # The address and content of the files of each record of a publication.
        self.files_of: dict[str, list[tuple[str, bytes]]] = {}
        # Called before each request: what has changed since the last one.
        self.before: list[Callable[[], None]] = []
        # The entry of the person that is logged in.
        self.me = "/~tester"
        # The OAuth tokens that are accepted; None accepts every one.
        self.tokens: set[str] | None = None
        # Pages outside the web service: the fields of a form give status and text.
        self.pages: dict[str, Callable[[Mapping[str, Any]], tuple[int, str]]] = {}
        self._next = 1000

    def number(self) -> int:
        """A number that was not given before."""
        self._next += 1
        return self._next

    def add(self, kind: str, path: str, **values: Value) -> Entry:
        """Add an entry; fields that are not given are null.

        Raises:
            KeyError: the table has no such type or field.
        """
        known = {field.key for field in TYPES[kind].fields}
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
        self.archive(archive, name)
        return self.add("distribution", f"/{name}", name=name, main_archive_link=archive)

    def archive(self, path: str, reference: str) -> Entry:
        """Add an archive, or find it; `reference` is Launchpad's name of it."""
        return self.entries.get(path) or self.add(
            "archive",
            path,
            name=path.rpartition("/")[2],
            permit_obsolete_series_uploads=False,
            private=False,
            reference=reference,
        )

    def series(self, distribution: str, name: str, version: str, status: str) -> Entry:
        """Add a series of a distribution."""
        return self.add(
            "distro_series",
            f"/{distribution}/{name}",
            distribution_link=f"/{distribution}",
            name=name,
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
        date: str = "2017-01-27T10:00:00.000000+00:00",
        files: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Publish a version of a source package, with files that can be downloaded."""
        return self.publication(
            f"/{distribution}/+archive/primary",
            f"/{distribution}/{series}",
            source,
            version,
            files=files,
            component_name="universe",
            date_created=date,
            date_published=date,
            pocket=pocket,
            status=status,
        )

    def publication(
        self,
        archive: str,
        series: str,
        source: str,
        version: str,
        *,
        files: Mapping[str, bytes] | None = None,
        **values: Value,
    ) -> Entry:
        """The record of a source package in an archive and series, by their paths."""
        entry = self.add(
            "source_package_publishing_history",
            f"{archive}/+sourcepub/{self.number()}",
            archive_link=archive,
            distro_series_link=series,
            source_package_name=source,
            source_package_version=version,
            **{"component_name": "main", "pocket": "Release"} | values,
        )
        self.files_of[entry.path] = []
        for name, content in (files or {}).items():
            web = f"{archive}/+sourcefiles/{quote(source)}/{quote(version)}/{quote(name)}"
            self.files[web] = content
            self.files_of[entry.path].append((web, content))
        return entry


def _published_sources(world: World, archive: Entry, given: Mapping[str, Value]) -> Value:
    equal = {
        "source_name": "source_package_name",
        "version": "source_package_version",
        "distro_series": "distro_series_link",
    }
    every = world.all("source_package_publishing_history")
    own = [
        entry
        for entry in reversed(every)
        if entry.values["archive_link"] == archive.path
        and all(given.get(key) in (None, entry.values[field]) for key, field in equal.items())
    ]
    return sorted(
        own, key=lambda entry: Version(entry.values["source_package_version"]), reverse=True
    )


def _package_uploads(world: World, series: Entry, given: Mapping[str, Value]) -> Value:
    wanted = (series.path, given["name"], given["archive"])
    fields = ("distroseries_link", "package_name", "archive_link")
    every = world.all("package_upload")
    return [one for one in every if tuple(one.values[field] for field in fields) == wanted]


def _file_urls(world: World, publication: Entry, _: Mapping[str, Value]) -> Value:
    return [
        {"url": f"web:{web}", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for web, data in world.files_of[publication.path]
    ]


_OPERATIONS: dict[tuple[str, str], Operate] = {
    ("archive", "getPublishedSources"): _published_sources,
    ("distro_series", "getPackageUploads"): _package_uploads,
    ("source_package_publishing_history", "sourceFileUrls"): _file_urls,
    ("binary_package_publishing_history", "binaryFileUrls"): _file_urls,
}
