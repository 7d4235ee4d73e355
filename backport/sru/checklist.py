"""The checklist of the SRU process and of the recipe's exception, decided by facts alone.

Rules: Ubuntu's SRU documentation (https://documentation.ubuntu.com/project/SRU/), named by their
pages. What nobody here can know is said to be unknown, with the address where it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from backport.engine.step import StepId
from backport.launchpad.autopkgtest.verdicts import ServiceTest
from backport.launchpad.bug.data import Bug
from backport.recipe import versions
from backport.recipe.bug import SruException
from backport.recipe.model import Recipe
from backport.sru import manifest, proof, template
from backport.sru.checklist_data import Checklist, Item, State, TagChange
from backport.sru.facts import Facts, uploads
from backport.sru.manifest import Manifest

AGEING_DAYS = 7
_BUG = "https://bugs.launchpad.net/bugs/{}"
_EXCUSES = "https://ubuntu-archive-team.ubuntu.com/proposed-migration/{}/update_excuses.html#{}"
_PENDING = "https://ubuntu-archive-team.ubuntu.com/pending-sru.html"


def make(
    recipe: Recipe,
    evidence: Manifest,
    facts: Facts,
    *,
    sha256: str,
    now: datetime | None = None,
    service: Mapping[StepId, ServiceTest] | None = None,
) -> Checklist:
    """The checklist of an update.

    Parameters:
        evidence: the evidence, checked. sha256: of its archive. now: the time, in UTC.
        service: the tests of Ubuntu's autopkgtest service that stand in place of local ones.
    """
    moment = now or datetime.now(UTC)
    decided = _List(recipe, evidence, facts, sha256=sha256, now=moment, service=service or {})
    items, tags = tuple(decided.items()), tuple(decided.tags())
    return Checklist(recipe.bug, evidence.name, sha256, facts.asked, items, tags)


class _List:
    def __init__(
        self,
        recipe: Recipe,
        evidence: Manifest,
        facts: Facts,
        *,
        sha256: str,
        now: datetime,
        service: Mapping[StepId, ServiceTest],
    ) -> None:
        self._recipe = recipe
        self._facts = facts
        self._sha256 = sha256
        self._now = now
        self._pairs = uploads(recipe)
        self._place = f"LP: #{recipe.bug}"
        self._ours = {(row.source, row.series): row.ours for row in versions.table(recipe, {})}
        self._proofs = {
            series.name: proof.tests(recipe, evidence, facts, series.name, service)
            for series in recipe.series
        }

    def items(self) -> Iterator[Item]:
        """Every line, the bug's first."""
        yield from self._bug()
        for series in self._recipe.series:
            pairs = [pair for pair in self._pairs if pair[1] == series.name]
            for pair in pairs:
                yield from self._package(pair)
            if pairs:
                yield from self._series(series.name)
        if self._recipe.exception is not None:
            yield from self._exception(self._recipe.exception)
        yield self._comment()

    def _bug(self) -> Iterator[Item]:
        bug, address = self._facts.bug, _BUG.format(self._recipe.bug)
        if bug is None:
            why = self._facts.troubles[0] if self._facts.troubles else "Launchpad was not asked."
            yield Item(
                "unknown", self._place, "The bug is public and its template filled in", _full(why),
                "requirements; bug-template", address, advice="Look at the bug."
            )  # fmt: skip
            return
        yield Item(
            "missing" if bug.notes else "done", self._place, "The bug is public",
            _full("; ".join(bug.notes)) if bug.notes else f"It can be read: {bug.title}",
            "requirements", address,
        )  # fmt: skip
        exception = self._recipe.exception
        required = (*template.REQUIRED, *(exception.headings if exception else ()))
        lacks = template.faults(bug.description, required)
        yield Item(
            "missing" if lacks else "done",
            self._place,
            "The description is the filled-in template",
            _full("; ".join(lacks)) if lacks else f"It has {', '.join(required)}.",
            f"bug-template; {exception.page}" if exception else "bug-template",
            address,
            advice="Fill it in: backport bug." if lacks else "",
        )
        for source in dict.fromkeys(source for source, _ in self._pairs):
            task = bug.task(source)
            released = task is not None and task.status == "Fix Released"
            status = task.status if task else "no task"
            yield Item(
                "done" if released else "missing", source,
                "The development release has the fix", f"Its task: {status}.",
                "requirements, development release first", address,
                advice="" if released else "A person has to see that it is fixed there first.",
            )  # fmt: skip
        for source, series in self._pairs:
            if bug.task(source, series) is None:
                yield Item(
                    "missing", f"{source} in {series}", "The bug has a task for it",
                    "There is none.", "howto/standard", address, advice="Add it: backport bug.",
                )  # fmt: skip

    def _package(self, pair: tuple[str, str]) -> Iterator[Item]:
        source, series = pair
        place, address, ours = _place(pair), _page(pair), self._ours[pair]
        what, rule = f"{ours} is in {series}-proposed", "explanation/pipeline"
        there, updates = (self._facts.in_pocket(pair, one) for one in ("Proposed", "Updates"))
        if self._is_new(pair):
            yield Item(
                "person", place, "A new source package needs two approvals",
                "The series does not have this source: an archive admin and the SRU team both "
                "have to agree, first to the source and then to its binaries.",
                "howto/special, NEW queue", address,
                advice="Ask on a tracking bug before the upload.",
            )  # fmt: skip
        if pair not in self._facts.publications:
            why, advice = _full(self._trouble(pair)), f"Look at {address}."
            yield Item("unknown", place, what, why, rule, address, advice=advice)
            return
        if there is not None:
            why = f"It has {there.version}, {there.status} since {there.published[:10]}."
            if there.version != ours:
                why += " That is another version than this update's."
            state: State = "done" if there.version == ours else "missing"
            yield Item(state, place, what, why, rule, address)
            yield self._ageing(pair, there.published)
            yield Item(
                "unknown", place, "No autopkgtest of it or of what depends on it regressed",
                "Launchpad does not tell the results of the archive's own autopkgtests.",
                "explanation/pipeline; release gate", _EXCUSES.format(series, source),
                advice="Look there; retry flaky ones, and ask for a hint for known bad tests only.",
            )  # fmt: skip
        elif updates is not None and updates.version == ours:
            yield Item("done", place, what, f"{series}-updates has it already.", rule, address)
        else:
            yield Item(
                "missing", place, what, f"{series}-proposed has no {source}.", rule, address,
                advice="The SRU team accepts it from the queue, after the upload.",
            )  # fmt: skip
        yield self._phasing(pair)

    def _ageing(self, pair: tuple[str, str], published: str) -> Item:
        what = f"It has been in {pair[1]}-proposed for {AGEING_DAYS} days"
        place, rule, address = _place(pair), "explanation/pipeline, ageing", _page(pair)
        if not published:
            return Item("unknown", place, what, "The record has no date.", rule, address)
        days = (self._now - datetime.fromisoformat(published)).total_seconds() / 86400
        why = f"{max(0, int(days))} days, since {published[:10]}."
        if days >= AGEING_DAYS:
            return Item("done", place, what, why, rule, address)
        return Item("missing", place, what, why, rule, address, advice="Wait.")

    def _phasing(self, pair: tuple[str, str]) -> Item:
        series, place, what = pair[1], _place(pair), "It is released to all users"
        rule, address = "explanation/standard-processes, phasing", _page(pair)
        updates = self._facts.in_pocket(pair, "Updates")
        if updates is None or updates.version != self._ours[pair]:
            return Item(
                "person", place, what, f"It is not in {series}-updates yet.", rule, _PENDING,
                advice="The SRU team releases it, not on a Friday, Saturday or Sunday.",
            )  # fmt: skip
        shares = [one.phased for one in self._facts.updates.get(pair, ()) if one.phased is not None]
        if not shares:
            why = f"In {series}-updates since {updates.published[:10]}, for everybody."
            return Item("done", place, what, why, rule, address)
        why = f"In {series}-updates, offered to {min(shares)} % of the users."
        advice = "Wait." if min(shares) else (
            "A regression sets it to 0 %: look at the error reports.")  # fmt: skip
        return Item("missing", place, what, why, rule, address, advice=advice)

    def _series(self, series: str) -> Iterator[Item]:
        proofs = self._proofs[series]
        if not proofs:
            yield Item(
                "missing", series, "The tests passed with the packages in -proposed",
                "The recipe has no test for this series.", "reference/sru-verification",
                manifest.FILE,
            )  # fmt: skip
        for one in proofs:
            yield Item(
                "missing" if one.lacks else "done",
                f"{one.source} in {series}",
                f"{one.test} passed with the packages in {series}-proposed",
                _full(one.lacks) if one.lacks
                else "The files that were tested are the published ones, by sha256.",
                "reference/sru-verification",
                one.log or manifest.FILE,
                one.sha256,
                one.advice,
            )  # fmt: skip
        yield from self._tag(series)
        later = [one.name for one in self._recipe.series]
        for name in later[later.index(series) + 1 :]:
            for source, there in self._pairs:
                if there == name and (source, series) in self._pairs:
                    yield self._later(source, series, name)

    def _tag(self, series: str) -> Iterator[Item]:
        bug = self._facts.bug
        if bug is None:
            return
        what, rule = f"The bug is tagged verification-done-{series}", "reference/sru-verification"
        address = _BUG.format(self._recipe.bug)
        if failed := _failed_tags(bug, series):
            yield Item(
                "missing", series, what, f"Somebody has set {', '.join(failed)}.", rule, address,
                advice="Find out what failed; only a person can decide that it is well now.",
            )  # fmt: skip
        elif f"verification-done-{series}" in bug.tags:
            proved = all(not one.lacks for one in self._proofs[series]) and self._proofs[series]
            why = "It is." if proved else "It is, but not by this evidence."
            yield Item(
                "done" if proved else "person", series, what, why, rule, address,
                advice="" if proved else "Ask who set it, and by what test.",
            )  # fmt: skip
        elif f"verification-needed-{series}" in bug.tags:
            proposed = any(tag.series == series for tag in self.tags())
            yield Item(
                "missing", series, what,
                "It is proposed: all that it says is proved." if proposed
                else "It is not proposed, since the tests above are not all proved.",
                rule, address,
                advice="Post it: scripts/verify-sru --post." if proposed else "",
            )  # fmt: skip
        else:
            yield Item(
                "missing", series, what, f"The SRU team has not asked yet: no "
                f"verification-needed-{series}.", rule, address, advice="Wait for its acceptance.",
            )  # fmt: skip

    def _later(self, source: str, series: str, later: str) -> Item:
        place, what = f"{source} in {series}", f"{later} has it already"
        rule, address = "release gate: later series first", _page((source, later))
        updates = self._facts.in_pocket((source, later), "Updates")
        status = {one.status for one in self._facts.publications.get((source, later), ())}
        if (source, later) not in self._facts.publications:
            return Item("unknown", place, what, "It was not asked.", rule, address)
        if updates is not None and updates.version == self._ours[source, later]:
            return Item("done", place, what, f"{later}-updates has it.", rule, address)
        ended = status and status <= {"Obsolete", "Superseded", "Deleted"}
        why = f"{later} has ended: nothing is published there any more." if ended else (
            f"{later}-updates does not have {self._ours[source, later]}.")  # fmt: skip
        return Item("person" if ended else "missing", place, what, why, rule, address)

    def _exception(self, exception: SruException) -> Iterator[Item]:
        """What the exception asks for; its tests prove what they prove in each series."""
        for item in exception.items:
            if not item.tests:
                evidence = item.address or exception.page
                yield Item(
                    "person", self._place, item.what, _full(item.why), exception.page, evidence,
                    advice=_full(item.advice) if item.advice else "",
                )  # fmt: skip
            for series in (
                one for source, one in self._pairs if item.tests and source == item.source
            ):
                proved = [
                    one for one in self._proofs[series]
                    if not one.lacks and (one.source, one.test in item.tests) == (item.source, True)
                ]  # fmt: skip
                yield Item(
                    "done" if proved else "missing", series, item.what,
                    f"{proved[0].test} of {item.source} does it." if proved
                    else "No test of the evidence proves it.",
                    exception.page, proved[0].log if proved else manifest.FILE,
                    proved[0].sha256 if proved else "",
                )  # fmt: skip

    def _comment(self) -> Item:
        posted = self._facts.bug is not None and any(
            self._sha256 and self._sha256 in comment for comment in self._facts.bug.comments
        )
        state: State = "unknown" if self._facts.bug is None else "done" if posted else "missing"
        return Item(
            state, self._place, "A comment says what was tested, with the packages' versions",
            "It is there, with this evidence's hash." if posted
            else "There is none of this evidence.",
            "reference/sru-verification", _BUG.format(self._recipe.bug),
        )  # fmt: skip

    def tags(self) -> Iterator[TagChange]:
        """The tags that are proposed: where every test of the series is proved, and no other."""
        bug = self._facts.bug
        if bug is None:
            return
        for series in (one.name for one in self._recipe.series):
            needed, done = f"verification-needed-{series}", f"verification-done-{series}"
            proofs = self._proofs[series]
            pairs = [pair for pair in self._pairs if pair[1] == series]
            published = [
                (there := self._facts.in_pocket(pair, "Proposed")) is not None
                and (there.version, there.status) == (self._ours[pair], "Published")
                for pair in pairs
            ]
            proved = bool(proofs) and not any(one.lacks for one in proofs)
            wanted = needed in bug.tags and not _failed_tags(bug, series)
            if pairs and all(published) and proved and wanted:
                yield TagChange(series, done, (needed,))

    def _trouble(self, pair: tuple[str, str]) -> str:
        """Why nothing is known of a pair; after an error of the connection nothing was asked."""
        troubles, named = self._facts.troubles, f"{pair[0]} in ubuntu {pair[1]} "
        own = [trouble for trouble in troubles if named in trouble]
        return (*own, *troubles, "Launchpad was not asked.")[0]

    def _is_new(self, pair: tuple[str, str]) -> bool:
        source, series = pair
        named = self._recipe.one_series(series).archive.get(source)
        there = [one for one in self._facts.publications.get(pair, ()) if one.pocket != "Proposed"]
        if pair in self._facts.publications:
            return not there
        return named is not None and not named.version


def _place(pair: tuple[str, str]) -> str:
    return f"{pair[0]} in {pair[1]}"


def _page(pair: tuple[str, str]) -> str:
    """The page of a source package in a series."""
    return f"https://launchpad.net/ubuntu/{pair[1]}/+source/{pair[0]}"


def _failed_tags(bug: Bug, series: str) -> list[str]:
    """The tags that say that the verification of a series has failed."""
    bad = (f"verification-failed-{series}", f"verification-{series}-failed", "regression-proposed")
    return [tag for tag in bug.tags if tag in bad]


def _full(text: str) -> str:
    """A sentence: with a capital, but for an address, and a full stop."""
    first = text[:1] if text.startswith("http") else text[:1].upper()
    return f"{first}{text[1:]}".rstrip(".") + "."
