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
INSTALL_SHARE = 0.1
MEMORY_MB = 100.0


@dataclass(frozen=True)
class Round:
    """One round, in seconds.

    `cold` is a whole run in an empty work folder (its downloads are there), `same` the run after
    it, `builds` all builds on a prepared base; `loop` maps each build to the time that it takes
    when nothing runs beside it. `peak` is the memory of the toolkit's own process, in kB. `idle`
    is the share of the cold run, from the last base on, in which each core had nothing to do.
    `installs` is how long the builds installed their dependencies: with layers at hand, and in the
    loop, which has none.
    """

    cold: float
    idle: Sequence[float]
    same: float
    builds: float
    loop: Mapping[str, float]
    peak: int
    installs: tuple[float, float]


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


def table(rounds: Sequence[Round], needs: Mapping[str, Sequence[str]]) -> list[Row]:
    """The table: medians over the rounds, each ratio taken within one round.

    Parameters:
        needs: the builds that each build waits for.
    """
    cores = len(rounds[0].idle)
    idle = [median(each.idle[core] for each in rounds) for core in range(cores)]
    loop = median(each.builds / sum(each.loop.values()) for each in rounds)
    install = median(layered / max(1, bare) for layered, bare in (each.installs for each in rounds))
    # All builds together need the longest chain, and their work shared out over the cores.
    least = [
        max(longest_chain(each.loop, needs), sum(each.loop.values()) / cores) for each in rounds
    ]
    floor = median(each.builds / seconds for each, seconds in zip(rounds, least, strict=True))
    return [
        _row("cold run", median(each.cold for each in rounds), COLD_SECONDS, "{:.0f} s"),
        *(
            _row(f"… core {core} idle", share, IDLE_SHARE, "{:.0%}")
            for core, share in enumerate(idle)
        ),
        _row(
            "run with nothing changed",
            median(each.same for each in rounds),
            SAME_SECONDS,
            "{:.2f} s",
        ),
        _row(
            "… of the cold run",
            median(each.same / each.cold for each in rounds),
            SAME_SHARE,
            "{:.2%}",
        ),
        Row("builds, base prepared", f"{median(each.builds for each in rounds):.1f} s", "", None),
        _row("… of a plain loop of sbuild", loop, LOOP_SHARE, "{:.2f}"),
        _row(f"… of the least that {cores} cores can need", floor, FLOOR_SHARE, "{:.2f}"),
        _row("… installing, of that without layers", install, INSTALL_SHARE, "{:.0%}"),
        _row("peak memory", max(each.peak for each in rounds) / 1024, MEMORY_MB, "{:.0f} MB"),
    ]


def _row(what: str, measured: float, limit: float, form: str) -> Row:
    return Row(what, form.format(measured), form.format(limit), measured <= limit)


def as_text(rows: Sequence[Row]) -> str:
    """The table for a person."""
    words = {True: "kept", False: "MISSED", None: "-"}
    cells = [("", "measured", "limit", "")]
    cells += [(row.what, row.measured, row.limit or "-", words[row.within]) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
