from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.launchpad.archive import first_recipe, pin
from backport.recipe import reader
from tests.support.launchpad_server import StandIn, World
from tests.support.source_builder import PackageSpec, build_dsc

Signed = Callable[[str, str, str], dict[str, bytes]]


@pytest.fixture(autouse=True)
def asked(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    monkeypatch.setenv("DEBFULLNAME", "A Tester")
    monkeypatch.setenv("DEBEMAIL", "t@example.org")


def arguments(folder: Path, **more: object) -> Namespace:
    common = {"recipe": folder / "backport.toml", "cache": folder / "cache", "quiet": False}
    return Namespace(**common, json=False, outside=[], **more)


def init(folder: Path) -> Namespace:
    dsc = build_dsc(PackageSpec("hello-sru", "1.2-1"), folder / "downloads")
    return arguments(
        folder, names=[], series=["xenial"], dsc=[dsc], bug=12, offline=False, maintainer=""
    )


def test_init_then_pin_gives_a_recipe_with_the_archives_own_dsc(
    world: World, tmp_path: Path, signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first_recipe.command(init(tmp_path)) == 0
    assert "is written" in capsys.readouterr().out
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "stranger"))
    args = arguments(tmp_path, source=[], update=True, dry_run=True)
    assert pin.command(args) == 0
    out = capsys.readouterr().out
    assert "signature: unknown key" in out
    assert "+url = " in out
    assert "is unchanged" in out
    args.dry_run, args.json = False, True
    assert pin.command(args) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["written"] is True
    base = reader.load(args.recipe).source("hello-sru").base
    assert base is not None
    assert base.url == data["found"][0]["pin"]["url"]
    assert base.path == ""


def test_pin_says_what_is_missing_on_stderr_and_exits_3(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first_recipe.command(init(tmp_path))
    before = (tmp_path / "backport.toml").read_bytes()
    for entry in world.all("source_package_publishing_history"):
        entry.values["source_package_name"] = "another"
    args = arguments(tmp_path, source=["hello-sru"], update=True, dry_run=False)
    assert pin.command(args) == 3
    assert "hello-sru: Launchpad has no record of 1.2-1" in capsys.readouterr().err
    assert (tmp_path / "backport.toml").read_bytes() == before
