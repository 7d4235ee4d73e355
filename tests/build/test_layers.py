from __future__ import annotations

from pathlib import Path

import pytest

from backport.build.result import BuildResult
from backport.build.sbuild import BuildOptions, build
from backport.engine.verdict import Failed, Passed
from tests.build.bullseye import Bullseye
from tests.build.packages import index, make_deb, make_repository, make_source

INSTALLS_NOTHING = "Null resolver"
PROBE = "dpkg-query --show --showformat='THERE $${Package} $${Version}\\n' "


class Builds:
    """Builds of made-up sources on one base: ``needed`` depends on ``below``."""

    def __init__(self, base: Bullseye, folder: Path) -> None:
        self.folder = folder
        self.chroot = folder / "chroot.tar"
        self.chroot.symlink_to(base.chroot)
        self.base = make_repository(folder / "base", {"below": "1.0", "other": "1.0"})
        make_deb(self.base, "needed", "1.0", depends="below")
        index(self.base)

    def __call__(self, name: str, build_depends: str, probe: str, *own: Path) -> BuildResult:
        dsc = make_source(self.folder / name, commands=PROBE + probe, build_depends=build_depends)
        return build(
            dsc,
            chroot=self.chroot,
            repositories=[*own, self.base],
            out=self.folder / "out" / name,
            options=BuildOptions(layered=True, memory=True),
        )

    def layers(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob("layer-*/chroot.tar"))


def log(result: BuildResult) -> str:
    return (result.folder / result.log).read_text()


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
        assert result.verdict == Passed("1 packages"), log(result)
        assert "THERE needed 1.0" in log(result)
        assert "Unpacking needed" not in log(result)
        assert INSTALLS_NOTHING in log(result)
    assert first.layer and second.layer
    assert first.layer == third.layer
    assert builds.layers() == sorted({first.layer.name, second.layer.name})


def test_a_build_without_a_build_dependency_fails_though_a_layer_has_that_package(
    builds: Builds,
) -> None:
    builds("whole", "fakeroot, needed", "needed")
    lacking = builds("lacking", "fakeroot, other", "needed")

    assert isinstance(lacking.verdict, Failed), log(lacking)
    assert "no packages found matching needed" in log(lacking)
    assert len(builds.layers()) == 2


def test_a_layer_has_what_an_own_package_needs_and_not_the_package(builds: Builds) -> None:
    own = make_repository(builds.folder / "own", {})
    make_deb(own, "ours", "1.0", depends="needed")
    index(own)

    result = builds("user", "fakeroot, ours", "below ours", own)

    assert result.verdict == Passed("1 packages"), log(result)
    assert result.layer and [result.layer.name] == builds.layers()
    assert "Unpacking ours" in log(result)
    assert "Unpacking below" not in log(result)
    assert INSTALLS_NOTHING not in log(result)


def test_a_package_that_a_build_must_not_see_is_looked_for(builds: Builds) -> None:
    result = builds("user", "fakeroot, needed\nBuild-Conflicts: other", "needed")

    assert result.verdict == Passed("1 packages"), log(result)
    assert result.layer is not None
    assert INSTALLS_NOTHING not in log(result)


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

    assert result.verdict == Passed("1 packages"), log(result)
    assert result.layer is None
    assert f"THERE {ours} 1.0~ours" in log(result)


def test_dependencies_that_cannot_be_installed_are_told_by_the_build(builds: Builds) -> None:
    result = builds("user", "fakeroot, missing", "below")

    assert isinstance(result.verdict, Failed)
    assert "missing" in log(result)
    assert builds.layers() == []
