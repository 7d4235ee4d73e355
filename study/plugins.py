"""What the plugin study found, read from its artifacts in the work folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backport.errors import InputError

ARTIFACT = "study.json"
_ADVICE = "run: backport test --long --matrix study/matrix.toml --test plugin-study"


@dataclass(frozen=True)
class Unordered:
    """Two writes of one path that no lock orders: the two call sites, and what can go wrong."""

    path: str
    places: tuple[str, ...]
    consequence: str


@dataclass(frozen=True)
class PluginStudy:
    """One server with one variant of the packages.

    `writes` and `paths` count what one run writes; `unordered` are pairs of two runs with the same
    directories of certbot, `apart` those of two runs that share the server's alone. Of `rounds`
    pairs of real runs `wrong` went wrong.
    """

    series: str
    variant: str
    server: str
    writes: int
    paths: int
    unordered: tuple[Unordered, ...]
    apart: tuple[Unordered, ...]
    rounds: int
    wrong: int


def load(work: Path) -> tuple[PluginStudy, ...]:
    """All studies below a work folder.

    Raises:
        InputError: an artifact is not as it has to be, or the test was broken.
    """
    found: list[PluginStudy] = []
    for path in sorted(work.glob(f"test/*/*/artifacts/{ARTIFACT}")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.get("outcome") == "broken":
                raise InputError(
                    f"the plugin study was broken: {data.get('error', 'no reason is given')}",
                    where=str(path),
                    advice=_ADVICE,
                )
            found += [_one(one, data["variant"], path.parts[-4]) for one in data["servers"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"the plugin study cannot be read: {type(error).__name__} {error}",
                where=str(path),
                advice=_ADVICE,
            ) from error
    return tuple(found)


def lines(studies: Sequence[PluginStudy]) -> list[str]:
    """The studies for people."""
    if not studies:
        return [f"The plugins are not studied yet: {_ADVICE.removeprefix('run: ')}."]
    return [
        f"Plugin for {one.server}, {one.series}, {one.variant}: a run makes {one.writes} writes to "
        f"{one.paths} paths; {len(one.unordered)} pairs of writes of two runs have no order"
        + (f" ({_worst(one.unordered, one.server)})" if one.unordered else "")
        + f", {len(one.apart)} if each has its own directories; {one.wrong} of {one.rounds} pairs "
        "of real runs went wrong."
        for one in studies
    ]


def as_json(studies: Sequence[PluginStudy]) -> list[dict[str, Any]]:
    """The studies as plain data."""
    return [asdict(one) for one in studies]


def _worst(pairs: Sequence[Unordered], server: str) -> str:
    """Of the paths, those of the server itself first."""
    paths = dict.fromkeys(
        pair.path for pair in pairs if pair.path.startswith("/etc/") and server in pair.path
    )
    names = list(paths) or list(dict.fromkeys(pair.path for pair in pairs))
    return f"such as {', '.join(names[:3])}"


def _one(one: dict[str, Any], variant: str, series: str) -> PluginStudy:
    return PluginStudy(
        series,
        variant,
        str(one["server"]),
        int(one["writes"]),
        int(one["paths"]),
        _pairs(one["findings"]),
        _pairs(one["findings_other_directories"]),
        len(one["rounds"]),
        int(one["wrong_rounds"]),
    )


def _pairs(findings: Sequence[dict[str, Any]]) -> tuple[Unordered, ...]:
    return tuple(
        Unordered(str(one["path"]), tuple(map(str, one["places"])), str(one["what"]))
        for one in findings
    )
