"""A reviewer's machine: the evidence of a run elsewhere is checked, and its steps run again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.support import CHECKOUT, PROGRAM, Place, environment


@dataclass(frozen=True)
class Reviewer:
    """Who got the evidence of a run, with a folder and a home of their own."""

    home: Path

    def check(self, *args: str) -> tuple[int, Mapping[str, Any]]:
        """Check the evidence, or run a step of it again: the exit code, and what is said."""
        command = [*PROGRAM, "evidence", "check", "evidence.tar.zst", "--json", *args]
        done = subprocess.run(
            [*command, "--cache", str(self.home / "cache")],
            cwd=self.home,
            env={**environment(), "HOME": str(self.home), "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def hand_over(place: Place, home: Path) -> Reviewer:
    """Give the evidence of a run away; of the run itself only its base is left."""
    (packed,) = (place.work / "evidence").glob("*.tar.zst")
    home.mkdir()
    shutil.copy(packed, home / "evidence.tar.zst")
    shutil.rmtree(place.root)
    for kind in ("fetch", "source", "dependencies", "build", "check", "test", "evidence"):
        shutil.rmtree(place.work / kind)
    return Reviewer(home)
