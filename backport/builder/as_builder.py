"""Programs that read what others made, not run as root: they see one folder, and can harm no other.

Where the toolkit is root they run as the build user, without a network, in a view of the machine
that has its programs and that folder. An ordinary user runs them as himself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from debian.deb822 import Deb822

from backport.builder import sandbox
from backport.builder.user import find_builder
from backport.engine import owner
from backport.engine.process import Completed
from backport.engine.process import run as run_program
from backport.errors import MachineError

_VIEW = Path(__file__).with_suffix(".sh")


def run(
    args: Sequence[str | Path],
    folder: Path,
    *,
    reads: Sequence[Path] = (),
    cwd: Path | None = None,
    env: Mapping[str, str],
    timeout: float = 600.0,
) -> Completed:
    """Run a program that writes below `folder` alone; see `process.run`.

    Parameters:
        folder: an absolute path; all in there is the build user's while the program runs.
        reads: those of `args` that are elsewhere: files, a .dsc or .changes with those it lists.

    Raises:
        MachineError: the build user cannot be made, or this root may not mount.
    """
    if os.geteuid() != 0:
        return run_program(args, cwd=cwd, env=env, timeout=timeout)
    builder = find_builder()
    with owner.temporary("backport-view-") as stage:
        stage.chmod(0o755)
        for name in ("view", "read"):
            (stage / name).mkdir()
        copies = {
            str(path): str(_copy(path, stage / "read" / str(n))) for n, path in enumerate(reads)
        }
        user = f"{builder.uid}:{builder.gid}"
        words = [copies.get(str(arg), str(arg)) for arg in args]
        inside = ["env", f"--chdir={cwd or folder}", f"TMPDIR={folder}", *words]
        shutil.copyfile(_VIEW, stage / "enter")
        view = ["sh", str(stage / "enter"), str(folder), user, *inside]
        for given in (stage / "read", folder):
            give(given, builder.uid, builder.gid)
        try:
            done = run_program(sandbox.inside(builder, view), env=env, timeout=timeout)
        finally:
            give(folder, os.geteuid(), os.getegid())
    if done.exit_code != 0 and done.output.startswith(("no namespaces: ", "mount: ")):
        raise MachineError(
            f"{Path(args[0]).name} cannot run as {builder.name}: {done.output.splitlines()[0]}",
            advice="run the toolkit as an ordinary user, or where root may mount",
        )
    output = done.output
    for path, copy in copies.items():
        output = output.replace(copy, path)
    return replace(done, args=tuple(map(str, args)), output=output)


def _copy(file: Path, folder: Path) -> Path:
    """A copy of a file, or of a .changes or .dsc with its files."""
    folder.mkdir()
    names = [file.name]
    if file.suffix in (".changes", ".dsc"):
        listed = Deb822(file.read_text(encoding="utf-8", errors="replace")).get("Files", "")
        names += [line.split()[-1] for line in listed.splitlines() if line.strip()]
    for name in names:
        if "/" not in name and (file.parent / name).is_file():
            shutil.copyfile(file.parent / name, folder / name)
    return folder / file.name


def give(folder: Path, uid: int, gid: int) -> None:
    """Let a folder and all in it belong to somebody; root may."""
    for top, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(Path(top, name), uid, gid, follow_symlinks=False)
