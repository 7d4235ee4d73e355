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
    when nothing runs beside it. `peak` is the most memory of the toolkit's own process, in kB, and
    `first` the most before its first step. `idle` is the share of the cold run, from the last base
    on, in which each core had nothing to do; `kinds` are the seconds of that run's steps by their
    kind, `path` those of its longest chain.
    `installs` is how long the builds installed their dependencies: with layers at hand, and in the
    loop, which has none. `start` is how long the toolkit takes to say its version.
    """

    cold: float
    idle: Sequence[float]
    same: float
    builds: float
    loop: Mapping[str, float]
    peak: int
    first: int
    kinds: Mapping[str, float]
    path: float
    installs: tuple[float, float]
    start: float


@dataclass(frozen=True)
class Row:
    """A line of the table; `within` is None for what is told and not judged.

    `made_of` says of what the figure is made, for the reader of one beyond its limit.
    """

    what: str
    measured: str
    limit: str
    within: bool | None
    made_of: str = ""


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
    whole = median(one.cold / sum(one.loop.values()) for one in rounds)
    install = median(layered / max(1, bare) for layered, bare in (one.installs for one in rounds))
    # All builds together need the longest chain, and their work shared out over the cores.
    least = [max(longest_chain(one.loop, needs), sum(one.loop.values()) / cores) for one in rounds]
    floor = median(one.builds / seconds for one, seconds in zip(rounds, least, strict=True))
    peak = max(one.peak for one in rounds) / 1024
    last, busy = rounds[-1], cold * (1 - sum(idle) / cores)
    work = sum(last.kinds.values())
    kinds = ", ".join(
        f"{kind} {seconds / work:.0%}"
        for kind, seconds in sorted(last.kinds.items(), key=lambda item: -item[1])
    )
    of_run = (
        f"its work keeps {cores} cores busy for {busy:.0f} s, and its longest chain of steps takes "
        f"{last.path:.0f} s; by kind: {kinds}"
    )
    of_builds = (
        f"without layers the builds have {sum(last.loop.values()):.0f} s of work and a longest "
        f"chain of {longest_chain(last.loop, needs):.0f} s: {cores} cores need {least[-1]:.0f} s, "
        f"{least[-1] / sum(last.loop.values()):.2f} of the loop; {last.installs[1]:.0f} s of the "
        f"work install; {last.installs[0]:.0f} s with layers, for packages of the update"
    )
    of_same = (
        f"of {same:.2f} s the toolkit's start takes {last.start:.2f} s; the share grows as the "
        "cold run gets faster"
    )
    of_memory = (
        f"Python, the toolkit's modules and the recipe take {last.first / 1024:.0f} MB before the "
        "first step; the rest is what the steps that run side by side read, most of it the checks"
    )
    return [
        _row("cold run", cold, COLD_SECONDS, "{:.0f} s", of_run),
        # A slow machine is slow in both.
        Row("… by the plain loop's time", f"{whole:.2f}", "", None),
        *(
            _row(f"… core {n} idle", share, IDLE_SHARE, "{:.0%}", of_run)
            for n, share in enumerate(idle)
        ),
        _row("run with nothing changed", same, SAME_SECONDS, "{:.2f} s", of_same),
        _row("… of the cold run", share, SAME_SHARE, "{:.2%}", of_same),
        Row("builds, base prepared", f"{builds:.1f} s", "", None),
        _row("… of a plain loop of sbuild", loop, LOOP_SHARE, "{:.2f}", of_builds),
        _row(
            f"… of the least that {cores} cores can need", floor, FLOOR_SHARE, "{:.2f}", of_builds
        ),
        _row("… installing, of that without layers", install, INSTALL_SHARE, "{:.0%}", of_builds),
        Row(
            "steps after a change of one patch",
            f"{len(rerun)} of {number}",
            f"{len(expected)}",
            rerun == expected,
        ),
        _row("peak memory", peak, MEMORY_MB, "{:.0f} MB", of_memory),
    ]


def _row(what: str, measured: float, limit: float, form: str, made_of: str = "") -> Row:
    return Row(what, form.format(measured), form.format(limit), measured <= limit, made_of)


def as_text(rows: Sequence[Row]) -> str:
    """The table for a person."""
    words = {True: "kept", False: "MISSED", None: "-"}
    cells = [("", "measured", "limit", "")]
    cells += [(row.what, row.measured, row.limit or "-", words[row.within]) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    missed: dict[str, list[str]] = {}
    for row in rows:
        if row.within is False and row.made_of:
            missed.setdefault(row.made_of, []).append(row.what.removeprefix("… "))
    lines += [f"{' and '.join(names)}: {made_of}." for made_of, names in missed.items()]
    return "\n".join(lines)
