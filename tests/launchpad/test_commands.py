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
    return arguments(folder, names=[], series=["xenial"], dsc=[dsc], bug=12, offline=False)


def test_init_then_pin_gives_a_recipe_with_the_archives_own_dsc(
    world: World, tmp_path: Path, signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first_recipe.command(init(tmp_path)) == 0
    assert "is written" in capsys.readouterr().out
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "stranger"))
    args = arguments(tmp_path, source=[], update=True)
    before = args.recipe.read_text()
    assert pin.command(args) == 0
    out = capsys.readouterr().out
    assert "signature: unknown key" in out
    assert "+url = " in out
    args.recipe.write_text(before)
    args.json = True
    assert pin.command(args) == 0
    data = json.loads(capsys.readouterr().out)
    base = reader.load(args.recipe).source("hello-sru").base
    assert base is not None
    assert base.url == data["found"][0]["pin"]["url"]
    assert base.path == ""
