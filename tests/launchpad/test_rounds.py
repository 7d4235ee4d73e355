"""One round of an update after another: what Launchpad has decides which number is the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backport import cli
from backport.launchpad.api.environment import ROOT_VARIABLE
from backport.source.files import sha256_of
from tests.support import recipes
from tests.support.launchpad_server import StandIn, World
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import PackageSpec, build_dsc, numbered, patch_text

FIRST, SECOND = "1.0-1ubuntu0.1", "1.0-1ubuntu0.2"


@pytest.fixture
def recipe(tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe that patches one package in xenial, where the archive has its base."""
    monkeypatch.setenv(ROOT_VARIABLE, standin.root)
    spec = Spec(
        sources=(SourceSpec("small", base="1.0-1", series=("xenial",)),),
        series=("xenial",),
        archive={("small", "xenial"): "1.0-1"},
    )
    dsc = build_dsc(PackageSpec(), tmp_path / "base")
    content = recipes.data(spec)
    del content["source"]["small"]["upstream"]
    content["source"]["small"]["base"] = {
        "version": "1.0-1",
        "dsc": dsc.name,
        "sha256": sha256_of(dsc),
        "path": f"base/{dsc.name}",
    }
    path = recipes.write(tmp_path, spec, content)
    patch(path, "locked")
    return path


def patch(recipe: Path, word: str) -> None:
    folder = recipe.parent / "patches" / "small"
    text = patch_text("src/main.txt", numbered(40), numbered(40, but={20: f"line 20, {word}"}))
    (folder / "lock.patch").write_text(text)
    (folder / "series").write_text("lock.patch\n")


def row(recipe: Path, capsys: pytest.CaptureFixture[str], command: str = "plan") -> dict[str, bool]:
    """Run a command with an empty cache of records; what plan says of the package."""
    home = recipe.parent
    (home / "cache" / "launchpad-records.json").unlink(missing_ok=True)
    options = ["--recipe", str(recipe), "--cache", str(home / "cache")]
    code = cli.main([command, *options, "--work", str(home / "work"), "--json"])
    out = capsys.readouterr().out
    assert code == 0, out
    found: dict[str, bool] = json.loads(out.splitlines()[-1]).get("versions", [{}])[0]
    return found


def test_what_we_have_uploaded_stays_until_the_recipe_makes_something_else(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.publish("xenial", "small", "1.0-1")
    assert row(recipe, capsys)["ours"] == FIRST
    row(recipe, capsys, "source")
    made = recipe.parent / "work" / "source" / "xenial" / "small"
    assert (made / f"small_{FIRST}.dsc").is_file()
    names = [f"small_{FIRST}.dsc", f"small_{FIRST}.debian.tar.xz", "small_1.0.orig.tar.gz"]
    files = {name: (made / name).read_bytes() for name in names}
    others = files | {f"small_{FIRST}.debian.tar.xz": b"another content"}
    other = world.publish("xenial", "small", FIRST, pocket="Proposed", files=others)
    there = row(recipe, capsys)
    assert (there["ours"], there["published"]) == (SECOND, False)
    del world.entries[other.path]
    files[f"small_{FIRST}.dsc"] += b"signed by a sponsor"
    world.publish("xenial", "small", FIRST, pocket="Proposed", files=files)
    there = row(recipe, capsys)
    assert (there["ours"], there["published"]) == (FIRST, True)

    patch(recipe, "locked better")
    there = row(recipe, capsys)
    assert (there["ours"], there["published"]) == (SECOND, False)
    row(recipe, capsys, "source")
    assert (made / f"small_{SECOND}.dsc").is_file()
