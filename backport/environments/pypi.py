"""Published files of Python projects: found in the index that this machine uses, read, unpacked.

The host of the index is never written here: pip is asked for it.
"""

from __future__ import annotations

import configparser
import json
import os
import ssl
import sys
import tempfile
import urllib.parse
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from backport import transport
from backport.engine.process import run
from backport.errors import InputError, MachineError, RemoteError
from backport.source.files import plain_mode
from backport.source.members import members, refuse_large
from backport.transport import MIB, Limits, UnansweredError

_JSON = "application/vnd.pypi.simple.v1+json"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LIMITS = Limits(connect=60.0, silence=60.0, total=600.0, size=256 * MIB, attempts=5)
_ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


@cache
def index_url() -> str:
    """The package index that pip uses on this machine: as configured, else pip's own default.

    Raises:
        MachineError: there is no pip to ask.
    """
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3")):
        listed = run([python, "-m", "pip", "--disable-pip-version-check", "config", "list"])
        if listed.exit_code != 0:
            continue
        settings = dict(line.split("=", 1) for line in listed.output.splitlines() if "=" in line)
        for name in (":env:.index-url", "download.index-url", "global.index-url"):
            if name in settings:
                return settings[name].strip("'\"").rstrip("/")
        default = run([python, "-c", _ASK_PIP])
        if default.exit_code == 0:
            return default.output.strip().rstrip("/")
    raise MachineError(
        "there is no pip to ask for the package index", advice="run: sudo apt install python3-pip"
    )


def resolve(project: str, filename: str, *, index: str | None = None) -> str:
    """The URL of one published file of `project`, from the JSON simple API (PEP 691).

    Parameters:
        project: the project's name.
        filename: the file's exact name.
        index: the index's URL; without it the one that pip uses.

    Raises:
        InputError: the project has no such file.
        RemoteError: the index refused or could not be reached.
    """
    base = index if index is not None else index_url()
    url = f"{base}/{urllib.parse.quote(project.lower())}/"
    try:
        listing = json.loads(_get(url, accept=_JSON))
        files: list[dict[str, Any]] = listing["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(
            f"the package index did not answer in JSON for the project {project}",
            advice="use an index that speaks the JSON simple API (PEP 691)",
        ) from error
    for entry in files:
        if entry.get("filename") == filename:
            return urllib.parse.urljoin(url, str(entry["url"]))
    raise InputError(
        f"the package index has no file {filename}", where=project, advice="correct the pin"
    )


def unpack_wheel(wheel: Path, packages: Path, filename: str) -> None:
    """Unpack a wheel's modules and metadata (PEP 427) into the folder `packages`.

    Of its data only what belongs beside the modules is taken: no scripts, headers or manuals.

    Raises:
        InputError: it is not a wheel, or a name in it leads elsewhere.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            refuse_large(archive)
            for info in archive.infolist():
                target = _place_in_wheel(PurePosixPath(info.filename))
                if info.is_dir() or target is None:
                    continue
                if target.is_absolute() or ".." in target.parts:
                    raise InputError(f"the name {info.filename} leads outside", where=filename)
                path = packages / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(info))
                path.chmod(0o755 if path.suffix == ".so" else 0o644)
    except zipfile.BadZipFile as error:
        raise InputError("this is not a wheel", where=filename) from error


def unpack_sdist(sdist: Path, folder: Path, filename: str) -> None:
    """Unpack a source archive into `folder`, so that setup.py lies directly in it.

    Raises:
        InputError: it is no archive, a name in it leads elsewhere, or it has no setup.py.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
        try:
            if filename.endswith(".zip"):
                with zipfile.ZipFile(sdist) as archive:
                    refuse_large(archive)
                    # extractall() drops "..", absolute names and drive letters.
                    archive.extractall(scratch)
            else:
                _extract(sdist, Path(scratch))
        except (ValueError, zipfile.BadZipFile, OSError) as error:
            raise InputError(f"cannot unpack it: {error}", where=filename) from error
        tops = [path for path in Path(scratch).iterdir() if (path / "setup.py").is_file()]
        if len(tops) != 1:
            raise InputError("it has no folder with a setup.py", where=filename)
        tops[0].rename(folder)


def _extract(archive: Path, folder: Path) -> None:
    """Unpack regular files and folders only; Python before 3.11.4 has no filter of its own.

    Raises:
        ValueError: a name leads out of the folder, or a member is something else.
    """
    for member in members(archive):
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{member.name!r} leads outside the folder")
        if not (member.info.isfile() or member.info.isdir()):
            raise ValueError(f"{member.name!r} is neither a file nor a folder")
        target = folder / name
        if member.info.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.content())
        target.chmod(plain_mode(member.info.mode))


def console_scripts(packages: Path) -> dict[str, str]:
    """The console scripts that the metadata in `packages` declares: name to ``module:function``."""
    found: dict[str, str] = {}
    for path in sorted(packages.glob("*.*-info/entry_points.txt")):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(path.read_text())
        if parser.has_section("console_scripts"):
            found.update(parser.items("console_scripts"))
    return found


def distribution_name(packages: Path) -> str:
    """The name in the one distribution's metadata in `packages`.

    Raises:
        InputError: there is no metadata, or more than one distribution's.
    """
    files = [
        path
        for pattern in ("*.dist-info/METADATA", "*.egg-info/PKG-INFO")
        for path in packages.glob(pattern)
    ]
    if len(files) != 1:
        raise InputError(f"{len(files)} distributions in one package", where=str(packages))
    for line in files[0].read_text("utf-8", "replace").splitlines():
        if line.startswith("Name: "):
            return line.removeprefix("Name: ").strip()
    raise InputError("the metadata has no name", where=str(files[0]))


def lay_out(
    tree: Path, packages: str, name: str, scripts: Sequence[str], links: Mapping[str, str]
) -> None:
    """Make an installed distribution the content of a binary package.

    Modules and metadata stay; of all else only the named scripts are there, written anew.

    Parameters:
        tree: the package's root.
        packages: where its modules are, relative to `tree`.
        name: the binary package's name.
        scripts: the console scripts that the package has.
        links: files below `packages` that become links, and what each points to; of NAME_t, a
            template of Sphinx's, comes the link NAME.

    Raises:
        InputError: there are no modules, or no such script or file.
    """
    home = tree / packages
    if not home.is_dir():
        raise InputError("its file has no modules", where=name)
    for path in tree.rglob("*"):
        if not path.is_relative_to(home) and not path.is_dir():
            path.unlink()
    declared = console_scripts(home)
    for script in scripts:
        if script not in declared:
            raise InputError(f"it declares no script {script}", where=name)
        module, _, function = declared[script].partition(":")
        path = tree / "usr/bin" / script
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "#!/usr/bin/python2\nimport sys\n"
            f"from {module} import {function}\nsys.exit({function}())\n"
        )
        path.chmod(0o755)
    for file, target in links.items():
        if not (home / file).is_file():
            raise InputError(f"it has no file {file}", where=name)
        (home / file).unlink()
        link = home / file.removesuffix("_t")
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    # dh_python2 turns a requirement into a package's name by these notes; by itself it finds
    # only metadata whose name ends in egg-info, which that of wheels does not.
    note = tree / "usr/share/python/dist" / name
    note.parent.mkdir(parents=True)
    note.write_text(f"{distribution_name(home)} {name}\n")
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def _place_in_wheel(name: PurePosixPath) -> PurePosixPath | None:
    if not name.parts or not name.parts[0].endswith(".data"):
        return name
    kind = name.parts[1] if len(name.parts) > 2 else ""
    return PurePosixPath(*name.parts[2:]) if kind in ("purelib", "platlib") else None


def _get(url: str, *, accept: str = "*/*") -> bytes:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InputError(
            f"the package index is not asked over https but over {parts.scheme or 'nothing'}",
            advice="configure an https index for pip",
        )
    cafile = os.environ.get("PIP_CERT")
    context = ssl.create_default_context(cafile=cafile if cafile else None)

    def attempt() -> bytes:
        with transport.opened(url, _LIMITS, headers={"Accept": accept}, context=context) as answer:
            return b"".join(answer.pieces())

    try:
        return transport.repeat(attempt, _LIMITS)
    except UnansweredError as error:
        raise RemoteError(
            f"the package index gave no {PurePosixPath(parts.path).name}: it {error.what}",
            advice="check the network and try again",
        ) from error
