"""The record of every upload, as a JSON file below ``uploads/`` in the work folder.

It is what the next call goes on from, and what the evidence is made of. It is written before
anything is sent, and after every change of its state:

``signed``, ``sending`` (or the program was killed then), ``broken`` (the transfer ended before
the .changes, so the server has nothing), ``sent``, ``accepted`` (Launchpad shows the version),
``rejected``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from debian.debian_support import Version

from backport.engine import records

FOLDER = "uploads"
NOT_TAKEN = (
    "if that stays so, a mail to the signer says why it was rejected; where no mail comes, "
    "Launchpad could not verify the signature and dropped it: check that the key on your "
    "Launchpad page is the one that signed and has not expired"
)
"""What became of an upload that Launchpad does not show (lp.archiveuploader)."""
State = Literal["signed", "sending", "broken", "sent", "accepted", "rejected"]
_FORMAT = 1


@dataclass(frozen=True)
class UploadRecord:
    """One upload of a source to a PPA.

    Parameters:
        version: in the PPA; `update` is the version that the update itself will have.
        content: the sha256 of each file but the .dsc and the .changes: what a signature leaves.
        files: the sha256 of each file that is sent, signatures included.
        signer: the fingerprint of the key.
        forced: the reason of --force; "" where every build and test had passed.
        steps: the build and the tests of this source package, each with its state.
        base: the kind of base that they ran on.
        made_of: the sha256 of the update's own .dsc, from which it differs in the version alone.
        origins: where the state of a test comes from, for those that Ubuntu's autopkgtest service
            ran: architectures, version, trigger and the log's address.
        times: when each state began, in ISO 8601, UTC.
    """

    source: str
    series: str
    version: str
    update: str
    ppa: str
    root: str
    server: str
    content: Mapping[str, str]
    files: Mapping[str, str]
    signer: str
    account: str
    base: str
    steps: Mapping[str, str]
    forced: str = ""
    state: State = "signed"
    reason: str = ""
    times: Mapping[str, str] = field(default_factory=dict)
    made_of: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return f"{self.series}_{self.source}_{self.version.replace(':', '%3a')}"


def write(work: Path, upload: UploadRecord) -> Path:
    """Keep a record, by one rename."""
    return records.save(work / FOLDER / f"{upload.name}.json", upload, _FORMAT)


def with_state(work: Path, upload: UploadRecord, state: State, reason: str = "") -> UploadRecord:
    """Write the record with its new state, and return it."""
    times = {**upload.times, state: datetime.now(UTC).isoformat(timespec="seconds")}
    new = replace(upload, state=state, reason=reason, times=times)
    write(work, new)
    return new


def read(work: Path, ppa: str, root: str) -> tuple[UploadRecord, ...]:
    """Every record of a PPA of that Launchpad, in the order of the files' names.

    Raises:
        InputError: a record is damaged; without it an upload could be sent twice.
    """
    what = "this record of an upload cannot be read"
    advice = "mend it, or move it away after a look at the PPA"
    uploads = []
    for path in sorted((work / FOLDER).glob("[!.]*.json")):
        upload = records.load(UploadRecord, path, what=what, advice=advice, form=_FORMAT)
        if (upload.ppa, upload.root) == (ppa, root):
            uploads.append(upload)
    return tuple(uploads)


def newest(uploads: Iterable[UploadRecord]) -> dict[tuple[str, str], UploadRecord]:
    """The one with the highest version of each (series, source)."""
    in_order = sorted(uploads, key=lambda upload: Version(upload.version))
    return {(upload.series, upload.source): upload for upload in in_order}
