"""`backport upload`: plan, sign, send in dependency order, and wait where one needs another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backport.errors import BackportError, RemoteError, StepError
from backport.launchpad import Tell
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.builds.states import SourceVersion
from backport.launchpad.builds.wait import ALL_PUBLISHED, Wait
from backport.launchpad.upload import dput, journal, signing
from backport.launchpad.upload.checks import RESUME, SKIP, Candidate, PlannedUpload, UploadPlan
from backport.launchpad.upload.dput import Server, Transfer
from backport.launchpad.upload.journal import UploadRecord
from backport.launchpad.upload.signing import SigningKey
from backport.source.files import sha256_of

LOG = "dput.log"
# Seconds: until Launchpad shows an upload, and for one transfer.
ACCEPTANCE = 1200.0
TRANSFER = 1800.0
# How often an upload is sent that meets a passing fault before the .changes.
TRANSFERS = 3


@dataclass
class Sender:
    """Carries out a plan whose checks hold.

    Parameters:
        work: the work folder; the records are below it.
        candidates: what is known of each item, by its name.
        tell: takes everything that happens.
        poll: the seconds between two looks.
        longest: the seconds until what another upload needs is published.
    """

    work: Path
    client: LaunchpadlibClient
    ppa: PpaName
    plan: UploadPlan
    server: Server
    key: SigningKey
    candidates: Mapping[str, Candidate]
    tell: Tell
    poll: float
    longest: float

    def run(self) -> tuple[UploadRecord, ...]:
        """Sign all that is to be sent, then send each as soon as what it needs is published.

        Returns the records of what was sent, or was found to have arrived.

        Raises:
            MachineError: gpg cannot sign; nothing was sent.
            RemoteError: a server refused or broke off; the next call goes on from there.
            StepError: what another upload needs does not build in the PPA, or not in time.
        """
        uploads = {item.name: self._signed(item) for item in self.plan.to_send}
        done = []
        for item in self.plan.to_send:
            self._wait_for_needs(item)
            done.append(self._send(item, uploads[item.name]))
        return tuple(done)

    def _tell(self, event: str, item: PlannedUpload, text: str) -> None:
        data = {"event": event, "name": item.name, "version": item.version}
        self.tell(data, f"{item.name} {item.version}: {text}")

    def _wait_for_needs(self, item: PlannedUpload) -> None:
        """Wait, as `backport wait` does, until all that an item needs is published."""
        needs = [
            SourceVersion(needed.source, needed.series, needed.version)
            for needed in self.plan.items
            if needed.name in item.needs and needed.action != SKIP
        ]
        if not needs:
            return
        self._tell("waits", item, f"waiting for {', '.join(map(str, needs))}")
        waiting = Wait(self.client, self.ppa, self.work, self.tell, self.longest, self.poll)
        ended = waiting.run(needs)
        if ended != ALL_PUBLISHED:
            raise StepError(
                f"{item.name} is not sent, since what it needs is not published ({ended})",
                where=self.plan.ppa,
                advice="look at the PPA, and run the command again: it goes on from here",
            )

    def _folder(self, upload: UploadRecord) -> Path:
        return self.work / journal.FOLDER / upload.name

    def _signed(self, item: PlannedUpload) -> UploadRecord:
        """The record of an upload that is ready to be sent, or was sent before."""
        candidate = self.candidates[item.name]
        before, made = candidate.earlier, candidate.made
        assert made is not None, "what is to be sent was made"
        if item.action == RESUME and before is not None and self._intact(before):
            return before
        fresh = UploadRecord(
            source=item.source,
            series=item.series,
            version=item.version,
            update=candidate.update,
            ppa=self.plan.ppa,
            root=self.client.root,
            server=str(self.server),
            content=made.content,
            files={},
            signer=self.key.fingerprint,
            account=self.plan.account,
            base=self.plan.base,
            steps={str(step): state for step, state in candidate.steps.items()},
            forced=candidate.forced,
            times=before.times if before else {},
            made_of=candidate.made_of,
            origins={str(step): origin for step, origin in candidate.origins.items()},
        )
        self._tell("signs", item, "signing")
        files = signing.sign_upload(Path(made.changes), self.key, self._folder(fresh))
        fresh = replace(fresh, files=files)
        if before is not None and before.state in ("sending", "sent"):
            # Whether it arrived is still to be found out.
            fresh = replace(fresh, state=before.state)
            journal.write(self.work, fresh)
            return fresh
        return journal.with_state(self.work, fresh, "signed")

    def _intact(self, upload: UploadRecord) -> bool:
        """Whether the files that an earlier call signed are still there, unchanged."""
        folder = self._folder(upload)
        return bool(upload.files) and all(
            (folder / name).is_file() and sha256_of(folder / name) == digest
            for name, digest in upload.files.items()
        )

    def _send(self, item: PlannedUpload, upload: UploadRecord) -> UploadRecord:
        """Send one upload, and wait until Launchpad shows it."""
        acceptance = min(self.longest, ACCEPTANCE)
        if upload.state == "sending":
            # The program was ended in the middle: Launchpad may have it.
            self._tell("looks", item, "an earlier call was ended while it sent; looking for it")
            if self._arrived(item, upload, acceptance / 2):
                return journal.with_state(self.work, upload, "accepted")
        if upload.state not in ("sent", "accepted"):
            upload = journal.with_state(self.work, upload, "sending")
            self._tell("sends", item, "sending")
            folder = self._folder(upload)
            (changes,) = folder.glob("*_source.changes")
            try:
                sent = self._transfer(item, changes)
            except BackportError:
                journal.with_state(self.work, upload, "signed")  # nothing has left the machine
                raise
            if sent.trouble:
                state: journal.State = "broken" if sent.certain else "sending"
                journal.with_state(self.work, upload, state, sent.trouble)
                raise RemoteError(
                    f"{item.name} {item.version} was not sent: {sent.trouble}",
                    advice="run the command again: it goes on from here",
                )
            upload = journal.with_state(self.work, upload, "sent")
        if not self._arrived(item, upload, acceptance):
            raise RemoteError(
                f"{item.version} was sent, and Launchpad has not shown it within "
                f"{acceptance / 60:.0f} minutes",
                where=item.name,
                advice=f"run the command again, which looks again; {journal.NOT_TAKEN}; then run: "
                f"backport upload --rejected {item.name}",
            )
        self._tell("accepted", item, "in the PPA")
        return journal.with_state(self.work, upload, "accepted")

    def _transfer(self, item: PlannedUpload, changes: Path) -> Transfer:
        log, account = self.work / journal.FOLDER / LOG, self.plan.account
        for tries_left in reversed(range(TRANSFERS)):
            sent = dput.send(
                changes, self.server, self.ppa, item.series, account, log=log, seconds=TRANSFER
            )
            if not sent.passing or not tries_left:
                break
            self._tell("repeats", item, f"{sent.trouble}; it is sent again")
            time.sleep(self.poll)
        return sent

    def _arrived(self, item: PlannedUpload, upload: UploadRecord, seconds: float) -> bool:
        """Wait until Launchpad shows an upload; False if it does not within that time."""
        end = time.monotonic() + seconds
        while True:
            records = self.client.published_sources(item.source, ppa=self.ppa)
            if any((one.version, one.series) == (item.version, item.series) for one in records):
                return True
            queue = self.client.queued_sources(item.source, item.series, self.ppa)
            if any((one.version, one.status) == (item.version, "Rejected") for one in queue):
                journal.with_state(self.work, upload, "rejected", "by Launchpad")
                raise RemoteError(
                    f"Launchpad has rejected {item.version}; the reason is in its mail to the "
                    f"address of {self.plan.signer}",
                    where=item.name,
                    advice="mend it, and run the command again: it takes the next ~ppa number",
                )
            if time.monotonic() > end:
                return False
            time.sleep(self.poll)


def mark_rejected(work: Path, ppa: str, root: str, name: str) -> bool:
    """Note that a mail said an upload was rejected; False if none of that name was sent."""
    every = journal.read(work, ppa, root)
    own = [upload for upload in every if f"{upload.series}/{upload.source}" == name]
    for upload in own:
        if upload.state in ("sent", "sending"):
            journal.with_state(work, upload, "rejected", "said by the user")
    # A dry run may have noted it before.
    return any(upload.state in ("sent", "sending", "rejected") for upload in own)
