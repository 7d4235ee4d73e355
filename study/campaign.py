"""The field test: what its chunks say together, resuming, and merging other machines' chunks.

A chunk is a run of consecutive trials of one seed in one testbed. Its result is one file, which
appears by one rename; what is there is never run again. Chunks of several machines, each with a
seed of its own, are merged by copying their files.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.errors import InputError
from study.intervals import Rate, rate, upper_bound

RESULT = "campaign.json"
_NAME = re.compile(r"chunk-[0-9a-z._-]+-\d+\.json")


@dataclass(frozen=True)
class Chunk:
    """The result of one chunk. `first` is its first trial's number, `asked` how many it was to run.

    `pairs` counts the pairs of writing processes in its trials, `failures` are the examined ones:
    plan, how often it failed again, and the smallest plan that still fails.
    """

    variant: str
    seed: str
    first: int
    asked: int
    version: int
    packages: tuple[tuple[str, str], ...]
    trials: int
    failed: int
    pairs: int
    seconds: float
    kinds: tuple[tuple[str, int], ...]
    failures: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"chunk-{re.sub('[^0-9a-z]', '_', self.seed.lower())}-{self.first}.json"


@dataclass(frozen=True)
class Total:
    """All chunks of one variant together."""

    variant: str
    chunks: tuple[Chunk, ...]

    @property
    def trials(self) -> int:
        """How many trials were run."""
        return sum(one.trials for one in self.chunks)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(one.failed for one in self.chunks)

    @property
    def pairs(self) -> int:
        """How many pairs of writing processes they had."""
        return sum(one.pairs for one in self.chunks)

    @property
    def rate(self) -> Rate:
        """The rate of failed trials, with its interval."""
        return rate(self.failed, self.trials)

    @property
    def bound(self) -> float | None:
        """What the rate per trial is below at 95 %, where none failed."""
        return upper_bound(self.trials) if self.trials and not self.failed else None

    @property
    def trials_an_hour(self) -> float:
        """The mean of the chunks: what one testbed does in an hour."""
        seconds = sum(one.seconds for one in self.chunks)
        return 3600 * self.trials / seconds if seconds else 0.0


def read(path: Path, *, asked: int = 0) -> Chunk:
    """Read a chunk's file, or what the test itself wrote.

    Raises:
        InputError: it is none, or the test was broken.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("outcome") == "broken":
            raise InputError(f"the campaign was broken: {data.get('error', 'no reason is given')}",
                             where=str(path))  # fmt: skip
        return Chunk(
            str(data["variant"]),
            str(data["seed"]),
            int(data["first"]),
            asked or int(data.get("asked", data["trials"])),
            int(data["version"]),
            tuple(sorted((str(k), str(v)) for k, v in data["packages"].items())),
            int(data["trials"]),
            int(data["failed"]),
            int(data["pairs"]),
            float(data["seconds"]),
            tuple(sorted((str(k), int(v)) for k, v in data["kinds"].items())),
            tuple(data["failures"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"the campaign's result cannot be read: {type(error).__name__} {error}", where=str(path)
        ) from error


def keep(artifact: Path, folder: Path, asked: int) -> Chunk:
    """Put what a test wrote into the folder of the campaign's chunks; returns the chunk."""
    chunk = read(artifact, asked=asked)
    data = json.loads(artifact.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{chunk.name}.new"
    scratch.write_text(json.dumps({**data, "asked": asked}, indent=1) + "\n", encoding="utf-8")
    scratch.rename(folder / chunk.name)
    return chunk


def load(folder: Path) -> tuple[Chunk, ...]:
    """All chunks of a folder, in the order of their seeds and numbers; none where it is missing.

    Raises:
        InputError: one cannot be read, or two are not of the same campaign.
    """
    chunks = [read(path) for path in sorted(folder.glob("chunk-*.json")) if _NAME.match(path.name)]
    _same_campaign(chunks, folder)
    return tuple(sorted(chunks, key=lambda one: (one.seed, one.first)))


def total(chunks: Sequence[Chunk], variant: str) -> Total:
    """The chunks together."""
    return Total(variant, tuple(chunks))


def next_first(chunks: Iterable[Chunk], seed: str) -> int:
    """The number of the first trial of that seed that no chunk has had."""
    return max((one.first + one.asked for one in chunks if one.seed == seed), default=0)


def merge(into: Path, others: Iterable[Path]) -> tuple[Chunk, ...]:
    """Copy other machines' chunks into a folder; returns those that are new.

    A folder has chunks, or somewhere below it results as autopkgtest on a build farm leaves them.

    Raises:
        InputError: a folder has neither, they are of other packages, or another result stands for
            the same trials.
    """
    known = {one.name: one for one in load(into)}
    new: list[tuple[Path, Chunk]] = []
    for folder in others:
        found = {folder / one.name: one for one in load(folder)}
        found = found or {path: read(path) for path in sorted(folder.rglob(RESULT))}
        if not found:
            raise InputError("there are no chunks of a campaign", where=str(folder),
                             advice="name a folder such as risk/campaign/xenial")  # fmt: skip
        for path, one in found.items():
            if one.name in known and known[one.name] != one:
                raise InputError(
                    f"{one.name} has another result for the same trials",
                    where=str(folder),
                    advice="give each machine a seed of its own",
                )
            if one.name not in known:
                new.append((path, one))
                known[one.name] = one
    _same_campaign(list(known.values()), into)
    into.mkdir(parents=True, exist_ok=True)
    for path, one in new:
        scratch = into / f".{one.name}.new"
        shutil.copyfile(path, scratch)
        scratch.rename(into / one.name)
    return tuple(one for _, one in new)


def _same_campaign(chunks: Sequence[Chunk], folder: Path) -> None:
    facts = {(one.variant, one.version, one.packages) for one in chunks}
    if len(facts) > 1:
        raise InputError(
            "the chunks are of different packages or of different plans",
            where=str(folder),
            advice="each campaign has a folder of its own",
        )


def lines(whole: Total) -> list[str]:
    """What a campaign says, for people."""
    if not whole.trials:
        return [f"{whole.variant or 'patched'}: no trial yet."]
    told = [
        f"{whole.variant or 'patched'}: {whole.trials:,} trials with {whole.pairs:,} pairs of "
        f"writing processes, {whole.failed:,} failed; {whole.trials_an_hour:,.0f} trials an hour "
        "in one testbed."
    ]
    if whole.bound is not None:
        later = upper_bound(round(whole.trials + whole.trials_an_hour))
        told.append(
            f"Below {whole.bound:.2g} per trial of this campaign, with 95 % confidence (near 3/n). "
            f"One more hour of one testbed would give {later:.2g}."
        )
        told.append(
            "That is no bound per real renewal: a trial is a crowd on purpose. Such a bound "
            "follows only through the model's odds that two renewals meet at all; the command "
            "risk multiplies them."
        )
        return told
    low, high = whole.rate.low, whole.rate.high
    told.append(f"{whole.rate.value:.2%} of the trials fail ({low:.2%} to {high:.2%}).")
    kinds: dict[str, int] = {}
    for chunk in whole.chunks:
        for kind, number in chunk.kinds:
            kinds[kind] = kinds.get(kind, 0) + number
    told.append("Kinds: " + ", ".join(f"{kind} {kinds[kind]}" for kind in sorted(kinds)) + ".")
    return told


def as_json(whole: Total) -> dict[str, Any]:
    """A campaign as plain data."""
    return {
        "variant": whole.variant or "patched",
        "trials": whole.trials,
        "failed": whole.failed,
        "pairs": whole.pairs,
        "bound": whole.bound,
        "low": whole.rate.low,
        "high": whole.rate.high,
        "trials_an_hour": whole.trials_an_hour,
        "chunks": len(whole.chunks),
        "seeds": sorted({one.seed for one in whole.chunks}),
        "failures": [failure for one in whole.chunks for failure in one.failures],
    }
