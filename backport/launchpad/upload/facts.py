"""Gather what the checks of an upload look at: from Launchpad, the store, and gpg."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from backport.engine import verdict
from backport.engine.store import Store
from backport.engine.verdict import Passed
from backport.errors import InputError, MachineError, RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.retry import RefusedError
from backport.launchpad.archive.publication import OBSOLETE_SERIES, Publication
from backport.launchpad.archive.publications import Records, newest_in_archive
from backport.launchpad.archive.seen import with_seen
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import FarmTest, Sent
from backport.launchpad.upload import journal, signing
from backport.launchpad.upload import source as upload_source
from backport.launchpad.upload import version as ppa_version
from backport.launchpad.upload.checks import Facts, Known
from backport.launchpad.upload.journal import Upload
from backport.launchpad.upload.ppa import Account, Ppa, Queued
from backport.launchpad.upload.signing import Key
from backport.launchpad.upload.source import Made
from backport.launchpad.upload.tests_passed import Tested
from backport.recipe import versions
from backport.recipe.model import BasePin, Published, Recipe, Source
from backport.recipe.version_strings import upstream_part
from backport.recipe.versions import ArchiveVersions
from backport.source.files import sha256_of


def archive_now(
    recipe: Recipe, client: LaunchpadlibClient, cache: Path, work: Path
) -> ArchiveVersions:
    """What each series has of each source of the recipe, asked for now.

    Parameters:
        work: the work folder, with the source packages that are to be uploaded.

    Raises:
        RemoteError: Launchpad does not answer; a kept answer is not good enough for an upload.
    """
    records = Records(cache, client, max_age=timedelta(0))
    found: dict[tuple[str, str], Published] = {}
    pairs = [(source.name, series.name) for source in recipe.sources for series in recipe.series]
    pairs += [(old.name, series) for old in recipe.retired for series in old.series]
    for source, series in dict.fromkeys(pairs):
        answer = records.published(source, series)
        if records.trouble is not None:
            raise records.trouble
        if answer is not None:
            has = newest_in_archive(answer, records, recipe.as_of)
            pair = (source, series)
            found[pair] = with_seen(has, answer, records, pair, as_of=recipe.as_of, work=work)
            if records.trouble is not None:
                raise records.trouble
    return found


@dataclass(frozen=True)
class Signer:
    """The key and the account; `trouble` is why they cannot sign an upload, "" if they can."""

    key: Key | None
    account: Account
    trouble: str


def signer(wanted: str, account: Account) -> Signer:
    """The key that signs, compared with those that Launchpad knows of the account."""
    try:
        key = signing.find_key(wanted)
    except MachineError as error:
        return Signer(None, account, f"{error.what}; {error.advice}")
    if key.fingerprint not in account.fingerprints:
        return Signer(
            key,
            account,
            f"Launchpad's account {account.name} does not have the key {key.fingerprint}: send it "
            "with gpg --keyserver keyserver.ubuntu.com --send-keys, and enter the fingerprint at "
            f"https://launchpad.net/~{account.name}/+editpgpkeys",
        )
    return Signer(key, account, "")


@dataclass
class Gatherer:
    """Gathers the facts of every source and series; Launchpad is asked once for each thing."""

    recipe: Recipe
    store: Store
    client: LaunchpadlibClient
    ppa: Ppa
    archive: ArchiveVersions
    tested: Tested
    who: Signer
    asked_series: tuple[str, ...]
    forced: str
    made: dict[tuple[str, str], Made] = field(default_factory=dict)
    made_of: dict[tuple[str, str], str] = field(default_factory=dict)
    _earlier: dict[tuple[str, str], Upload | None] = field(default_factory=dict)
    _records: dict[str, tuple[Publication, ...]] = field(default_factory=dict)
    _status: dict[str, str] = field(default_factory=dict)
    _allowed: dict[str, str] = field(default_factory=dict)
    _bases: dict[BasePin, str] = field(default_factory=dict)
    _farm: Mapping[str, FarmTest] | None = None

    def series_status(self, series: str) -> str:
        """The status of a series on Launchpad, such as Supported."""
        if series not in self._status:
            self._status[series] = self.client.series_status(series)
        return self._status[series]

    def make(self, source: str, series: str) -> None:
        """Choose the version of one upload, and make its source package.

        Raises:
            InputError: the update's own source package is not there, or not up to date.
        """
        plain, one = self._source(source, series), self.recipe.one_series(series)
        if plain.base is None or self.series_status(series) == OBSOLETE_SERIES:
            return
        for step in (f"fetch/{source}", f"source/{series}/{source}"):
            if not self.tested.passed(step):
                raise InputError(
                    f"it is {self.tested.states.get(step, 'not there')}",
                    where=step,
                    advice="make, build and test the update with: backport run",
                )
        update, _ = versions.published_version(plain, one)
        kept = journal.read(self.store.work, str(self.ppa.name), self.client.root)
        own = [item for item in kept if (item.source, item.series) == (source, series)]
        queue = self.ppa.queued(source, series)
        records = self._with_files(source, series, update)
        used = [item.version for item in own]
        used += [item.version for item in records]
        used += [item.version for item in queue]
        last = ppa_version.last_number(update, used)
        if last:
            version = ppa_version.ppa_version(update, last)
            made = self._make(source, series, version)
            earlier = next((item for item in own if item.version == version), None)
            if _still_good(made, records, queue, earlier):
                self.made[source, series], self._earlier[source, series] = made, earlier
                return
        version = ppa_version.ppa_version(update, last + 1)
        self.made[source, series] = self._make(source, series, version)
        self._earlier[source, series] = None

    def facts(self, source: str, series: str) -> Facts:
        """The facts of one source in one series; `make` has been called for all of them."""
        plain, one = self._source(source, series), self.recipe.one_series(series)
        update, _ = versions.published_version(plain, one)
        made = self.made.get((source, series))
        update_mates = [mate for (_, where), mate in self.made.items() if where == series]
        steps, origins = self._steps(source, series)
        return Facts(
            source=plain,
            series=series,
            update=update,
            version=made.version if made else ppa_version.ppa_version(update, 1),
            today=datetime.datetime.now(datetime.UTC).date(),
            as_of=self.recipe.as_of,
            series_status=self.series_status(series),
            asked_by_name=series in self.asked_series,
            archive=self.archive.get((source, series)),
            said=one.archive.get(source),
            relied={
                each.name: self.archive.get((source, each.name)) for each in self.recipe.series
            },
            records=self._records.get(source, ()),
            hashes=made.hashes if made else {},
            known=self._known(made) if made else (),
            differing=made.differing if made else (),
            unmet=upload_source.unmet(made, update_mates) if made else (),
            steps=steps,
            origins=origins,
            forced=self.forced,
            base_trouble=self._base_trouble(plain),
            allowed=self._trouble_uploading(source, series) if made else "",
            key_trouble=self.who.trouble,
            earlier=self._earlier.get((source, series)),
        )

    def _source(self, source: str, series: str) -> Source:
        return self.recipe.source(source).in_series(series)

    def _make(self, source: str, series: str, version: str) -> Made:
        own = self.store.folder(f"source/{series}/{source}")
        (update_dsc,) = own.glob("*.dsc")
        self.made_of[source, series] = sha256_of(update_dsc)
        out = self.store.work / journal.FOLDER / "unsigned" / f"{series}_{source}"
        return upload_source.make(
            self.recipe,
            self._source(source, series),
            self.recipe.one_series(series),
            version,
            fetched=self.store.folder(f"fetch/{source}"),
            update_dsc=update_dsc,
            out=out,
            key=self.tested.results[f"source/{series}/{source}"].key,
        )

    def _steps(self, source: str, series: str) -> tuple[dict[str, str], dict[str, str]]:
        """The states of build and tests, and the origin of those that are not from here.

        What Ubuntu's autopkgtest service says of the version in the PPA stands in place of what
        was found here; a test that failed there counts even if it was never run here.
        """
        if self._farm is None:
            self._farm = self._read_farm()
        states, origins = self.tested.of(source, series), {}
        for name, one in self._farm.items():
            passed = isinstance(one.verdict, Passed)
            if one.series != series or (passed and name not in states):
                continue
            said = f"{verdict.kind(one.verdict)}: {verdict.text(one.verdict)}"
            states[name] = "passed" if passed else said
            origins[name] = one.told
        return states, origins

    def _read_farm(self) -> Mapping[str, FarmTest]:
        """The service's tests of the very versions that `make` has chosen."""
        data = verdicts.summary(self.store.work)
        if not data or (data["ppa"], data["launchpad"]) != (str(self.ppa.name), self.client.root):
            return {}
        sent = {}
        for (source, series), one in self.made.items():
            update, _ = versions.published_version(
                self.recipe.source(source), self.recipe.one_series(series)
            )
            sent[source, series] = Sent(update, frozenset({one.version}))
        return verdicts.farm_of(data, sent).tests

    def _with_files(self, source: str, series: str, update: str) -> tuple[Publication, ...]:
        """The PPA's records of a source; those of this update that are live, with their files."""
        if source not in self._records:
            self._records[source] = self.ppa.records(source)
        found = tuple(
            replace(one, files=self.ppa.files(one))
            if one.series == series
            and one.in_archive
            and not one.files
            and ppa_version.number_of(one.version, update)
            else one
            for one in self._records[source]
        )
        self._records[source] = found
        return found

    def _known(self, made: Made) -> tuple[Known, ...]:
        """The upstream tarballs that Launchpad has under a name of ours."""
        upstream = upstream_part(made.version)
        places = [(f"the PPA ({one.series})", one) for one in self._records[made.source]]
        places += [
            (f"the archive ({one.series})", one)
            for one in self.client.published_sources(made.source)
        ]
        found: list[Known] = []
        seen: set[str] = set()
        for where, one in places:
            if upstream_part(one.version) != upstream or one.version in seen:
                continue
            seen.add(one.version)
            files = one.files or self.client.source_files(one)
            found += [Known(each.name, each.sha256, where) for each in files]
        return tuple(one for one in found if one.name in made.origs)

    def _trouble_uploading(self, source: str, series: str) -> str:
        # The right to a PPA is one for all its sources.
        if series not in self._allowed:
            try:
                self.ppa.check_may_upload(source, series)
                self._allowed[series] = ""
            except RefusedError as error:
                self._allowed[series] = error.what
        return self._allowed[series]

    def _base_trouble(self, source: Source) -> str:
        """Why the pinned base is not Ubuntu's or Debian's own; "" if it is."""
        if source.base is None:
            return ""
        if source.base not in self._bases:
            self._bases[source.base] = self._compare_base(source.name, source.base)
        return self._bases[source.base]

    def _compare_base(self, source: str, base: BasePin) -> str:
        for distribution in ("ubuntu", "debian"):
            found = self.client.published_sources(
                source, version=base.version, distribution=distribution
            )
            if found:
                there = replace(found[0], files=self.client.source_files(found[0]))
                if there.has(base.dsc, base.sha256):
                    return ""
                return f"{distribution}'s {base.version} is another; pin it with: backport pin"
        return (
            f"Launchpad has no record of {source} {base.version} in Ubuntu's or Debian's archive, "
            "so it is nobody's base; pin one that is, with: backport pin"
        )


def _still_good(
    made: Made,
    records: tuple[Publication, ...],
    queue: tuple[Queued, ...],
    earlier: Upload | None,
) -> bool:
    """Whether the version used last is this very upload: there, on its way, or still to be sent.

    A version that is not counts as burned, and the next one is taken.
    """
    seen = [one for one in records if one.version == made.version]
    live = [one for one in seen if one.series == made.series and one.in_archive]
    if live:
        return live[0].content == made.content
    states = [one.status for one in queue if one.version == made.version]
    burned = bool(seen) or "Rejected" in states
    return (
        not burned
        and earlier is not None
        and earlier.state != "rejected"
        and dict(earlier.content) == made.content
    )


def check_clock(ppa: Ppa, *, most: float = 600.0) -> None:
    """Check that this machine's clock is near Launchpad's: a signature from the future is refused.

    Parameters:
        most: seconds that it may be off.

    Raises:
        MachineError: it is off by more.
        RemoteError: Launchpad does not answer.
    """
    off = ppa.clock_offset()
    if off is None:
        raise RemoteError("Launchpad does not tell the time", advice="try again later")
    if abs(off) > most:
        where = "ahead of" if off > 0 else "behind"
        raise MachineError(
            f"this machine's clock is {abs(off) / 60:.0f} minutes {where} Launchpad's",
            advice="set it (timedatectl(1)), and run the command again",
        )
