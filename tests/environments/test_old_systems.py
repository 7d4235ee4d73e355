"""A system as Ubuntu 16.04's: init is Essential, and dash makes a link among the manual pages."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from backport.environments import chroot, localrepo
from backport.errors import StepError
from backport.source.files import same_file
from tests.build.packages import make_deb
from tests.environments import real

PAGE = "usr/share/man/man1/sh.distrib.1.gz"
CONFIGURED = "test -e /etc/late-pam || { echo 'there is no PAM yet' >&2; exit 1; }"


def make_older(deb: Path, folder: Path, tree: Path) -> None:
    """The same package as one of the version before init was no longer Essential."""
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub("(?m)^Version: .*", "Version: 1.29", control.read_text()))
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def make_system(folder: Path, *, page: str = PAGE) -> Path:
    """The repository of such a system; all else in it is Debian bullseye's."""
    debs = folder / "debs"
    debs.mkdir()
    found = real.without_compiler(folder / "own")
    for deb in {*found.groups["required"], *found.groups["build"]}:
        if deb.name.startswith("init-system-helpers_"):
            make_older(deb, debs, folder / "tree-helpers")
        else:
            same_file(debs / deb.name, deb)
    for name, field, script, text in (
        ("init", "Pre-Depends: early-systemd\n", "preinst",
         f"test $1 != install || ln -s dash.1.gz /{page}"),
        ("early-systemd", "Depends: late-pam\n", "postinst", CONFIGURED),
        ("late-pam", "", "postinst", "touch /etc/late-pam"),
    ):  # fmt: skip
        files = {f"usr/share/man/man1/{name}.1.gz": ""}
        files[f"DEBIAN/{script}!"] = f"#!/bin/sh\nset -e\n{text}\n"
        make_deb(debs, name, "1.29", files=files, fields=f"Essential: yes\n{field}")
    return localrepo.publish(sorted(debs.glob("*.deb")), folder / "repo")


def test_a_chroot_of_a_series_whose_init_is_essential_is_made(tmp_path: Path) -> None:
    made = chroot.make_build_chroot(make_system(tmp_path), tmp_path / "chroot.tar")

    with tarfile.open(made) as tarball:
        pages = [name for name in tarball.getnames() if name.startswith("./usr/share/man/man1/")]
        assert tarball.getmember("./etc/late-pam").isfile()
    assert pages == [f"./{PAGE}"]


def test_where_a_maintainer_script_fails_its_last_words_are_the_reason(tmp_path: Path) -> None:
    repository = make_system(tmp_path, page="no/such/folder/page")

    with pytest.raises(StepError) as caught:
        chroot.run_in_throwaway(
            repository, include=("init",), given=tmp_path, script="none", result=tmp_path / "result"
        )

    assert str(caught.value) == (
        "the throw-away chroot: mmdebstrap ended with 25: init: ln: failed to create symbolic link "
        "'/no/such/folder/page': No such file or directory (new init package pre-installation "
        "script subprocess returned error exit status 1)"
    )
