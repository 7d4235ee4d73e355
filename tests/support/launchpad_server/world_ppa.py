"""PPAs in the stand-in's world: people with keys, the login, uploads, their builds, rejections.

The rules of an upload are modelled on Launchpad's (lp.archiveuploader): who may upload, which
series takes uploads, versions that only go up and are used once, tarballs that never change.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from debian.debian_support import Version

from .world import DeniedError, Entry, Value, World
from .world_builds import Farm

_WHEN = "2026-11-23T12:00:00.000000+00:00"
_OPEN = ("Supported", "Current Stable Release", "Active Development", "Pre-release Freeze")


@dataclass(frozen=True)
class Arrived:
    """A source package as it came in: `files` has the content of each."""

    source: str
    version: str
    series: str
    signer: str
    files: Mapping[str, bytes]
    binaries: tuple[str, ...]


class RejectedError(Exception):
    """The upload is refused, for this reason: Launchpad sends it in a mail."""


class UnverifiedError(Exception):
    """The signature cannot be verified: the upload is dropped, and nobody gets a mail."""


class Ppas:
    """The people, keys and PPAs of a world.

    `mails` are the rejections, as "VERSION: reason"; `dropped` is what nobody is told of;
    `builds` says what becomes of a build, by source
    ("Successfully built" otherwise). Each question about builds lets one second pass, and
    an upload is built and published after `steps` seconds. `refuse` is a reason to reject whatever
    comes; with `records_rejections` the queue has a record of it, else there is only the mail.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.mails: list[str] = []
        self.dropped: list[str] = []
        self.builds: dict[str, str] = {}
        self.steps = 0.0
        self.records_rejections = False
        self.refuse = ""
        self.farm = Farm(world)
        self.uploaders: dict[str, set[str]] = {}
        self.keys: dict[str, list[str]] = {}
        world.operations.update(
            {
                ("archive", "checkUpload"): self._check_upload,
                ("source_package_publishing_history", "getBuilds"): self._builds,
            }
        )

    def person(self, name: str, fingerprints: Iterable[str] = ()) -> Entry:
        """Add a person with the OpenPGP keys that they have confirmed."""
        path = f"/~{name}"
        keys = f"{path}/gpg_keys"
        entry = self.world.entries.get(path) or self.world.add("person", path)
        entry.values |= {"name": name, "display_name": name.capitalize(), "is_valid": True}
        entry.values["gpg_keys_collection_link"] = keys
        self.keys[name] = [fingerprint.upper() for fingerprint in fingerprints]

        def every() -> list[Entry]:
            return [
                self.world.entries.get(f"{path}/+gpg-keys/{key}")
                or self.world.add(
                    "gpg_key", f"{path}/+gpg-keys/{key}", fingerprint=key, keyid=key[-8:]
                )
                for key in self.keys[name]
            ]

        self.world.collections[keys] = ("gpg_key-page-resource", every)
        return entry

    def ppa(self, owner: str, name: str, uploaders: Iterable[str] = ()) -> Entry:
        """Add a PPA; its owner and the `uploaders` may upload."""
        path = f"/~{owner}/+archive/ubuntu/{name}"
        self.uploaders[path] = {owner, *uploaders}
        return self.world.archive(path, f"~{owner}/ubuntu/{name}")

    def receive(self, folder: PurePosixPath, upload: Arrived) -> Entry | None:
        """Take an upload into the PPA whose folder it came to; None where it is rejected."""
        with self.world.lock:
            try:
                archive = self._archive_of(folder)
                self._check(archive, upload)
            except RejectedError as error:
                self._reject(folder, upload, str(error))
                return None
            except UnverifiedError as error:
                self.dropped.append(f"{upload.source} {upload.version}: {error}")
                return None
            return self.publish(archive.path, upload, status="Published" if not self.steps else "")

    def publish(self, archive: str, upload: Arrived, *, status: str = "Published") -> Entry:
        """Publish a source package in an archive; `status` "" begins as Pending."""
        entry = self.world.publication(
            archive,
            f"/ubuntu/{upload.series}",
            upload.source,
            upload.version,
            files=upload.files,
            date_created=_WHEN,
            date_published=_WHEN if status else None,
            status=status or "Pending",
        )
        for older in self.world.all("source_package_publishing_history"):
            values = older.values
            same = ("archive_link", "distro_series_link", "source_package_name")
            if (
                older is not entry
                and all(values[key] == entry.values[key] for key in same)
                and values["status"] in ("Published", "Pending")
            ):
                values |= {"status": "Superseded", "date_superseded": _WHEN}
        self._queue(archive, upload, "Done")
        if status in ("", "Published"):
            self.farm.take(entry, publish_after=self.steps)
            state = self.builds.get(upload.source, "Successfully built")
            self.farm.build(
                entry,
                "amd64",
                ((0.0, "Needs building"), (self.steps, state)),
                binaries={name: f"{name} {upload.version}".encode() for name in upload.binaries},
                publish_after=0.0,
            )
            self.farm.advance()
        return entry

    def reject_later(self, archive: str, upload: Arrived) -> None:
        """A person rejects an upload: there is a record of it in the queue."""
        self._queue(archive, upload, "Rejected")

    def _archive_of(self, folder: PurePosixPath) -> Entry:
        """The archive that a folder of the upload server stands for."""
        owner, _, name = str(folder).partition("/ubuntu/")
        found = self.world.entries.get(f"/{owner}/+archive/ubuntu/{name}")
        if found is None:
            raise RejectedError(f"{folder} is no place for an upload of the signer.")
        return found

    def _check(self, archive: Entry, upload: Arrived) -> None:
        if self.refuse:
            raise RejectedError(self.refuse)
        signers = [name for name, keys in self.keys.items() if upload.signer in keys]
        if not signers:
            raise UnverifiedError(f"The key {upload.signer} is not registered in Launchpad.")
        if signers[0] not in self.uploaders[archive.path]:
            raise RejectedError(f"{signers[0]} has no upload rights to this PPA.")
        series = self.world.entries.get(f"/ubuntu/{upload.series}")
        if series is None:
            raise RejectedError(f"Unable to find distroseries: {upload.series}")
        ended = series.values["status"] == "Obsolete"
        permitted = ended and archive.values["permit_obsolete_series_uploads"]
        if series.values["status"] not in _OPEN and not permitted:
            raise RejectedError(f"{upload.series} is {series.values['status']}.")
        older = [
            one
            for one in self.world.all("source_package_publishing_history")
            if one.values["archive_link"] == archive.path
            and one.values["source_package_name"] == upload.source
        ]
        for one in older:
            version = str(one.values["source_package_version"])
            if version == upload.version:
                raise RejectedError(f"Source {upload.source} {version} is already in the archive.")
            same = one.values["distro_series_link"] == f"/ubuntu/{upload.series}"
            live = one.values["status"] in ("Published", "Pending")
            if same and live and Version(version) >= Version(upload.version):
                raise RejectedError(
                    f"Version older than that in the archive. {upload.version} <= {version}"
                )
        self._check_files(upload)

    def _check_files(self, upload: Arrived) -> None:
        """A file of the same name has the same content, in the PPA and in the primary archive."""
        ours = {quote(name): content for name, content in upload.files.items()}
        for path in self.world.files_of.keys() & self.world.entries.keys():
            for web, content in self.world.files_of[path]:
                name = web.rpartition("/")[2]
                if ours.get(name, content) != content:
                    raise RejectedError(
                        f"File {name} already exists, but uploaded version has different contents."
                    )

    def _reject(self, folder: PurePosixPath, upload: Arrived, reason: str) -> None:
        self.mails.append(f"{upload.source} {upload.version}: {reason}")
        if self.records_rejections:
            self._queue(self._archive_of(folder).path, upload, "Rejected")

    def _queue(self, archive: str, upload: Arrived, status: str) -> None:
        self.world.add(
            "package_upload",
            f"/ubuntu/{upload.series}/+upload/{self.world.number()}",
            archive_link=archive,
            date_created=_WHEN,
            distroseries_link=f"/ubuntu/{upload.series}",
            package_name=upload.source,
            package_version=upload.version,
            pocket="Release",
            status=status,
        )

    def _check_upload(self, _world: World, archive: Entry, given: Mapping[str, Value]) -> Value:
        name = str(given["person"]).rpartition("~")[2]
        if name not in self.uploaders.get(archive.path, set()):
            raise DeniedError(403, "Signer has no upload rights to this PPA.")
        return None

    def _builds(self, world: World, record: Entry, given: Mapping[str, Value]) -> Value:
        self.farm.now += 1
        self.farm.advance()
        return self.farm.builds_of(world, record, given)


class Login:
    """The pages of the OAuth login; `answer` is what the person does: approve, decline, or ""."""

    def __init__(self, world: World, answer: str = "approve") -> None:
        self.answer = answer
        self.authorized: set[str] = set()
        self.pages_seen: list[str] = []
        self.token, self.secret = "access-token-of-tester", "a-secret-that-nobody-may-see"
        self.secrets = [self.secret, "secret-of-the-request"]
        request = '{"oauth_token": "request1", "oauth_token_secret": "secret-of-the-request"}'
        world.pages["/+request-token"] = lambda _: (200, request)
        world.pages["/+authorize-token"] = self._authorize
        world.pages["/+access-token"] = functools.partial(self._access, world)
        world.tokens = set()

    def _authorize(self, form: Mapping[str, Any]) -> tuple[int, str]:
        self.pages_seen.append(str(form.get("oauth_token")))
        if self.answer == "approve":
            self.authorized.add(str(form.get("oauth_token")))
        return 200, "a stand-in for tests, not Launchpad: the page where you would log in"

    def _access(self, world: World, form: Mapping[str, Any]) -> tuple[int, str]:
        if self.answer == "decline":
            return 403, "End-user refused to authorize request token."
        if form.get("oauth_token") not in self.authorized:
            return 401, "Request token has not yet been reviewed. Try again later."
        assert world.tokens is not None
        world.tokens.add(self.token)
        return 200, f"oauth_token={self.token}&oauth_token_secret={self.secret}&lp.context=None"
