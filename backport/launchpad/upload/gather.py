"""Gather what is known of each candidate: from Launchpad, the store, and gpg."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter

from debian.debian_support import Version

from backport.engine import verdict
from backport.engine.step import StepId
from backport.engine.store import Result, Store, step_key
from backport.engine.verdict import Passed
from backport.environments import choose, prepared
from backport.errors import InputError, MachineError
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.archive import pin
from backport.launchpad.archive.publication import OBSOLETE_SERIES, Publication
from backport.launchpad.archive.publications import Records
from backport.launchpad.autopkgtest.verdicts import ServiceTest, read_summary, service_tests
from backport.launchpad.upload import journal, signing
from backport.launchpad.upload import source as upload_source
from backport.launchpad.upload.checks import Candidate
from backport.launchpad.upload.ppa import Account, Ppa, number_of, ppa_version
from backport.launchpad.upload.signing import SigningKey
from backport.launchpad.upload.source import PpaSource
from backport.recipe import versions
from backport.recipe.model import PinnedDsc, Recipe
from backport.recipe.versions import ArchiveVersions
from backport.run import plan as planning
from backport.run.plan import Selection
from backport.source.files import sha256_of


def signer(wanted: str, account: Account) -> tuple[SigningKey | None, str]:
    """The key that signs, and why it cannot sign an upload of the account; "" if it can."""
    try:
        key = signing.find_key(wanted)
    except MachineError as error:
        return None, f"{error.what}; {error.advice}"
    if key.fingerprint in account.fingerprints:
        return key, ""
    return key, (
        f"Launchpad's account {account.name} does not have the key {key.fingerprint}: send it "
        "with gpg --keyserver keyserver.ubuntu.com --send-keys, and enter the fingerprint at "
        f"https://launchpad.net/~{account.name}/+editpgpkeys"
    )


@dataclass(frozen=True)
class Tested:
    """The steps of a run, with the result of each that is up to date.

    `states` says "passed" for each of those, or why not; `base` is the kind of base that the
    packages were built and tested on, "" where there is none.
    """

    results: Mapping[StepId, Result]
    states: Mapping[StepId, str]
    base: str

    def of(self, source: str, series: str) -> dict[StepId, str]:
        """The state of a source's build and checks and of every test with it: "passed", or why not.

        The tests of a series install all that was built for it, so each is one with this source;
        so does the check that installs, upgrades, removes and purges all packages.
        """
        which = [StepId("build", series, source)]
        which += [
            step
            for step in self.states
            if step.series == series
            and (step.kind == "test" or (step.kind == "check" and step.source in (source, "")))
        ]
        return {one: self.states.get(one, "not in the plan") for one in which}


def still_passed(recipe: Recipe, store: Store, series: tuple[str, ...]) -> Tested:
    """Which steps of the store still hold for the recipe as it is now: nothing is run."""
    kind = prepared.kind_in(store)
    base_inputs: dict[str, dict[str, str]] = {}
    if kind:
        base, _ = choose.choose(recipe, kind, offline=True)
        base_inputs = {one.name: base.inputs(one) for one in recipe.series}
    steps = planning.make(recipe, Selection(series), kind, base_inputs)
    results: dict[StepId, Result] = {}
    states: dict[StepId, str] = {}
    graph = {step_id: step.needs for step_id, step in steps.items()}
    for step_id in TopologicalSorter(graph).static_order():
        step = steps[step_id]
        missing = [need for need in step.needs if need not in results]
        last = store.last(step_id)
        if missing:
            states[step_id] = f"{missing[0]} is not up to date"
            continue
        key = step_key(step, {need: results[need].digest for need in step.needs})
        fresh = store.fresh(step_id, key)
        if fresh is not None:
            results[step_id], states[step_id] = fresh, "passed"
        elif last is None:
            states[step_id] = "never run"
        elif last.key == key:
            states[step_id] = f"{verdict.kind(last.verdict)}: {verdict.text(last.verdict)}"
        else:
            states[step_id] = "not run since something changed"
    return Tested(results, states, kind)


@dataclass
class Gatherer:
    """Gathers what is known of every source and series; Launchpad is asked once for each thing.

    Parameters:
        records: fresh ones, of what is in the archives.
        tested: what has passed here.
        key_trouble: see `signer`.
        asked_series: the series that the user named.
        forced: the user's reason to upload what has not passed; "" for none.
    """

    recipe: Recipe
    store: Store
    client: LaunchpadlibClient
    ppa: Ppa
    records: Records
    archive: ArchiveVersions
    tested: Tested
    key_trouble: str
    asked_series: tuple[str, ...]
    forced: str

    def __post_init__(self) -> None:
        self._series_status = cache(self.client.series_status)
        self._permits_obsolete = cache(self.ppa.permits_obsolete)
        self._published = cache(self.client.published_sources)
        self._files = cache(self.client.source_files)
        self._account_trouble = cache(self._trouble_uploading)
        self._pinned = cache(self._compare_pinned)

    def candidates(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Candidate]:
        """What is known of each (source, series), by its name, in the same order.

        The version of each is chosen, and its source package made, before any is looked at: what
        one asks of another is compared with the version that this one gets.

        Raises:
            InputError: the update's own source package is not there, or not up to date.
            RemoteError: Launchpad gives no answer.
        """
        begun = [self._begun(*pair) for pair in pairs]
        service = self._service_tests(begun)
        return {one.name: self._whole(one, begun, service) for one in begun}

    def _begun(self, name: str, series: str) -> Candidate:
        """A candidate with its version and source package, where it may get one."""
        source, where = self.recipe.source(name).in_series(series), self.recipe.one_series(series)
        update, _ = versions.published_version(source, where)
        status, as_of = self._series_status(series), self.recipe.as_of
        candidate = Candidate(
            source=source,
            series=series,
            update=update,
            version=ppa_version(update, 1),
            needs=tuple(
                f"{series}/{need}"
                for need in source.needs
                if series in self.recipe.source(need).series
            ),
            as_of=as_of if as_of and as_of < datetime.datetime.now(datetime.UTC).date() else None,
            series_status=status,
            permitted=status == OBSOLETE_SERIES and self._permits_obsolete(),
            asked_by_name=series in self.asked_series,
            archive=self.archive[name, series],
            in_recipe=where.archive.get(name),
            forced=self.forced,
            key_trouble=self.key_trouble,
        )
        if source.pinned is None or candidate.closed:
            return candidate
        for step in (StepId("fetch", source=name), StepId("source", series, name)):
            if step not in self.tested.results:
                raise InputError(
                    f"it is {self.tested.states.get(step, 'not there')}",
                    where=str(step),
                    advice="make, build and test the update with: backport run",
                )
        return self._made(candidate)

    def _made(self, candidate: Candidate) -> Candidate:
        """The candidate with the version that it gets, and its source package."""
        name, series = candidate.source.name, candidate.series
        kept = journal.read(self.store.work, str(self.ppa.name), self.client.root)
        own = [one for one in kept if (one.source, one.series) == (name, series)]
        queue = self.client.queued_sources(name, series, self.ppa.name)
        records = self._with_files(candidate)
        used = [one.version for one in own] + [one.version for one in (*records, *queue)]
        last = max(number_of(version, candidate.update) for version in (*used, ""))
        step = StepId("source", series, name)
        (update_dsc,) = self.store.folder(step).glob("*.dsc")

        def with_number(number: int) -> Candidate:
            version = ppa_version(candidate.update, number)
            made = upload_source.make(
                self.recipe,
                candidate.source,
                self.recipe.one_series(series),
                version,
                fetched=self.store.folder(StepId("fetch", source=name)),
                update_dsc=update_dsc,
                out=self.store.work / journal.FOLDER / "unsigned" / f"{series}_{name}",
                key=self.tested.results[step].key,
            )
            return replace(
                candidate,
                version=version,
                made=made,
                made_of=sha256_of(update_dsc),
                earlier=next((one for one in own if one.version == version), None),
                records=records,
            )

        if last:
            chosen = with_number(last)
            if _still_good(chosen, queue):
                return chosen
        return with_number(last + 1)

    def _whole(
        self, candidate: Candidate, every: list[Candidate], service: Mapping[StepId, ServiceTest]
    ) -> Candidate:
        """The candidate with what follows from all of them, and from what Launchpad has."""
        steps, origins = self._steps(candidate, service)
        made = candidate.made
        mates = [one.made for one in every if one.series == candidate.series and one.made]
        return replace(
            candidate,
            steps=steps,
            origins=origins,
            pinned_trouble=self._pinned(candidate.source.name, candidate.source.pinned),
            known=self._known(candidate, made) if made else (),
            unmet=upload_source.unmet(made, mates) if made else (),
            account_trouble=self._account_trouble(candidate.series) if made else "",
        )

    def _steps(
        self, candidate: Candidate, service: Mapping[StepId, ServiceTest]
    ) -> tuple[dict[StepId, str], dict[StepId, str]]:
        """The states of build and tests, and the origin of those that are not from here.

        What Ubuntu's autopkgtest service says of the version in the PPA stands in place of what
        was found here; a test that failed there counts even if it was never run here.
        """
        states = self.tested.of(candidate.source.name, candidate.series)
        origins: dict[StepId, str] = {}
        for name, test in service.items():
            passed = isinstance(test.verdict, Passed)
            if test.series != candidate.series or (passed and name not in states):
                continue
            failure = f"{verdict.kind(test.verdict)}: {verdict.text(test.verdict)}"
            states[name] = "passed" if passed else failure
            origins[name] = test.told
        return states, origins

    def _service_tests(self, candidates: list[Candidate]) -> Mapping[StepId, ServiceTest]:
        """The service's tests of the very versions that were chosen."""
        summary, here = read_summary(self.store.work), (str(self.ppa.name), self.client.root)
        if summary is None or (summary.ppa, summary.launchpad) != here:
            return {}
        sent = {
            (candidate.source.name, candidate.series): frozenset({candidate.version})
            for candidate in candidates
            if candidate.made is not None
        }
        return service_tests(summary, sent).tests

    def _with_files(self, candidate: Candidate) -> tuple[Publication, ...]:
        """The PPA's records of a source; those of this update that are live, with their files."""
        return tuple(
            replace(record, files=self._files(record))
            if record.series == candidate.series
            and record.in_archive
            and number_of(record.version, candidate.update)
            else record
            for record in self._published(candidate.source.name, ppa=self.ppa.name)
        )

    def _known(self, candidate: Candidate, made: PpaSource) -> tuple[tuple[str, str, str], ...]:
        """The upstream tarballs that Launchpad has under a name of ours."""
        upstream = Version(candidate.version).upstream_version
        places = [(f"the PPA ({record.series})", record) for record in candidate.records]
        places += [
            (f"the archive ({record.series})", record)
            for record in self._published(candidate.source.name)
        ]
        by_version = {
            record.version: (where, record)
            for where, record in reversed(places)
            if Version(record.version).upstream_version == upstream
        }
        return tuple(
            (file.name, file.sha256, where)
            for where, record in by_version.values()
            for file in record.files or self._files(record)
            if file.name in made.origs
        )

    def _trouble_uploading(self, series: str) -> str:
        """Why the account may not upload; the right to a PPA is one for all its sources."""
        try:
            self.ppa.check_may_upload(self.recipe.sources[0].name, series)
        except RefusedError as error:
            return error.what
        return ""

    def _compare_pinned(self, source: str, pinned: PinnedDsc | None) -> str:
        """Why the pinned .dsc is not Ubuntu's or Debian's own; "" if it is."""
        if pinned is None:
            return ""
        answer = self.records.of_any_archive(source, pinned.version)
        if answer is None or not answer.publications:
            return (
                f"Launchpad has no record of {source} {pinned.version} in Ubuntu's or Debian's "
                "archive; write a version that one of them had into the "
                "recipe, and run: backport pin --update"
            )
        there = answer.publications[0]
        try:
            pin.require_same(pinned, there, there.distribution)
        except InputError as error:
            return f"{error.what}; {error.advice}"
        return ""


def _still_good(candidate: Candidate, queue: tuple[Publication, ...]) -> bool:
    """Whether the version used last is this very upload: there, on its way, or still to be sent.

    A version that is not counts as burned, and the next one is taken.
    """
    assert candidate.made is not None
    made, earlier = candidate.made, candidate.earlier
    seen = [record for record in candidate.records if record.version == made.version]
    live = [one for one in seen if one.series == made.series and one.in_archive]
    if live:
        return live[0].content == made.content
    rejected = any((one.version, one.status) == (made.version, "Rejected") for one in queue)
    return (
        not seen
        and not rejected
        and earlier is not None
        and earlier.state != "rejected"
        and dict(earlier.content) == made.content
    )
