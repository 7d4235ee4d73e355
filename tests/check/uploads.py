"""Updates of a pinned package that were really made, for the rules of the SRU process."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backport.check import sru
from backport.recipe.bug import BugText
from backport.recipe.model import ControlEdit, PinnedDsc, Published, Recipe
from tests.source import packages as made
from tests.support.source_builder import build_dsc, make_recipe

Change = Callable[[Recipe], Recipe]


def make_upload(root: Path, edit: ControlEdit | None) -> Path:
    """The pinned package and the update that is made on it, in folders below `root`."""
    dsc = build_dsc(made.SPEC, root / "archive")
    recipe = make_recipe(root, made.SPEC, control=(edit,) if edit else ())
    done = made.make_update(root, recipe, dsc, "1.0-1~ubuntu16.04.1")
    for package, folder in ((done.dsc, root / "new"), (dsc, root / "pinned")):
        command = ["dpkg-source", "--no-check", "--skip-patches", "-x", package, folder]
        subprocess.run(command, check=True, capture_output=True)
    return root


def in_archive(version: str, series: str = "xenial") -> Change:
    def change(recipe: Recipe) -> Recipe:
        has = {"small": Published(version, confirmed="a test")}
        some = [replace(one, archive=has) if one.name == series else one for one in recipe.series]
        return replace(recipe, series=tuple(some))

    return change


def only_xenial(later: str) -> Change:
    """The update is for xenial only, and yakkety and zesty have a version, "" for none."""

    def change(recipe: Recipe) -> Recipe:
        has = {"small": Published(later, confirmed="a test")}
        some = [
            series if series.name == "xenial" else replace(series, archive=has)
            for series in recipe.series
        ]
        source = replace(recipe.sources[0], series=("xenial",))
        return replace(recipe, series=tuple(some), sources=(source,))

    return change


def with_bug(problems: str) -> Change:
    text = BugText("Renewals at the same time fail.", "Renew twice at the same time.", problems)
    return lambda recipe: replace(recipe, bug_text=text)


def edit(name: str, old: str, new: str) -> Callable[[sru.Upload], None]:
    def mend(upload: sru.Upload) -> None:
        path = upload.tree / "debian" / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return mend


def another_field(upload: sru.Upload) -> None:
    upload.changes.write_text(re.sub(r"Launchpad-Bugs-Fixed:.*\n", "", upload.changes.read_text()))


def load(there: Path, place: Path, change: Change, edit: ControlEdit | None) -> sru.Upload:
    """A copy of what `make_upload` has made, in `place`, with the recipe changed."""
    shutil.copytree(there, place)
    recipe = make_recipe(place, made.SPEC, control=(edit,) if edit else ())
    pinned = PinnedDsc("1.0-1", "small_1.0-1.dsc", "0" * 64, path="small_1.0-1.dsc")
    recipe = change(replace(recipe, sources=(replace(recipe.sources[0], pinned=pinned),)))
    (changes,) = (place / "out").glob("*_source.changes")
    source, series = recipe.sources[0], recipe.series[0]
    return sru.Upload(recipe, source, series, place / "new", changes, place / "pinned")
