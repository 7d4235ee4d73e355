"""Packages that the tests of `make` share: with packaging of our own, and on a pinned package."""

from __future__ import annotations

import subprocess
from pathlib import Path

from debian.deb822 import Changes

from backport.recipe.model import ControlEdit, Recipe
from backport.source.package import SourcePackage, make
from tests.support.source_builder import (
    PackageSpec,
    build_dsc,
    make_recipe,
    numbered,
    orig_tarball,
    packaging,
    patch_text,
)

SPEC = PackageSpec()
NATIVE = PackageSpec(version="1.0", format="3.0 (native)")
BEFORE = SPEC.files["src/main.txt"]
AFTER = numbered(40, but={20: "twenty"})
PATCH = patch_text("src/main.txt", BEFORE, AFTER)
QUILT = {"lock.patch": PATCH, "series": "lock.patch\n"}
TESTS = {"control": "Tests: smoke\nDepends: @\n", "smoke!": "#!/bin/sh\ntrue\n"}
ADD_FILELOCK = ControlEdit("small", "Depends", "the lock", add=("python-filelock",))
OWN_VERSION = "1.0-0ubuntu0.16.04.1~standin1"
NEW_VERSION = "1.0-1ubuntu0.16.04.1"


def own_packaging(root: Path, spec: PackageSpec = SPEC, **options: object) -> tuple[Recipe, Path]:
    """A recipe with packaging of its own, and upstream's tarball."""
    recipe = make_recipe(root, spec, **options)  # type: ignore[arg-type]
    packaging(spec, recipe.sources[0].patches / "debian", changelog=False)
    return recipe, orig_tarball(spec, root)


def make_own(root: Path, recipe: Recipe, orig: Path, series: str = "xenial") -> SourcePackage:
    release = recipe.one_series(series)
    return make(
        recipe,
        recipe.sources[0],
        release,
        f"1.0-0ubuntu0.{release.version}.1~standin1",
        orig=orig,
        pinned_dsc=None,
        out=root / "out" / series,
    )


def make_update(
    root: Path, recipe: Recipe, dsc: Path, version: str = NEW_VERSION, **options: object
) -> SourcePackage:
    return make(
        recipe,
        recipe.sources[0],
        recipe.one_series("xenial"),
        version,
        orig=None,
        pinned_dsc=dsc,
        out=root / "out",
        **options,  # type: ignore[arg-type]
    )


def based(
    root: Path, spec: PackageSpec = SPEC, version: str = NEW_VERSION, **options: object
) -> SourcePackage:
    """The package that a recipe with these options makes of the archive's."""
    recipe = make_recipe(root, spec, **options)  # type: ignore[arg-type]
    return make_update(root, recipe, build_dsc(spec, root / "archive"), version)


def unpacked(package: SourcePackage, folder: Path) -> Path:
    subprocess.run(
        ["dpkg-source", "--no-check", "-x", package.dsc, folder], check=True, capture_output=True
    )
    return folder


def changes(package: SourcePackage) -> Changes:
    return Changes(package.changes.read_bytes())


def rebuild(root: Path, out: Path) -> None:
    """Make packages of each kind from the same input; run by another process."""
    own, orig = own_packaging(root / "own", patches=QUILT, tests=TESTS, control=(ADD_FILELOCK,))
    quilt = make_recipe(root / "based", SPEC, patches=QUILT, tests=TESTS, control=(ADD_FILELOCK,))
    native = make_recipe(root / "native", NATIVE, patches=QUILT, tests=TESTS)
    archive = out.parent / "archive"
    for recipe, version, tarball, pinned, name in (
        (own, OWN_VERSION, orig, None, "own"),
        (quilt, NEW_VERSION, None, archive / "small_1.0-1.dsc", "based"),
        (native, "1.0ubuntu0.16.04.1", None, archive / "small_1.0.dsc", "native"),
    ):
        source, series = recipe.sources[0], recipe.series[0]
        make(recipe, source, series, version, orig=tarball, pinned_dsc=pinned, out=out / name)
