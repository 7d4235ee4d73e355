"""The archive's own source package: a .dsc pinned by its sha256, its files, its signature."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from debian.deb822 import Dsc

from backport.engine import owner, records
from backport.engine.process import wait_for
from backport.errors import InputError, reading
from backport.recipe.model import PinnedDsc
from backport.recipe.version_strings import upstream_part
from backport.source.dpkg import isolated
from backport.source.fetch import fetch
from backport.source.files import folder_texts, same_file, sha256_of
from backport.source.members import members
from backport.system_packages import require

HOME = "dsc"
"""The folder of the cache with each .dsc beside its files."""
QUILT = "3.0 (quilt)"
FORMATS = (QUILT, "3.0 (native)", "1.0")
"""The formats of a source package that an update can start from (dpkg-source(1))."""

_ANOTHER = "this .dsc cannot be used: pin another"

SignatureState = Literal["good", "expired key", "unknown key", "none"]

# Debian Policy 5.6.19 and 5.6.1: no separator, no leading dot.
_FILE = re.compile(r"[a-z0-9][A-Za-z0-9+.~_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Words of gpg's status output (doc/DETAILS in GnuPG), and a remark that goes before the name; of
# several signatures a good one counts first.
_STATES: dict[str, tuple[SignatureState, str]] = {
    "GOODSIG": ("good", ""),
    "EXPKEYSIG": ("expired key", ""),
    "EXPSIG": ("expired key", "the signature itself is expired: "),
    "REVKEYSIG": ("expired key", "the key was revoked: "),
}


@dataclass(frozen=True)
class DscFile:
    """One file that a .dsc lists; `size` in bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DscInfo:
    """What a .dsc says: the fields that the toolkit uses."""

    source: str
    version: str
    format: str
    files: tuple[DscFile, ...]

    @property
    def upstream_version(self) -> str:
        """The version without epoch and Debian revision (Policy 5.6.12)."""
        return upstream_part(self.version)

    def origs(self) -> tuple[str, ...]:
        """The names of the upstream tarballs and of their signatures."""
        stem = f"{self.source}_{self.upstream_version}.orig"
        return tuple(
            file.name for file in self.files if file.name.startswith((f"{stem}.", f"{stem}-"))
        )


@dataclass(frozen=True)
class Signature:
    """How a .dsc is signed. The pinned hash is the gate; this is reported beside it."""

    state: SignatureState
    key_id: str = ""
    detail: str = ""


def require_format(info: DscInfo) -> None:
    """Refuse a source package of a format that no update can start from.

    Raises:
        InputError: it is of none of `FORMATS`.
    """
    if info.format not in FORMATS:
        raise InputError(
            f"its format is {info.format}",
            where=f"{info.source} {info.version}",
            advice=f"take a version of one of the formats {', '.join(FORMATS)}",
        )


def debian_texts(dsc: Path) -> dict[str, str]:
    """The text of each file below debian/ of a source package, whatever its format is.

    Raises:
        InputError: it is damaged or too large. StepError: dpkg-source cannot unpack it.
    """
    for packed in dsc.parent.glob(f"{dsc.name.removesuffix('.dsc')}.debian.tar.*"):
        with reading(packed, what="this cannot be unpacked", advice=_ANOTHER):
            return {
                member.name.removeprefix("debian/"): member.content().decode("utf-8", "replace")
                for member in members(packed)
                if member.info.isfile()
            }
    with tempfile.TemporaryDirectory() as name:
        isolated(Path(name), 0).unpack(dsc, Path(name) / "tree", patches=False)
        return folder_texts(Path(name) / "tree" / "debian")


def file_version(version: str) -> str:
    """The version as it stands in file names: without the epoch."""
    return version.partition(":")[2] or version


def read_dsc(path: Path) -> DscInfo:
    """Read and check a .dsc.

    Raises:
        InputError: a field is missing, names or sizes in Files and Checksums-Sha256 do not
            agree, or a name is no plain file name.
    """
    with reading(path.name, what="this is no .dsc", advice=_ANOTHER):
        return _info(path, Dsc(records.read_bytes(path).decode("utf-8", "replace")))


def _info(path: Path, fields: Dsc) -> DscInfo:
    for field in ("Source", "Version", "Format", "Files", "Checksums-Sha256"):
        if field not in fields:
            raise _wrong(path, f"the field {field} is missing")
    files = [
        DscFile(entry["name"], int(entry["size"]), entry["sha256"])
        for entry in fields["Checksums-Sha256"]
    ]
    for file in files:
        if not _FILE.fullmatch(file.name) or not _SHA256.fullmatch(file.sha256):
            what = f"{file.name!r} with the hash {file.sha256!r} cannot be a file of a package"
            raise _wrong(path, what)
    listed = [(entry["name"], int(entry["size"])) for entry in fields["Files"]]
    if len({file.name for file in files}) != len(files):
        raise _wrong(path, "Checksums-Sha256 names a file twice")
    if sorted(listed) != sorted((file.name, file.size) for file in files):
        raise _wrong(path, "Files and Checksums-Sha256 name other files or sizes")
    return DscInfo(fields["Source"], fields["Version"], fields["Format"], tuple(files))


def fetch_pinned(pin: PinnedDsc, cache: Path, *, offline: bool = False, source: str = "") -> Path:
    """The .dsc of a pin in a folder of the cache, with all its files beside it.

    Parameters:
        pin: what and where; `url` or `path` is the .dsc or the folder that it is in.
        cache: the folder of the cache; downloads are kept in it by hash.
        offline: take only what is cached or local.
        source: the source package that it has to be, if known.

    Raises:
        HashMismatchError, RemoteError: see `fetch`.
        InputError: the .dsc is another package or version than the pin says, or it is not sound.
    """
    folder = _folder_of(pin)
    dsc = fetch(folder + pin.dsc, pin.sha256, cache, name=pin.dsc, offline=offline)
    info = read_dsc(dsc)
    wanted = f"{source or info.source} {pin.version}"
    if f"{info.source} {info.version}" != wanted:
        raise InputError(
            f"it is {info.source} {info.version}, and {wanted} is pinned",
            where=pin.dsc,
            advice="mend the pin with: backport pin --update",
        )
    if pin.dsc != f"{info.source}_{file_version(info.version)}.dsc":
        raise _wrong(dsc, f"it describes {info.source} {info.version}, which its name does not say")
    parts = [dsc]
    for file in info.files:
        part = fetch(folder + file.name, file.sha256, cache, name=file.name, offline=offline)
        if part.stat().st_size != file.size:
            raise _wrong(dsc, f"it gives {file.name} another size than the file of its hash has")
        parts.append(part)
    return _side_by_side(parts, cache / HOME / pin.sha256) / pin.dsc


def at_hand(pin: PinnedDsc, cache: Path) -> Path | None:
    """The .dsc of a pin where it is local or was fetched before; else None."""
    local = Path(_folder_of(pin)) if pin.path else cache / HOME / pin.sha256
    return local / pin.dsc if (local / pin.dsc).is_file() else None


def signature(dsc: Path, keyrings: Sequence[Path]) -> Signature:
    """How `dsc` is signed, as far as the keys in `keyrings` tell; gpgv(1) decides.

    Raises:
        InputError: it is bad: the text was changed after it was signed.
        MachineError: gpgv is not installed.
    """
    content = dsc.read_bytes()
    if b"-----BEGIN PGP SIGNED MESSAGE-----" not in content:
        return Signature("none", detail="the file carries no signature")
    require("gpgv")
    present = [str(keyring.resolve()) for keyring in keyrings if keyring.is_file()]
    status = Dsc(content).get_gpg_info(present or ["/dev/null"])
    if "BADSIG" in status or not {*_STATES, "ERRSIG"} & status.keys():
        raise InputError(
            f"its signature is bad ({' '.join(status.get('BADSIG', ['gpgv finds none']))})",
            where=dsc.name,
            advice="do not use it: fetch it from the archive again and pin its hash",
        )
    for word, (state, remark) in _STATES.items():
        if word in status:
            key_id, *who = status[word]
            return Signature(state, key_id, remark + " ".join(who))
    key_id, code = status["ERRSIG"][0], [*status["ERRSIG"], *"??????"][5]
    why = "the key is not in the keyring" if code == "9" else f"not checkable, code {code}"
    return Signature("unknown key", key_id, why)


def _folder_of(pin: PinnedDsc) -> str:
    if pin.url:
        return pin.url.removesuffix(pin.dsc).rstrip("/") + "/"
    path = Path(pin.path)
    return f"{path if path.is_dir() else path.parent}/"


def _side_by_side(parts: Sequence[Path], home: Path) -> Path:
    """A folder that holds exactly these files; one at a time makes it, and renames it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / ".lock").open("w") as lock:
        wait_for(lock)
        if home.is_dir():
            there = {path.name: sha256_of(path) for path in home.iterdir()}
            if there == {part.name: part.parent.name for part in parts}:
                return home
        with owner.temporary(".new-", home.parent) as scratch:
            new = scratch / "new"
            new.mkdir()
            for part in parts:
                same_file(new / part.name, part)
            if home.is_dir():
                home.rename(scratch / "damaged")
            new.rename(home)
    return home


def _wrong(path: Path, what: str) -> InputError:
    return InputError(what, where=path.name, advice=_ANOTHER)
