"""What small real packages have of the files of an overlay."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from backport.check import overlay
from backport.check.binaries import Binary, PackagedFile
from tests.build.packages import make_deb
from tests.check.trees import tree

SCRIPT = "#!/bin/sh\nset -e\necho mine\n\n#DEBHELPER#\n"
NOWHERE = "no binary package has this file, and debian/rules does not name it"
BUILT = "#!/bin/sh\nset -e\necho mine\n\n# Automatically added\ntrue\n"
UNIT = "[Service]\nExecStart=/bin/true\n"


def findings_of(
    root: Path, overlaid: Mapping[str, str], packed: Mapping[str, str] | None = None
) -> list[str]:
    """What is found of an overlay's files where the package `small` has the files `packed`."""
    debian = tree(root, overlaid) / "debian"
    package = Binary(make_deb(root, "small", "1.0", files=packed or {}))
    names = [name.removesuffix("!") for name in overlaid if name != "rules!"]
    findings = list(overlay.check(names, debian, [package]))
    assert all(one.fails for one in findings)
    return [f"{one.place}: {one.why}" for one in findings]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (
            "small.install",
            "debian/run usr/lib/small\n",
            "the package small has no usr/lib/small/run",
        ),
        ("install", "# Why.\n\nusr/bin/*\n", "the package small has no usr/bin/*"),
        ("small.dirs", "/var/lib/small\n", "the package small has no var/lib/small"),
        ("small.links", "usr/bin/a usr/bin/b\n", "the package small has no usr/bin/b"),
        ("small.postinst", SCRIPT, "the postinst script of small does not have these lines"),
        ("small.triggers", "activate x\n", "the package small has no triggers"),
        (
            "small.maintscript",
            "rm_conffile /etc/x 1.0~\n",
            "the preinst script of small does not call rm_conffile /etc/x",
        ),
        ("small.service", UNIT, "the package small does not have this file"),
        ("small.cron.d", "# x\n", NOWHERE),
        ("lost.install", "a b\n", NOWHERE),
        ("run!", SCRIPT, NOWHERE),
    ],
)
def test_a_file_that_had_no_effect_is_an_error(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    assert findings_of(tmp_path, {name: text}) == [f"debian/{name.removesuffix('!')}: {why}"]


@pytest.mark.parametrize(
    ("overlaid", "packed"),
    [
        (
            {"small.install": "debian/run usr/lib/small\nusr/bin/*\n", "run!": SCRIPT},
            {"usr/lib/small/run!": SCRIPT, "usr/bin/x!": SCRIPT},
        ),
        ({"small.install!": "#!/usr/bin/dh-exec\na => b\n"}, {}),
        ({"small.dirs": "var/lib/small\n"}, {"var/lib/small/x": ""}),
        ({"small.links": "usr/bin/a usr/bin/b\n"}, {"usr/bin/b": ""}),
        ({"small.docs": "a/README\n", "small.manpages": "x/a.de.8\n"}, {}),
        ({"small.postinst": SCRIPT}, {"DEBIAN/postinst!": BUILT}),
        ({"small.service": UNIT}, {"lib/systemd/system/small.service": UNIT}),
        ({"small.cron.d": "# x\n"}, {"etc/cron.d/small": "# x\n"}),
        ({"helper!": SCRIPT, "rules!": "x:\n\t$(CURDIR)/debian/helper x\n"}, {}),
        ({"build/helper!": SCRIPT, "rules!": "x:\n\tmake -C debian/build\n"}, {}),
        ({"source/lintian-overrides": "x\n", "README.source": "x\n", "control.binary": "x\n"}, {}),
    ],
)
def test_a_file_that_is_in_the_package_or_used_by_the_build_passes(
    tmp_path: Path, overlaid: Mapping[str, str], packed: Mapping[str, str]
) -> None:
    assert findings_of(tmp_path, overlaid, packed) == []


def test_a_name_in_a_comment_or_in_another_name_is_no_use_by_the_build(tmp_path: Path) -> None:
    rules = "x: # debian/helper\n\tdebian/helper.sh my-debian/helper helper\n"
    files = {"helper!": SCRIPT, "rules!": rules}
    assert findings_of(tmp_path, files) == [f"debian/helper: {NOWHERE}"]


def test_a_compressed_file_is_the_overlays_too(tmp_path: Path) -> None:
    news = "small (1.0) xenial; urgency=low\n"
    debian = tree(tmp_path, {"small.NEWS": news}) / "debian"
    package = Binary(make_deb(tmp_path, "small", "1.0"))
    assert len(list(overlay.check(["small.NEWS"], debian, [package]))) == 1
    packed = PackagedFile("usr/share/doc/small/NEWS.Debian.gz", 0o644, gzip.compress(news.encode()))
    package.files = (packed,)
    assert list(overlay.check(["small.NEWS"], debian, [package])) == []
