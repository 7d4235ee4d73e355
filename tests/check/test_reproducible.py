from __future__ import annotations

from pathlib import Path

import pytest

from backport.build import sbuild, variation
from backport.build.session import BuildOptions
from backport.check import reproducible
from backport.check.reproducible import Difference
from backport.engine.verdict import Passed
from tests.build.bullseye import Bullseye
from tests.build.packages import make_deb, make_repository, make_source

# What a build should never write down: each line is another in the second build.
TELLTALES = """\
pwd
echo $$USER
umask
date +%F
echo $$LC_ALL
echo $$HOME
"""


def test_a_package_that_tells_how_it_was_built_is_not_the_same_in_a_varied_build(
    base: Bullseye, tmp_path: Path
) -> None:
    commands = "mkdir -p debian/tmp/srv\n" + "".join(
        f"{line} > debian/tmp/srv/{number}\n" for number, line in enumerate(TELLTALES.splitlines())
    )
    dsc = make_source(tmp_path / "source", "teller", commands=commands)
    repository = make_repository(tmp_path / "repository", {"nothing": "1.0"})
    for name, varied in (("one", False), ("two", True)):
        result = sbuild.build(
            dsc,
            chroot=base.chroot,
            repositories=[repository],
            out=tmp_path / name,
            options=BuildOptions(varied=varied),
        )
        assert isinstance(result.verdict, Passed), result.verdict

    differ = reproducible.compare(tmp_path / "one", tmp_path / "two", tmp_path)
    (finding,) = reproducible.findings(differ, {})

    assert finding.fails
    assert (finding.rule, finding.advice) == ("not-reproducible", "see teller.diffoscope.txt")
    report = (tmp_path / "teller.diffoscope.txt").read_text()
    for number in range(len(TELLTALES.splitlines())):
        assert f"/srv/{number}" in report
    assert f"+{variation.PATH}" in report
    assert "+someone" in report
    assert "+0002" in report


def test_a_package_that_only_one_build_makes_is_said(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_deb(tmp_path / name, "common", "1.0")
    make_deb(tmp_path / "two", "extra", "1.0")
    differ = reproducible.compare(tmp_path / "one", tmp_path / "two", tmp_path)
    assert differ == {"extra": Difference("extra_1.0_all.deb", ("only the second build makes it",))}
    (finding,) = reproducible.findings(differ, {})
    assert (finding.place, finding.advice) == ("extra_1.0_all.deb", "read both logs")


UPDATE = Difference("a_2_all.deb", ("./usr/bin/a", "a.1"), "a.diffoscope.txt")


@pytest.mark.parametrize(
    ("pinned", "new", "why"),
    [
        ({}, True, "two builds differ: ./usr/bin/a, a.1"),
        ({"other": UPDATE}, True, "two builds differ: ./usr/bin/a, a.1"),
        ({"a": Difference("a_1_all.deb", ("a.1",))}, True, "two builds differ: ./usr/bin/a"),
        (
            {"a": Difference("a_1_all.deb", ("a.1", "b.1", "./usr/bin/a"))},
            False,
            "two builds differ: ./usr/bin/a, a.1; so do two builds of the pinned package",
        ),
    ],
)
def test_what_differs_in_the_pinned_package_too_is_not_new(
    pinned: dict[str, Difference], new: bool, why: str
) -> None:
    (finding,) = reproducible.findings({"a": UPDATE}, pinned)
    assert (finding.new, finding.why, finding.severity) == (new, why, "error")
