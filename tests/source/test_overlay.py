from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.recipe.model import ControlEdit, PackagingEdit, Recipe
from backport.source.overlay import lay_over
from tests.source.packages import OWN_VERSION, SPEC, make_own, make_update, own_packaging, unpacked
from tests.support.source_builder import build_dsc, make_recipe, packaging, write_files

PINNED = dataclasses.replace(
    SPEC, debian={"small.cron.d": "0 0 * * * root true\n", "small.postrm": "#!/bin/sh\nrm -rf /x\n"}
)
REPLACE = PackagingEdit("small.cron.d", "another hour", replaces=True)
REMOVE = PackagingEdit("small.postrm", "it deletes too much", removes=True)
NEW_CRON = "0 5 * * * root true\n"
BINARY = "Package: old-small\nArchitecture: all\nDescription: transitional\n It is empty.\n"


def recipe_on(root: Path, files: Mapping[str, str], *edits: PackagingEdit) -> Recipe:
    """A recipe of `small` with these files of patches and these packaging edits."""
    recipe = make_recipe(root, PINNED, patches=files)
    return with_edits(recipe, *edits)


def with_edits(recipe: Recipe, *edits: PackagingEdit) -> Recipe:
    source = dataclasses.replace(recipe.sources[0], packaging=edits)
    return dataclasses.replace(recipe, sources=(source,))


def made_debian(root: Path, recipe: Recipe) -> Path:
    """The folder debian/ of the package that the recipe makes of the archive's."""
    package = make_update(root, recipe, build_dsc(PINNED, root / "archive"))
    return unpacked(package, root / "unpacked") / "debian"


def test_a_file_is_added_replaced_and_removed_on_the_archives_package(tmp_path: Path) -> None:
    files = {"overlay/small.cron.d": NEW_CRON, "overlay/wrapper!": "#!/bin/sh\ntrue\n"}
    files |= {"overlay/left~": "an editor's\n", "overlay/.left.swp": "an editor's\n"}
    recipe = recipe_on(tmp_path, files, REPLACE, REMOVE)
    package = make_update(tmp_path, recipe, build_dsc(PINNED, tmp_path / "archive"))
    assert "debian/small.cron.d was replaced: another hour" in package.notes
    assert "debian/small.postrm was removed: it deletes too much" in package.notes
    debian = unpacked(package, tmp_path / "unpacked") / "debian"
    assert (debian / "small.cron.d").read_text() == NEW_CRON
    assert not (debian / "small.postrm").exists()
    assert (debian / "wrapper").stat().st_mode & 0o111
    assert (debian / "rules").is_file()
    assert not [*debian.glob("*left*")]


def test_a_series_own_overlay_wins_and_is_for_it_alone(tmp_path: Path) -> None:
    files = {"overlay/note": "all\n", "overlay.xenial/note": "xenial\n"}
    recipe, orig = own_packaging(tmp_path, patches=files)
    for series, text in (("xenial", "xenial\n"), ("zesty", "all\n")):
        tree = unpacked(make_own(tmp_path, recipe, orig, series), tmp_path / series)
        assert (tree / "debian/note").read_text() == text


RELIED_ON = PackagingEdit("rules", "the timer's lines", requires=("dh_systemd_enable x.timer",))
NO_PACKAGES = "these are not the paragraphs of binary packages"
BUILT_ALREADY = BINARY.replace("old-small", "small")


@pytest.mark.parametrize(
    ("files", "edits", "says"),
    [
        (
            {"small.cron.d": NEW_CRON},
            [],
            "debian/small.cron.d, and the recipe does not say that it is replaced",
        ),
        (
            {"small.timer": "x\n"},
            [PackagingEdit("small.timer", "why", replaces=True)],
            "has no file debian/small.timer",
        ),
        ({}, [PackagingEdit("small.timer", "why", removes=True)], "has no file debian/small.timer"),
        ({}, [REPLACE], "replaces debian/small.cron.d, and the overlay has no such file"),
        (
            {"small.postrm": "x\n"},
            [REMOVE],
            "removes debian/small.postrm, and the overlay brings it",
        ),
        ({}, [RELIED_ON], "does not say 'dh_systemd_enable x.timer', which the overlay relies on"),
        *(
            ({name: "x\n"}, [], f"brings debian/{name.split('/')[0]}, which the toolkit writes")
            for name in ("control", "control.in", "changelog", "patches/x", "tests/x")
        ),
        ({"control.binary": BUILT_ALREADY}, [], "the binary package small is there already"),
        ({"control.binary": "Architecture: all\n"}, [], NO_PACKAGES),
        ({"control.binary": "no field\n"}, [], "no control file"),
        ({"control.binary": ""}, [], NO_PACKAGES),
        ({"small.NEWS": "small ({VERSOIN}) x;\n"}, [], "{VERSOIN} stands for nothing"),
    ],
)
def test_an_overlay_that_does_not_fit_the_pinned_package_is_refused(
    tmp_path: Path, files: Mapping[str, str], edits: list[PackagingEdit], says: str
) -> None:
    overlay = {f"overlay/{name}": text for name, text in files.items()}
    debian = packaging(PINNED, tmp_path / "debian", changelog=True)
    with pytest.raises(InputError, match=re.escape(says)):
        lay_over(
            recipe_on(tmp_path, overlay, *edits).sources[0], "xenial", debian, {"VERSION": "1"}
        )


def test_blanks_and_continued_lines_do_not_matter_in_what_is_required(tmp_path: Path) -> None:
    debian = write_files(tmp_path / "debian", {"rules": "x:\n\tdh_a --b \\\n\t\tc.timer\n"})
    edit = PackagingEdit("rules", "why", requires=("dh_a --b c.timer",))
    recipe = recipe_on(tmp_path, {}, edit)
    assert lay_over(recipe.sources[0], "xenial", debian, {}) == ()


def test_a_link_in_an_overlay_is_refused(tmp_path: Path) -> None:
    recipe = recipe_on(tmp_path, {"overlay/note": "x\n"})
    link = recipe.sources[0].patches / "overlay" / "link"
    link.symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="this is no plain file"):
        make_update(tmp_path, recipe, build_dsc(PINNED, tmp_path / "archive"))


def test_packages_are_added_to_the_control_file_and_can_be_edited(tmp_path: Path) -> None:
    recipe = recipe_on(tmp_path, {"overlay.xenial/control.binary": BINARY})
    edit = ControlEdit("old-small", "Depends", "what took its place", add=("small",))
    source = dataclasses.replace(recipe.sources[0], control=(edit,))
    debian = made_debian(tmp_path, dataclasses.replace(recipe, sources=(source,)))
    text = (debian / "control").read_text()
    assert re.search(r"\n\nPackage: old-small\nArchitecture: all\nDepends: small\n", text)
    assert not (debian / "control.binary").exists()


def test_the_news_has_the_packages_version_and_series(tmp_path: Path) -> None:
    news = "small ({VERSION}) {SERIES}; urgency=low\n\n  * It is new.\n\n -- {MAINTAINER}  {DATE}\n"
    recipe, orig = own_packaging(tmp_path, patches={"overlay/small.NEWS": news})
    package = make_own(tmp_path, recipe, orig)
    text = (unpacked(package, tmp_path / "unpacked") / "debian/small.NEWS").read_text()
    assert text.startswith(f"small ({OWN_VERSION}) xenial; urgency=low\n")
    assert f"\n -- {recipe.maintainer}  {recipe.date}\n" in text
