from __future__ import annotations

from pathlib import Path

import pytest

from backport.builder.user import find_builder
from backport.check import lintian
from backport.check.ceiling import Ceiling
from backport.check.lintian import Tag, read
from backport.engine.process import Runner
from backport.errors import MachineError
from tests.check.trees import toolchain
from tests.support.source_builder import PackageSpec, build_dsc

OUTPUT = """\
E: small source: missing-build-dependency-for-dh-addon python2 (not a | b) [debian/rules]
W: small: tag-without-context
I: small changes: tag-with-a-place [debian/tests/smoke:7]
N: a remark
O: small: overridden
M: small: masked
"""


def ceiling(**tools: str) -> Ceiling:
    return Ceiling("xenial", toolchain(**tools))


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


def test_a_tag_that_asks_for_a_newer_tool_than_the_series_has_is_a_note() -> None:
    tag = read(OUTPUT)[0]
    (note,) = lintian.findings([tag], ceiling(), None)
    assert note.severity == "info"
    assert "dh-python 3.20190307" in note.advice
    (error,) = lintian.findings([tag], ceiling(dh_python="5.20220819"), None)
    assert error.fails
    (unknown,) = lintian.findings([tag], ceiling(dh_python=""), None)
    assert unknown.fails


def test_what_the_base_has_is_not_new() -> None:
    tag = Tag("error", "small", "source", "no-copyright-file", "x", "debian/rules:3")
    moved = Tag("error", "small", "source", "no-copyright-file", "x", "debian/rules:9")
    (known,) = lintian.findings([moved], ceiling(), [tag])
    assert (known.new, known.fails) == (False, False)
    assert lintian.findings([moved], ceiling(), [])[0].fails


def test_an_error_in_a_binary_package_is_a_warning_where_the_base_was_not_built() -> None:
    tag = Tag("error", "small", "", "no-copyright-file", "", "usr/bin/x")
    assert lintian.findings([tag], ceiling(), [])[0].severity == "warning"
    assert lintian.findings([tag], ceiling(), None)[0].fails


def test_an_error_of_a_later_lintian_is_a_note_until_it_is_judged() -> None:
    (note,) = lintian.findings(
        [Tag("error", "small", "", "a-tag-of-2030", "", "")], ceiling(), None
    )
    assert (note.severity, note.fails) == ("info", False)
    assert f"not judged yet: lintian {lintian.REVIEWED}" in note.advice


def test_lintian_finds_what_is_wrong_with_a_real_source_package(tmp_path: Path) -> None:
    control = (
        "Source: small\nSection: misc\nPriority: optional\n"
        "Maintainer: Debian Testers <testers@lists.debian.org>\n"
        "Build-Depends: debhelper (>= 9)\nStandards-Version: 3.9.8\n\n"
        "Package: small\nArchitecture: all\nDescription: it does nothing\n It is a test.\n"
    )
    dsc = build_dsc(PackageSpec(debian={"control": control}), tmp_path)
    tags = lintian.run_lintian([dsc], tmp_path / "log")
    names = {tag.name for tag in tags}
    assert "debhelper-but-no-misc-depends" in names
    assert "no-copyright-file" not in names  # of binary packages only
    assert (tmp_path / "log").read_text()


def test_lintian_reads_packages_as_the_build_user(tmp_path: Path) -> None:
    (tmp_path / "x.changes").write_text("Files:\n")
    runner = Runner()
    with runner.used():
        lintian.run_lintian([tmp_path / "x.changes"], tmp_path / "log")

    builder = find_builder()
    (command,) = [one for one in runner.commands if "--no-cfg" in one.args]
    assert (f"{builder.uid}:{builder.gid}" in command.args) == builder.switch


def test_a_file_that_lintian_cannot_read_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "small_1.0-1_all.deb"
    broken.write_text("no package")
    with pytest.raises(MachineError, match="lintian fails"):
        lintian.run_lintian([broken], tmp_path / "log")
