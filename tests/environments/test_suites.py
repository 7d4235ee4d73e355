from __future__ import annotations

from pathlib import Path

import pytest

from backport.environments.suites import MIRROR_VARIABLE, Suite, debian_suites
from backport.errors import MachineError


@pytest.mark.parametrize(
    ("variable", "mirror"),
    [("", "http://deb.debian.org"), ("http://mirror.example.org/", "http://mirror.example.org")],
)
def test_debian_comes_with_its_security_from_one_mirror(
    ring: Path, monkeypatch: pytest.MonkeyPatch, variable: str, mirror: str
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, variable)
    assert debian_suites("bullseye", keyring=ring) == (
        Suite(f"{mirror}/debian", "bullseye", ("main",), ring),
        Suite(f"{mirror}/debian-security", "bullseye-security", ("main",), ring),
    )


def test_a_machine_without_the_keyring_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="apt install debian-archive-keyring"):
        debian_suites("bullseye", keyring=tmp_path / "none.gpg")


@pytest.mark.parametrize(
    ("keyring", "keys", "line"),
    [
        (None, (), "deb [trusted=yes] file:/srv ./"),
        (Path("/k.gpg"), (), "deb file:/srv ./"),
        (Path("/k.gpg"), ("AB", "CD"), "deb [signed-by=AB,CD] file:/srv ./"),
    ],
)
def test_only_a_local_repository_is_trusted_unseen(
    keyring: Path | None, keys: tuple[str, ...], line: str
) -> None:
    assert Suite("file:/srv", "./", (), keyring).line(keys) == line
