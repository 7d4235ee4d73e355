from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.environments import machine_sources
from backport.environments.machine_sources import Suite, machine_suites
from backport.errors import MachineError
from tests.environments.packages import keyring

MIRROR = "http://mirror.example.org/debian"
SECURITY = "http://mirror.example.org/debian-security"

ONE_LINE = f"""\
# the distribution
deb {MIRROR} bookworm main contrib  # comment
deb-src {MIRROR}-src bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example.org/debian any main
deb {SECURITY}/ bookworm-security main
"""

DEB822 = f"""\
# an old mirror
Types: deb
Enabled: no
URIs: http://gone.example.org/debian
Suites: bookworm
Components: main

Types: deb deb-src
URIs: {MIRROR}/
# why this mirror: it is near
Suites: bookworm
  bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: {SECURITY}
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", ONE_LINE),
        ("sources.list.d/debian.list", ONE_LINE),
        ("sources.list.d/debian.sources", DEB822),
    ],
)
def test_the_mirrors_come_from_the_machines_own_sources(
    tmp_path: Path, key_home: Path, name: str, text: str
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    ring = keyring(key_home)
    assert machine_suites("bullseye", etc=tmp_path, keyring=ring) == (
        Suite(MIRROR, "bullseye", ("main",), ring),
        Suite(SECURITY, "bullseye-security", ("main",), ring),
    )


def test_a_machine_without_a_security_mirror_has_one_suite(tmp_path: Path, key_home: Path) -> None:
    (tmp_path / "sources.list").write_text(f"deb {MIRROR} bookworm main\n")
    ring = keyring(key_home)
    assert [suite.suite for suite in machine_suites("bullseye", etc=tmp_path, keyring=ring)] == [
        "bullseye"
    ]


@pytest.mark.parametrize(
    "text", ["", "deb http://archive.example.org/ubuntu jammy main\n", f"# deb {MIRROR} sid main\n"]
)
def test_a_machine_without_a_debian_mirror_such_as_ubuntu_gets_debians_own(
    tmp_path: Path, key_home: Path, text: str
) -> None:
    (tmp_path / "sources.list").write_text(text)
    ring = keyring(key_home)
    assert machine_suites("bullseye", etc=tmp_path, keyring=ring) == (
        Suite("http://deb.debian.org/debian", "bullseye", ("main",), ring),
        Suite("http://deb.debian.org/debian-security", "bullseye-security", ("main",), ring),
    )
    assert (tmp_path / "sources.list").read_text() == text


def test_a_machine_without_the_keyring_is_told_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(f"deb {MIRROR} bookworm main\n")
    with pytest.raises(MachineError, match="apt install debian-archive-keyring"):
        machine_suites("bullseye", etc=tmp_path, keyring=tmp_path / "none.gpg")


words = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)


@given(uri=words, suite=words, components=st.lists(words, min_size=1, max_size=3))
def test_a_source_line_that_is_written_is_read_back(
    uri: str, suite: str, components: list[str]
) -> None:
    written = Suite(f"http://{uri}.example.org/debian", suite, tuple(components), Path("/k.gpg"))
    assert list(machine_sources._one_line(written.line())) == [written]
    stanza = (
        f"Types: deb\nURIs: {written.uri}\nSuites: {suite}\n"
        f"Components: {' '.join(components)}\nSigned-By: /k.gpg\n"
    )
    assert list(machine_sources._deb822(stanza)) == [written]
