from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backport.environments.standin_modules import load_table
from backport.errors import InputError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.first_recipe import first_recipe
from backport.launchpad.archive.publications import Records
from backport.recipe import reader
from backport.recipe.model import Published
from backport.recipe.releases import debian_of_its_time
from tests.launchpad.conftest import MakeClient
from tests.support.launchpad_server import StandIn, World
from tests.support.source_builder import CONTROL, PackageSpec, build_dsc, package_files

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def dsc(tmp_path: Path) -> Path:
    return build_dsc(PackageSpec("hello-sru", "1.2-1"), tmp_path / "downloads")


def write(
    folder: Path,
    client: LaunchpadlibClient | None,
    *,
    series: tuple[str, ...] = ("yakkety", "xenial"),
    dscs: tuple[Path, ...] = (),
    source: str = "hello-sru",
) -> Path:
    path, cache = folder / "new" / "backport.toml", folder / "cache"
    names = [source] if source else []
    first_recipe(path, names, series, Records(cache, client), cache, dscs=dscs, now=NOW)
    return path


def test_a_recipe_from_a_local_dsc_and_launchpads_versions_can_be_loaded(
    client: LaunchpadlibClient, tmp_path: Path, dsc: Path
) -> None:
    recipe = reader.load(write(tmp_path, client, dscs=(dsc,)))
    assert [(series.name, series.version) for series in recipe.series] == [
        ("xenial", "16.04"),
        ("yakkety", "16.10"),
    ]
    (source,) = recipe.sources
    assert (source.version, source.debian_version) == ("1.2", "1.2-1")
    assert source.series == ("xenial", "yakkety")
    assert source.upstream is None
    assert source.pinned is not None
    assert Path(source.pinned.path).resolve() == dsc
    seen = recipe.one_series("xenial").archive["hello-sru"]
    assert seen.version == "1.0-1ubuntu0.1"
    assert "publication record" in seen.confirmed
    bionic = reader.load(write(tmp_path / "b", client, dscs=(dsc,), series=("bionic",)))
    seen = bionic.one_series("bionic").archive["hello-sru"]
    assert (seen.version, "publication record" in seen.confirmed) == ("", True)
    assert recipe.date == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert [series.mirror for series in recipe.series] == [
        "http://archive.ubuntu.com/ubuntu",
        "http://old-releases.ubuntu.com/ubuntu",
    ]
    assert load_table(recipe.stand_in).suite == "bullseye"


@pytest.mark.parametrize(
    ("source", "expected"), [("hello-sru", "2.10-1"), ("hello-sru/yakkety", "1.3-1")]
)
def test_without_a_dsc_the_newest_published_version_is_pinned_or_that_of_a_series(
    client: LaunchpadlibClient, world: World, tmp_path: Path, source: str, expected: str
) -> None:
    for series, version in (("bionic", "2.9-1"), ("bionic", "2.10-1"), ("yakkety", "1.3-1")):
        files = package_files("hello-sru", version, tmp_path / "archive")
        world.publish(series, "hello-sru", version, pocket="Updates", files=files)
    pinned = reader.load(write(tmp_path, client, source=source)).source("hello-sru").pinned
    assert pinned is not None
    assert pinned.version == expected
    assert pinned.url.endswith(f"/hello-sru/{expected}/")


def test_without_launchpad_a_recipe_needs_a_dsc_and_assumes_no_version(
    make_client: MakeClient, client: LaunchpadlibClient, tmp_path: Path, dsc: Path
) -> None:
    with StandIn(World()) as gone:
        pass
    with pytest.raises(RemoteError, match=r"refused.*pull-lp-source -d hello-sru zesty"):
        write(tmp_path, make_client(root=gone.root), source="hello-sru/zesty")
    with pytest.raises(InputError, match=r"no publication record.*pull-lp-source -d never-there,"):
        write(tmp_path, client, source="never-there")
    with pytest.raises(InputError, match=r"name its \.dsc with --dsc"):
        write(tmp_path, None)
    with pytest.raises(UsageError, match="no source package is named"):
        write(tmp_path, None, source="")
    assert not (tmp_path / "new").exists()
    path = write(tmp_path, make_client(root=gone.root), dscs=(dsc,))
    assert reader.load(path).one_series("xenial").archive == {}
    assert 'hello-sru = { note = "not known: write' in path.read_text()


def packages(folder: Path, relations: Mapping[str, str]) -> tuple[Path, ...]:
    """Source packages by their build-dependencies; small-lib makes small-lib-dev."""
    dscs = []
    for name, needed in relations.items():
        text = CONTROL.format(name=name).replace("dh-python", needed)
        binary = {"small-lib": "small-lib-dev"}.get(name, name)
        text = text.replace(f"Package: {name}", f"Package: {binary}")
        dscs.append(build_dsc(PackageSpec(name, debian={"control": text}), folder / "downloads"))
    return tuple(dscs)


def test_several_dsc_files_are_put_in_the_order_in_which_they_are_built(tmp_path: Path) -> None:
    relations = {
        "app": "small-lib-dev (>= 1.0) [amd64] | other, debhelper",
        "small-lib": "small-base",
        "small-base": "debhelper (>= 9)",
    }
    recipe = reader.load(write(tmp_path, None, dscs=packages(tmp_path, relations), source=""))
    assert recipe.name == "app"
    assert [(source.name, source.needs) for source in recipe.sources] == [
        ("small-base", ()),
        ("small-lib", ("small-base",)),
        ("app", ("small-lib",)),
    ]
    control = (tmp_path / "new/autopkgtest/matrix/control").read_text()
    assert "Depends: small-base, small-lib-dev, app\n" in control


def test_what_cannot_become_a_recipe_is_refused_and_nothing_is_written(
    tmp_path: Path, dsc: Path
) -> None:
    small = packages(tmp_path, {"small-a": "small-b", "small-b": "small-a"})
    with pytest.raises(InputError, match="they build-depend on each other"):
        write(tmp_path, None, dscs=small, source="")
    with pytest.raises(UsageError, match=r"two \.dsc files are of small-a"):
        write(tmp_path, None, dscs=(small[0], small[0]), source="")
    with pytest.raises(UsageError, match="'xenail' is no Ubuntu series"):
        write(tmp_path, None, dscs=(dsc,), series=("xenail",))
    with pytest.raises(InputError, match="other: no publication record tells of this"):
        write(tmp_path, None, dscs=(dsc,), source="other")
    text = dsc.read_text()
    for damaged in (text.replace("Binary:", "X:"), re.sub(" deb .*", "", text, count=1)):
        dsc.write_text(damaged)
        with pytest.raises(InputError, match=r"no recipe can be made of this .dsc: '.*' is mis"):
            write(tmp_path, None, dscs=(dsc,))
    dsc.write_text(text.replace("3.0 (quilt)", "3.0 (bzr)"))
    with pytest.raises(InputError, match=r"its format is 3\.0 \(bzr\)"):
        write(tmp_path, None, dscs=(dsc,))
    dsc.write_text(text)
    (dsc.parent / "hello-sru_1.2.orig.tar.gz").write_bytes(b"another")
    with pytest.raises(InputError, match=r"hello-sru_1\.2\.orig\.tar\.gz is not beside it"):
        write(tmp_path, None, dscs=(dsc,))
    assert not (tmp_path / "new").exists()


def test_the_tools_of_a_series_the_first_test_and_a_template_for_the_bug_are_written(
    tmp_path: Path, dsc: Path
) -> None:
    path = write(tmp_path, None, dscs=(dsc,), series=("noble", "jammy"))
    recipe = reader.load(path)
    tools = recipe.one_series("noble").toolchain
    assert tools["debhelper"] == Published("13.14.1ubuntu5", "a public build log of 24.04")
    (row,) = recipe.matrix
    for name in (row.name, *(control.test for control in row.controls)):
        assert (row.folder.path / name).stat().st_mode & 0o111
    assert (recipe.root / "patches/hello-sru/series").is_file()
    assert load_table(recipe.stand_in).suite == debian_of_its_time("jammy")
    text = path.read_text()
    template = text.partition("# [bug]\n")[2].partition("\n\n")[0]
    path.write_text(f"{text}\n[bug]\n" + template.replace("# ", ""))
    bug = reader.load(path).bug_text
    assert bug is not None
    assert bug.problems.startswith("What would break first")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DEBFULLNAME": 'An "odd" Näme', "DEBEMAIL": "o@x.org"}, 'An "odd" Näme <o@x.org>'),
        ({"EMAIL": "Pat Packager <pat@x.org>"}, "Pat Packager <pat@x.org>"),
        ({"DEBFULLNAME": "P P"}, "Debian Testers <testers@lists.debian.org>"),
    ],
)
def test_the_maintainer_is_the_one_that_dch_would_take_or_the_changelogs_last(
    tmp_path: Path,
    dsc: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    expected: str,
) -> None:
    names = ("DEBFULLNAME", "DEBEMAIL", "NAME", "EMAIL")
    others = {name: value for name, value in os.environ.items() if name not in names}
    # python-debian writes to the environment.
    monkeypatch.setattr(os, "environ", others | environment)
    path = write(tmp_path, None, dscs=(dsc,))
    assert reader.load(path).maintainer == expected
    assert ("write your own" in path.read_text()) == (expected[:6] == "Debian")
