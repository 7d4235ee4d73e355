from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.builder.user import find_builder
from backport.check import lintian
from backport.check.ceiling import Ceiling
from backport.check.lintian import Tag, read
from backport.engine.process import Runner
from backport.errors import MachineError
from tests.check import trees
from tests.support.source_builder import PackageSpec, build_dsc

OUTPUT = """\
E: small source: missing-build-dependency-for-dh-addon python2 (not a | b) [debian/rules]
W: small: tag-without-context
I: small changes: tag-with-a-place [debian/tests/smoke:7]
N: a remark
O: small: overridden
M: small: masked
"""


def test_a_line_is_read_with_its_package_context_and_place() -> None:
    assert read(OUTPUT) == (
        Tag(
            "error",
            "small",
            "source",
            "missing-build-dependency-for-dh-addon",
            "python2 (not a | b)",
            "debian/rules",
        ),
        Tag("warning", "small", "", "tag-without-context", "", ""),
        Tag("info", "small", "changes", "tag-with-a-place", "", "debian/tests/smoke:7"),
    )


NEWER = read(OUTPUT)[0]
KNOWN = Tag("error", "small", "source", "no-copyright-file", "x", "debian/rules:3")
MOVED = replace(KNOWN, pointer="debian/rules:9")
BINARY = Tag("error", "small", "", "no-copyright-file", "", "usr/bin/x")
LATER = replace(BINARY, name="a-tag-of-2030")
HAS = trees.XENIAL["dh-python"]


@pytest.mark.parametrize(
    ("tag", "dh_python", "pinned", "expected", "advice"),
    [
        # It asks for a newer tool than the series has; which one that has may not be known.
        (NEWER, HAS, None, ("info", False), "dh-python 3.20190307"),
        (NEWER, "5.20220819", None, ("error", True), ""),
        (NEWER, "", None, ("error", True), ""),
        # What the pinned package has is not new; its binary packages were not built.
        (MOVED, HAS, [KNOWN], ("error", False), ""),
        (MOVED, HAS, [], ("error", True), ""),
        (BINARY, HAS, [], ("warning", False), ""),
        (BINARY, HAS, None, ("error", True), ""),
        # A later lintian's.
        (LATER, HAS, None, ("info", False), f"not judged yet: lintian {lintian.REVIEWED}"),
    ],
)
def test_a_tag_is_an_error_where_the_series_and_the_pinned_package_make_it_one(
    tag: Tag, dh_python: str, pinned: list[Tag] | None, expected: tuple[str, bool], advice: str
) -> None:
    ceiling = Ceiling("xenial", trees.toolchain(dh_python=dh_python))
    (finding,) = lintian.findings([tag], ceiling, pinned)
    assert ((finding.severity, finding.fails), advice in finding.advice) == (expected, True)


def test_lintian_finds_what_is_wrong_with_a_real_source_package_as_the_build_user(
    tmp_path: Path,
) -> None:
    control = trees.CONTROL.replace("Depends: ${misc:Depends}, ${python:Depends}\n", "")
    dsc = build_dsc(PackageSpec(debian={"control": control}), tmp_path)
    runner = Runner()
    with runner.used():
        tags = lintian.run_lintian([dsc], tmp_path / "log")
    names = {tag.name for tag in tags}
    assert "debhelper-but-no-misc-depends" in names
    assert "no-copyright-file" not in names  # of binary packages only
    assert (tmp_path / "log").read_text()
    builder = find_builder()
    (command,) = [one for one in runner.commands if "--no-cfg" in one.args]
    assert (f"{builder.uid}:{builder.gid}" in command.args) == builder.switch


def test_a_file_that_lintian_cannot_read_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "small_1.0-1_all.deb"
    broken.write_text("no package")
    with pytest.raises(MachineError, match="lintian fails"):
        lintian.run_lintian([broken], tmp_path / "log")
