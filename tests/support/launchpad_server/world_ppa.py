"""PPAs in the stand-in's world: people with keys, the login, uploads, their builds, rejections.

An upload is dropped without a word where nobody has the key, and rejected where its version was
used before (lp.archiveuploader).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from .world import DeniedError, Entry, Value, World
from .world_builds import Farm

_WHEN = "2026-11-23T12:00:00.000000+00:00"


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
        every = [
            self.world.add("gpg_key", f"{path}/+gpg-keys/{key}", fingerprint=key, keyid=key[-8:])
            for key in self.keys[name]
        ]
        self.world.collections[keys] = ("gpg_key-page-resource", lambda: every)
        return entry

    def ppa(self, owner: str, name: str) -> Entry:
        """Add a PPA; its owner may upload."""
        path = f"/~{owner}/+archive/ubuntu/{name}"
        self.uploaders[path] = {owner}
        return self.world.archive(path, f"~{owner}/ubuntu/{name}")

    def receive(self, folder: PurePosixPath, upload: Arrived) -> Entry | None:
        """Take an upload into the PPA whose folder it came to; None where it is rejected."""
        with self.world.lock:
            owner, _, name = str(folder).partition("/ubuntu/")
            archive = f"/{owner}/+archive/ubuntu/{name}"
            if not any(upload.signer in keys for keys in self.keys.values()):
                self.dropped.append(f"{upload.source} {upload.version}: whose is {upload.signer}?")
                return None
            if reason := self.refuse or self._used(archive, upload):
                self.mails.append(f"{upload.source} {upload.version}: {reason}")
                if self.records_rejections:
                    self.queue(archive, upload, "Rejected")
                return None
            return self.publish(archive, upload, status="Published" if not self.steps else "")

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
        self.queue(archive, upload, "Done")
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

    def _used(self, archive: str, upload: Arrived) -> str:
        """Why a version cannot be taken; "" if it is new in the archive."""
        fields = ("archive_link", "source_package_name", "source_package_version")
        wanted = (archive, upload.source, upload.version)
        every = self.world.all("source_package_publishing_history")
        used = any(tuple(one.values[field] for field in fields) == wanted for one in every)
        return f"Source {upload.source} {upload.version} is already in the archive." if used else ""

    def queue(self, archive: str, upload: Arrived, status: str) -> None:
        """Add the queue's record of an upload."""
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
