"""What docs/ says is what the program does: the recipe's keys, and the example of a test."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backport.engine.verdict import Broken, Failed, Passed, Verdict
from backport.errors import RecipeError
from backport.recipe.model import Recipe
from backport.recipe.reader import load
from backport.testbed import reports
from tests.support import recipes

DOCS = Path(__file__).parents[1] / "docs"

# ------------------------------------------------------------------ docs/recipe.md


@cache
def page() -> str:
    return (DOCS / "recipe.md").read_text()


def example() -> dict[str, Any]:
    """The recipe that the examples are together."""
    return tomllib.loads("\n".join(re.findall(r"(?ms)^```toml\n(.*?)^```", page())))


def documented() -> dict[str, set[str]]:
    """The keys of each table, as the page has them; names in capitals are wild cards."""
    found: dict[str, set[str]] = {}
    tables: tuple[str, ...] = ()
    for line in page().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## ") or line.startswith("| key"):
            named = re.findall(r"`\[+([^\]]+)\]+`", line if line[0] == "#" else cells[0])
            tables = tuple(named) or tables
        if line.startswith("| key of an item of `changes`"):
            tables = ("source.NAME.changes",)
        elif line.startswith("| `") and len(cells) == 4:
            for table in tables:
                found.setdefault(table, set()).add(cells[0].strip("`"))
    return found


def inside(data: Any, table: str) -> list[dict[str, Any]]:
    """The tables of the data that the name stands for."""
    found = [data]
    for part in table.split("."):
        values = [
            one[key] for one in found for key in (one if part.isupper() else [part]) if key in one
        ]
        flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
        found = [value for value in flat if isinstance(value, dict)]
    return found


@pytest.fixture
def refused(tmp_path: Path) -> Any:
    """Read a recipe beside the files that the example names."""
    patches = tmp_path / "patches/greeter"
    patches.mkdir(parents=True)
    (patches / "series.naive").write_text("")
    for folder in ("libgreet", "test-sources/greeter-1-0", "test-sources/libgreet-1-1"):
        (tmp_path / "patches" / folder / "debian").mkdir(parents=True)
        (tmp_path / "patches" / folder / "debian/control").write_text("Source: x\n")
    for source in ("libgreet", "greeter"):
        recipes.write_tests(tmp_path / "autopkgtest" / source, ["smoke"])
    matrix = ["greets-in-german", "greets-in-german-control"]
    recipes.write_tests(tmp_path / "autopkgtest/matrix", matrix)
    (tmp_path / "autopkgtest/long.toml").write_text("")

    def read(data: dict[str, Any]) -> Recipe | str:
        path = tmp_path / "backport.toml"
        path.write_text(recipes.toml(data))
        try:
            return load(path)
        except RecipeError as error:
            return str(error)

    return read


def test_the_examples_are_a_recipe(refused: Any) -> None:
    assert isinstance(refused(example()), Recipe)


def test_the_page_has_each_key_that_the_program_takes_and_no_other(refused: Any) -> None:
    known: dict[str, set[str]] = {}
    for table in documented():
        for number in range(len(inside(example(), table))):
            data = example()
            inside(data, table)[number]["zzzzzz"] = 1
            said = refused(data)
            if match := re.search(r"zzzzzz: this key is unknown; known keys: (.*)\.?$", said):
                known.setdefault(table, set()).update(match[1].rstrip(".").split(", "))
    assert known == documented()
    data = {**example(), "zzzzzz": 1}
    top = set(refused(data).rpartition("known keys: ")[2].split(", "))
    assert {table.partition(".")[0] for table in known} == top


# ------------------------------------------------------------------ docs/controls.md

GREETERS = {
    "locked": 'exec 9>>"$GREETER_COUNT.lock"; flock 9\n'
    'echo $(($(cat "$GREETER_COUNT" 2>/dev/null || echo 0) + 1)) >"$GREETER_COUNT"\n',
    "unlocked": 'echo 1 >"$GREETER_COUNT"\n',  # as if all had read the number before one wrote
}


@pytest.mark.parametrize(
    ("greeter", "test", "control"),
    [
        ("locked", Passed("0 of 20 processes failed"), Broken),
        ("unlocked", Failed, Passed("harm seen, 1 rounds")),
    ],
)
def test_the_example_passes_with_the_lock_and_its_control_without(
    greeter: str, test: object, control: object, tmp_path: Path
) -> None:
    scripts = re.findall(r"(?ms)^```sh\n(.*?)^```", (DOCS / "controls.md").read_text())
    program = tmp_path / "bin/greeter"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{GREETERS[greeter]}")
    program.chmod(0o755)
    verdicts: list[Verdict] = []
    for script, judge in zip(scripts, (reports.of_test, reports.of_control), strict=True):
        place = tmp_path / judge.__name__
        place.mkdir()
        (place / "test").write_text(script)
        env = {
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "AUTOPKGTEST_TMP": str(place),
            "AUTOPKGTEST_ARTIFACTS": str(place),
        }
        done = subprocess.run(["sh", place / "test"], env=env, capture_output=True, check=False)
        said = Passed() if done.returncode == 0 else Failed("test", "it failed")
        verdicts.append(judge(said, place))
    for wanted, verdict in zip((test, control), verdicts, strict=True):
        assert verdict == wanted if isinstance(wanted, Passed) else type(verdict) is wanted
