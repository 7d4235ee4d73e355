from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from backport.build.sbuild import LOG, build
from backport.build.session import BuildOptions
from backport.engine.verdict import Failed, Passed, Verdict
from backport.environments.layers import Layer
from tests.build.bullseye import Bullseye
from tests.build.packages import index, make_deb, make_repository, make_source

INSTALLS_NOTHING = "Null resolver"
PROBE = "dpkg-query --show --showformat='THERE $${Package} $${Version}\\n' "


class Built(NamedTuple):
    """How a build ended, on which layer, and its log."""

    verdict: Verdict
    layer: Layer | None
    log: str


class Builds:
    """Builds of made-up sources on one base: ``needed`` depends on ``below``."""

    def __init__(self, base: Bullseye, folder: Path) -> None:
        self.folder = folder
        self.chroot = folder / "chroot.tar"
        self.chroot.symlink_to(base.chroot)
        self.base = make_repository(
            folder / "base", {"another": "1.0", "below": "1.0", "other": "1.0"}
        )
        make_deb(self.base, "needed", "1.0", depends="below")
        index(self.base)

    def __call__(self, name: str, build_depends: str, probe: str, *own: Path) -> Built:
        dsc = make_source(self.folder / name, commands=PROBE + probe, build_depends=build_depends)
        out, options = self.folder / "out" / name, BuildOptions(layered=True, memory=True)
        repositories = [*own, self.base]
        made = build(dsc, chroot=self.chroot, repositories=repositories, out=out, options=options)
        return Built(made.verdict, made.layer, (out / LOG).read_text())

    def layers(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob("layer-*/chroot.tar"))


@pytest.fixture
def builds(base: Bullseye, tmp_path: Path) -> Builds:
    return Builds(base, tmp_path)


def test_builds_with_one_set_of_dependencies_share_a_layer_and_install_nothing(
    builds: Builds,
) -> None:
    first = builds("first", "fakeroot, needed", "below needed")
    second = builds("second", "needed (>= 1), fakeroot", "below needed")
    third = builds("third", "fakeroot,\n needed", "below needed")

    for result in (first, second, third):
        assert result.verdict == Passed("1 packages"), result.log
        assert "THERE needed 1.0" in result.log
        assert "Unpacking needed" not in result.log
        assert INSTALLS_NOTHING in result.log
    assert first.layer == second.layer == third.layer
    assert first.layer and builds.layers() == [first.layer.name]


def test_a_layer_is_made_from_the_largest_one_that_has_nothing_else(builds: Builds) -> None:
    builds("least", "fakeroot", "fakeroot")
    builds("some", "fakeroot, needed", "needed")
    builds("another", "fakeroot, other", "other")
    most = builds("most", "fakeroot, needed, another", "needed another below")
    lacking = builds("lacking", "fakeroot, needed, another", "other")

    assert most.verdict == Passed("1 packages"), most.log
    assert isinstance(lacking.verdict, Failed), lacking.log
    assert most.layer
    made = (most.layer.folder / "log").read_text()
    assert "Unpacking another" in made
    assert "Unpacking needed" not in made


def test_a_build_without_a_build_dependency_fails_though_a_layer_has_that_package(
    builds: Builds,
) -> None:
    builds("whole", "fakeroot, needed", "needed")
    lacking = builds("lacking", "fakeroot, other", "needed")

    assert isinstance(lacking.verdict, Failed), lacking.log
    assert "no packages found matching needed" in lacking.log
    assert len(builds.layers()) == 2


def test_a_layer_has_what_an_own_package_needs_and_not_the_package(builds: Builds) -> None:
    own = make_repository(builds.folder / "own", {})
    make_deb(own, "ours", "1.0", depends="needed")
    index(own)

    result = builds("user", "fakeroot, ours", "below ours", own)

    assert result.verdict == Passed("1 packages"), result.log
    assert result.layer and [result.layer.name] == builds.layers()
    assert "Unpacking ours" in result.log
    assert "Unpacking below" not in result.log
    assert INSTALLS_NOTHING not in result.log


def test_a_package_that_a_build_must_not_see_is_looked_for(builds: Builds) -> None:
    result = builds("user", "fakeroot, needed\nBuild-Conflicts: other", "needed")

    assert result.verdict == Passed("1 packages"), result.log
    assert result.layer is not None
    assert INSTALLS_NOTHING not in result.log


@pytest.mark.parametrize(
    ("needed", "ours", "fields"),
    [
        ("needed", "below", ""),
        # Without the update's, apt takes another package.
        ("chooses", "ours", ""),
        ("chooses", "provider", "Provides: ours\n"),
    ],
)
def test_no_layer_is_used_where_an_own_package_has_a_say_in_what_is_installed(
    builds: Builds, needed: str, ours: str, fields: str
) -> None:
    make_deb(builds.base, "chooses", "1.0", depends="ours | below")
    index(builds.base)
    own = make_repository(builds.folder / "own", {})
    make_deb(own, ours, "1.0~ours", fields=fields)
    index(own)

    result = builds("user", f"fakeroot, {needed}", ours, own)

    assert result.verdict == Passed("1 packages"), result.log
    assert result.layer is None
    assert f"THERE {ours} 1.0~ours" in result.log


def test_dependencies_that_cannot_be_installed_are_told_by_the_build(builds: Builds) -> None:
    result = builds("user", "fakeroot, missing", "below")

    assert isinstance(result.verdict, Failed)
    assert "missing" in result.log
    assert builds.layers() == []
