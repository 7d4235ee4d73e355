"""The checklist of the SRU process and of the recipe's exception, decided by facts alone.

Rules: Ubuntu's SRU documentation (https://documentation.ubuntu.com/project/SRU/), named by their
pages. What nobody here can know is said to be unknown, with the address where it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from backport.launchpad.bug import template
from backport.launchpad.bug.data import Bug
from backport.recipe.bug import SruException
from backport.recipe.model import Recipe
from backport.sru import manifest
from backport.sru.checklist_data import Checklist, Item, ItemState, TagChange
from backport.sru.facts import Facts, uploads
from backport.sru.proof import Proof, Proofs

AGEING_DAYS = 7
_BUG = "https://bugs.launchpad.net/bugs/{}"
_EXCUSES = "https://ubuntu-archive-team.ubuntu.com/proposed-migration/{}/update_excuses.html#{}"
_PENDING = "https://ubuntu-archive-team.ubuntu.com/pending-sru.html"


def make(known: Proofs, now: datetime | None = None) -> Checklist:
    """The checklist of an update.

    Parameters:
        now: the time, in UTC.
    """
    recipe, facts = known.recipe, known.facts
    proofs = {series.name: known.of(series.name) for series in recipe.series}
    decided = _List(recipe, facts, proofs, known.sha256, now or datetime.now(UTC))
    items, tags = tuple(decided.items()), tuple(decided.tags())
    return Checklist(recipe.bug, known.evidence.name, known.sha256, facts.asked, items, tags)


@dataclass(frozen=True)
class _List:
    recipe: Recipe
    facts: Facts
    proofs: Mapping[str, tuple[Proof, ...]]
    sha256: str
    now: datetime

    @cached_property
    def ours(self) -> Mapping[tuple[str, str], str]:
        return uploads(self.recipe)

    @property
    def place(self) -> str:
        return f"LP: #{self.recipe.bug}"

    @property
    def trouble(self) -> str:
        """Why something is not known of the bug or of a pair."""
        return _full("; ".join(self.facts.troubles) or "Launchpad was not asked")

    def items(self) -> Iterator[Item]:
        """Every line, the bug's first."""
        yield from self._bug()
        for series in self.recipe.series:
            pairs = [pair for pair in self.ours if pair[1] == series.name]
            for pair in pairs:
                yield from self._package(pair)
            if pairs:
                yield from self._series(series.name)
        if self.recipe.exception is not None:
            yield from self._exception(self.recipe.exception)
        yield self._comment()

    def _bug(self) -> Iterator[Item]:
        bug, address = self.facts.bug, _BUG.format(self.recipe.bug)
        if bug is None:
            yield Item(
                "unknown", self.place, "The bug is public and its template filled in",
                self.trouble, "requirements; bug-template", address, advice="Look at the bug."
            )  # fmt: skip
            return
        yield Item(
            "missing" if bug.notes else "done", self.place, "The bug is public",
            _full("; ".join(bug.notes) or f"It can be read: {bug.title}"), "requirements", address,
        )  # fmt: skip
        exception = self.recipe.exception
        required = (*template.REQUIRED, *(exception.headings if exception else ()))
        lacks = "; ".join(template.faults(bug.description, required))
        yield Item(
            "missing" if lacks else "done", self.place,
            "The description is the filled-in template",
            _full(lacks or f"It has {', '.join(required)}"),
            f"bug-template; {exception.page}" if exception else "bug-template", address,
            advice="Fill it in: backport bug." if lacks else "",
        )  # fmt: skip
        for source in dict.fromkeys(source for source, _ in self.ours):
            task = bug.task(source)
            released = task is not None and task.status == "Fix Released"
            yield Item(
                "done" if released else "missing", source,
                "The development release has the fix",
                f"Its task: {task.status if task else 'no task'}.",
                "requirements, development release first", address,
                advice="" if released else "A person has to see that it is fixed there first.",
            )  # fmt: skip
        for pair in self.ours:
            if bug.task(*pair) is None:
                yield Item(
                    "missing", _place(pair), "The bug has a task for it", "There is none.",
                    "howto/standard", address, advice="Add it: backport bug.",
                )  # fmt: skip

    def _package(self, pair: tuple[str, str]) -> Iterator[Item]:
        source, series = pair
        place, address, ours = _place(pair), _page(pair), self.ours[pair]
        what, rule = f"{ours} is in {series}-proposed", "explanation/pipeline"
        there, updates = (self.facts.in_pocket(pair, one) for one in ("Proposed", "Updates"))
        if self._is_new(pair):
            yield Item(
                "person", place, "A new source package needs two approvals",
                "The series does not have this source: an archive admin and the SRU team both "
                "have to agree, first to the source and then to its binaries.",
                "howto/special, NEW queue", address,
                advice="Ask on a tracking bug before the upload.",
            )  # fmt: skip
        if pair not in self.facts.publications:
            advice = f"Look at {address}."
            yield Item("unknown", place, what, self.trouble, rule, address, advice=advice)
            return
        if there is not None:
            why = f"It has {there.version}, {there.status} since {there.published[:10]}."
            if there.version != ours:
                why += " That is another version than this update's."
            state: ItemState = "done" if there.version == ours else "missing"
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
        state: ItemState = "unknown"
        why, advice = "The record has no date.", ""
        if published:
            days = (self.now - datetime.fromisoformat(published)).total_seconds() / 86400
            why = f"{max(0, int(days))} days, since {published[:10]}."
            state, advice = ("done", "") if days >= AGEING_DAYS else ("missing", "Wait.")
        rule = "explanation/pipeline, ageing"
        return Item(state, _place(pair), what, why, rule, _page(pair), advice=advice)

    def _phasing(self, pair: tuple[str, str]) -> Item:
        series, place, what = pair[1], _place(pair), "It is released to all users"
        rule, address = "explanation/standard-processes, phasing", _page(pair)
        updates = self.facts.in_pocket(pair, "Updates")
        if updates is None or updates.version != self.ours[pair]:
            return Item(
                "person", place, what, f"It is not in {series}-updates yet.", rule, _PENDING,
                advice="The SRU team releases it, not on a Friday, Saturday or Sunday.",
            )  # fmt: skip
        shares = [one.phased for one in self.facts.updates.get(pair, ()) if one.phased is not None]
        if not shares:
            why = f"In {series}-updates since {updates.published[:10]}, for everybody."
            return Item("done", place, what, why, rule, address)
        why = f"In {series}-updates, offered to {min(shares)} % of the users."
        advice = "Wait." if min(shares) else (
            "A regression sets it to 0 %: look at the error reports.")  # fmt: skip
        return Item("missing", place, what, why, rule, address, advice=advice)

    def _series(self, series: str) -> Iterator[Item]:
        proofs = self.proofs[series]
        if not proofs:
            yield Item(
                "missing", series, "The tests passed with the packages in -proposed",
                "The recipe has no test for this series.", "reference/sru-verification",
                manifest.FILE,
            )  # fmt: skip
        for proof in proofs:
            yield Item(
                "missing" if proof.lacks else "done",
                _place((proof.step.source, series)),
                f"{proof.test} passed with the packages in {series}-proposed",
                _full(proof.lacks) if proof.lacks
                else "The files that were tested are the published ones, by sha256.",
                "reference/sru-verification",
                proof.log or manifest.FILE,
                proof.sha256,
                proof.advice,
            )  # fmt: skip
        yield from self._tag(series)
        later = [one.name for one in self.recipe.series]
        for name in later[later.index(series) + 1 :]:
            for source, there in self.ours:
                if there == name and (source, series) in self.ours:
                    yield self._later(source, series, name)

    def _tag(self, series: str) -> Iterator[Item]:
        bug = self.facts.bug
        if bug is None:
            return
        proofs = self.proofs[series]
        state: ItemState = "missing"
        if failed := _failed_tags(bug, series):
            why = f"Somebody has set {', '.join(failed)}."
            advice = "Find out what failed; only a person can decide that it is well now."
        elif f"verification-done-{series}" in bug.tags:
            if proofs and all(not one.lacks for one in proofs):
                state, why, advice = "done", "It is.", ""
            else:
                state, why = "person", "It is, but not by this evidence."
                advice = "Ask who set it, and by what test."
        elif f"verification-needed-{series}" not in bug.tags:
            why = f"The SRU team has not asked yet: no verification-needed-{series}."
            advice = "Wait for its acceptance."
        elif any(tag.series == series for tag in self.tags()):
            why = "It is proposed: all that it says is proved."
            advice = "Post it: scripts/verify-sru --post."
        else:
            why, advice = "It is not proposed, since the tests above are not all proved.", ""
        yield Item(
            state, series, f"The bug is tagged verification-done-{series}", why,
            "reference/sru-verification", _BUG.format(self.recipe.bug), advice=advice,
        )  # fmt: skip

    def _later(self, source: str, series: str, later: str) -> Item:
        place, what = f"{source} in {series}", f"{later} has it already"
        rule, address = "release gate: later series first", _page((source, later))
        updates = self.facts.in_pocket((source, later), "Updates")
        status = {one.status for one in self.facts.publications.get((source, later), ())}
        if (source, later) not in self.facts.publications:
            return Item("unknown", place, what, "It was not asked.", rule, address)
        if updates is not None and updates.version == self.ours[source, later]:
            return Item("done", place, what, f"{later}-updates has it.", rule, address)
        ended = status and status <= {"Obsolete", "Superseded", "Deleted"}
        why = f"{later} has ended: nothing is published there any more." if ended else (
            f"{later}-updates does not have {self.ours[source, later]}.")  # fmt: skip
        return Item("person" if ended else "missing", place, what, why, rule, address)

    def _exception(self, exception: SruException) -> Iterator[Item]:
        """What the exception asks for; its tests prove what they prove in each series."""
        page = exception.page
        for item in exception.items:
            if not item.tests:
                yield Item(
                    "person", self.place, item.what, _full(item.why), page, item.address or page,
                    advice=_full(item.advice) if item.advice else "",
                )  # fmt: skip
                continue
            for series in (series for source, series in self.ours if source == item.source):
                proved = [
                    one for one in self.proofs[series]
                    if not one.lacks and one.step.source == item.source and one.test in item.tests
                ]  # fmt: skip
                if not proved:
                    why = "No test of the evidence proves it."
                    yield Item("missing", series, item.what, why, page, manifest.FILE)
                for proof in proved[:1]:
                    why = f"{proof.test} of {item.source} does it."
                    yield Item("done", series, item.what, why, page, proof.log, proof.sha256)

    def _comment(self) -> Item:
        posted = self.facts.bug is not None and any(
            self.sha256 and self.sha256 in comment for comment in self.facts.bug.comments
        )
        state: ItemState = "unknown" if self.facts.bug is None else "done" if posted else "missing"
        return Item(
            state, self.place, "A comment says what was tested, with the packages' versions",
            "It is there, with this evidence's hash." if posted
            else "There is none of this evidence.",
            "reference/sru-verification", _BUG.format(self.recipe.bug),
        )  # fmt: skip

    def tags(self) -> Iterator[TagChange]:
        """The tags that are proposed: where every test of the series is proved, and no other."""
        bug = self.facts.bug
        if bug is None:
            return
        for series in (one.name for one in self.recipe.series):
            needed, done = f"verification-needed-{series}", f"verification-done-{series}"
            proofs = self.proofs[series]
            pairs = [pair for pair in self.ours if pair[1] == series]
            published = [
                (there := self.facts.in_pocket(pair, "Proposed")) is not None
                and (there.version, there.status) == (self.ours[pair], "Published")
                for pair in pairs
            ]
            proved = bool(proofs) and not any(one.lacks for one in proofs)
            wanted = needed in bug.tags and not _failed_tags(bug, series)
            if pairs and all(published) and proved and wanted:
                yield TagChange(series, done, (needed,))

    def _is_new(self, pair: tuple[str, str]) -> bool:
        there = self.facts.publications.get(pair)
        return there is not None and all(one.pocket == "Proposed" for one in there)


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
