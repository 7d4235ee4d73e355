from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from debian.deb822 import Dsc

from backport.recipe.model import ChangelogItem, Variant
from backport.source.files import sha256_of
from backport.source.package import make
from tests.source.packages import (
    ADD_FILELOCK,
    AFTER,
    BEFORE,
    NATIVE,
    NEW_VERSION,
    OWN_VERSION,
    PATCH,
    QUILT,
    SPEC,
    TESTS,
    based,
    changes,
    make_own,
    make_update,
    own_packaging,
    unpacked,
)
from tests.support.source_builder import (
    BUG,
    CONTROL,
    PackageSpec,
    build_dsc,
    make_recipe,
    numbered,
    patch_text,
)


def test_our_own_packaging_on_upstreams_tarball_is_a_whole_source_package(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path, patches=QUILT, tests=TESTS, control=(ADD_FILELOCK,))
    package = make_own(tmp_path, recipe, orig)
    assert sorted(package.files) == [
        f"small_{OWN_VERSION}.debian.tar.xz",
        f"small_{OWN_VERSION}.dsc",
        f"small_{OWN_VERSION}_source.changes",
        "small_1.0.orig.tar.gz",
    ]
    assert {path.name: sha256_of(path) for path in (tmp_path / "out/xenial").iterdir()} == (
        package.files
    )
    assert package.debdiff is None
    assert package.files["small_1.0.orig.tar.gz"] == sha256_of(orig)
    tree = unpacked(package, tmp_path / "unpacked")
    assert (tree / "src/main.txt").read_text() == AFTER
    assert (tree / "debian/patches/lock.patch").read_text() == PATCH
    assert (tree / "debian/patches/series").read_text() == "lock.patch\n"
    assert (tree / "debian/tests/smoke").stat().st_mode & 0o111
    assert (tree / "debian/rules").stat().st_mode & 0o111
    assert (tree / "debian/changelog").read_text().startswith(f"small ({OWN_VERSION}) xenial;")
    assert (
        "Depends: ${misc:Depends}, ${python:Depends}, python-filelock\n"
        in (tree / "debian/control").read_text()
    )
    assert Dsc(package.dsc.read_bytes())["Format"] == "3.0 (quilt)"
    found = changes(package)
    assert (found["Launchpad-Bugs-Fixed"], found["Architecture"]) == (str(BUG), "source")
    assert "small_1.0.orig.tar.gz" in [file["name"] for file in found["Files"]]
    assert found["Date"] == recipe.date
    with tarfile.open(package.dsc.with_name(f"small_{OWN_VERSION}.debian.tar.xz")) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 1795435200)}
    assert {oct(member.mode) for member in members} == {"0o644", "0o755"}


def test_another_series_has_the_same_orig_tarball_and_its_own_items(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path, patches=QUILT)
    items = (ChangelogItem("Everywhere."), ChangelogItem("There.", ("xenial",)))
    recipe = dataclasses.replace(
        recipe, sources=(dataclasses.replace(recipe.sources[0], changes=items),)
    )
    made = {name: make_own(tmp_path, recipe, orig, name) for name in ("xenial", "zesty")}
    assert {one.files["small_1.0.orig.tar.gz"] for one in made.values()} == {sha256_of(orig)}
    for name, package in made.items():
        found = changes(package)
        assert found["Distribution"] == name
        assert ("There." in found["Changes"]) == (name == "xenial")


def test_our_own_packagings_patches_come_before_the_recipes(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path, patches=QUILT)
    folder = recipe.sources[0].patches / "debian/patches"
    folder.mkdir()
    # As in the archive: its header names no bug of Ubuntu's.
    first = numbered(40, but={1: "one"})
    own = patch_text("src/main.txt", BEFORE, first, header="Description: the first line\n")
    (folder / "own.patch").write_text(own)
    (folder / "series").write_text("own.patch\n")
    tree = unpacked(make_own(tmp_path, recipe, orig), tmp_path / "unpacked")
    assert (tree / "debian/patches/series").read_text() == "own.patch\nlock.patch\n"
    assert (tree / "src/main.txt").read_text() == numbered(40, but={1: "one", 20: "twenty"})


def test_a_pinned_package_keeps_its_tarball_its_patches_and_its_changelog(tmp_path: Path) -> None:
    theirs = patch_text("README", "small\n", "large\n", header="no DEP-3 at all\n")
    spec = PackageSpec(patches={"theirs.patch": theirs})
    package = based(tmp_path, spec, patches=QUILT, control=(ADD_FILELOCK,))
    orig = "small_1.0.orig.tar.gz"
    assert package.files[orig] == sha256_of(tmp_path / "archive" / orig)
    tree = unpacked(package, tmp_path / "unpacked")
    assert (tree / "debian/patches/series").read_text() == "theirs.patch\nlock.patch\n"
    assert (tree / "README").read_text() == "large\n"
    assert (tree / "src/main.txt").read_text() == AFTER
    changelog = (tree / "debian/changelog").read_text()
    assert changelog.startswith(f"small ({NEW_VERSION}) xenial; urgency=medium\n")
    assert changelog.endswith(
        " -- Debian Testers <testers@lists.debian.org>  Sat, 02 Jan 2016 10:00:00 +0100\n"
    )


def test_patches_of_two_folders_keep_their_folders(tmp_path: Path) -> None:
    names = ("fix/a.patch", "more/a.patch")
    again = patch_text("src/main.txt", AFTER, AFTER.replace("twenty", "XX"))
    quilt = {**dict(zip(names, (PATCH, again), strict=True)), "series": "\n".join(names)}
    tree = unpacked(based(tmp_path, patches=quilt), tmp_path / "unpacked")
    assert (tree / "debian/patches/series").read_text().split() == [*names]
    assert (tree / "src/main.txt").read_text() == AFTER.replace("twenty", "XX")


FORMATS = [
    (NATIVE, ["small_{}.dsc", "small_{}.tar.xz"]),
    (PackageSpec(version="1.0", format="1.0"), ["small_{}.dsc", "small_{}.tar.gz"]),
    (PackageSpec(format="1.0"), ["small_1.0.orig.tar.gz", "small_{}.diff.gz", "small_{}.dsc"]),
]


@pytest.mark.parametrize(("spec", "files"), FORMATS)
def test_in_a_format_without_quilt_series_the_patches_are_applied(
    tmp_path: Path, spec: PackageSpec, files: list[str]
) -> None:
    version = f"{spec.version}ubuntu0.16.04.1"
    options = {"patches": QUILT, "tests": TESTS, "control": (ADD_FILELOCK,)}
    package = based(tmp_path, spec, version, **options)
    named = [name.format(version) for name in files]
    assert {*named} < {*package.files}
    assert Dsc(package.dsc.read_bytes())["Format"] == spec.format
    tree = unpacked(package, tmp_path / "unpacked")
    assert (tree / "src/main.txt").read_text() == AFTER
    assert not (tree / "debian/patches").exists()
    assert (tree / "debian/tests/smoke").is_file()
    assert package.notes == (
        f"applied, as the format {spec.format} has no quilt series: lock.patch",
    )
    assert package.debdiff is not None
    assert "+twenty\n" in package.debdiff.read_text()


def test_the_debdiff_shows_what_the_update_changed_and_nothing_else(tmp_path: Path) -> None:
    package = based(tmp_path, patches=QUILT, control=(ADD_FILELOCK,))
    assert package.debdiff is not None
    assert package.debdiff.name == f"small_{NEW_VERSION}.debdiff"
    text = package.debdiff.read_text()
    assert text.startswith("diff -Nru ")
    headings = [line.split("\t")[0] for line in text.splitlines() if line.startswith("+++ ")]
    assert [heading.partition("debian/")[2] for heading in headings] == [
        "changelog",
        "control",
        "patches/lock.patch",
        "patches/series",
    ]
    assert str(tmp_path) not in text


def test_the_changes_reach_back_to_the_version_that_is_published(tmp_path: Path) -> None:
    dsc = build_dsc(SPEC, tmp_path / "archive")
    recipe = make_recipe(tmp_path, SPEC)
    text = changes(make_update(tmp_path, recipe, dsc, since="0.9-1"))["Changes"]
    assert "small (1.0-1) unstable" in text
    again = dataclasses.replace(recipe, root=tmp_path)
    short = make_update(tmp_path / "again", again, dsc)
    assert "small (1.0-1) unstable" not in changes(short)["Changes"]


def test_a_control_in_is_edited_as_well_and_said(tmp_path: Path) -> None:
    spec = PackageSpec(debian={"control.in": CONTROL.format(name="small")})
    package = based(tmp_path, spec, control=(ADD_FILELOCK,))
    assert package.notes == ("debian/control.in was edited like debian/control, which it makes",)
    tree = unpacked(package, tmp_path / "unpacked")
    assert (tree / "debian/control.in").read_text() == (tree / "debian/control").read_text()


def test_every_upstream_tarball_of_a_pinned_package_goes_along(tmp_path: Path) -> None:
    spec = PackageSpec(components={"extra": {"more.txt": "more\n"}})
    package = based(tmp_path, spec, patches=QUILT)
    for name in ("small_1.0.orig.tar.gz", "small_1.0.orig-extra.tar.gz"):
        assert package.files[name] == sha256_of(tmp_path / "archive" / name)
    assert (unpacked(package, tmp_path / "unpacked") / "extra/more.txt").read_text() == "more\n"


def test_a_pinned_package_with_an_epoch_has_files_without_it(tmp_path: Path) -> None:
    package = based(tmp_path, PackageSpec(version="1:1.0-1"), "1:1.0-1ubuntu0.16.04.1")
    assert package.dsc.name == "small_1.0-1ubuntu0.16.04.1.dsc"
    assert changes(package)["Version"] == "1:1.0-1ubuntu0.16.04.1"


def test_relative_paths_are_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsc = build_dsc(SPEC, tmp_path / "archive")
    recipe = make_recipe(tmp_path, SPEC, patches=QUILT)
    monkeypatch.chdir(tmp_path)
    package = make_update(Path("here"), recipe, dsc.relative_to(tmp_path))
    assert package.dsc == Path("here/out") / f"small_{NEW_VERSION}.dsc"
    assert changes(package)["Launchpad-Bugs-Fixed"] == str(BUG)


def test_ubuntus_own_quilt_series_gets_the_patches_too(tmp_path: Path) -> None:
    theirs = patch_text("README", "small\n", "large\n")
    spec = PackageSpec(
        patches={"theirs.patch": theirs}, debian={"patches/ubuntu.series": "theirs.patch"}
    )
    tree = unpacked(based(tmp_path, spec, patches=QUILT), tmp_path / "unpacked")
    for name in ("series", "ubuntu.series"):
        assert (tree / "debian/patches" / name).read_text() == "theirs.patch\nlock.patch\n"


def test_a_variant_goes_without_the_recipes_patches_and_says_so(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path, patches=QUILT)
    for name, text in (("small", BEFORE), ("other", AFTER)):
        package = make(
            recipe,
            recipe.sources[0],
            recipe.series[0],
            "1.0-0ubuntu0.16.04.1~unpatched1",
            orig=orig,
            pinned_dsc=None,
            out=tmp_path / name,
            variant=Variant("unpatched", (name,), "the control"),
        )
        tree = unpacked(package, tmp_path / f"{name}.tree")
        assert (tree / "src/main.txt").read_text() == text
        assert "Variant unpatched" in (tree / "debian/changelog").read_text()


_SCRIPT = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[1], 8))
sys.path.insert(0, sys.argv[4])
from tests.source.packages import rebuild
rebuild(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_the_same_input_gives_the_same_bytes_wherever_and_however_it_is_made(
    tmp_path: Path,
) -> None:
    for spec in (SPEC, NATIVE):
        build_dsc(spec, tmp_path / "archive")
    home = Path(__file__).parents[2]
    found = []
    usual = {"TZ": "UTC", "LC_ALL": "C", "USER": "one"}
    other = {
        "TZ": "Pacific/Kiritimati", "LC_ALL": "en_US.UTF-8", "LANGUAGE": "de", "USER": "two",
        "DEBEMAIL": "two@ubuntu.com", "DEBFULLNAME": "Two", "SOURCE_DATE_EPOCH": "1",
        "DEB_VENDOR": "Debian", "XZ_OPT": "-0", "TAR_OPTIONS": "--owner=two",
    }  # fmt: skip
    for name, umask, env in (
        ("one", "022", usual),
        ("a much longer name/than the other", "077", other),
    ):
        root = tmp_path / name
        root.mkdir(parents=True)
        out = tmp_path / f"out-{umask}"
        subprocess.run(
            [sys.executable, "-B", "-c", _SCRIPT, umask, root, out, home],
            check=True,
            env={"PATH": os.environ["PATH"], "HOME": str(root), **env},
        )
        found.append(
            {
                str(path.relative_to(out)): (path.read_bytes(), path.stat().st_mode)
                for path in out.rglob("*")
                if path.is_file()
            }
        )
    assert found[0] == found[1]
    assert len(found[0]) == 4 + 5 + 4
