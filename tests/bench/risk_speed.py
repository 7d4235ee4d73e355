"""How fast races, trials and interleavings are run, in testbeds with the built packages.

    python -m tests.bench.risk_speed --work build --series xenial

takes the packages of a finished run. The code under test is the package's. Races run from one warm
interpreter, with certbot's sleep of three seconds shortened; plain pairs of certbots, before and
after them in the same testbed, sleep in full.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from backport import outputs, recipe_file
from backport.archive import localrepo
from backport.errors import BackportError, MachineError
from backport.risk import field
from backport.source.changelog import timestamp
from backport.store import Store
from backport.testbed import autopkgtest
from backport.testbed.lxc import Testbed
from tests.bench.figures import Row, as_text

CHECKOUT = Path(__file__).resolve().parents[2]
LEAST_FACTOR = 20.0
_RACE, _TRIALS, _ORDERS = "race-measure", "campaign", "interleaving"
_PAIRS, _NUMBER = 150, 80
_SECONDS = 900.0


@dataclass(frozen=True)
class Speed:
    """Pairs an hour, warm and plain, on so many cores.

    `write_races` is the share of the warm ones whose write windows overlapped, `processor_seconds`
    what one of them uses of a core, the servers' share included.
    """

    warm: float
    plain: float
    cores: int
    write_races: float
    processor_seconds: float


@dataclass(frozen=True)
class Others:
    """Trials of the campaign a second, and orders of the interleaving test a second, of a core."""

    trials: float
    orders: float


def read(data: object, cores: int) -> Speed:
    """What the test has written, where it holds a measurement with shortened sleeps.

    Raises:
        MachineError: it does not.
    """
    try:
        assert isinstance(data, dict)
        one = next(m for m in data["measurements"] if m["sleep"] != "full")
        pairs = [*one["pairs"], *one["aimed"]]
        raced = sum(1 for pair in pairs if pair["raced"]) / len(pairs)
        return Speed(
            float(one["pairs_an_hour"]),
            float(data["plain_pairs_an_hour"]),
            cores,
            raced,
            float(one["processor_seconds_a_pair"]),
        )
    except (KeyError, TypeError, ValueError, StopIteration, ZeroDivisionError) as error:
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
    words = f"--free {_PAIRS} --aimed {_PAIRS} --full 0 --plain 8 --workers {cores + 1}"
    data = _run(work, series, recipe_path, (_RACE, "unpatched"), f"{words} --disk tmpfs")
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
    recipe, store, (name, variant) = recipe_file.load(recipe_path), Store(work), test
    base, debs = field.built(recipe, store, series, name, variant)
    with store.temporary(f"repository/risk-speed-{name}") as scratch:
        repository = localrepo.publish(
            debs, scratch / "built", origin=outputs.BUILT_ORIGIN, epoch=int(timestamp(recipe.date))
        ).path
        with Testbed(base.testbed_root, {"built": repository, "base": base.repository}) as testbed:
            autopkgtest.run(
                recipe.root / "autopkgtest" / "matrix",
                testbed=testbed,
                repositories=(testbed.place("built"), testbed.place("base")),
                only=(f"{name}-control" if variant else name,),
                timeout=_SECONDS,
                env={"CONCURRENT_RENEW_ARGUMENTS": words},
                shared=(recipe.root / "autopkgtest" / "lib",),
                out=scratch / "out",
            )
        path = scratch / "out" / "artifacts" / _RESULTS[name]
        if not path.is_file():
            raise MachineError(f"{name} did not run", where=str(path.parent))
        return json.loads(path.read_text())


def rows(speed: Speed) -> list[Row]:
    """The lines of the table about races."""
    factor = speed.warm / speed.plain
    return [
        Row(
            "races an hour, against plain pairs of certbots",
            f"{speed.warm:,.0f} against {speed.plain:,.0f}: {factor:.1f} times",
            f"at least {LEAST_FACTOR:.0f} times",
            factor >= LEAST_FACTOR,
        ),
        Row(
            "races a second and core",
            f"{speed.warm / 3600 / speed.cores:.2f}, each {speed.processor_seconds:.2f} s of a "
            f"core; of them write races {speed.write_races:.0%}",
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
    parser = argparse.ArgumentParser(prog="python -m tests.bench.risk_speed", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--series", default="xenial", metavar="NAME")
    args = parser.parse_args()
    try:
        work = args.work.resolve()
        found = rows(measure(work, args.series)) + other_rows(measure_others(work, args.series))
    except BackportError as error:
        print(f"risk_speed: {error}", file=sys.stderr)
        return error.exit_code
    print(as_text(found))
    return 4 if any(row.within is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
