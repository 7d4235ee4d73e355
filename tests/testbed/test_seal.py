from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.errors import MachineError
from backport.testbed import seal
from tests.build.packages import make_repository

DEB = "tiny_1.0_all.deb"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", {"tiny": "1.0"})


def overwrite(path: Path) -> None:
    """Write other bytes of the same length, and set the time back."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: overwrite(folder / DEB), DEB),
        (lambda folder: overwrite(folder / "Packages"), "Packages"),
        (lambda folder: (folder / DEB).unlink(), DEB),
        (lambda folder: (folder / "more").touch(), "more"),
        (lambda folder: (folder / "Packages").chmod(0o600), "Packages"),
    ],
)
def test_a_repository_that_was_written_to_is_named(
    repository: Path, change: Callable[[Path], object], named: str
) -> None:
    before = seal.of_repository(repository)
    before.check()
    change(repository)
    with pytest.raises(MachineError, match=f"{named} was changed while a test ran"):
        before.check()


def test_a_package_that_another_repository_links_to_is_the_same(repository: Path) -> None:
    before = seal.of_repository(repository)
    (repository.parent / "link.deb").hardlink_to(repository / DEB)
    before.check()


def test_a_root_directory_that_was_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root\n")
    (tmp_path / "etc/link").symlink_to("passwd")
    before = seal.of_root(tmp_path)
    before.check()
    overwrite(tmp_path / "etc/passwd")
    with pytest.raises(MachineError, match=r"etc/passwd was changed while a test ran"):
        before.check()
