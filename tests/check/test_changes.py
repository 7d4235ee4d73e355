from __future__ import annotations

from pathlib import Path

import pytest

from backport.check import changes
from tests.check import trees
from tests.check.trees import tree

CHANGELOG = """\
small (3) xenial; urgency=medium

  * Third. (LP: #3)

 -- A Tester <tester@example.org>  Mon, 23 Nov 2026 12:00:00 +0000

small (2) xenial; urgency=medium

  * Second. (LP: #2)

 -- A Tester <tester@example.org>  Mon, 23 Nov 2026 11:00:00 +0000

small (1) xenial; urgency=medium

  * First.

 -- A Tester <tester@example.org>  Mon, 23 Nov 2026 10:00:00 +0000
"""


def test_the_new_entries_are_those_above_the_old_ones() -> None:
    assert "Third" in changes.new_entries(CHANGELOG)
    assert "Second" not in changes.new_entries(CHANGELOG)
    both = changes.new_entries(CHANGELOG, "1")
    assert ("Third" in both, "Second" in both, "First" in both) == (True, True, False)


ED = trees.CONTROL.replace("${python:Depends}", "${python:Depends}, ed")


@pytest.mark.parametrize(
    ("files", "spoken", "left"),
    [
        # A new relation is spoken of by its package or by its field.
        ({"control": ED}, "Depend on ed.", []),
        ({"control": ED}, "Depend on sed.", ["debian/control"]),
        ({"control": ED}, "Change the Depends field.", []),
        ({"rules!": "#!/usr/bin/make -f\n"}, "Change debian/rules.", []),
        ({"rules!": "#!/usr/bin/make -f\n"}, "Be faster.", ["debian/rules"]),
        ({"tests/control": "Tests: x\n"}, "Add autopkgtests.", []),
        ({"tests/control": "Tests: x\n", "tests/x": ""}, "Be faster.", ["debian/tests"]),
        ({"small.preinst": "", "small.postrm": ""}, "Wait in preinst and postrm.", []),
        ({"other.preinst": "", "other.postrm": ""}, "Wait in preinst.", ["debian/other.postrm"]),
        ({"small.timer": "[Timer]\n"}, "Add a timer to small.", []),
        ({"changelog": CHANGELOG}, "", []),
        ({"control": trees.CONTROL.replace("ubuntu-devel-discuss", "another")}, "", []),
    ],
)
def test_a_changed_file_has_to_be_spoken_of(
    tmp_path: Path, files: dict[str, str], spoken: str, left: list[str]
) -> None:
    old, new = tree(tmp_path, name="old"), tree(tmp_path, files, name="new")
    assert [one.place for one in changes.packaging(old, new, spoken)] == left


def test_what_control_and_control_in_have_both_is_one_finding(tmp_path: Path) -> None:
    old = tree(tmp_path, {"control.in": trees.CONTROL}, name="old")
    new = tree(tmp_path, {"control.in": ED, "control": ED}, name="new")
    (finding,) = changes.packaging(old, new, "Be faster.")
    assert (finding.place, finding.fails) == ("debian/control", True)
    assert finding.why.startswith("Depends: ed changed, ")


def test_a_patch_that_dpkg_source_made_is_a_change_without_a_patch(tmp_path: Path) -> None:
    files = {"patches/debian-changes": "Description: x\n", "patches/series": "debian-changes\n"}
    (finding,) = changes.patches(changes.quilt(tree(tmp_path, files)), {}, "x")
    assert (finding.rule, finding.fails) == ("change-outside-debian", True)


def test_a_patch_of_the_pinned_package_is_not_looked_at_again(tmp_path: Path) -> None:
    files = {"patches/old.patch": "no header\n", "patches/series": "old.patch\n"}
    old, new = (changes.quilt(tree(tmp_path, files, name=name)) for name in ("old", "new"))
    assert changes.patches(new, old, "") == ()
    assert changes.patches(new, {}, "")[0].rule == "not-parsed"
