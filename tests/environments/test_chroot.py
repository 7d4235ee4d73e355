from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest

from backport.environments import chroot, localrepo
from backport.errors import BackportError, StepError
from tests.environments.packages import EPOCH, make_deb


def small_repository(folder: Path) -> Path:
    deb = make_deb(folder, "thing")
    return localrepo.publish([deb], folder / "repo", origin="here", epoch=EPOCH).path


@pytest.mark.parametrize(
    "make", [chroot.make_build_chroot, chroot.make_testbed_root], ids=["build", "testbed"]
)
def test_a_repository_that_lacks_packages_ends_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, make: object
) -> None:
    assert callable(make)
    repository = small_repository(tmp_path)
    with pytest.raises(BackportError) as caught:
        make(repository, tmp_path / "out" / "made")
    assert isinstance(caught.value, StepError) or os.geteuid() != 0
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "E: Unable to locate package x\nE: mmdebstrap failed to run\n",
            "Unable to locate package x",
        ),
        (
            "error: no file\ncannot build: python-x\nE: special hook failed\n",
            "cannot build: python-x",
        ),
        (
            "ln: no folder\ndpkg: error processing archive /var/x_1%3a2_all.deb (--install):\n"
            " new x package pre-installation script failed\nE: setup failed: E: env dpkg …\n",
            "x: ln: no folder (new x package pre-installation script failed)",
        ),
        ("something\nlast\n", "last"),
        ("", "it printed nothing"),
    ],
)
def test_the_reason_is_what_failed_first(output: str, reason: str) -> None:
    assert chroot._reason(output) == reason


def test_a_repository_in_a_closed_folder_is_offered_over_the_loopback_interface(
    tmp_path: Path,
) -> None:
    repository = small_repository(tmp_path)
    with chroot._offered(repository, direct=False) as uri:
        assert uri.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{uri}/Packages") as answer:
            assert answer.read() == (repository / "Packages").read_bytes()
    with chroot._offered(repository, direct=True) as uri:
        assert uri == f"copy:{repository.resolve()}"
