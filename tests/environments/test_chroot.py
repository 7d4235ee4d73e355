from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.environments import chroot, localrepo
from backport.errors import BackportError, StepError
from tests.build.packages import make_deb
from tests.environments.packages import one_sentence


@pytest.mark.parametrize(
    "make", [chroot.make_build_chroot, chroot.make_testbed_root], ids=["build", "testbed"]
)
def test_a_repository_that_lacks_packages_ends_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path, Path], Path]
) -> None:
    repository = localrepo.publish([make_deb(tmp_path, "thing")], tmp_path / "a repo%20#1")
    with pytest.raises(BackportError) as caught:
        make(repository, tmp_path / "out" / "made")
    found = isinstance(caught.value, StepError) and "Unable to locate" in str(caught.value)
    assert found or os.geteuid() != 0
    assert one_sentence(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
