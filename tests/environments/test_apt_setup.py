from __future__ import annotations

import re
from pathlib import Path

import pytest

from backport.environments.apt_setup import PIN, packages, preferences
from backport.errors import InputError
from tests.build.packages import make_repository


def priorities(text: str) -> dict[tuple[str, str], int]:
    found = re.findall(r"Package: (.+)\nPin: version (.+)\nPin-Priority: (\d+)\n", text)
    return {(package, version): int(priority) for package, version, priority in found}


def test_an_earlier_repository_is_above_a_later_one_and_the_base_is_not_pinned(
    tmp_path: Path,
) -> None:
    built = make_repository(tmp_path / "built", {"certbot": "0.10.2", "python-acme": "0.10.2~1"})
    base = make_repository(tmp_path / "base", {"certbot": "0.30"})
    assert preferences([base]) == ""
    ours = {("certbot", "0.10.2"): PIN, ("python-acme", "0.10.2~1"): PIN}
    assert priorities(preferences([built, base])) == ours
    variant = make_repository(tmp_path / "variant", {"certbot": "0.10.2~unpatched"})
    above = {("certbot", "0.10.2~unpatched"): PIN + 1}
    assert priorities(preferences([variant, built, base])) == {**ours, **above}


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Packages: this is no index of a flat apt repository"):
        packages(tmp_path)


def test_every_package_of_an_index_is_found_also_where_it_is_not_utf8(tmp_path: Path) -> None:
    text = b"Package: %c\nVersion: 1\nDescription: caf\xe9\n Package: no\n\n"
    (tmp_path / "Packages").write_bytes(text % b"a" + text % b"b")
    found = [(package["Package"], package["Description"]) for package in packages(tmp_path)]
    assert found == [(name, "caf?\n Package: no") for name in "ab"]
