"""A specification becomes a real source package on disk: orig tarball, packaging, .dsc, recipe."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backport.recipe.model import ChangelogItem, ControlEdit, Recipe, Series, Source, Upstream

BUG = 1640978
DATE = "Mon, 23 Nov 2026 12:00:00 +0000"
SERIES = (Series("xenial", "16.04"), Series("yakkety", "16.10"), Series("zesty", "17.04"))

CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: Debian Testers <testers@lists.debian.org>
# What the build needs.
Build-Depends: debhelper (>= 9),
               dh-python,
               python-all
Standards-Version: 3.9.8

Package: {name}
Architecture: all
Depends: ${{misc:Depends}}, ${{python:Depends}}
Description: a package of the tests
 It does nothing.
"""

RULES = "#!/usr/bin/make -f\n%:\n\tdh $@\n"


def numbered(count: int, *, but: Mapping[int, str] | None = None) -> str:
    """A text of `count` lines, ``line 1`` and so on; `but` gives some of them another text."""
    but = but or {}
    return "".join(but.get(n, f"line {n}") + "\n" for n in range(1, count + 1))


@dataclass(frozen=True)
class PackageSpec:
    """A source package: upstream's files, what the packaging holds, and its own patches.

    `debian` adds files to debian/ or replaces them; `patches` maps a patch's name to its text;
    `components` maps the name of a further upstream tarball to its files (dpkg-source(1)).
    Without a revision in its version a package is native, and has no orig tarball.
    """

    name: str = "small"
    version: str = "1.0-1"
    files: Mapping[str, str] = field(
        default_factory=lambda: {"README": "small\n", "src/main.txt": numbered(40)}
    )
    debian: Mapping[str, str] = field(default_factory=dict)
    patches: Mapping[str, str] = field(default_factory=dict)
    format: str = "3.0 (quilt)"
    components: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def upstream(self) -> str:
        """The upstream version."""
        return self.version.rpartition("-")[0] or self.version

    @property
    def file_version(self) -> str:
        """The version in file names."""
        return self.version.partition(":")[2] or self.version


def make_tarball(folder: Path, top: str, out: Path) -> Path:
    """Pack a folder, with `top` as the one folder in it; equal content gives equal bytes."""
    options = ["--sort=name", "--owner=0", "--group=0", "--mtime=@946684800", "--mode=u=rwX,go=rX"]
    options += ["--use-compress-program=gzip -n", f"--transform=s,^[.],{top},S"]
    env = {**os.environ, "TAR_OPTIONS": ""}
    subprocess.run(["tar", *options, "-cf", out, "-C", folder, "."], check=True, env=env)
    return out


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a tree of text files; a name that ends in ``!`` becomes executable without it.

    A byte that is no UTF-8 stands as in PEP 383.
    """
    for name, text in files.items():
        path = folder / name.removesuffix("!")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        if name.endswith("!"):
            path.chmod(0o755)
    return folder


def orig_tarball(spec: PackageSpec, folder: Path, name: str = "") -> Path:
    """Upstream's tarball of the specification, in `folder`."""
    upstream = spec.upstream.partition(":")[2] or spec.upstream
    tree = write_files(folder / f".{spec.name}-tree", spec.files)
    made = make_tarball(
        tree, f"{spec.name}-{upstream}", folder / (name or f"{spec.name}-{upstream}.tar.gz")
    )
    shutil.rmtree(tree)
    return made


def packaging(spec: PackageSpec, debian: Path, *, changelog: bool) -> Path:
    """The folder debian/ of the specification."""
    files = {
        "control": CONTROL.format(name=spec.name),
        "rules!": RULES,
        "compat": "9\n",
        "source/format": f"{spec.format}\n",
    }
    if changelog:
        files["changelog"] = (
            f"{spec.name} ({spec.version}) unstable; urgency=low\n\n  * A release.\n\n"
            " -- Debian Testers <testers@lists.debian.org>  Sat, 02 Jan 2016 10:00:00 +0100\n"
        )
    if spec.patches:
        files["patches/series"] = "".join(f"{name}\n" for name in spec.patches)
        files |= {f"patches/{name}": text for name, text in spec.patches.items()}
    return write_files(debian, {**files, **spec.debian})


def build_dsc(spec: PackageSpec, folder: Path) -> Path:
    """The archive's source package of the specification: a .dsc with its files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    upstream = spec.upstream.partition(":")[2] or spec.upstream
    tree = write_files(folder / f"{spec.name}-{upstream}", spec.files)
    packaging(spec, tree / "debian", changelog=True)
    if "-" in spec.version:
        orig_tarball(spec, folder, f"{spec.name}_{upstream}.orig.tar.gz")
    for component, files in spec.components.items():
        extra = write_files(tree / component, files)
        make_tarball(extra, component, folder / f"{spec.name}_{upstream}.orig-{component}.tar.gz")
    subprocess.run(
        ["dpkg-source", "-b", tree.name],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1451725200"},
    )
    shutil.rmtree(tree)
    return folder / f"{spec.name}_{spec.file_version}.dsc"


def package_files(name: str, version: str, folder: Path) -> dict[str, bytes]:
    """The files of a source package, its .dsc included, by name; made below `folder`."""
    made = build_dsc(PackageSpec(name, version), folder / f"{name}-{version}").parent
    return {path.name: path.read_bytes() for path in made.iterdir()}


def patch_text(
    path: str, before: str, after: str, *, header: str | None = None, context: int = 3
) -> str:
    """A patch with a whole DEP-3 header; `header` takes its place."""
    if header is None:
        header = (
            f"Description: change {path}\n"
            "Author: A Tester <tester@example.org>\n"
            f"Bug-Ubuntu: https://bugs.launchpad.net/bugs/{BUG}\n"
        )
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{path}" if before else "/dev/null",
        f"b/{path}" if after else "/dev/null",
        n=context,
    )
    return header + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def make_recipe(
    root: Path,
    spec: PackageSpec,
    *,
    patches: Mapping[str, str] | None = None,
    tests: Mapping[str, str] | None = None,
    control: tuple[ControlEdit, ...] = (),
    changes: tuple[str, ...] = ("Wait for the lock.",),
) -> Recipe:
    """A recipe of one source below `root`, with its folders.

    Parameters:
        patches: files of the patches folder, the quilt series files included.
        tests: files of the folder with the tests; none without it.
    """
    folder = write_files(root / "patches" / spec.name, patches or {})
    folder.mkdir(parents=True, exist_ok=True)
    write_files(root / "autopkgtest" / spec.name, tests or {})
    source = Source(
        name=spec.name,
        version=spec.upstream,
        debian_version=spec.version,
        series=tuple(series.name for series in SERIES),
        upstream=Upstream(f"{spec.name}-{spec.upstream}.tar.gz", "0" * 64, url="http://invalid/"),
        patches=folder,
        tests=root / "autopkgtest" / spec.name,
        changes=tuple(map(ChangelogItem, changes)),
        control=control,
    )
    return Recipe(
        path=root / "backport.toml",
        root=root,
        name="small-update",
        bug=BUG,
        maintainer="A Tester <tester@example.org>",
        date=DATE,
        ppa="",
        series=SERIES,
        sources=(source,),
    )
