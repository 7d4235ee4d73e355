"""Binary packages from one source package, in a clean chroot, without a network.

sbuild(1) does the work, in a session of its own: the chroot's tarball is unpacked anew for every
build (see `session`). What it comes to is judged here, and the result appears by one rename.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from debian.deb822 import Changes

from backport import atomic
from backport.build.result import BuildResult, judge, read_summary, reason, tail
from backport.build.session import NO_CHROOT, PLAIN, BuildOptions, Session
from backport.builder import sandbox
from backport.builder.user import find_builder
from backport.doctor import has_memory_for_a_system
from backport.engine import owner
from backport.engine.process import Completed, run
from backport.engine.verdict import Broken, Failed, Passed, Verdict
from backport.environments import layers
from backport.environments.apt_setup import INSIDE, write_setup
from backport.environments.chroot import remove_tree
from backport.errors import InputError
from backport.source.dsc import read_dsc
from backport.source.files import set_plain_modes
from backport.system_packages import require

LOG = "build.log"
_SCRATCH = ".build-"
# Now and then the tar that unpacks the chroot dies on a loaded machine, before the build began.
_SESSIONS = 2


def build(
    dsc: Path,
    *,
    chroot: Path,
    repositories: Sequence[Path],
    out: Path,
    series: str = "unstable",
    options: BuildOptions = PLAIN,
    timeout: float = 3600,
) -> BuildResult:
    """Build a source package.

    Parameters:
        dsc: the .dsc, with the files that it names beside it.
        chroot: the tarball of a clean chroot (not compressed is fastest).
        repositories: flat apt repositories: the preferred one first, the base last; the
            packages of all but the last are pinned above the base.
        out: the folder of the results; it appears with one rename, in place of an older one.
        series: what the .changes names as its distribution.
        timeout: seconds for the whole build.

    Only a build that passed leaves packages there. The log is there in every case.

    Raises:
        InputError: the .dsc or a repository is not what it has to be.
        MachineError: a program or right is missing.
    """
    for program in ("sbuild", "autopkgtest", "ip"):
        require(program)
    files = _source_files(dsc)
    if not chroot.is_file():
        raise InputError("the chroot's tarball does not exist", where=str(chroot))
    # A repository may be a link that moves on while this build goes on.
    repositories = [path.resolve() for path in repositories]
    builder = find_builder()
    with _scratch(out) as (scratch, stage):
        source, result = scratch / "source", scratch / "result"
        for folder in (source, result):
            folder.mkdir()
        for file in files:
            shutil.copyfile(file, source / file.name)
        places = [f"{INSIDE}/{index}" for index in range(len(repositories))]
        write_setup(scratch / "setup", repositories, places, inside=f"{INSIDE}/setup")
        in_memory = options.memory if options.memory is not None else has_memory_for_a_system()
        layer = None
        if options.layered and in_memory:
            layer = layers.for_build(dsc, chroot, repositories, builder, stage)
        start = layer.tarball if layer else chroot
        complete = layer is not None and layer.complete
        session = Session(builder, scratch, stage, start, tuple(repositories), in_memory, complete)
        session.write(dsc.name, series, options)
        set_plain_modes(scratch)
        log = result / LOG
        for _ in range(_SESSIONS):
            completed = run(sandbox.command(builder, scratch / "enter"), log=log, timeout=timeout)
            text = log.read_text(encoding="utf-8", errors="replace")
            if completed.exit_code != NO_CHROOT:
                break
        verdict = _judge(completed, text, result)
        if not isinstance(verdict, Passed):
            for name in {path.name for path in result.iterdir()} - {LOG}:
                (result / name).unlink()
            if options.keep:
                _keep(scratch, options.keep)
        atomic.swap(result, out, scratch / "older")
    return BuildResult(verdict, layer)


def shell(chroot: Path, command: Sequence[str] = ("bash", "-l")) -> int:
    """Open a root shell on this terminal, in the chroot that a build kept; it has no network.

    Returns the shell's exit code.
    """
    words = sandbox.chroot_shell(find_builder(), chroot, command)
    return subprocess.run(words, check=False).returncode


def _source_files(dsc: Path) -> list[Path]:
    files = [dsc, *(dsc.parent / file.name for file in read_dsc(dsc).files)]
    for file in files:
        if not file.is_file():
            raise InputError(f"the file {file.name} of the source is missing", where=str(dsc))
    return files


def running_log(out: Path) -> Path | None:
    """The log of the build that goes on for the folder `out`, if one does."""
    logs = out.parent.glob(f"{_SCRATCH}{out.name}.{'?' * 8}/result/{LOG}")
    return next(logs, None)


@contextmanager
def _scratch(out: Path) -> Iterator[tuple[Path, Path]]:
    """A folder beside `out`, and an empty one that everybody may walk to, for the mounts."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with owner.temporary(_SCRATCH) as stage:
        stage.chmod(0o755)
        scratch = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{out.name}.", dir=out.parent))
        try:
            yield scratch, stage
        finally:
            remove_tree(scratch)


def _judge(completed: Completed, text: str, folder: Path) -> Verdict:
    if completed.exit_code == NO_CHROOT:
        lines = [line for line in text.splitlines() if not line.startswith("Unpacking ")]
        return Broken(f"the chroot could not be made ready: {' '.join(lines[:1])}", LOG)
    verdict = judge(completed.exit_code, read_summary(text), timed_out=completed.timed_out)
    if isinstance(verdict, Passed):
        return _products(folder)
    if isinstance(verdict, Failed) and verdict.stage != "timeout":
        return Failed(verdict.stage, reason(tail(text)), LOG)
    if isinstance(verdict, Broken):
        return Broken(f"{verdict.detail}: {reason(tail(text))}", LOG)
    return verdict


def _products(folder: Path) -> Passed | Broken:
    """How many packages there are; Broken where the .changes and the files differ."""
    paths = sorted(folder.glob("*.changes"))
    if len(paths) != 1:
        return Broken(f"sbuild says successful, but left {len(paths)} .changes files", LOG)
    changes = Changes(paths[0].read_text("utf-8", "replace"))
    entries = {str(entry["name"]): int(entry["size"]) for entry in changes["Files"]}
    for name, size in entries.items():
        if not (folder / name).is_file() or (folder / name).stat().st_size != size:
            return Broken(f"{paths[0].name} names {name}, which is missing or of another size", LOG)
    debs = [name for name in entries if name.endswith((".deb", ".ddeb", ".udeb"))]
    if not debs:
        return Broken(f"{paths[0].name} names no package", LOG)
    return Passed(f"{len(debs)} packages")


def _keep(scratch: Path, place: Path) -> None:
    """Move the failed build's chroot to `place`, if one was unpacked."""
    kept = scratch / "kept"
    if any(path.is_dir() for path in kept.glob("*")):
        place.parent.mkdir(parents=True, exist_ok=True)
        kept.rename(place)
