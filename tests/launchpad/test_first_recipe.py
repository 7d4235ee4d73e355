from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backport.errors import InputError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.first_recipe import first_recipe
from backport.recipe import reader
from tests.support.launchpad_server import StandIn, World
from tests.support.source_builder import PackageSpec, build_dsc

MakeClient = Callable[..., LaunchpadlibClient]
Signed = Callable[[str, str, str], dict[str, bytes]]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHO = "A Tester <t@example.org>"


@pytest.fixture
def dsc(tmp_path: Path) -> Path:
    return build_dsc(PackageSpec("hello-sru", "1.2-1"), tmp_path / "downloads")


def write(
    folder: Path,
    client: LaunchpadlibClient | None,
    *,
    series: tuple[str, ...] = ("yakkety", "xenial"),
    dsc: Path | None = None,
    maintainer: str = WHO,
    source: str = "hello-sru",
) -> Path:
    path = folder / "backport.toml"
    first_recipe(
        path,
        source,
        series,
        client,
        folder / "cache",
        dsc=dsc,
        maintainer=maintainer,
        now=NOW,
        backoff=0.01,
    )
    return path


def test_a_recipe_from_a_local_dsc_and_launchpads_versions_can_be_loaded(
    client: LaunchpadlibClient, tmp_path: Path, dsc: Path
) -> None:
    recipe = reader.load(write(tmp_path, client, dsc=dsc))
    assert [(one.name, one.version) for one in recipe.series] == [
        ("xenial", "16.04"),
        ("yakkety", "16.10"),
    ]
    (source,) = recipe.sources
    assert (source.version, source.debian_version) == ("1.2", "1.2-1")
    assert source.series == ("xenial", "yakkety")
    assert source.upstream is None
    assert source.base is not None
    assert Path(source.base.path).resolve() == dsc
    seen = recipe.one_series("xenial").archive["hello-sru"]
    assert seen.version == "1.0-1ubuntu0.1"
    assert "publication record" in seen.confirmed
    assert recipe.date == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert (tmp_path / "backport.toml").read_text().count("\n#") > 5


def test_without_launchpad_no_version_is_assumed(
    make_client: MakeClient, tmp_path: Path, dsc: Path
) -> None:
    with StandIn(World()) as gone:
        pass
    recipe = reader.load(write(tmp_path, make_client(root=gone.root), dsc=dsc))
    seen = recipe.one_series("xenial").archive["hello-sru"]
    assert (seen.version, seen.confirmed) == ("", "")
    assert seen.note.startswith("unconfirmed")


def test_without_a_dsc_the_newest_published_version_is_pinned(
    client: LaunchpadlibClient, world: World, tmp_path: Path, signed: Signed
) -> None:
    for version in ("2.9-1", "2.10-1"):
        files = signed("hello-sru", version, "good")
        only = {
            name: one for name, one in files.items() if name.startswith(f"hello-sru_{version[:-2]}")
        }
        world.publish("bionic", "hello-sru", version, files=only)
    recipe = reader.load(write(tmp_path, client))
    base = recipe.source("hello-sru").base
    assert base is not None
    assert base.version == "2.10-1"
    assert base.url.endswith("/hello-sru/2.10-1/")


def test_without_a_dsc_and_without_launchpad_there_is_no_recipe(
    make_client: MakeClient, client: LaunchpadlibClient, tmp_path: Path
) -> None:
    with StandIn(World()) as gone:
        pass
    with pytest.raises(RemoteError, match="the connection is refused"):
        write(tmp_path, make_client(root=gone.root))
    with pytest.raises(InputError, match="no publication record tells"):
        write(tmp_path, client, source="never-there")
    with pytest.raises(InputError, match="name one with --dsc"):
        write(tmp_path, None)
    assert not (tmp_path / "backport.toml").exists()


def test_a_recipe_that_exists_is_not_overwritten(
    client: LaunchpadlibClient, tmp_path: Path, dsc: Path
) -> None:
    path = tmp_path / "backport.toml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="it is not overwritten"):
        write(tmp_path, client, dsc=dsc)
    assert path.read_text() == "mine"


def test_an_unknown_series_is_refused_and_nothing_is_written(tmp_path: Path, dsc: Path) -> None:
    with pytest.raises(UsageError, match="'xenail' is no Ubuntu series") as caught:
        write(tmp_path, None, series=("xenail",), dsc=dsc)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("*backport*"))


def test_a_dsc_of_another_package_is_refused(tmp_path: Path, dsc: Path) -> None:
    with pytest.raises(UsageError, match="the source package hello-sru, not other"):
        write(tmp_path, None, source="other", dsc=dsc)


def test_a_dsc_without_its_tarball_is_refused(tmp_path: Path, dsc: Path) -> None:
    (dsc.parent / "hello-sru_1.2.orig.tar.gz").write_bytes(b"another")
    with pytest.raises(InputError, match=r"hello-sru_1\.2\.orig\.tar\.gz is not beside it"):
        write(tmp_path, None, dsc=dsc)


def test_the_maintainer_comes_from_the_environment_or_is_asked_for(
    tmp_path: Path, dsc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEBFULLNAME", raising=False)
    with pytest.raises(UsageError, match="the maintainer is not known"):
        write(tmp_path, None, dsc=dsc, maintainer="")
    monkeypatch.setenv("DEBFULLNAME", 'An "odd" Näme')
    monkeypatch.setenv("DEBEMAIL", "o@example.org")
    recipe = reader.load(write(tmp_path, None, dsc=dsc, maintainer=""))
    assert recipe.maintainer == 'An "odd" Näme <o@example.org>'
