from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.engine.process import as_root
from backport.engine.process import run as run_program
from backport.engine.verdict import Failed, Passed, Verdict
from backport.environments import layers
from backport.testbed.autopkgtest import run
from backport.testbed.lxc import Testbed
from backport.testbed.matrix import installed_for
from tests.build.bullseye import Bullseye
from tests.build.packages import index, make_deb, make_repository
from tests.support.source_builder import write_files

# A maintainer script changes files of the root too.
NEEDED = {
    "etc/needed": "needed\n",
    "usr/share/doc/needed/readme": "needed\n",
    "DEBIAN/postinst!": "#!/bin/sh\necho needed >>/etc/motd\nrm /etc/issue\n",
}
STATE = """\
#!/bin/sh
set -e
dpkg-query --show
echo manual: $(apt-mark showmanual)
grep needed /etc/motd
test ! -e /etc/issue
find /etc /opt /srv/backport /usr /var/lib | grep -v '^/var/lib/\\(apt/lists\\|systemd\\)/' | sort
"""
TESTS = {
    "control": "Tests: whole\nDepends: needed, ours\nRestrictions: needs-root\n\n"
    "Tests: lacking\nDepends: ours-too\n\n"
    "Tests: more\nDepends: needed, another, other\nRestrictions: needs-root\n",
    "whole!": STATE,
    "lacking!": "#!/bin/sh\ntest -e /etc/needed\n",
    "more!": STATE,
}


BASE = ("below", "another", "other")


class OnPackages:
    """Tests on packages of a base and of an update: ``needed`` depends on ``below``."""

    def __init__(self, base: Bullseye, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.symlink_to(base.testbed_root)
        self.tests = write_files(folder / "tests", TESTS)
        self.repositories = {
            "built": make_repository(folder / "built", {"ours-too": "1.0"}),
            "base": make_repository(folder / "base", dict.fromkeys(BASE, "1.0")),
        }
        make_deb(self.repositories["built"], "ours", "1.0", depends="another")
        make_deb(self.repositories["base"], "needed", "1.0", depends="below", files=NEEDED)
        for repository in self.repositories.values():
            index(repository)

    def layer(self, name: str) -> layers.Layer:
        """The layer of a test."""
        relations = installed_for(self.tests, name)
        layer = layers.for_test(relations, self.root, [*self.repositories.values()])
        assert layer is not None
        return layer

    def run(self, name: str, layer: layers.Layer | None) -> tuple[Verdict, str, str]:
        """The verdict, log and output of a test, on a layer or on the bare root."""
        out = self.folder / f"{name}-{layer is not None}"
        with Testbed(self.root, self.repositories, layer=layer) as testbed:
            verdict = run(self.tests, testbed=testbed, only=[name], out=out).verdict
        output = out / f"{name}-stdout"
        return verdict, (out / "log").read_text(), output.read_text() if output.exists() else ""


@pytest.fixture
def tests(base: Bullseye, tmp_path: Path) -> Iterator[OnPackages]:
    yield OnPackages(base, tmp_path)
    run_program(as_root(["rm", "-rf", *tmp_path.glob("layer-*/root")]))


def test_a_test_on_a_layer_finds_what_it_finds_without_and_only_the_update_is_installed(
    tests: OnPackages,
) -> None:
    layer = tests.layer("whole")
    verdict, log, output = tests.run("whole", layer)

    assert verdict == Passed("1 tests"), log
    assert "Unpacking needed" not in log
    assert "Unpacking ours" in log
    plain, log, output_without = tests.run("whole", None)
    assert plain == verdict
    assert "Unpacking needed" in log
    assert output == output_without
    assert tests.layer("whole") == layer
    assert len([*tests.folder.glob("layer-*/root")]) == 1


def test_a_test_that_lacks_a_dependency_fails_though_a_layer_has_that_package(
    tests: OnPackages,
) -> None:
    tests.layer("whole")
    verdict, _, _ = tests.run("lacking", tests.layer("lacking"))

    assert verdict == Failed("test", "1 of 1 failed (lacking): non-zero exit status 1")
    assert len([*tests.folder.glob("layer-*/root")]) == 2


def test_a_layer_over_a_smaller_one_is_as_if_made_at_once(tests: OnPackages) -> None:
    at_once = tests.layer("more")
    verdict, log, output = tests.run("more", at_once)
    assert verdict == Passed("1 tests"), log
    run_program(as_root(["rm", "-rf", at_once.folder]))
    tests.layer("whole")
    layer = tests.layer("more")
    verdict, log, output_in_two = tests.run("more", layer)

    assert verdict == Passed("1 tests"), log
    made = (layer.folder / "log").read_text()
    assert "Unpacking other" in made
    assert "Unpacking needed" not in made
    assert output_in_two == output


def test_dependencies_that_cannot_be_installed_are_told_by_the_test(tests: OnPackages) -> None:
    repositories = [*tests.repositories.values()]

    assert layers.for_test(["missing"], tests.root, repositories) is None
    assert not [*tests.folder.glob(".making-*")]
