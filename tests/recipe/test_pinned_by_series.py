"""An update that patches another version in each series, from the recipe to its source packages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from debian.changelog import Changelog

from backport import cli
from backport.source.dpkg import isolated
from backport.source.files import sha256_of
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import PackageSpec, build_dsc, numbered, patch_text

OLD = PackageSpec(version="1.0-1ubuntu2")
NEW = PackageSpec(version="1:2.0-3", files={"README": "small, new\n", "src/main.txt": numbered(50)})
PATCH = patch_text("src/main.txt", numbered(40), numbered(40, but={20: "line 20, locked"}))
# The same upstream version in another series, with the same tarball.
NEWER = replace(NEW, version="1:2.0-4")


def write(root: Path, **pins: PackageSpec) -> Path:
    """A recipe that patches a pinned package of its own in each series."""
    first = next(iter(pins.values()))
    spec = Spec(
        sources=(SourceSpec("small", version=first.upstream, series=tuple(pins)),),
        series=tuple(pins),
        archive={("small", name): pinned.version for name, pinned in pins.items()},
    )
    content = recipes.data(spec)
    source = content["source"]["small"]
    for key in ("version", "debian-version", "upstream"):
        del source[key]
    source["pinned"] = {}
    for name, pinned in pins.items():
        dsc = build_dsc(pinned, root / "archive" / name)
        source["pinned"][name] = {
            "version": pinned.version,
            "dsc": dsc.name,
            "sha256": sha256_of(dsc),
            "path": str(dsc.relative_to(root)),
        }
    path = recipes.write(root, spec, content)
    patches = root / "patches" / "small"
    (patches / "lock.patch").write_text(PATCH)
    (patches / "series").write_text("lock.patch\n")
    return path


def run(command: str, recipe: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    folder = recipe.parent
    options = ["--recipe", str(recipe), "--cache", str(folder / "cache"), "--offline"]
    code = cli.main([command, *options, "--work", str(folder / "work"), "--json"])
    return code, capsys.readouterr().out


def test_each_series_gets_the_patch_on_its_own_pinned_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, xenial=OLD, yakkety=NEW, zesty=NEWER)
    code, out = run("plan", path, capsys)
    plan = json.loads(out.splitlines()[-1])
    expected = {
        "xenial": "1.0-1ubuntu2.1",
        "yakkety": "1:2.0-3ubuntu0.1",
        "zesty": "1:2.0-4ubuntu0.1",
    }
    assert code == 0
    assert {row["series"]: row["ours"] for row in plan["versions"]} == expected
    assert all(claim["holds"] for claim in plan["proof"])
    assert run("source", path, capsys)[0] == 0
    dpkg = isolated(tmp_path, 0)
    for series, pinned in (("xenial", OLD), ("yakkety", NEW), ("zesty", NEWER)):
        (dsc,) = (tmp_path / "work" / "source" / series / "small").glob("*.dsc")
        tree = tmp_path / f"tree-{series}"
        dpkg.unpack(dsc, tree)
        assert "line 20, locked" in (tree / "src" / "main.txt").read_text()
        changelog = Changelog((tree / "debian/changelog").read_text())
        assert [str(entry.version) for entry in changelog] == [expected[series], pinned.version]


def test_two_pinned_packages_with_another_tarball_of_one_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(NEWER, files={**NEWER.files, "README": "not the same\n"})
    code, out = run("fetch", write(tmp_path, xenial=NEW, yakkety=other), capsys)
    assert code == 3
    assert "two pinned packages have another small_2.0.orig.tar.gz" in out
