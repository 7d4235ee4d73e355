"""How fast races are run: from one warm interpreter, against plain pairs of certbots.

    python -m tests.bench.risk_speed --work build --series xenial

measures in a testbed with the built packages of a finished run. The code under test is the
package's; certbot's sleep of three seconds is shortened in the warm interpreter, and not in the
plain pairs.
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
_TEST = "race-measure"
_PAIRS = 120
_SECONDS = 900.0


@dataclass(frozen=True)
class Speed:
    """Pairs an hour, warm and plain, on so many cores; and the share that are write races."""

    warm: float
    plain: float
    cores: int
    write_races: float


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
        return Speed(float(one["pairs_an_hour"]), float(data["plain_pairs_an_hour"]), cores, raced)
    except (KeyError, TypeError, ValueError, StopIteration, ZeroDivisionError) as error:
        raise MachineError("the measurement of races gave no usable answer") from error


def measure(work: Path, series: str, recipe_path: Path = CHECKOUT / "backport.toml") -> Speed:
    """Run a short measurement on the unpatched packages, whose runs do not wait for each other.

    Raises:
        BackportError: the packages are not built, or the testbed gave no result.
    """
    recipe, store = recipe_file.load(recipe_path), Store(work)
    base, debs = field.built(recipe, store, series, _TEST, "unpatched")
    cores = os.cpu_count() or 1
    words = f"--free {_PAIRS} --aimed {_PAIRS} --full 0 --plain 6 --workers {cores + 1}"
    with store.temporary("repository/risk-speed") as scratch:
        repository = localrepo.publish(
            debs, scratch / "built", origin=outputs.BUILT_ORIGIN, epoch=int(timestamp(recipe.date))
        ).path
        with Testbed(base.testbed_root, {"built": repository, "base": base.repository}) as testbed:
            autopkgtest.run(
                recipe.root / "autopkgtest" / "matrix",
                testbed=testbed,
                repositories=(testbed.place("built"), testbed.place("base")),
                only=(f"{_TEST}-control",),
                timeout=_SECONDS,
                env={"CONCURRENT_RENEW_ARGUMENTS": words},
                shared=(recipe.root / "autopkgtest" / "lib",),
                out=scratch / "out",
            )
        path = scratch / "out" / "artifacts" / "race.json"
        if not path.is_file():
            raise MachineError("the measurement of races did not run", where=str(path.parent))
        return read(json.loads(path.read_text()), cores)


def rows(speed: Speed) -> list[Row]:
    """The lines of the table."""
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
            f"{speed.warm / 3600 / speed.cores:.2f}; of them write races {speed.write_races:.0%}",
            "",
            None,
        ),
    ]


def main() -> int:
    """Measure and print; 4 where it is too slow."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.risk_speed", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--series", default="xenial", metavar="NAME")
    args = parser.parse_args()
    try:
        found = rows(measure(args.work.resolve(), args.series))
    except BackportError as error:
        print(f"risk_speed: {error}", file=sys.stderr)
        return error.exit_code
    print(as_text(found))
    return 4 if any(row.within is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
