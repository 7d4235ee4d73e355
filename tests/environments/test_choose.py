from __future__ import annotations

from pathlib import Path

import pytest

from backport.environments.choose import BASES, answers, choose
from backport.environments.standin import StandIn
from backport.environments.ubuntu import KEYRING_VARIABLE, Ubuntu
from backport.errors import UsageError
from backport.recipe.model import Recipe, Series
from tests.environments.packages import served
from tests.support.raw_server import RawServer


def recipe(*series: Series) -> Recipe:
    return Recipe(
        name="", bug=1, maintainer="", date="", path=Path(), root=Path(), series=series, sources=()
    )


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with xenial's Release file."""
    path = tmp_path / "mirror/dists/xenial/Release"
    path.parent.mkdir(parents=True)
    path.write_text("Origin: Ubuntu\nSuite: xenial\nCodename: xenial\n")
    return tmp_path / "mirror"


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyring that is there."""
    path = tmp_path / "ring.gpg"
    path.touch()
    monkeypatch.setenv(KEYRING_VARIABLE, str(path))
    return path


def test_an_archive_answers_for_the_series_that_its_release_file_names(mirror: Path) -> None:
    with served(mirror) as uri:
        for address, series in ((uri, "xenial"), (f"{uri}/", "xenial"), (uri, "yakkety")):
            assert answers(Series(series, "", address)) == (series == "xenial")
        page = "<html>Log in to xenial here</html>"
        (mirror / "dists/xenial/Release").write_text(page)
        assert not answers(Series("xenial", "", uri))
    assert not answers(Series("xenial", "", uri))  # the connection is refused


@pytest.mark.parametrize("mirror", ["", "no address", "http://[", "gopher://a/", "http://a b/"])
def test_what_is_no_address_does_not_answer(mirror: str) -> None:
    assert not answers(Series("xenial", "", mirror))


def test_the_archive_is_the_base_where_all_series_of_the_run_are_there(mirror: Path) -> None:
    with served(mirror) as uri:
        both = recipe(Series("xenial", "16.04", uri), Series("yakkety", "16.10", uri))
        base, note = choose(both, series=("xenial",))
        assert (base.kind, note) == ("ubuntu", "")
        base, note = choose(both)
    assert base.kind == "stand-in"
    assert "the Ubuntu archive of yakkety does not answer" in note
    assert "--base" in note


def test_without_a_mirror_or_a_keyring_nobody_is_asked_and_the_note_says_why(ring: Path) -> None:
    with RawServer([]) as server:
        xenial, zesty = Series("xenial", "16.04", server.url), Series("zesty", "17.04")
        base, note = choose(recipe(xenial, zesty))
        assert base.kind == "stand-in"
        assert note.startswith("the recipe names no mirror of zesty: ")
        ring.unlink()
        base, note = choose(recipe(xenial))
        assert base.kind == "stand-in"
        assert f"keyring is missing ({ring})" in note
    assert server.connections == 0


@pytest.mark.parametrize(
    ("named", "offline", "before", "kind", "told"),
    [
        ("ubuntu", False, "", Ubuntu, False),
        ("stand-in", False, "ubuntu", StandIn, False),
        ("stand-in", True, "ubuntu", StandIn, False),
        ("", True, "", StandIn, True),
        ("", True, "stand-in", StandIn, False),
        ("", True, "ubuntu", Ubuntu, False),
    ],
)
def test_what_is_named_or_offline_what_the_work_folder_has_is_taken_and_nobody_is_asked(
    named: str, offline: bool, before: str, kind: type, told: bool
) -> None:
    with RawServer([]) as server:
        xenial = recipe(Series("xenial", "16.04", server.url))
        base, note = choose(xenial, named, offline=offline, before=before)
    assert isinstance(base, kind)
    assert (note.startswith("offline"), server.connections) == (told, 0)
    assert bool(note) == told


def test_a_base_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no base 'debian'") as caught:
        choose(recipe(), "debian")
    assert all(kind in str(caught.value) for kind in BASES)
