"""Small helpers for files: hashes, modes and times that do not depend on who works where."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from io import BufferedReader
from pathlib import Path

from backport.errors import InputError

# Never part of a source package: version control, what Python and editors leave behind.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".hg", ".svn", ".bzr", "CVS", "__pycache__", "*.pyc", "*~", ".*.swp", "*.orig", "*.rej"
)


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it; what else a package may have, such as a pipe, could hold us for ever.

    Raises:
        InputError: it is no regular file. OSError: it cannot be opened.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("this is no regular file", where=str(path), advice="take it out")
    return file


def sha256_of(path: Path) -> str:
    """The sha256 of a regular file, as 64 hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain_mode(mode: int) -> int:
    """The permissions that stand for `mode` whatever the umask was: 0755 or 0644."""
    return 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644


def set_plain_modes(folder: Path) -> None:
    """Let everybody read a folder and all below it, as build users and testbeds have to."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(plain_mode(path.stat().st_mode))


def set_modes_and_times(folder: Path, seconds: int) -> None:
    """Give all below `folder` its plain mode and one time, in seconds since 1970."""
    set_plain_modes(folder)
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def tree_hashes(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Each file's and link's content below `folder`, by relative path.

    Parameters:
        but: names at the top of `folder` that are left out.
    """
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in but or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink():
            hashes[str(name)] = f"-> {path.readlink()}"
        else:
            hashes[str(name)] = sha256_of(path) if path.is_file() else "a pipe, socket or device"
    return hashes


def folder_texts(folder: Path) -> dict[str, str]:
    """The text of each file below a folder, by its path; a link is the file that it leads to."""
    return {
        str(path.relative_to(folder)): path.read_text("utf-8", "replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same_file(link: Path, target: Path) -> None:
    """Make `link` the same file as `target`: a hard link, or a copy on another file system."""
    try:
        link.hardlink_to(target)
    except OSError:
        shutil.copyfile(target, link)
