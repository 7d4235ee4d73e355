"""How fast races, trials and interleavings are run, in testbeds with the built packages.

    python -m study.speed --work build --series xenial

takes the packages of a finished run. The code under test is the package's. Races run from warm
interpreters, with certbot's sleep of three seconds shortened; plain pairs of certbots sleep in
full. Both are sampled in turns in one testbed, so that other load meets both; the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backport.engine.store import Store
from backport.environments import localrepo
from backport.errors import BackportError, MachineError
from backport.testbed import autopkgtest
from backport.testbed.lxc import Testbed
from study import field
from study import recipe as recipes
from tests.bench.figures import Row, as_text

CHECKOUT = Path(__file__).resolve().parents[1]
LEAST_FACTOR = 20.0
_RACE, _TRIALS, _ORDERS = "race-measure", "campaign", "interleaving"
_ROUNDS, _NUMBER = 5, 80
_SECONDS = 900.0


@dataclass(frozen=True)
class Kind:
    """Pairs an hour of one kind, and what one pair uses of a core; medians of the samples."""

    pairs: float
    processor_seconds: float


@dataclass(frozen=True)
class Speed:
    """Plain pairs one after the other, plain and warm ones side by side, on so many cores.

    `times`, `times_side_by_side` and `times_by_core` are how many more warm pairs there are than of
    the first, than of the second, and for the same time of a core: medians of the samples' ratios.
    `write_races` is the share of the warm ones whose write windows overlapped.
    """

    alone: Kind
    plain: Kind
    warm: Kind
    times: float
    times_side_by_side: float
    times_by_core: float
    lanes: int
    cores: int
    write_races: float


@dataclass(frozen=True)
class Others:
    """Trials of the campaign a second, and orders of the interleaving test a second, of a core."""

    trials: float
    orders: float


_ALONE, _PLAIN, _WARM = "plain, one after the other", "plain, side by side", "warm, side by side"


def read(data: object, cores: int) -> Speed:
    """What the test has written, where it holds samples of the speeds.

    Raises:
        MachineError: it does not.
    """
    try:
        assert isinstance(data, dict)
        speed = data["speed"]
        samples = {kind: [one[kind] for one in speed["rounds"]] for kind in (_ALONE, _PLAIN, _WARM)}
        kinds = {
            kind: Kind(
                median(float(one["pairs_an_hour"]) for one in found),
                median(float(one["processor_seconds_a_pair"]) for one in found),
            )
            for kind, found in samples.items()
        }
        warm = samples[_WARM]
        return Speed(
            kinds[_ALONE],
            kinds[_PLAIN],
            kinds[_WARM],
            float(speed[f"times, {_ALONE}"]),
            float(speed[f"times, {_PLAIN}"]),
            float(speed["times, by processor"]),
            int(speed["lanes"]),
            cores,
            sum(int(one["write_races"]) for one in warm) / sum(int(one["pairs"]) for one in warm),
        )
    except (AssertionError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise MachineError("the measurement of races gave no usable answer") from error


def read_others(campaign: object, interleaving: object, cores: int) -> Others:
    """What the field test and the interleaving test have written.

    Raises:
        MachineError: one has no trial, or no order.
    """
    try:
        assert isinstance(campaign, dict) and isinstance(interleaving, dict)
        runs = sum(int(pair["runs"]) for pair in interleaving["pairs"])
        seconds = sum(float(pair["seconds"]) for pair in interleaving["pairs"])
        trials = float(campaign["trials_an_hour"]) / 3600
        return Others(trials / cores, runs / seconds / cores)
    except (AssertionError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise MachineError("trials or interleavings gave no usable answer") from error


def measure(work: Path, series: str, recipe_path: Path = CHECKOUT / "backport.toml") -> Speed:
    """Run a short measurement on the unpatched packages, whose runs do not wait for each other.

    Raises:
        BackportError: the packages are not built, or the testbed gave no result.
    """
    cores = os.cpu_count() or 1
    words = f"--free 10 --aimed 10 --full 0 --plain 1 --disk tmpfs --speed-rounds {_ROUNDS}"
    data = _run(work, series, recipe_path, (_RACE, "unpatched"), words)
    return read(data, cores)


def measure_others(
    work: Path, series: str, recipe_path: Path = CHECKOUT / "backport.toml"
) -> Others:
    """Run some trials, and all orders with one switch, on the patched packages.

    Raises:
        BackportError: the packages are not built, or the testbed gave no result.
    """
    cores = os.cpu_count() or 1
    trials = f"--trials {_NUMBER} --workers {cores + 1}"
    orders = f"--switches 1 --sample 0 --checked 0 --random 0 --jobs {cores}"
    return read_others(
        _run(work, series, recipe_path, (_TRIALS, ""), trials),
        _run(work, series, recipe_path, (_ORDERS, ""), orders),
        cores,
    )


_RESULTS = {_RACE: "race.json", _TRIALS: "campaign.json", _ORDERS: "interleaving.json"}


def _run(work: Path, series: str, recipe_path: Path, test: tuple[str, str], words: str) -> object:
    """Run a test of the matrix, or its control on a variant, in a testbed; what it wrote."""
    recipe, store, (name, variant) = recipes.load(recipe_path), Store(work), test
    tests = recipes.folder(recipe, name)
    base, debs = field.built(recipe, store, series, name, variant)
    with store.temporary(f"repository/speed-{name}") as scratch:
        repository = localrepo.publish(debs, scratch / "built")
        with Testbed(base.testbed_root, {"built": repository, "base": base.repository}) as testbed:
            autopkgtest.run(
                tests.path,
                library=tests.library,
                testbed=testbed,
                only=(f"{name}-control" if variant else name,),
                timeout=_SECONDS,
                env={"MATRIX_ARGUMENTS": words},
                out=scratch / "out",
            )
        path = scratch / "out" / "artifacts" / _RESULTS[name]
        if not path.is_file():
            raise MachineError(f"{name} did not run", where=str(path.parent))
        return json.loads(path.read_text())


def rows(speed: Speed) -> list[Row]:
    """The lines of the table about races."""
    return [
        Row(
            "races an hour, against plain pairs one after the other",
            f"{speed.warm.pairs:,.0f} against {speed.alone.pairs:,.0f}: {speed.times:.1f} times",
            f"at least {LEAST_FACTOR:.0f} times",
            speed.times >= LEAST_FACTOR,
        ),
        Row(
            f"the same, against {speed.lanes} plain pairs side by side",
            f"{speed.warm.pairs:,.0f} against {speed.plain.pairs:,.0f}: "
            f"{speed.times_side_by_side:.1f} times",
            "",
            None,
        ),
        Row(
            "seconds of a core, a plain pair against a race",
            f"{speed.plain.processor_seconds:.2f} against {speed.warm.processor_seconds:.3f}: "
            f"{speed.times_by_core:.1f} times",
            "",
            None,
        ),
        Row(
            "races a second and core",
            f"{speed.warm.pairs / 3600 / speed.cores:.2f}; of them write races "
            f"{speed.write_races:.0%}",
            "",
            None,
        ),
    ]


def other_rows(others: Others) -> list[Row]:
    """The lines of the table about trials and interleavings."""
    return [
        Row("field test: trials a second and core", f"{others.trials:.2f}", "", None),
        Row("interleavings a second and core", f"{others.orders:.1f}", "", None),
    ]


def main() -> int:
    """Measure and print; 4 where it is too slow."""
    parser = argparse.ArgumentParser(prog="python -m study.speed", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--series", default="xenial", metavar="NAME")
    args = parser.parse_args()
    try:
        work = args.work.resolve()
        found = rows(measure(work, args.series)) + other_rows(measure_others(work, args.series))
    except BackportError as error:
        print(f"study.speed: {error}", file=sys.stderr)
        return error.exit_code
    print(as_text(found))
    return 4 if any(row.within is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
