"""One step of a run: which one it is, what it needs, and the hashes of what it reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("fetch", "source", "dependencies", "base", "build", "check", "test")


@dataclass(frozen=True)
class StepId:
    """Which step of an update one is; what does not apply is ""."""

    kind: str
    series: str = ""
    source: str = ""
    variant: str = ""
    test: str = ""

    def __str__(self) -> str:
        """Its name and folder, such as ``build/xenial/hello`` or ``test/zesty/libmd.smoke``."""
        last = ".".join(part for part in (self.source, self.test) if part)
        last += f"+{self.variant}" if self.variant else ""
        return "/".join(part for part in (self.kind, self.series, last) if part)


@dataclass(frozen=True)
class Step:
    """One step. `needs` are other steps; `inputs` all else that it reads, hashed.

    A test step that is a `control` passes when it sees the harm. `limit` is a test's time limit in
    seconds.
    """

    id: StepId
    needs: tuple[StepId, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    control: bool = False
    limit: int = 0


def hash_text(text: str) -> str:
    """The sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_tree(folder: Path, names: Iterable[str] | None = None) -> str:
    """One hash over the names, modes and contents of the files below a folder.

    `names` restricts it to these files; a folder that does not exist has the hash of nothing.
    """
    digest = hashlib.sha256()
    files = (folder / name for name in names) if names is not None else folder.rglob("*")
    for path in sorted(files):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o777:o}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
