"""What a user without rights is told, before anything is downloaded or made."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import recipes
from tests.support.recipes import Spec

USER = "nobody"
SAID = "the user nobody has no range of 65536 subordinate user and group ids"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the user's that everybody may walk to."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        shutil.chown(folder, USER)
        yield Path(folder)


def test_doctor_names_the_command_that_gives_the_ids(place: Path) -> None:
    recipe = recipes.write(place / "recipe", Spec())
    # Python itself may be in a folder of root's.
    read = "-all,+dac_read_search"
    become = ["setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}"]
    become += ["--clear-groups", f"--inh-caps={read}", f"--ambient-caps={read}", "--"]
    doctor = [sys.executable, "-m", "backport.cli", "doctor", "--recipe", recipe]
    done = subprocess.run(
        [*become, *doctor, "--work", place / "work"],
        env={**os.environ, "HOME": str(place)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 5
    (line,) = [line for line in done.stdout.splitlines() if SAID in line]
    assert "run: sudo usermod --add-subuids " in line
