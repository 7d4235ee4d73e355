"""The host's apt in a private folder: own sources, own state, an empty status file.

It needs no rights, and nothing that is configured on the host reaches it.
"""

from __future__ import annotations

import re
import tempfile
import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from backport.engine.process import Completed, require, run
from backport.environments import apt_reasons, old_keys
from backport.environments.machine_sources import Suite
from backport.errors import BackportError, HashMismatchError, InputError
from backport.source.fetch import cached, fetch
from backport.source.files import sha256_of

_UPDATE_SECONDS = 600.0
_DOWNLOAD_SECONDS = 3600.0
_AT_ONCE = 50
_URI_LINE = re.compile(r"^'(?P<uri>[^']+)' (?P<name>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$")


@dataclass(frozen=True)
class Deb:
    """A package of an index, by the file name that apt gives it and its sha256.

    `local` marks one of a local repository.
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
        """What `apt-get download` calls it: ``package:architecture=version``."""
        package, version, rest = self.apt_name.split("_", 2)
        architecture = rest.removesuffix(".deb")
        suffix = "" if architecture == "all" else f":{architecture}"
        return f"{package}{suffix}={urllib.parse.unquote(version)}"

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
        suites: what it reads.
        architecture: the packages' architecture.
        retries: how often it tries again after a broken connection.
    """

    def __init__(
        self, folder: Path, suites: Sequence[Suite], architecture: str, *, retries: int = 4
    ) -> None:
        self._retries = retries
        self._suites = tuple(suites)
        self._architecture = architecture
        self._folder = folder
        self._local = tuple(f"{suite.uri}/" for suite in suites if suite.keyring is None)
        for name in ("lists/partial", "archives/partial", "none", "trusted"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        self._sources = folder / "sources.list"
        self._write_sources()
        config = folder / "apt.conf"
        config.write_text(
            "".join(f"{key} {_quoted(value)};\n" for key, value in self._settings().items())
            + f"APT::Architectures {{ {_quoted(architecture)}; }};\n"
        )
        self._env = {"APT_CONFIG": str(config), "LC_ALL": "C.UTF-8"}

    def update(self, take: Collection[str] = ()) -> tuple[str, ...]:
        """Read the archives' indices, and check their signatures and hashes.

        Parameters:
            take: fingerprints of keys that are taken where apt refuses them (see `old_keys`).

        Returns what the record of the run has to say of that.

        Raises:
            InputError: a signature or a hash is wrong. RemoteError: an archive does not answer.
        """
        done = self._run("apt-get", "update", timeout=_UPDATE_SECONDS)
        taken = old_keys.refused(done.output, take)
        if taken:
            self._take_only(taken)
            done = self._run("apt-get", "update", timeout=_UPDATE_SECONDS)
        if done.exit_code != 0:
            raise self._why(done, "reading the archive's indices")
        return (old_keys.note(taken),) if taken else ()

    def leave_out(self, debs: Iterable[Deb]) -> None:
        """Let apt never choose these versions again."""
        for deb in debs:
            package, _, version = deb.version.partition("=")
            self._refuse(package.partition(":")[0], version)

    def _refuse(self, package: str, version: str) -> None:
        with (self._folder / "preferences").open("a") as preferences:
            preferences.write(f"Package: {package}\nPin: version {version}\nPin-Priority: -1\n\n")

    def keep_only(self, names: Iterable[str], versions: Mapping[str, str]) -> list[str]:
        """Let apt choose of these packages only what source packages of these versions made.

        Parameters:
            names: binary packages.
            versions: source packages with the one version that counts; "" for none. Where a
                package's source is not among them no version of it counts.

        Returns the packages that the archive has, but not in the version that counts.
        """
        there = sorted(self.names().intersection(names))
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
            self._refuse(paragraph["Package"], paragraph["Version"])
            if versions.get(source) != "":
                gone[paragraph["Package"]] = True
        return [name for name in gone if name not in kept]

    def required(self) -> list[str]:
        """The packages that every system of this archive has: Essential, and Priority required."""
        names = set()
        name = ""
        # The list has tens of megabytes: it is read from a file, line by line.
        dump = self._folder / "available"
        dump.unlink(missing_ok=True)
        run([require("apt-cache", "apt"), "dumpavail"], env=self._env, log=dump)
        with dump.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("Package: "):
                    name = line[9:].strip()
                elif line in ("Essential: yes\n", "Priority: required\n"):
                    names.add(name)
        dump.unlink()
        return sorted(names)

    def names(self) -> frozenset[str]:
        """The names of all packages of the archive; a name that is only provided is none."""
        done = self._run("apt-cache", "pkgnames")
        return frozenset(done.output.split())

    def closure(self, relations: Sequence[str]) -> tuple[Deb, ...]:
        """What has to be installed so that all relations hold.

        Relations that exclude each other are met one by one.

        Parameters:
            relations: package relations as in a control file's fields (Debian Policy 7.1).

        Raises:
            InputError: a relation cannot be met; the message names what is missing.
        """
        try:
            found = self._satisfy(relations)
        except InputError:
            if len(relations) < 2:
                raise
            found = {deb for relation in relations for deb in self._satisfy([relation])}
        return tuple(sorted(found, key=lambda deb: deb.name))

    def download(self, debs: Iterable[Deb], cache: Path) -> list[Path]:
        """Bring packages that `closure` named to the cache, where they are not there already.

        Parameters:
            debs: the packages.
            cache: the folder of all downloads; a package is ``sha256/HASH/NAME`` in it.

        Raises:
            HashMismatchError: a file is not what the signed index says. RemoteError: no answer.
        """
        wanted = list(debs)
        missing = {deb.apt_name: deb for deb in wanted if not deb.is_in(cache)}
        if missing:
            self._fetch(missing, cache)
        return [deb.place(cache) for deb in wanted]

    def _satisfy(self, relations: Sequence[str]) -> set[Deb]:
        done = self._run(
            "apt-get", "satisfy", "--print-uris", "--yes", "--no-install-recommends", *relations
        )
        if done.exit_code != 0:
            raise self._why(done, "looking for the packages")
        lines = [line for line in done.output.splitlines() if line.startswith("'")]
        matches = [_URI_LINE.match(line) for line in lines]
        if None in matches:
            raise InputError(
                "the archive's index has no sha256 for a package",
                where=lines[matches.index(None)].split()[0],
            )
        return {
            Deb(match["name"], match["sha256"], match["uri"].startswith(self._local))
            for match in matches
            if match
        }

    def _fetch(self, missing: Mapping[str, Deb], cache: Path) -> None:
        """Download by parts: what an interrupt ends is a part, and the rest is not lost."""
        names = list(missing)
        for start in range(0, len(names), _AT_ONCE):
            self._fetch_part(
                {name: missing[name] for name in names[start : start + _AT_ONCE]}, cache
            )

    def _fetch_part(self, missing: Mapping[str, Deb], cache: Path) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="got-") as scratch:
            done = run(
                [require("apt-get", "apt"), "download", *(deb.version for deb in missing.values())],
                cwd=Path(scratch),
                env=self._env,
                timeout=_DOWNLOAD_SECONDS,
            )
            for name, deb in missing.items():
                got = Path(scratch) / name
                # A broken connection may leave a piece.
                if got.is_file() and (done.exit_code == 0 or sha256_of(got) == deb.sha256):
                    _keep(got, deb, cache)
        gone = {
            urllib.parse.unquote(uri.rpartition("/")[2])
            for uri in re.findall(r"Failed to fetch (\S+)\s+404\s", done.output)
        }
        lost = [deb for deb in missing.values() if deb.name in gone]
        if lost:
            raise LostFileError(lost, self._where())
        if done.exit_code != 0:
            raise self._why(done, "downloading the packages")
        for deb in missing.values():
            if not deb.is_in(cache):
                raise HashMismatchError(
                    f"the archive did not give the file with the sha256 {deb.sha256}",
                    where=deb.name,
                )

    def _take_only(self, keys: Sequence[str]) -> None:
        for number, ring in enumerate({suite.keyring for suite in self._suites if suite.keyring}):
            # apt tells the two formats of a keyring by its name (apt-key(8)).
            suffix = ".asc" if ring.suffix == ".asc" else ".gpg"
            (self._folder / "trusted" / f"{number}{suffix}").symlink_to(ring.absolute())
        self._write_sources(keys)
        policy = old_keys.write_policy(self._folder / "sequoia.config")
        self._env[old_keys.POLICY_VARIABLE] = str(policy)

    def _write_sources(self, keys: Sequence[str] = ()) -> None:
        self._sources.write_text("".join(f"{suite.line(keys)}\n" for suite in self._suites))

    def _settings(self) -> dict[str, str]:
        home = self._folder
        return {
            "Dir": str(home),
            "Dir::Etc": str(home),
            "Dir::Etc::main": str(home / "none/apt.conf"),
            "Dir::Etc::parts": str(home / "none"),
            "Dir::Etc::sourcelist": str(self._sources),
            "Dir::Etc::sourceparts": str(home / "none"),
            "Dir::Etc::preferences": str(home / "preferences"),
            "Dir::Etc::preferencesparts": str(home / "none"),
            "Dir::Etc::trusted": str(home / "none/trusted.gpg"),
            "Dir::Etc::trustedparts": str(home / "trusted"),
            "Dir::State": str(home),
            "Dir::State::lists": str(home / "lists"),
            "Dir::State::status": str(home / "status"),
            "Dir::Cache": str(home),
            "Dir::Cache::archives": str(home / "archives"),
            "Dir::Log": str(home),
            "APT::Architecture": self._architecture,
            # The folder belongs to the caller, so apt's own user could not write to it.
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            # The hash that counts, and the one that --print-uris then names.
            "Acquire::ForceHash": "SHA256",
            "Acquire::Retries": str(self._retries),
            # The suites of a series that has ended are never signed anew: what date they name
            # in Valid-Until has passed.
            "Acquire::Check-Valid-Until": "false",
            # Of signatures: xenial and yakkety have two, by the archive's keys of 2004 (DSA,
            # 1024 bits, no longer in the keyring) and of 2012; zesty has only that of 2012 (the
            # archive's maintainers in December 2016). One good signature is enough for apt. With
            # SHA1, which it refuses, only releases up to precise were signed (ubuntu-devel,
            # November 2016), so nothing is relaxed here. Of the key's own signature: `old_keys`.
            "Acquire::AllowInsecureRepositories": "false",
        }

    def _run(self, program: str, *args: str, timeout: float = 600.0) -> Completed:
        return run([require(program, "apt"), *args], env=self._env, timeout=timeout)

    def _where(self) -> str:
        return ", ".join(
            dict.fromkeys(
                f"{suite.suite} at {suite.uri}" for suite in self._suites if suite.keyring
            )
        )

    def _why(self, done: Completed, doing: str) -> BackportError:
        return apt_reasons.why(
            done.output,
            exit_code=done.exit_code,
            doing=doing,
            where=self._where(),
            folder=str(self._folder.parent),
        )


def _keep(got: Path, deb: Deb, cache: Path) -> None:
    found = sha256_of(got)
    if found != deb.sha256:
        raise HashMismatchError(
            f"the archive gave {found}, but its index says {deb.sha256}", where=deb.name
        )
    fetch(str(got), deb.sha256, cache, name=deb.name)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', "") + '"'
