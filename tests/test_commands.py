"""The commands on small recipes, through the command line, in this process."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from backport import cli
from backport.engine.store import RECORD
from backport.source.files import sha256_of
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import PackageSpec, build_dsc

NOBODY = "http://127.0.0.1:9/"


class Place:
    """A recipe of one source with a local .dsc, and the command line that works on it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        dsc = build_dsc(PackageSpec("alpha", "1.0-1"), root / "files")
        pinned = {"version": "1.0-1", "path": "files/alpha_1.0-1.dsc", "sha256": sha256_of(dsc)}
        self.spec = Spec(
            # A patch of that name fits the README of that package.
            sources=(
                SourceSpec(
                    "alpha", pinned="1.0-1", quilt={"series": ("small",)}, more={"pinned": pinned}
                ),
            ),
            archive={("alpha", "xenial"): "0.9-1"},
        )
        self.content = recipes.data(self.spec)
        del self.content["source"]["alpha"]["upstream"]
        self.write()

    def write(self) -> None:
        recipes.write(self.root, self.spec, self.content)
        tests = self.root / "autopkgtest" / "alpha" / "smoke"
        tests.write_text("#!/bin/sh\n")
        tests.chmod(0o755)

    def __call__(self, *args: str) -> tuple[int, str, str]:
        """The exit code and what went to stdout and stderr."""
        common = ["--recipe", str(self.root / recipes.FILE), "--cache", str(self.root / "cache")]
        code = cli.main([*args, *common])
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Place:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", NOBODY)
    return Place(tmp_path, capsys)


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_plan_shows_the_versions_and_asks_nobody_when_offline(place: Place) -> None:
    code, out, err = place("plan", "--offline")
    assert code == 0
    assert "Upgrade paths: 2 of 2 sort upward" in out
    assert "archive: 0.9-1 (the specification)" in out
    assert "archive: not recorded" in out
    assert err == (
        "note: for 2 of 2 pairs of source and series there is no publication record: the recipe's "
        "own data stand\n"
    )


def test_plan_as_json_is_one_object_with_its_notes(place: Place) -> None:
    code, out, err = place("plan", "--json")
    assert (code, err) == (0, "")
    (data,) = events(out)
    assert [row["ours"] for row in data["versions"]] == [
        "1.0-1ubuntu0.16.04.1",
        "1.0-1ubuntu0.16.10.1",
    ]
    assert any("the connection is refused" in note for note in data["notes"])
    assert "source/xenial/alpha" in data["steps"]


@pytest.mark.parametrize("command", [["plan"], ["source"]])
def test_a_path_that_goes_down_is_refused(place: Place, command: list[str]) -> None:
    place.content["series"]["xenial"]["archive"]["alpha"]["version"] = "1.0-2"
    place.write()
    code, _, err = place(*command, "--offline")
    assert code == 3
    assert err.splitlines()[-1] == (
        "backport: backport.toml: alpha in xenial: archive < ours: 1.0-2 does not sort below "
        "1.0-1ubuntu0.16.04.1; change the series that get this source, or its version."
    )
    assert not (place.root / "build").exists()


def test_source_makes_the_packages_and_a_second_run_uses_them(place: Place) -> None:
    code, out, _ = place("source")
    assert code == 0
    assert "source passed" in out
    folder = place.root / "build" / "source" / "xenial" / "alpha"
    assert (folder / "alpha_1.0-1ubuntu0.16.04.1.dsc").is_file()
    data = json.loads((place.root / "build" / "summary.json").read_text())
    assert [(line["series"], line["made"]) for line in data["lines"]] == [
        ("xenial", "passed"),
        ("yakkety", "passed"),
    ]
    code, out, _ = place("source", "--json")
    ends = [event for event in events(out) if event["event"] == "finished"]
    assert code == 0
    assert [end["reused"] for end in ends] == [True] * 3


def test_as_json_a_run_prints_notes_as_events_and_nothing_on_stderr(place: Place) -> None:
    code, out, err = place("fetch", "--json")
    told = events(out)
    assert (code, err) == (0, "")
    kinds = [one["event"] for one in told]
    notes = told[: kinds.index("planned")]
    assert {note["event"] for note in notes} == {"note"}
    assert kinds[-1] == "summary"
    assert "the connection is refused" in notes[0]["text"]
    assert any("no record confirms that alpha_" in note["text"] for note in notes)


def test_clean_removes_old_steps_or_shows_which(place: Place) -> None:
    place("fetch", "--offline")
    work = place.root / "build"
    os.utime(work / "fetch/alpha" / RECORD, (time.time() - 40 * 86400,) * 2)
    (work / "scratch/.making-1").mkdir(parents=True)
    code, out, _ = place("clean", "--older-than", "30", "--dry-run")
    assert code == 0
    assert f"would remove {work / 'fetch/alpha'}" in out
    assert (work / "fetch/alpha").is_dir()
    _, out, _ = place("clean", "--older-than", "30", "--json")
    assert [event["event"] for event in events(out)] == ["removed"] * 2
    assert not (work / "fetch/alpha").exists()
    assert (work / "summary.json").is_file()
