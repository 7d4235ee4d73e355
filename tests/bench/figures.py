"""The figures and their limits: what is measured in a round, and the table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from statistics import median

COLD_SECONDS = 480.0
IDLE_SHARE = 0.1
SAME_SECONDS = 1.0
SAME_SHARE = 0.001
LOOP_SHARE = 0.4
FLOOR_SHARE = 1.15
MEMORY_MB = 100.0


@dataclass(frozen=True)
class Round:
    """One round, in seconds.

    `cold` is a whole run in an empty work folder (its downloads are there), `same` the run after
    it, `builds` all builds on a prepared base; `loop` maps each build to the time that it takes
    when nothing runs beside it. `peak` is the memory of the toolkit's own process, in kB. `idle`
    is the share of the cold run, from the last base on, in which each core had nothing to do.
    """

    cold: float
    idle: Sequence[float]
    same: float
    builds: float
    loop: Mapping[str, float]
    peak: int


@dataclass(frozen=True)
class Row:
    """A line of the table; `within` is None for what is told and not judged."""

    what: str
    measured: str
    limit: str
    within: bool | None


def longest_chain(seconds: Mapping[str, float], needs: Mapping[str, Sequence[str]]) -> float:
    """The time of the chain of builds that takes longest, each waiting for the one before.

    Parameters:
        seconds: how long each build takes.
        needs: the builds that each one waits for; there is no cycle.
    """
    ends: dict[str, float] = {}
    for name in TopologicalSorter(needs).static_order():
        ends[name] = seconds[name] + max((ends[need] for need in needs[name]), default=0.0)
    return max(ends.values(), default=0.0)


def table(
    rounds: Sequence[Round],
    needs: Mapping[str, Sequence[str]],
    *,
    rerun: frozenset[str],
    expected: frozenset[str],
    number: int,
) -> list[Row]:
    """The table: medians over the rounds, each ratio taken within one round.

    Parameters:
        needs: the builds that each build waits for.
        rerun: the steps that ran again when a patch had changed, out of `number`.
        expected: the steps that depend on that patch.
    """
    cores = len(rounds[0].idle)
    cold = median(one.cold for one in rounds)
    idle = [median(one.idle[core] for one in rounds) for core in range(cores)]
    same = median(one.same for one in rounds)
    share = median(one.same / one.cold for one in rounds)
    builds = median(one.builds for one in rounds)
    loop = median(one.builds / sum(one.loop.values()) for one in rounds)
    # All builds together need the longest chain, and their work shared out over the cores.
    floor = median(
        one.builds / max(longest_chain(one.loop, needs), sum(one.loop.values()) / cores)
        for one in rounds
    )
    peak = max(one.peak for one in rounds) / 1024
    busy = cold * (1 - sum(idle) / cores)
    made_of = "" if cold <= COLD_SECONDS else f"; its work needs {busy:.0f} s of {cores} cores"
    return [
        Row("cold run", f"{cold:.1f} s", f"{COLD_SECONDS:.0f} s{made_of}", cold <= COLD_SECONDS),
        *(
            Row(f"… core {core} idle", f"{share:.0%}", f"{IDLE_SHARE:.0%}", share <= IDLE_SHARE)
            for core, share in enumerate(idle)
        ),
        Row("run with nothing changed", f"{same:.2f} s", f"{SAME_SECONDS} s", same <= SAME_SECONDS),
        Row("… of the cold run", f"{share:.2%}", f"{SAME_SHARE:.1%}", share <= SAME_SHARE),
        Row("builds, base prepared", f"{builds:.1f} s", "", None),
        Row("… of a plain loop of sbuild", f"{loop:.2f}", f"{LOOP_SHARE}", loop <= LOOP_SHARE),
        Row(
            f"… of the least that {cores} cores can need",
            f"{floor:.2f}",
            f"{FLOOR_SHARE}",
            floor <= FLOOR_SHARE,
        ),
        Row(
            "steps after a change of one patch",
            f"{len(rerun)} of {number}",
            f"{len(expected)}",
            rerun == expected,
        ),
        Row("peak memory", f"{peak:.0f} MB", f"{MEMORY_MB:.0f} MB", peak < MEMORY_MB),
    ]


def as_text(rows: Sequence[Row]) -> str:
    """The table for a person."""
    words = {True: "yes", False: "NO", None: "-"}
    cells = [("", "measured", "limit", "within")]
    cells += [(row.what, row.measured, row.limit or "-", words[row.within]) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
