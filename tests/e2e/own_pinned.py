"""The recipe of this checkout with a pinned .dsc for every source, made of its own packaging.

It stands for the archive's packaging: the .dsc has the archive's version, an upstream tarball that
the recipe pins, and a changelog of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from backport.recipe import edit, reader
from backport.recipe.model import PinnedDsc, Source
from backport.source.control import UBUNTU_MAINTAINER
from backport.source.files import LEFT_OUT, sha256_of
from backport.source.tarball import compression, unpack
from tests.e2e.support import CHECKOUT, Place, must

DEBIANS = "Debian Testers <testers@lists.debian.org>"
CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * New upstream release.

 -- {debians}  Sat, 28 Jan 2017 10:00:00 +0100
"""


def pin_all(place: Place) -> None:
    """Copy the recipe with what lies beside it to the place, and pin a .dsc for every source."""
    shutil.copytree(CHECKOUT / "patches", place.root / "patches")
    shutil.copytree(CHECKOUT / "autopkgtest", place.root / "autopkgtest", ignore=LEFT_OUT)
    path = place.root / "backport.toml"
    shutil.copyfile(CHECKOUT / "backport.toml", path)
    fetched = place.run("fetch")
    assert fetched.exit_code == 0, fetched.stderr
    recipe = reader.load(path)
    for source in recipe.sources:
        dsc = make_pinned(source, place.work / "fetch" / source.name, place.root / "archive")
        pin = PinnedDsc(source.debian_version, dsc.name, sha256_of(dsc), path=str(dsc))
        path.write_text(edit.set_pinned(path.read_text(), source.name, pin))


def make_pinned(source: Source, fetched: Path, archive: Path) -> Path:
    """The .dsc of a source's own packaging by Debian, without what the recipe adds to it."""
    assert source.upstream is not None
    orig = fetched / source.upstream.file
    folder = archive / source.name
    tree = folder / "tree"
    folder.mkdir(parents=True)
    shutil.copyfile(orig, folder / f"{source.name}_{source.version}.orig{compression(orig)}")
    unpack(orig, tree)
    shutil.rmtree(tree / "debian", ignore_errors=True)
    shutil.copytree(source.patches / "debian", tree / "debian", ignore=LEFT_OUT)
    (tree / "debian" / "rules").chmod(0o755)
    for control in (tree / "debian").glob("control*"):
        control.write_text(control.read_text().replace(UBUNTU_MAINTAINER, DEBIANS))
    changelog = CHANGELOG.format(debians=DEBIANS, name=source.name, version=source.debian_version)
    (tree / "debian" / "changelog").write_text(changelog)
    must(["dpkg-source", "-b", tree.name], cwd=folder)
    shutil.rmtree(tree)
    return folder / f"{source.name}_{source.debian_version}.dsc"
