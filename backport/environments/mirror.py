"""The .deb files that a set of package relations needs, downloaded and verified by apt."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backport.engine import records
from backport.engine.step import hash_text
from backport.environments.private_apt import Deb, LostFileError, PrivateApt, Suite
from backport.errors import InputError, RemoteError

_FORM = 2
_Groups = Mapping[str, tuple[Deb, ...]]


@dataclass(frozen=True)
class Pool:
    """Packages in the cache, by group.

    `notes` are what the record of the run has to say of the archive.
    """

    groups: Mapping[str, tuple[Path, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Manifest:
    groups: _Groups
    notes: tuple[str, ...]


def collect(
    suites: Sequence[Suite],
    groups: Mapping[str, Sequence[str]],
    home: Path,
    *,
    architecture: str,
    cache: Path,
    to_build: Sequence[Mapping[str, str]] = (),
    if_there: Mapping[str, Collection[str]] | None = None,
    of_sources: Mapping[str, str] | None = None,
    older_for_lost: bool = False,
    take_keys: Collection[str] = (),
    offline: bool = False,
) -> Pool:
    """The packages that groups of relations need, each group with all that it depends on.

    What was found is written to a file in `home` that is named after all that it depends on. While
    that is there and the cache has the packages, no archive is asked: a prepared base stays as it
    is.

    Parameters:
        suites: the archive.
        groups: by a name: the relations. Beside them ``required`` is found: the packages that
            every system has.
        architecture: the packages' architecture.
        cache: the folder of all downloads.
        to_build: the control fields of packages that are yet to be built: relations may name them.
        if_there: further groups, of names of packages: those that the archive has and that can be
            installed from it.
        of_sources: source packages with a version: what is `if_there` counts only as it was made
            by these. None for the highest version of each package.
        older_for_lost: where a mirror lacks a file of its own index, take the next older version
            (a suite that has ended is removed from mirrors piece by piece).
        take_keys: fingerprints of keys that count although they bear a signature with SHA1.
        offline: ask no archive; all has to be in the cache.

    Raises:
        InputError: a signature or hash is wrong, or a relation cannot be met.
        RemoteError: the archive does not answer, or may not be asked.
        MachineError: the disk is full.
    """
    wanted = {name: sorted(names) for name, names in (if_there or {}).items()}
    archives = [(suite.uri, suite.suite, suite.components) for suite in suites]
    what = [archives, architecture, groups, to_build, wanted, of_sources]
    manifest = home / f"pool-{hash_text(json.dumps(what))[:16]}.json"
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
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".new-") as scratch:
            apt = PrivateApt(Path(scratch), suites, architecture, to_build)
            notes = apt.update(take_keys)
            if of_sources is not None:
                names = [name for some in wanted.values() for name in some]
                if gone := apt.keep_only(names, of_sources):
                    notes += (
                        f"the archive has {', '.join(gone)} in another version than on the "
                        "recipe's day: what starts from that one is not tried",
                    )
            debs_by_group = _brought(apt, groups, wanted, cache, older=older_for_lost)
        known = _Manifest(debs_by_group, notes)
        records.save(manifest, known, _FORM)
    return Pool(
        {
            name: tuple(deb.place(cache) for deb in group if not deb.local)
            for name, group in known.groups.items()
        },
        known.notes,
    )


def _brought(
    apt: PrivateApt,
    groups: Mapping[str, Sequence[str]],
    if_there: Mapping[str, Sequence[str]],
    cache: Path,
    *,
    older: bool,
) -> _Groups:
    while True:
        brought = {"required": apt.required()}
        brought |= {group: apt.closure(relations) for group, relations in groups.items()}
        for group, names in if_there.items():
            brought[group] = apt.closure(apt.present(names), or_less=True)
        try:
            debs = {deb for group in brought.values() for deb in group if not deb.local}
            apt.download(sorted(debs, key=lambda deb: deb.apt_name), cache)
        except LostFileError as error:
            if not older:
                raise
            # Ends, because a version that was left out is never named again.
            for deb in error.debs:
                apt.refuse(deb.package, deb.version)
        else:
            return brought
