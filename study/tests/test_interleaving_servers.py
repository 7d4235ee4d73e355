"""Two commands that install into a server, as the interleaving test steps through them."""

from pathlib import Path
from typing import Any

import pytest

from study.tests.support import library

engine: Any = library("interleaving_engine")
SERVERS = ("nginx", "apache")


def server_place(tmp_path: Path) -> dict[str, Any]:
    for part in ("server", "work/backups", "config", "logs"):
        (tmp_path / part).mkdir(parents=True)
    return {"base": str(tmp_path), "path": None}


def ended(*codes: int) -> Any:
    return engine.Execution(engine.Order(0, ()), (), codes, ("", ""), 0, True, False)


@pytest.mark.parametrize(
    ("left", "codes", "words"),
    [
        (["backups/1/DONE", "backups/2/DONE"], (0, 0), {"fine"}),
        (["backups/1/DONE"], (0, 0), {"checkpoint"}),
        (["backups/1/DONE"], (0,), {"fine"}),
        (["backups/1/DONE", "backups/2/DONE", "backups/IN_PROGRESS/FILES"], (0, 0), {"left-over"}),
        (["backups/1/DONE", "backups/2/DONE", "temp_checkpoint/FILES"], (0, 0), {"left-over"}),
        (["backups/1/DONE", "backups/2/DONE"], (0, 1), {"error"}),
    ],
)
def test_what_two_installs_leave_is_looked_at_for_any_server(
    left: list[str], codes: tuple[int, ...], words: set[str], tmp_path: Path
) -> None:
    server, place = library("interleaving_server"), server_place(tmp_path)
    for name in left:
        (tmp_path / "work" / name).parent.mkdir(parents=True)
        (tmp_path / "work" / name).touch()
    assert set(server.outcome(place, ended(*codes), (), "DONE")) == words
    with_loss = set(server.outcome(place, ended(*codes), ("lost",), "DONE"))
    assert with_loss == words - {"fine"} | {"lost"}


@pytest.mark.parametrize("kind", SERVERS)
def test_each_writer_of_a_server_installs_for_its_own_site_with_its_own_certificate(
    kind: str, tmp_path: Path
) -> None:
    pair, place = library(f"interleaving_{kind}"), server_place(tmp_path)
    pair.reset(place)
    for role, site in enumerate(("one.example.org", "two.example.org")):
        words = pair.arguments(place, role)
        assert words[:2] == ["-n", "install"]
        assert words[words.index("-d") + 1] == site
        assert words[words.index("--key-path") + 1] == f"{tmp_path}/{role}/privkey.pem"
        assert f"--{kind}" in words
        assert list((tmp_path / "server").rglob(f"{site}*"))


def test_a_site_of_nginx_without_its_certificate_is_lost_and_half_a_file_unreadable(
    tmp_path: Path,
) -> None:
    pair, place = library("interleaving_nginx"), server_place(tmp_path)
    pair.reset(place)
    for number in (1, 2):
        (tmp_path / f"work/backups/{number}").mkdir(parents=True)
        (tmp_path / f"work/backups/{number}/FILEPATHS").touch()
    sites = [tmp_path / f"server/sites/{name}.example.org" for name in ("one", "two")]
    assert pair.outcome(place, ended(0, 0)) == ("lost",)
    for role, site in enumerate(sites):
        site.write_text(site.read_text().replace("/first/", f"/{role}/"))
    assert pair.outcome(place, ended(0, 0)) == ("fine",)
    sites[1].write_text(sites[1].read_text()[:-5])
    assert pair.outcome(place, ended(0, 0)) == ("unreadable",)
