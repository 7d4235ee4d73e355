from __future__ import annotations

from pathlib import Path

import pytest

from backport.environments.choose import KINDS, choose, silent
from backport.environments.standin import StandIn
from backport.environments.ubuntu import KEYRING_VARIABLE, Ubuntu
from backport.errors import UsageError
from backport.recipe.model import Recipe, Series
from tests.environments.packages import served
from tests.support.raw_server import RawServer


def recipe(*series: Series) -> Recipe:
    return Recipe(
        Path("backport.toml"), Path(), "update", 1, "A <a@example.org>", "", "", series, ()
    )


def release(folder: Path, series: str, text: str = "") -> Path:
    """A folder with one Release file."""
    path = folder / "dists" / series / "Release"
    path.parent.mkdir(parents=True)
    path.write_text(text or f"Origin: Ubuntu\nSuite: {series}\nCodename: {series}\n")
    return folder


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyring that is there."""
    path = tmp_path / "ring.gpg"
    path.touch()
    monkeypatch.setenv(KEYRING_VARIABLE, str(path))
    return path


def answers(mirror: str, series: str) -> bool:
    return not silent([Series(series, "", mirror)])


def test_an_archive_that_has_the_series_answers(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial")) as uri:
        assert answers(uri, "xenial")
        assert answers(f"{uri}/", "xenial")


def test_an_archive_without_the_series_does_not_answer(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial")) as uri:
        assert not answers(uri, "yakkety")


def test_a_page_that_is_no_release_file_is_no_answer(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial", "<html>Log in to xenial here</html>")) as uri:
        assert not answers(uri, "xenial")


def test_a_refused_connection_is_no_answer(tmp_path: Path) -> None:
    with served(tmp_path) as uri:
        pass
    assert not answers(uri, "xenial")


@pytest.mark.parametrize("mirror", ["", "no address", "http://[", "gopher://a/", "http://a b/"])
def test_what_is_no_address_does_not_answer(mirror: str) -> None:
    assert not answers(mirror, "xenial")


@pytest.mark.parametrize("sent", [[b"nonsense\r\n\r\n"], []], ids=["nonsense", "hangs up"])
def test_a_server_that_does_not_speak_http_is_no_answer(sent: list[bytes | None]) -> None:
    with RawServer(sent) as server:
        assert not answers(server.url, "xenial")


@pytest.mark.parametrize(
    "sent", [[b"", None], [b"HTTP/1.0 200 OK\r\nX: ", b"x", None]], ids=["says nothing", "drips"]
)
def test_a_server_that_hangs_is_left_behind(sent: list[bytes | None]) -> None:
    with RawServer(sent, pause=0.02) as server:
        hanging = [Series(name, "1", server.url) for name in ("xenial", "yakkety", "zesty")]
        # It returns at all: one of these servers would go on for ever.
        assert silent(hanging, patience=0.5) == ["xenial", "yakkety", "zesty"]


def test_an_archive_that_answers_is_the_base_and_needs_no_note(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial")) as uri:
        base, note = choose(recipe(Series("xenial", "16.04", uri)))
    assert (base.kind, note) == ("ubuntu", "")


def test_one_series_that_does_not_answer_makes_it_the_stand_in_for_all(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial")) as uri:
        base, note = choose(recipe(Series("xenial", "16.04", uri), Series("yakkety", "16.10", uri)))
    assert base.kind == "stand-in"
    assert "the Ubuntu archive of yakkety does not answer" in note
    assert "--base" in note


def test_nothing_that_was_not_asked_is_said_not_to_answer() -> None:
    with RawServer([]) as server:
        both = recipe(Series("xenial", "16.04", server.url), Series("zesty", "17.04"))
        base, note = choose(both)
    assert (base.kind, server.connections) == ("stand-in", 0)
    assert note.startswith("the recipe names no mirror of zesty: ")


def test_the_archives_of_other_series_than_the_runs_are_not_asked(tmp_path: Path) -> None:
    with served(release(tmp_path / "a", "xenial")) as uri:
        both = recipe(Series("xenial", "16.04", uri), Series("yakkety", "16.10", uri))
        base, note = choose(both, series=("xenial",))
    assert (base.kind, note) == ("ubuntu", "")


def test_without_a_keyring_it_is_the_stand_in_and_the_note_says_so(
    tmp_path: Path, ring: Path
) -> None:
    ring.unlink()
    with served(release(tmp_path / "a", "xenial")) as uri:
        base, note = choose(recipe(Series("xenial", "16.04", uri)))
    assert base.kind == "stand-in"
    assert f"keyring is missing ({ring})" in note


@pytest.mark.parametrize(("named", "kind"), [("ubuntu", Ubuntu), ("stand-in", StandIn)])
def test_a_named_base_is_taken_and_nobody_is_asked(named: str, kind: type) -> None:
    with RawServer([]) as server:
        base, note = choose(recipe(Series("xenial", "16.04", server.url)), named)
    assert isinstance(base, kind)
    assert (note, server.connections) == ("", 0)


@pytest.mark.parametrize(
    ("before", "kind", "told"),
    [("", StandIn, True), ("stand-in", StandIn, False), ("ubuntu", Ubuntu, False)],
)
def test_offline_no_archive_is_asked_and_the_base_of_the_work_folder_is_taken(
    before: str, kind: type, told: bool
) -> None:
    with RawServer([]) as server:
        one = recipe(Series("xenial", "16.04", server.url))
        base, note = choose(one, offline=True, before=before)
    assert isinstance(base, kind)
    assert ("offline" in note, server.connections) == (told, 0)


def test_a_base_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no base 'debian'") as caught:
        choose(recipe(), "debian")
    assert all(kind in str(caught.value) for kind in KINDS)
