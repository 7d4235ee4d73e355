"""The host's apt in a private folder: own sources, own state, a status file of its own.

It needs no rights, and nothing that is configured on the host reaches it.

apt 3 checks signatures by sqv, whose policy (/usr/share/apt/default-sequoia.config) takes no key
that bears a signature with SHA1 since 2026-02-01, and the only key that signed zesty has no other.
apt 2 checks by gpgv, which does not look at it. What a caller names is taken all the same: these
keys alone, and only where apt refused them for that reason. An archive that is signed with SHA1
stays refused.
"""

from __future__ import annotations

import re
import tempfile
import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from backport.engine.process import Completed, run
from backport.environments import apt_reasons
from backport.errors import BackportError, InputError
from backport.source.fetch import cached, fetch
from backport.source.files import sha256_of
from backport.source.text import write_text

_UPDATE_SECONDS = 600.0
_DOWNLOAD_SECONDS = 3600.0
_URI_LINE = re.compile(r"^'(?P<uri>[^']+)' (?P<name>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$")
_REQUIRED = "?or(?essential,?priority(required))"
"""The packages that every system has (apt-patterns(7))."""

_FOLDERS = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/trusted.gpg.d",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
    "to-build",
)
# Of signatures: xenial and yakkety have two, by the archive's keys of 2004 (DSA, 1024 bits, no
# longer in the keyring) and of 2012; zesty has only that of 2012 (the archive's maintainers in
# December 2016). One good signature is enough for apt. With SHA1, which it refuses, only releases
# up to precise were signed (ubuntu-devel, November 2016), so nothing is relaxed here.
_CONFIG = """\
Dir "{folder}";
Dir::State::status "{folder}/status";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
// The folder belongs to the caller, so apt's own user could not write to it.
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
// The hash that counts, and the one that --print-uris then names.
Acquire::ForceHash "SHA256";
Acquire::Retries "3";
// The suites of a series that has ended are never signed anew: their Valid-Until has passed.
Acquire::Check-Valid-Until "false";
Acquire::AllowInsecureRepositories "false";
"""
# A key's signature on itself needs resistance against a second preimage; one on a file, against
# collisions, and for that SHA1 stays as it is.
_POLICY = '[hash_algorithms]\nsha1.second_preimage_resistance = "always"\n'


@dataclass(frozen=True)
class Suite:
    """One suite of an archive, and the keyring that its signature is checked with."""

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: Path

    def line(self, keys: Sequence[str] = ()) -> str:
        """Its line for sources.list(5); of what apt trusts only these keys or keyrings count."""
        option = f"[signed-by={','.join(keys)}] " if keys else ""
        return f"deb {option}{self.uri} {self.suite} {' '.join(self.components)}"


@dataclass(frozen=True)
class Deb:
    """A package of an index, by the file name that apt gives it and its sha256.

    `local` marks one that is yet to be built.
    """

    apt_name: str
    sha256: str
    local: bool = False

    @property
    def name(self) -> str:
        """The file name as dpkg itself writes it: without the version's epoch."""
        package, version, rest = self.apt_name.split("_", 2)
        return f"{package}_{version.partition('%3a')[2] or version}_{rest}"

    @property
    def package(self) -> str:
        """The binary package's name."""
        return self.apt_name.partition("_")[0]

    @property
    def version(self) -> str:
        """The version, with its epoch."""
        return urllib.parse.unquote(self.apt_name.split("_", 2)[1])

    def place(self, cache: Path) -> Path:
        """Where it lies in a cache of downloads."""
        return cache / "sha256" / self.sha256 / self.name

    def is_in(self, cache: Path) -> bool:
        """Whether the cache has it, whole."""
        return cached(cache, self.sha256, self.name) is not None


class LostFileError(InputError):
    """The archive's signed index names packages that the archive does not have; `debs` are they."""

    def __init__(self, debs: Sequence[Deb], where: str) -> None:
        names = ", ".join(deb.name for deb in debs)
        super().__init__(
            f"the archive's index names {names}, but the archive does not have it",
            where=where,
            advice="use another mirror",
        )
        self.debs = tuple(debs)


class PrivateApt:
    """apt in a folder of its own.

    Parameters:
        folder: an empty folder for apt's state.
        suites: what it reads. architecture: the packages' architecture.
        to_build: the control fields of packages that are yet to be built.
        local: a flat repository in their place. status: what dpkg says is installed.
    """

    def __init__(
        self,
        folder: Path,
        suites: Sequence[Suite],
        architecture: str,
        to_build: Sequence[Mapping[str, str]] = (),
        *,
        local: Path | None = None,
        status: str = "",
    ) -> None:
        self._suites = tuple(suites)
        self._folder = folder
        self._local = f"file:{urllib.parse.quote(str(local or folder / 'to-build'))}"
        self._where = ", ".join(f"{suite.suite} at {suite.uri}" for suite in suites)
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True)
        write_text(folder / "status", status)
        for number, ring in enumerate({suite.keyring for suite in suites}):
            # apt tells the two formats of a keyring by its name (apt-key(8)).
            suffix = ".asc" if ring.suffix == ".asc" else ".gpg"
            link = folder / "etc/apt/trusted.gpg.d" / f"{number}{suffix}"
            link.symlink_to(ring.absolute())
        index = "".join(
            "".join(f"{name}: {text}\n" for name, text in control.items() if text)
            + f"Filename: ./{control['Package']}.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
            for control in to_build
        )
        (folder / "to-build/Packages").write_text(index)
        self._write_sources()
        config = folder / "apt.conf"
        config.write_text(_CONFIG.format(folder=folder, architecture=architecture))
        self._env = {"APT_CONFIG": str(config), "LC_ALL": "C.UTF-8"}

    def update(self, take: Collection[str] = ()) -> tuple[str, ...]:
        """Read the archives' indices, and check their signatures and hashes.

        Parameters:
            take: fingerprints of keys that count although they bear a signature with SHA1.

        Returns what the record of the run has to say of that.

        Raises:
            InputError: a signature or a hash is wrong. RemoteError: an archive does not answer.
        """
        notes: tuple[str, ...] = ()
        done = self._run("apt-get", "update", timeout=_UPDATE_SECONDS)
        if taken := apt_reasons.old_keys(done.output, take):
            self._write_sources(taken)
            policy = self._folder / "sequoia.config"
            policy.write_text(_POLICY)
            self._env["APT_SEQUOIA_CRYPTO_POLICY"] = str(policy)
            notes = (
                f"apt took the archive's key {', '.join(taken)}, and no other, although the key's "
                "own signature is made with SHA1, which sqv refuses since 2026-02-01",
            )
            done = self._run("apt-get", "update", timeout=_UPDATE_SECONDS)
        if done.exit_code != 0:
            raise self._why(done, "reading the archive's indices")
        return notes

    def refuse(self, package: str, version: str) -> None:
        """Let apt never choose this version."""
        with (self._folder / "etc/apt/preferences").open("a") as preferences:
            preferences.write(f"Package: {package}\nPin: version {version}\nPin-Priority: -1\n\n")

    def keep_only(self, names: Iterable[str], versions: Mapping[str, str]) -> list[str]:
        """Let apt choose of these packages only what source packages of these versions made.

        Parameters:
            names: binary packages.
            versions: source packages with the one version that counts; "" for none. Where a
                package's source is not among them no version of it counts.

        Returns the packages that the archive has, but not in the version that counts.
        """
        there = self.present(names)
        if not there:
            return []
        shown = self._run("apt-cache", "show", *there)
        kept, gone = set(), {}
        for paragraph in Deb822.iter_paragraphs(shown.output, use_apt_pkg=False):
            source, _, version = paragraph.get("Source", paragraph["Package"]).partition(" ")
            version = version.strip("()") or paragraph["Version"]
            if versions.get(source) == version:
                kept.add(paragraph["Package"])
                continue
            self.refuse(paragraph["Package"], paragraph["Version"])
            if versions.get(source) != "":
                gone[paragraph["Package"]] = True
        return [name for name in gone if name not in kept]

    def present(self, names: Iterable[str]) -> list[str]:
        """Those that name a package of the archive; a name that is only provided does not."""
        return sorted({*self._run("apt-cache", "pkgnames").output.split()}.intersection(names))

    def required(self) -> tuple[Deb, ...]:
        """What every system of this archive has: Essential, or Priority required; and apt."""
        return tuple(sorted(self._uris("install", _REQUIRED, "apt"), key=lambda deb: deb.name))

    def closure(self, relations: Sequence[str], *, or_less: bool = False) -> tuple[Deb, ...]:
        """What has to be installed so that all relations hold.

        Relations that exclude each other are met one by one.

        Parameters:
            relations: package relations as in a control file's fields (Debian Policy 7.1).
            or_less: whether one that cannot be met is left out.

        Raises:
            InputError: a relation cannot be met; the message names what is missing.
        """
        if not relations:
            return ()
        debs: set[Deb] = set()
        try:
            debs = self._uris("satisfy", *relations)
        except InputError:
            for relation in relations:
                with suppress(*([InputError] if or_less else [])):
                    debs |= self._uris("satisfy", relation)
        return tuple(sorted(debs, key=lambda deb: deb.name))

    def download(self, debs: Iterable[Deb], cache: Path) -> None:
        """Bring packages that `closure` named to the cache, where they are not there already.

        Parameters:
            debs: the packages.
            cache: the folder of all downloads; a package is ``sha256/HASH/NAME`` in it.

        Raises:
            LostFileError: the archive lacks a package of its index. HashMismatchError: a file is
                not what the signed index says. RemoteError: no answer.
        """
        missing = {deb.apt_name: deb for deb in debs if not deb.is_in(cache)}
        if not missing:
            return
        words = [f"{deb.package}={deb.version}" for deb in missing.values()]
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="got-") as scratch:
            done = self._run(
                "apt-get", "download", *words, cwd=Path(scratch), timeout=_DOWNLOAD_SECONDS
            )
            for name, deb in missing.items():
                got = Path(scratch) / name
                # A broken connection may leave a piece.
                if got.is_file() and sha256_of(got) == deb.sha256:
                    fetch(str(got), deb.sha256, cache, name=deb.name)
        gone = {
            urllib.parse.unquote(uri.rpartition("/")[2])
            for uri in re.findall(r"Failed to fetch (\S+)\s+404\s", done.output)
        }
        if lost := [deb for deb in missing.values() if deb.name in gone]:
            raise LostFileError(lost, self._where)
        if done.exit_code != 0 or not all(deb.place(cache).is_file() for deb in missing.values()):
            raise self._why(done, "downloading the packages")

    def _uris(self, *words: str) -> set[Deb]:
        """What apt-get would download."""
        options = ("--print-uris", "--yes", "--no-install-recommends")
        done = self._run("apt-get", *options, *words)
        if done.exit_code != 0:
            raise self._why(done, "looking for the packages")
        debs = set()
        for line in done.output.splitlines():
            if match := _URI_LINE.match(line):
                local = match["uri"].startswith(self._local)
                debs.add(Deb(match["name"], match["sha256"], local))
            elif line.startswith("'"):
                raise InputError(
                    "the archive's index has no sha256 for a package", where=line.split()[0]
                )
        return debs

    def _write_sources(self, keys: Sequence[str] = ()) -> None:
        lines = [suite.line(keys) for suite in self._suites]
        local = urllib.parse.quote(self._local, safe="/:")  # apt takes the signs off twice
        text = "\n".join([*lines, f"deb [trusted=yes] {local} ./", ""])
        (self._folder / "etc/apt/sources.list").write_text(text)

    def _run(
        self, program: str, *args: str, cwd: Path | None = None, timeout: float = 600.0
    ) -> Completed:
        return run([program, *args], cwd=cwd, env=self._env, timeout=timeout)

    def _why(self, done: Completed, doing: str) -> BackportError:
        return apt_reasons.why(done.output, doing, self._where, self._folder.parent)
