from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backport.errors import StepError
from backport.source.dpkg import Dpkg, isolated
from tests.environments.packages import end_agents, gpg, make_key
from tests.support.source_builder import PackageSpec, build_dsc, patch_text, write_files


@pytest.fixture
def dsc(tmp_path: Path) -> Path:
    return build_dsc(PackageSpec(), tmp_path / "archive")


@pytest.fixture
def dpkg(tmp_path: Path) -> Dpkg:
    return isolated(tmp_path, 1795435200)


def test_the_vendor_is_ubuntu_whatever_this_machine_is(dpkg: Dpkg) -> None:
    shown = subprocess.run(
        ["dpkg-vendor", "--query", "vendor"],
        env={**dpkg.env, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "Ubuntu\n"


def test_a_change_that_no_patch_records_is_not_built(dsc: Path, dpkg: Dpkg) -> None:
    tree = dsc.parent / "tree"
    dpkg.unpack(dsc, tree)
    write_files(tree, {"README": "changed\n", "debian/source/options": "auto-commit\n"})
    with pytest.raises(StepError, match="dpkg-source fails: aborting due to unexpected upstream"):
        dpkg.build(tree)


def test_a_package_whose_patch_needs_fuzz_is_not_unpacked(tmp_path: Path, dpkg: Dpkg) -> None:
    patch = "--- a/src/main.txt\n+++ b/src/main.txt\n@@ -5,3 +5,3 @@\n line 5\n-line 6\n+six\n"
    spec = PackageSpec(debian={"patches/series": "p\n", "patches/p": f"{patch} line 7\n"})
    dsc = build_dsc(spec, tmp_path / "archive")
    dpkg.unpack(dsc, tmp_path / "sound")
    tree = tmp_path / "archive/tree"
    dpkg.unpack(dsc, tree, patches=False)
    assert (tree / "src/main.txt").read_text() == spec.files["src/main.txt"]
    (tree / "debian/patches/p").write_text(f"{patch} another\n")
    with pytest.raises(StepError, match="dpkg-source fails: "):
        dpkg.build(tree)


def test_a_tree_with_a_link_out_of_it_makes_the_programs_write_nothing_there(
    tmp_path: Path, dpkg: Dpkg
) -> None:
    patch = patch_text("README", "small\n", "large\n")
    dsc = build_dsc(PackageSpec(patches={"p": patch}), tmp_path / "archive")
    tree, elsewhere = dsc.parent / "tree", tmp_path.with_name("elsewhere")
    dpkg.unpack(dsc, tree, patches=False)
    elsewhere.mkdir()
    (tree / ".pc").symlink_to(elsewhere)
    with pytest.raises(StepError, match="dpkg-source fails"):
        dpkg.build(tree)
    assert list(elsewhere.iterdir()) == []


def test_a_debdiff_against_a_signed_package_begins_with_the_diff(
    dsc: Path, dpkg: Dpkg, tmp_path: Path
) -> None:
    home = tmp_path / "gnupg"
    make_key(home)
    gpg(home, "--output", str(tmp_path / "signed"), "--clearsign", str(dsc))
    end_agents()
    other = build_dsc(PackageSpec(debian={"small.docs": "README\n"}), tmp_path / "other")
    (tmp_path / "signed").replace(dsc)
    dpkg.debdiff(dsc, other, tmp_path / "out")
    text = (tmp_path / "out").read_text()
    assert text.startswith("diff -Nru small-1.0/debian/small.docs ")
    assert "gpgv" not in text
