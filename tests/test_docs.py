"""What docs/ says is what the program does: the recipe's keys, and the example of a test."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

import pytest

from backport.engine.verdict import Broken, Failed, Passed, Verdict
from backport.environments.standin_modules import Dummy, Module, ModuleTable, SuitePackage
from backport.errors import RecipeError
from backport.recipe import model, toml_table
from backport.recipe.bug import BugText, ExceptionItem, SruException
from backport.recipe.keys import Form
from backport.recipe.model import Recipe
from backport.recipe.reader import load
from backport.recipe.update import Update
from backport.testbed import reports
from tests.support import recipes

DOCS = Path(__file__).parents[1] / "docs"


RECIPE, STAND_IN = (DOCS / "recipe.md").read_text().split("\n## The file of the stand-in\n")
# The class that each table is read as.
CLASSES: dict[str, type] = {
    "update": Update,
    "bug": BugText,
    "exception": SruException,
    "exception.item": ExceptionItem,
    "series.NAME": model.Series,
    "series.NAME.archive.SOURCE": model.Published,
    "series.NAME.toolchain.TOOL": model.Published,
    "source.NAME": model.Source,
    "source.NAME.changes": model.ChangelogItem,
    "source.NAME.upstream": model.Upstream,
    "source.NAME.pinned": model.PinnedDsc,
    "source.NAME.revision": model.Revision,
    "source.NAME.control": model.ControlEdit,
    "source.NAME.packaging": model.PackagingEdit,
    "retired.NAME": model.Retired,
    "matrix.test": model.MatrixTest,
    "matrix.test.control": model.NegativeControl,
    "variant.NAME": model.Variant,
    "test-source.NAME": model.Source,
}
STAND_INS = {"": ModuleTable, "module.NAME": Module, "own.NAME": SuitePackage, "dummy.NAME": Dummy}
# Keys that the reader looks for itself, since the default depends on others.
READER = {
    "source.NAME": "debian-version patches tests upstream",
    "retired.NAME": "outcome by",
    "test-source.NAME": "source debian-version patches upstream purpose",
    "matrix.test": "source",
}


def example() -> dict[str, Any]:
    """The recipe that the examples are together."""
    return tomllib.loads("\n".join(re.findall(r"(?ms)^```toml\n(.*?)^```", RECIPE)))


def documented(page: str = RECIPE) -> dict[str, dict[str, tuple[str, str]]]:
    """The keys of each table with type and default; names in capitals are wild cards."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    tables: tuple[str, ...] = ("",)
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## ") or line.startswith("| key"):
            named = re.findall(r"`\[+([^\]]+)\]+`", line if line[0] == "#" else cells[0])
            tables = tuple(named) or tables
        if line.startswith("| key of an item of `changes`"):
            tables = ("source.NAME.changes",)
        elif line.startswith("| `") and len(cells) == 4:
            for table in tables:
                found.setdefault(table, {})[cells[0].strip("`")] = (cells[1], cells[2])
    return found


def type_cell(kind: Any, s: str = "") -> str:
    """How the page calls a type; `s` makes it many."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Annotated, UnionType):
        return type_cell(args[0], s)
    if origin is tuple:
        return f"list of {type_cell(args[0], 's')}"
    if origin is Mapping or is_dataclass(kind):
        return f"strings or table{s}" if s and hasattr(kind, "TEXT") else f"table{s}"
    return {bool: "true or false", int: "whole number"}.get(kind, "string") + s


def default_cell(kind: Any, value: Any) -> str:
    """How the page gives a default; one that nobody may write is "none"."""
    forms = [mark for mark in get_args(kind) if isinstance(mark, Form)]
    if value is None or not all(form.allows(value) for form in forms if value == ""):
        return "none"
    return f"`{json.dumps(value)}`"


def assert_cells(cells: tuple[str, str], kind: Any, default: Any, key: str) -> None:
    wanted = "required" if default is MISSING else default_cell(kind, default)
    assert (key, cells[0]) == (key, type_cell(kind))
    assert cells[1] == wanted or cells[1].startswith("required with"), key


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
    assert known == {table: {*keys} for table, keys in documented().items()}
    data = {**example(), "zzzzzz": 1}
    top = set(refused(data).rpartition("known keys: ")[2].split(", "))
    assert {table.partition(".")[0] for table in known} == top


@pytest.mark.parametrize("table", CLASSES)
def test_the_page_has_the_type_and_the_default_of_each_key(table: str) -> None:
    page = documented()[table]
    for key, kind, default in toml_table._keys(CLASSES[table]).values():
        if key in page and key not in READER.get(table, "").split():
            assert_cells(page[key], kind, default, key)
            del page[key]
    assert page.keys() == {*READER.get(table, "").split()}


@pytest.mark.parametrize("table", STAND_INS)
def test_the_page_has_each_key_of_the_stand_in_s_file(table: str) -> None:
    page = documented(STAND_IN)[table]
    keys = toml_table._keys(STAND_INS[table])
    assert page.keys() == keys.keys()
    for key, (_, kind, default) in keys.items():
        assert_cells(page[key], kind, default, key)


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
