"""Whose a folder is: what a live run uses is told from what a killed one left."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backport.engine.process import boot, start_time

NOTE = ".backport-owner"
"""What the note beside a temporary folder has after the folder's name."""


def facts_of_this_process(**facts: str) -> str:
    """The text of a note that says that this process is the owner; `read` gives the facts back."""
    data = {"pid": os.getpid(), "start": start_time(os.getpid()), "boot": boot(), **facts}
    return json.dumps(data) + "\n"


def read(text: str) -> dict[str, str] | None:
    """What is in the text of a note, or None where it is none."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else None


def is_alive(facts: dict[str, str]) -> bool:
    """Whether the process that wrote the note still runs (and not another one of its number)."""
    pid = facts.get("pid", "")
    start = start_time(int(pid)) if pid.isdecimal() else None
    return start is not None and start == facts.get("start") and facts.get("boot") == boot()


@contextmanager
def temporary(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """A folder of the machine's for a while; after a kill a later run removes it.

    The note is there before the folder and goes after it, so that no kill leaves one without.

    Parameters:
        place: the folder that it is in (None: the machine's own for temporary files).
    """
    place = place or _machines_own()
    place.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=NOTE, dir=place)
    folder = Path(name.removesuffix(NOTE))
    try:
        with os.fdopen(handle, "w") as file:
            file.write(facts_of_this_process())
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            Path(name).unlink(missing_ok=True)


def left_temporary(*places: Path) -> list[Path]:
    """The folders of `temporary` that killed processes of this user left; some are gone already.

    Parameters:
        places: where to look beside the machine's own folder for temporary files.
    """
    notes = (
        note for place in (_machines_own(), *places) for note in sorted(place.glob(f"*{NOTE}"))
    )
    folders = (note.with_name(note.name.removesuffix(NOTE)) for note in notes if _is_left(note))
    return [folder for folder in folders if not folder.is_symlink()]


@contextmanager
def temporary_files() -> Iterator[None]:
    """Keep all temporary files of this process, and of the programs that it runs, in one folder."""
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    with temporary("backport-") as folder:
        folder.chmod(0o1777)  # programs of other users write there too
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before
            del os.environ["TMPDIR"]
            if variable is not None:
                os.environ["TMPDIR"] = variable


def _machines_own() -> Path:
    """The machine's folder for temporary files, above the one of `temporary_files`."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:  # it tries to write, and hides why it could not
        folder = Path("/tmp")
    return folder.parent if folder.with_name(f"{folder.name}{NOTE}").exists() else folder


def _is_left(note: Path) -> bool:
    try:
        if note.is_symlink() or note.stat().st_uid != os.geteuid():
            return False
        facts = read(note.read_text()) or {}
    except OSError:
        return False
    return {"pid", "start", "boot"} <= facts.keys() and not is_alive(facts)
