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
from statistics import median
from typing import NamedTuple

from backport import user_folders
from backport.build import result, sbuild
from backport.engine import outputs
from backport.engine.step import Step
from backport.engine.verdict import Passed
from backport.environments import localrepo, prepared
from backport.environments.chroot import remove_tree
from backport.errors import BackportError
from backport.recipe import reader
from backport.recipe.patch_folder import patch_names, quilt_series_file
from backport.run.plan import Selection
from tests.bench import cores, figures, lock_cost, measured
from tests.support.steps import planned

CHECKOUT = Path(__file__).resolve().parents[2]
CHANGED = "python-certbot"


class BenchError(Exception):
    """A run that was to be measured did not pass; the text says which."""


class Measured(NamedTuple):
    """A run: its seconds, the steps that it began, and how idle each core was after the bases.

    `memory` is the peak at its first step, in kB.
    """

    seconds: float
    begun: list[str]
    idle: list[float]
    memory: int


@dataclass(frozen=True)
class Bench:
    """Where the runs are made: `home` has a copy of the recipe and the work folder."""

    home: Path
    cache: Path
    base: str
    series: tuple[str, ...]

    @property
    def recipe(self) -> Path:
        """The copy of the recipe."""
        return self.home / "recipe" / "backport.toml"

    @property
    def work(self) -> Path:
        """The work folder of the runs that are measured."""
        return self.home / "work"

    def prepare(self) -> None:
        """Copy the recipe with its patches and tests: one patch will be changed."""
        shutil.rmtree(self.recipe.parent, ignore_errors=True)
        self.recipe.parent.mkdir(parents=True)
        shutil.copy2(CHECKOUT / "backport.toml", self.recipe)
        for name in ("patches", "autopkgtest"):
            shutil.copytree(CHECKOUT / name, self.recipe.parent / name)

    def run(self, command: str, *, peak: Path | None = None) -> Measured:
        """Run a command of the toolkit.

        Raises:
            BenchError: it did not end with 0.
        """
        module = ["tests.bench.measured", str(peak)] if peak else ["backport.cli"]
        args = ["--recipe", self.recipe, "--work", self.work, "--cache", self.cache]
        args += ["--base", self.base, "--json"]
        args += [word for name in self.series for word in ("--series", name)]
        started = time.monotonic()
        begun, ticks, memory = [], cores.read(), 0
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
                    memory = memory or measured.peak(child.pid)
                    begun.append(event["step"])
                elif event["event"] == "finished" and event["step"].startswith("base/"):
                    ticks = cores.read()
        seconds = time.monotonic() - started
        if child.returncode != 0:
            raise BenchError(f"backport {command} ended with {child.returncode}; see {self.work}")
        return Measured(seconds, begun, cores.idle_shares(ticks, cores.read()), memory)

    def measured_series(self) -> str:
        """The series whose packages are measured: the first."""
        return next(iter(self.series or [reader.load(self.recipe).series[0].name]))

    def steps(self, until: str) -> dict[str, Step]:
        """The plan of the runs."""
        selection = Selection(series=self.series, until=until)
        return planned(reader.load(self.recipe), selection, self.base)

    def build_needs(self) -> dict[str, list[str]]:
        """The builds, and the builds that each one waits for."""
        steps = self.steps("build")
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
        steps, needs = self.steps("build"), self.build_needs()
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
        """The seconds of a run with nothing changed: the median of five."""
        same = [self.run("run") for _ in range(5)]
        if begun := [name for one in same for name in one.begun]:
            raise BenchError(f"a run with nothing changed began {', '.join(begun)}")
        return median(one.seconds for one in same)

    def start(self) -> float:
        """The seconds in which `run` says its options."""
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "backport.cli", "run", "--help"],
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )
        return time.monotonic() - started

    def builds(self) -> tuple[float, float]:
        """The seconds of all builds, made again, and of their installing of dependencies."""
        shutil.rmtree(self.work / "build")
        made = self.run("build")
        if sorted(made.begun) != sorted(self.build_needs()):
            raise BenchError(f"not only builds were begun: {', '.join(made.begun)}")
        return made.seconds, sum(install_seconds(self.work / name) for name in made.begun)

    def lengths(self) -> tuple[dict[str, float], float]:
        """The seconds of the last run's steps by their kind, and of its longest chain of steps."""
        command = [sys.executable, "-m", "backport.cli", "time", "--json"]
        command += ["--recipe", str(self.recipe), "--work", str(self.work)]
        told = json.loads(
            subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True).stdout
        )
        kinds = {kind: of_kind["seconds"] for kind, of_kind in told["kinds"].items()}
        return kinds, sum(seconds for _, seconds in told["path"])

    def round(self) -> figures.Round:
        """Measure one round.

        Packages that are built again are tested again, so the run with nothing changed comes first.
        """
        cold, peak = self.cold()
        kinds, path = self.lengths()
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
            first=cold.memory,
            kinds=kinds,
            path=path,
            installs=(with_layers, without),
            start=self.start(),
        )

    def change(self) -> tuple[frozenset[str], frozenset[str], int]:
        """Change a patch: the steps that run again, those that depend on it, and all."""
        steps = self.steps("build")
        source = reader.load(self.recipe).source(CHANGED)
        patches = [
            name
            for series in source.series
            for name in patch_names(quilt_series_file(source, series))
        ]
        path = source.patches / patches[0]
        path.write_text(f"Reviewed-by: A Bench <bench@example.org>\n{path.read_text()}")
        sources = {
            name
            for name, step in steps.items()
            if step.id.kind == "source" and step.id.source == CHANGED and not step.id.variant
        }
        expected = {*sources}
        while more := {
            name
            for name, step in steps.items()
            if name not in expected
            and step.id.kind in ("build", "check")
            # What a check has found is read by no step.
            and expected & {str(need) for need in step.needs if need.kind != "check"}
        }:
            expected |= more
        begun = self.run("build").begun
        # The dependencies are read from the source packages anew, and come to the same.
        return frozenset(begun), frozenset({*expected, "dependencies"}), len(steps)


def install_seconds(build: Path) -> float:
    """How long sbuild installed build-dependencies, by the log in a build's folder."""
    summary = result.read_summary((build / sbuild.LOG).read_text("utf-8", "replace"))
    return float(summary["Install-Time"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print the table; 4 where a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    cache = user_folders.own("XDG_CACHE_HOME", ".cache")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--series", action="append", default=[], metavar="NAME", help="only these")
    parser.add_argument("--base", default="stand-in", metavar="KIND", help="ubuntu or stand-in")
    work = cache.with_name("backport-bench")
    parser.add_argument("--work", type=Path, default=work, metavar="DIR")
    parser.add_argument("--cache", type=Path, default=cache, metavar="DIR")
    args = parser.parse_args(arguments)
    if args.rounds < 1:
        parser.error("--rounds is a number from 1 on")
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {load} (the last 1, 5 and 15 minutes), {args.rounds} rounds"
    )
    bench = Bench(args.work.resolve(), args.cache.resolve(), args.base, tuple(args.series))
    try:
        bench.prepare()
        rounds: list[figures.Round] = []
        for _ in range(args.rounds):
            one = bench.round()
            rounds.append(one)
            print(
                f"round {len(rounds)}: cold {one.cold:.1f} s, again {one.same:.2f} s, builds "
                f"{one.builds:.1f} s, in a loop {sum(one.loop.values()):.1f} s; idle "
                f"{', '.join(f'{core:.1%}' for core in one.idle)}; installing "
                f"{one.installs[0]:.0f} of {one.installs[1]:.0f} s; peak {one.peak >> 10} MB",
                flush=True,
            )
        rerun, expected, all_steps = bench.change()
    except BenchError as error:
        print(f"scripts/bench: {error}.", file=sys.stderr)
        return 4
    rows = figures.table(
        rounds, bench.build_needs(), rerun=rerun, expected=expected, number=all_steps
    )
    failure = ""
    try:
        rows += lock_cost.rows(lock_cost.measure(bench.work, bench.measured_series()))
    except BackportError as error:
        failure = f"scripts/bench: {error}"
    print(figures.as_text(rows))
    for what, names in (("not expected", rerun - expected), ("missing", expected - rerun)):
        if names:
            print(f"{what}: {', '.join(sorted(names))}")
    if failure:
        print(failure, file=sys.stderr)
    return 4 if failure or any(row.within is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
