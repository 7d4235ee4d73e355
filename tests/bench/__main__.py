"""Measure the toolkit on the recipe of this checkout, and print a table; see scripts/bench."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from backport.build import result, sbuild
from backport.build.sbuild import remove_tree
from backport.engine import outputs
from backport.engine.step import Step
from backport.engine.verdict import Passed
from backport.environments import localrepo, prepared
from backport.errors import BackportError
from backport.recipe import reader
from backport.run.plan import Selection
from tests.bench import cores, figures, lock_cost
from tests.support.steps import planned

CHECKOUT = Path(__file__).resolve().parents[2]
RECIPE = CHECKOUT / "backport.toml"


class BenchError(Exception):
    """A run that was to be measured did not pass; the text says which."""


class Measured(NamedTuple):
    """A run: its seconds, the steps that it began, and how idle each core was after the bases."""

    seconds: float
    begun: list[str]
    idle: list[float]


@dataclass(frozen=True)
class Bench:
    """Where the runs are made: `home` has the work folder."""

    home: Path
    cache: Path
    base: str
    series: tuple[str, ...]

    @property
    def work(self) -> Path:
        """The work folder of the runs that are measured."""
        return self.home / "work"

    def run(self, command: str, *, peak: Path | None = None) -> Measured:
        """Run a command of the toolkit.

        Raises:
            BenchError: it did not end with 0.
        """
        module = ["tests.bench.measured", str(peak)] if peak else ["backport.cli"]
        args = ["--recipe", RECIPE, "--work", self.work, "--cache", self.cache]
        args += ["--base", self.base, "--json"]
        args += [word for name in self.series for word in ("--series", name)]
        started = time.monotonic()
        begun, ticks = [], cores.read()
        # Nobody's start compiles all of the toolkit again.
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        with subprocess.Popen(
            [sys.executable, "-m", *module, command, *map(str, args)],
            cwd=CHECKOUT,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            for event in map(json.loads, child.stdout):
                if event["event"] == "started":
                    begun.append(event["step"])
                elif event["event"] == "finished" and event["step"].startswith("base/"):
                    ticks = cores.read()
        seconds = time.monotonic() - started
        if child.returncode != 0:
            raise BenchError(f"backport {command} ended with {child.returncode}; see {self.work}")
        return Measured(seconds, begun, cores.idle_shares(ticks, cores.read()))

    def steps(self) -> dict[str, Step]:
        """The steps of a run until its builds."""
        selection = Selection(series=self.series, until="build")
        return planned(reader.load(RECIPE), selection, self.base)

    def build_needs(self) -> dict[str, list[str]]:
        """The builds, and the builds that each one waits for."""
        steps = self.steps()
        return {
            name: [str(need) for need in step.needs if need.kind == "build"]
            for name, step in steps.items()
            if step.id.kind == "build"
        }

    def loop(self) -> tuple[dict[str, float], float]:
        """Run sbuild over the same .dsc files, one after the other.

        Returns the seconds of each, and how long all of them installed their dependencies. With the
        same tarball, options and repositories; making the repositories is not counted.

        Raises:
            BenchError: a build failed.
        """
        steps, needs = self.steps(), self.build_needs()
        out = self.home / "loop"
        if out.exists():
            remove_tree(out)
        seconds = {}
        installing = 0.0
        for name in TopologicalSorter(needs).static_order():
            step = steps[name]
            source = self.work / str(replace(step.id, kind="source"))
            dsc = outputs.one_file(source, "*.dsc")
            base = prepared.read(self.work / f"base/{step.id.series}")
            repositories = [base.repository]
            if debs := outputs.built_debs(out / need for need in needs[name]):
                repositories.insert(0, localrepo.publish(debs, out / "repository" / name))
            started = time.monotonic()
            made = sbuild.build(
                dsc,
                chroot=base.chroot,
                repositories=repositories,
                out=out / name,
                series=step.id.series,
            )
            seconds[name] = time.monotonic() - started
            if not isinstance(made.verdict, Passed):
                raise BenchError(f"{name} failed in the loop; see {out / name}")
            installing += install_seconds(out / name)
        remove_tree(out)
        return seconds, installing

    def cold(self) -> tuple[Measured, int]:
        """A run from nothing but the downloads, and its peak of memory in kB."""
        peak = self.home / "peak"
        if self.work.exists():
            remove_tree(self.work)
        return self.run("run", peak=peak), int(peak.read_text())

    def again(self) -> float:
        """The seconds of a run with nothing changed."""
        seconds, begun, _ = self.run("run")
        if begun:
            raise BenchError(f"the second run began {', '.join(begun)}")
        return seconds

    def builds(self) -> tuple[float, float]:
        """The seconds of all builds, made again, and of their installing of dependencies."""
        shutil.rmtree(self.work / "build")
        seconds, begun, _ = self.run("build")
        if sorted(begun) != sorted(self.build_needs()):
            raise BenchError(f"not only builds were begun: {', '.join(begun)}")
        return seconds, sum(install_seconds(self.work / name) for name in begun)

    def round(self) -> figures.Round:
        """Measure one round.

        Packages that are built again are tested again, so the run with nothing changed comes first.
        """
        cold, peak = self.cold()
        # Where its time went, for a figure that is beyond its limit.
        command = [sys.executable, "-m", "backport.cli", "time", "--work", str(self.work)]
        subprocess.run([*command, "--recipe", str(RECIPE)], cwd=CHECKOUT, check=True)
        same = self.again()
        builds, with_layers = self.builds()
        loop, without = self.loop()
        return figures.Round(
            cold=cold.seconds,
            idle=cold.idle,
            same=same,
            builds=builds,
            loop=loop,
            peak=peak,
            installs=(with_layers, without),
        )


def install_seconds(build: Path) -> float:
    """How long sbuild installed build-dependencies, by the log in a build's folder."""
    summary = result.read_summary((build / sbuild.LOG).read_text("utf-8", "replace"))
    return float(summary["Install-Time"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print the table; 4 where a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--series", action="append", default=[], metavar="NAME", help="only these")
    parser.add_argument("--base", default="stand-in", metavar="KIND", help="ubuntu or stand-in")
    parser.add_argument("--work", type=Path, default=cache / "backport-bench", metavar="DIR")
    parser.add_argument("--cache", type=Path, default=cache / "backport", metavar="DIR")
    args = parser.parse_args(arguments)
    if args.rounds < 1:
        parser.error("--rounds is a number from 1 on")
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {load} (the last 1, 5 and 15 minutes), {args.rounds} rounds"
    )
    bench = Bench(args.work.resolve(), args.cache.resolve(), args.base, tuple(args.series))
    try:
        rounds: list[figures.Round] = []
        for _ in range(args.rounds):
            measured = bench.round()
            rounds.append(measured)
            print(
                f"round {len(rounds)}: cold {measured.cold:.1f} s, again {measured.same:.2f} s, "
                f"builds {measured.builds:.1f} s, in a loop {sum(measured.loop.values()):.1f} s",
                flush=True,
            )
    except BenchError as error:
        print(f"scripts/bench: {error}.", file=sys.stderr)
        return 4
    rows = figures.table(rounds, bench.build_needs())
    failure = ""
    try:
        first = args.series[0] if args.series else reader.load(RECIPE).series[0].name
        rows += lock_cost.rows(lock_cost.measure(bench.work, first))
    except BackportError as error:
        failure = f"scripts/bench: {error}"
    print(figures.as_text(rows))
    if failure:
        print(failure, file=sys.stderr)
    return 4 if failure or any(row.within is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
