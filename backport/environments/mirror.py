"""The .deb files that a set of package relations needs, downloaded and verified by apt."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backport.engine import records
from backport.environments.private_apt import Deb, LostFileError, PrivateApt
from backport.environments.suites import Suite
from backport.errors import InputError, RemoteError

_FORM = 2
_Groups = Mapping[str, tuple[Deb, ...]]


@dataclass(frozen=True)
class Pool:
    """Packages in the cache, by group.

    `local` names the packages of local repositories that the groups need; they are not brought.
    `notes` are what the record of the run has to say of the archive.
    """

    groups: Mapping[str, tuple[Path, ...]]
    local: frozenset[str]
    notes: tuple[str, ...] = ()

    @property
    def everything(self) -> frozenset[Path]:
        """The packages of all groups."""
        return frozenset(path for paths in self.groups.values() for path in paths)


@dataclass(frozen=True)
class _Manifest:
    groups: _Groups
    notes: tuple[str, ...]


def collect(
    suites: Sequence[Suite],
    groups: Mapping[str, Sequence[str]],
    manifest: Path,
    *,
    architecture: str,
    cache: Path,
    with_local: Mapping[str, Sequence[str]] | None = None,
    if_there: Mapping[str, Collection[str]] | None = None,
    of_sources: Mapping[str, str] | None = None,
    older_for_lost: bool = False,
    take_keys: Collection[str] = (),
    retries: int = 4,
    offline: bool = False,
) -> Pool:
    """The packages that groups of relations need, each group with all that it depends on.

    What was found is written to `manifest`. While that is there and the cache has the packages,
    no archive is asked: a prepared base stays as it is.

    Parameters:
        suites: the archive; also local repositories whose packages relations may name, and which
            are not brought.
        groups: by a name: the relations. Beside them ``required`` is found: the packages that
            every system has.
        manifest: a file of the caller's, named after all that the result depends on.
        architecture: the packages' architecture.
        cache: the folder of all downloads.
        with_local: further groups, found only where one of `groups` needs a local package.
        if_there: further groups, of names of packages: those that the archive has and that can be
            installed from it.
        of_sources: source packages with a version: what is `if_there` counts only as it was made
            by these. None for the highest version of each package.
        older_for_lost: where a mirror lacks a file of its own index, take the next older version
            (a suite that has ended is removed from mirrors piece by piece).
        take_keys: fingerprints of keys that count although they bear a signature with SHA1.
        retries: how often apt tries again after a broken connection.
        offline: ask no archive; all has to be in the cache.

    Raises:
        InputError: a signature or hash is wrong, or a relation cannot be met.
        RemoteError: the archive does not answer, or may not be asked.
        MachineError: the disk is full.
    """
    known = _Manifest({}, ())
    with suppress(InputError):  # it is not there, or damaged
        known = records.load(_Manifest, manifest, what="", advice="", form=_FORM)
    debs = [deb for group in known.groups.values() for deb in group]
    if not debs or not all(deb.local or deb.is_in(cache) for deb in debs):
        if offline:
            raise RemoteError(
                "the base has to be downloaded first, and the network may not be used",
                where=str(cache),
                advice="run once without --offline",
            )
        manifest.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=manifest.parent, prefix=".new-") as scratch:
            apt = PrivateApt(Path(scratch), suites, architecture, retries=retries)
            notes = apt.update(take_keys)
            if of_sources is not None:
                names = [name for some in (if_there or {}).values() for name in some]
                if gone := apt.keep_only(names, of_sources):
                    notes += (
                        f"the archive has {', '.join(gone)} in another version than on the "
                        "recipe's day: what starts from that one is not tried",
                    )
            found = _brought(
                apt, groups, with_local or {}, if_there or {}, cache, older_for_lost=older_for_lost
            )
        known = _Manifest(found, notes)
        records.save(manifest, known, _FORM)
    return Pool(
        {
            name: tuple(deb.place(cache) for deb in group if not deb.local)
            for name, group in known.groups.items()
        },
        frozenset(deb.package for group in known.groups.values() for deb in group if deb.local),
        known.notes,
    )


def _brought(
    apt: PrivateApt,
    groups: Mapping[str, Sequence[str]],
    with_local: Mapping[str, Sequence[str]],
    if_there: Mapping[str, Collection[str]],
    cache: Path,
    *,
    older_for_lost: bool,
) -> _Groups:
    while True:
        found = {"required": apt.required()}
        found |= {group: apt.closure(relations) for group, relations in groups.items()}
        if any(deb.local for debs in found.values() for deb in debs):
            found |= {group: apt.closure(relations) for group, relations in with_local.items()}
        for group, names in if_there.items():
            found[group] = _installable(apt, apt.present(names))
        try:
            debs = {deb for group in found.values() for deb in group if not deb.local}
            apt.download(sorted(debs, key=lambda deb: deb.apt_name), cache)
        except LostFileError as error:
            if not older_for_lost:
                raise
            # Ends, because a version that was left out is never named again.
            for deb in error.debs:
                apt.refuse(deb.package, deb.version)
        else:
            return found


def _installable(apt: PrivateApt, names: Sequence[str]) -> tuple[Deb, ...]:
    """What has to be installed for these packages; one that cannot be is left out."""
    debs: set[Deb] = set()
    for name in names:
        with suppress(InputError):
            debs.update(apt.closure([name]))
    return tuple(sorted(debs, key=lambda deb: deb.name))
