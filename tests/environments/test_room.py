from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backport.environments.base import Dependencies
from backport.environments.ubuntu import Ubuntu
from backport.errors import StepError
from tests.environments.ubuntu_archive import UbuntuArchive, seen_at

# The work folder is in a file system of the given size, which only this process sees.
SCRIPT = """\
import json
import sys
from pathlib import Path
from backport.engine.system_errors import refusals
from backport.environments.base import Dependencies
from backport.environments.ubuntu import Ubuntu
from backport.errors import BackportError
from tests.environments.ubuntu_archive import seen_at

uri, ring, small, cache = sys.argv[1:]
out = Path(small)
try:
    with refusals(out):
        Ubuntu(Path(ring)).prepare(
            seen_at(uri), Dependencies(("tool",)), out, Path(cache)
        )
except BackportError as error:
    print(type(error).__name__, error.exit_code, error)
print(json.dumps([path.name for path in out.rglob("*") if not path.is_dir()]))
"""
MOUNT = 'mount -t tmpfs -o size="$0" small "$1" && shift && exec "$@"'


@pytest.mark.parametrize(
    "case",
    [("8k", False, set()), ("8m", False, set()), ("8m", True, {"pool"})],
    ids=["while apt reads", "while packages come", "while they are laid out"],
)
def test_a_full_disk_is_told_in_one_sentence_and_nothing_is_half_written(
    tmp_path: Path, archive: UbuntuArchive, ring: Path, case: tuple[str, bool, set[str]]
) -> None:
    size, cached, left = case
    archive.make_system()
    archive.make("tool")
    archive.make("large", files={"large": os.urandom(2**23).hex()}, Priority="required")
    archive.sign()
    (tmp_path / "small").mkdir()
    become = [] if os.geteuid() == 0 else ["--map-root-user"]
    with archive.served() as uri:
        if cached:
            wanted = Dependencies(("tool",))
            with pytest.raises(StepError, match="mmdebstrap"):
                Ubuntu(ring).prepare(seen_at(uri), wanted, tmp_path / "roomy", tmp_path / "cache")
        words = [uri, ring, tmp_path / "small", tmp_path / "cache"]
        done = subprocess.run(
            ["unshare", *become, "--mount", "sh", "-c", MOUNT, size, str(tmp_path / "small"),
             sys.executable, "-c", SCRIPT, *map(str, words)],
            capture_output=True, text=True, check=False,
            cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    assert done.stderr == ""
    said, files = done.stdout.splitlines()
    assert said.startswith("MachineError 5 ")
    assert "the disk is full" in said
    names = set(json.loads(files)) - {".lock"}
    assert {name.partition("-")[0] for name in names} == left
