"""What the lock costs: the rows of the table, measured in a testbed with the built packages.

    python -m tests.bench.lock_cost --work build --series xenial

measures on the packages of a finished run, on which nothing is due: `certbot renew` patched against
unpatched, pair by pair, both of a pair at nearly the same moment of the machine; how long after
the release a process that waits has the lock; and what twenty of them use meanwhile. With
``--json`` it prints what was measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

from backport.engine import outputs
from backport.environments import localrepo, prepared
from backport.errors import BackportError, MachineError
from backport.testbed import lxc
from tests.bench.figures import Row, as_text

CHECKOUT = Path(__file__).resolve().parents[2]
RATIO = 1.02
TAKEOVER_SECONDS = 0.1
WAITING_SHARE = 0.02
SURE = 0.95
# What runs in the testbed, below the tests that are mounted there.
_INSIDE = "matrix/matrix_lib/lock_cost.py"


@dataclass(frozen=True)
class Cost:
    """What was measured.

    `wall` and `processor` are ratios of one patched run to one unpatched run, a pair each;
    `takeovers` are in seconds; `waiting` is the part of one core that `waiters` use together
    during `seconds`; `load` is that of the last minute.
    """

    wall: tuple[float, ...]
    processor: tuple[float, ...]
    takeovers: tuple[float, ...]
    waiters: int
    waiting: float
    seconds: float
    load: float


def read(data: dict[str, Any]) -> Cost:
    """What the script inside has printed."""

    def ratios(kind: str) -> tuple[float, ...]:
        return tuple(one["patched"][kind] / one["unpatched"][kind] for one in data["pairs"])

    waiting = data["waiting"]
    return Cost(
        wall=ratios("wall"),
        processor=ratios("processor"),
        takeovers=tuple(data["takeovers"]),
        waiters=waiting["processes"],
        waiting=waiting["share"],
        seconds=waiting["seconds"],
        load=data["load"][0],
    )


def interval(values: Sequence[float], sure: float = SURE) -> tuple[float, float]:
    """Between which of the values the median lies, with a probability of at least `sure`.

    From order statistics alone: how many of n values lie below the median is binomial with 1/2.
    With too few values for that it is all of them.
    """
    ordered = sorted(values)
    count = len(ordered)
    left_out, below = 0, 0.0
    while left_out < count // 2:
        below += comb(count, left_out) / 2**count
        if 2 * below > 1 - sure:
            break
        left_out += 1
    first = max(left_out - 1, 0)
    return ordered[first], ordered[count - 1 - first]


def rows(cost: Cost) -> list[Row]:
    """The lines of the table, each with its limit."""
    found = []
    for what, values in (("time", cost.wall), ("processor time", cost.processor)):
        low, high = interval(values)
        middle = median(values)
        found.append(
            Row(
                f"renew with nothing due, {what}, patched / not",
                f"{middle:.3f} ({low:.3f} to {high:.3f} with {SURE:.0%}, {len(values)} pairs)",
                f"{RATIO}",
                middle <= RATIO,
            )
        )
    longest = max(cost.takeovers)
    found.append(
        Row(
            "takeover after the release",
            f"{median(cost.takeovers):.3f} s, at most {longest:.3f} s of {len(cost.takeovers)}",
            f"{TAKEOVER_SECONDS} s",
            longest <= TAKEOVER_SECONDS,
        )
    )
    found.append(
        Row(
            f"{cost.waiters} waiting processes, of one core",
            f"{cost.waiting:.2%} in {cost.seconds:.0f} s (load {cost.load:.1f})",
            f"{WAITING_SHARE:.0%}",
            cost.waiting < WAITING_SHARE,
        )
    )
    return found


def measure(work: Path, series: str, options: Sequence[str] = ()) -> Cost:
    """Measure in a process of its own, since the testbed's output goes to this one's.

    Parameters:
        work: the work folder of a finished run.
        series: whose packages.
        options: of the script inside, such as ``--pairs 40``.

    Raises:
        BackportError: it was not possible.
    """
    command = [sys.executable, "-m", "tests.bench.lock_cost", "--json"]
    command += ["--work", str(work), "--series", series, *options]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise MachineError(f"the cost of the lock could not be measured (exit {done.returncode})")
    return read(json.loads(lines[-1]))


def in_testbed(work: Path, series: str, options: Sequence[str]) -> int:
    """Install the packages in a testbed and run the script there; its exit code.

    Raises:
        BackportError: the packages or the testbed are missing.
    """
    base = prepared.read(work / "base" / series)
    builds = [path for path in sorted((work / "build" / series).iterdir()) if "+" not in path.name]
    bare = outputs.one_file(
        work / "build" / series / "python-certbot+unpatched", "python-certbot_*.deb"
    )
    with tempfile.TemporaryDirectory(prefix="lock-cost.") as folder:
        place = Path(folder)
        place.chmod(0o755)
        built = localrepo.publish(
            outputs.built_debs(builds), place / "built", origin=outputs.BUILT_ORIGIN, epoch=0
        )
        subprocess.run(["dpkg-deb", "-x", bare, place / "unpatched"], check=True)
        folders = {
            "built": built.path,
            "base": base.repository,
            "tests": CHECKOUT / "autopkgtest",
            "unpatched": place / "unpatched",
        }
        with lxc.Testbed(base.testbed_root, folders) as testbed:
            script = (
                "apt-get install -qq certbot python-cryptography >&2 && exec python2.7 -B "
                f"{testbed.place('tests')}/{_INSIDE} --tests {testbed.place('tests')} "
                f'--unpatched {testbed.place("unpatched")}/usr/lib/python2.7/dist-packages "$@"'
            )
            return lxc.shell(testbed, command=["sh", "-c", script, "sh", *options])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the rows or the numbers; 4 where a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="lock_cost", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build"), metavar="DIR")
    parser.add_argument("--series", default="xenial", metavar="NAME")
    parser.add_argument("--json", action="store_true")
    args, options = parser.parse_known_args(arguments)
    try:
        if args.json:
            return in_testbed(args.work.resolve(), args.series, options)
        found = rows(measure(args.work.resolve(), args.series, options))
    except BackportError as error:
        print(f"lock_cost: {error}", file=sys.stderr)
        return 4
    print(as_text(found))
    return 4 if any(row.within is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
