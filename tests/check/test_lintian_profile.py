from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backport.check import lintian, lintian_profile
from backport.check.ceiling import Ceiling
from backport.errors import MachineError
from tests.check.trees import toolchain
from tests.support.source_builder import PackageSpec, build_dsc

CONTROL = (
    "Source: small\nSection: misc\nPriority: optional\n"
    "Maintainer: Debian Testers <testers@lists.debian.org>\n"
    "Build-Depends: debhelper (>= {level})\nStandards-Version: {policy}\n\n"
    "Package: small\nArchitecture: all\nDescription: it does nothing\n It is a test.\n"
)
NEWER = "newer-standards-version"
OLD = "package-uses-deprecated-debhelper-compat-version"
WRONG = "bad-distribution-in-changes-file"


def tags(
    root: Path, ceiling: Ceiling, *, target: str = "", level: str = "9", policy: str = "3.9.8"
) -> set[str]:
    """The tags of a real source package under the profile that is made for a series."""
    include = root / "include"
    name = lintian_profile.make(ceiling, include)
    assert name == f"ubuntu/{ceiling.series}"
    control = CONTROL.format(level=level, policy=policy)
    spec = PackageSpec(debian={"control": control, "compat": f"{level}\n"})
    dsc = build_dsc(spec, root / "source")
    subprocess.run(["dpkg-source", "-x", dsc.name, "tree"], cwd=dsc.parent, check=True)
    made = dsc.with_name("small_source.changes")
    words = ["dpkg-genchanges", "-S", f"-DDistribution={target or ceiling.series}"]
    with made.open("w") as out:
        subprocess.run(words, cwd=dsc.parent / "tree", check=True, stdout=out)
    found = lintian.run_lintian([made], name, root / "log", include=include)
    return {tag.name for tag in found}


def xenial(**tools: str) -> Ceiling:
    return Ceiling("xenial", toolchain(**tools))


def test_what_the_series_has_is_no_tag_and_what_it_does_not_have_is_one(tmp_path: Path) -> None:
    assert not tags(tmp_path / "sound", xenial()) & {NEWER, OLD, WRONG}
    wrong = tags(tmp_path / "wrong", xenial(), target="yakkety", level="8", policy="4.1.0")
    assert {NEWER, OLD, WRONG} <= wrong


def test_a_series_that_lintian_does_not_know_is_no_wrong_distribution(tmp_path: Path) -> None:
    assert WRONG not in tags(tmp_path, Ceiling("quokka", toolchain()))


def test_where_a_tool_is_not_known_lintians_own_data_stand(tmp_path: Path) -> None:
    found = tags(tmp_path, xenial(debhelper="", policy=""), policy="4.1.0")
    assert OLD in found
    assert NEWER not in found


def home(root: Path, profiles: tuple[str, ...], levels: str = "deprecated=10\n") -> Path:
    for name in profiles:
        path = root / "profiles" / f"{name}.profile"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Profile: {name}\n")
    path = root / "data/debhelper/compat-level"
    path.parent.mkdir(parents=True)
    path.write_text(levels)
    return root


def test_lintians_own_profile_of_the_series_is_known(tmp_path: Path) -> None:
    there = home(tmp_path, ("ubuntu/main", "ubuntu/xenial"))
    assert lintian_profile.own("xenial", there) == "ubuntu/xenial"
    assert lintian_profile.own("zesty", there) == ""


def test_without_a_profile_of_ubuntu_none_is_made(tmp_path: Path) -> None:
    there = home(tmp_path / "lintian", ("debian/main",))
    assert lintian_profile.make(xenial(), tmp_path / "include", there) == ""
    assert not (tmp_path / "include").exists()


@pytest.mark.parametrize("levels", ["deprecated=ten\n", "deprecated=10\n"])
def test_data_that_cannot_be_read_end_in_a_sentence(tmp_path: Path, levels: str) -> None:
    # The second has no list of the Policy's releases beside it.
    there = home(tmp_path / "lintian", ("ubuntu/main",), levels)
    with pytest.raises(MachineError, match="lintian's data cannot be read"):
        lintian_profile.make(xenial(), tmp_path / "include", there)
