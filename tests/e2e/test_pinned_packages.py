"""The update on pinned .dsc files, as on the archive's own packaging: made, built, checked, tried.

The tests of the patch run on the same code in the main job; here they run with --long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backport.check import finding
from backport.check.finding import Finding
from backport.recipe import reader
from backport.recipe.model import Recipe
from tests.e2e.own_pinned import pin_all
from tests.e2e.support import Place, Ran, alone, forget_steps
from tests.support.systems import home

# The first one always, the others with --long.
SERIES = ("xenial", "yakkety", "zesty")


@dataclass(frozen=True)
class Job:
    """A run on pinned packages that has ended, for one series."""

    place: Place
    recipe: Recipe
    series: str
    ran: Ran

    def made(self) -> dict[str, Path]:
        """The folder of each source package of the update that was made."""
        made = self.place.work / "source" / self.series
        return {
            source.name: made / source.name
            for source in self.recipe.sources
            if self.series in source.series
        }

    def findings(self) -> list[Finding]:
        """What all the checks found."""
        folders = (self.place.work / "check" / self.series).iterdir()
        return [one for folder in folders for one in finding.read(folder / finding.FILE)]


@pytest.fixture(scope="module")
def job(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    series: str = request.param
    tests = () if request.config.getoption("--long") else ("--test", "smoke")
    folder = home() / "pinned"
    place = Place(tmp_path_factory.mktemp("recipe"), folder / "work", home() / "cache")
    with alone(folder):
        forget_steps(place.work)
        pin_all(place)
        ran = place.run("run", "--base", "stand-in", "--series", series, "--json", *tests)
        yield Job(place, reader.load(place.root / "backport.toml"), series, ran)


def test_every_source_is_made_for_the_archive_built_checked_and_tested(job: Job) -> None:
    summary = job.ran.summary

    assert job.ran.exit_code == 0, job.ran.stdout
    sources = [source for source in job.recipe.sources if job.series in source.series]
    assert {line["source"] for line in summary["lines"]} == {source.name for source in sources}
    for line in summary["lines"]:
        assert (line["made"], line["build"], line["check"]) == ("passed", "passed", "passed")
        assert {test["verdict"] for test in line["tests"]} == {"passed"}
    assert summary["testing_only"] == []
    for name, folder in job.made().items():
        pinned = job.recipe.source(name).debian_version
        (dsc,) = folder.glob("*.dsc")
        assert dsc.name.startswith((f"{name}_{pinned}ubuntu0.", f"{name}_{pinned}~ubuntu"))


def test_the_checks_find_nothing_that_the_update_is_to_blame_for(job: Job) -> None:
    assert [one for one in job.findings() if one.fails] == []
