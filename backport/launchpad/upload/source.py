"""The source package of a PPA: made by the same code, with another version and nothing else new."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from backport.engine import records
from backport.errors import BackportError
from backport.launchpad.upload.signing import listed
from backport.recipe import versions
from backport.recipe.model import Recipe, Series, Source
from backport.source import package
from backport.source.changelog import timestamp
from backport.source.dpkg import isolated
from backport.source.files import sha256_of, tree_hashes
from backport.source.relations import BUILD_DEPENDS, Relation, groups
from backport.source.text import control_paragraphs, read_text

_CHANGELOG = "debian/changelog"
_RECORD, _FORMAT = "made.json", 1
_RELATIONS = ("Pre-Depends", "Depends", "Recommends", *BUILD_DEPENDS)


@dataclass(frozen=True)
class PpaSource:
    """A source package for the PPA: `changes` is its unsigned .changes, the files beside it.

    `hashes` has the sha256 of each file; `origs` the names of the upstream tarballs among them.
    `differing` are the files of the package, other than the changelog, that are not those of the
    update's own source package; `binaries` the binary packages that it builds; `relations` what it
    and they ask for with a version, as the fields of `Relation`; `key` that of the step that made
    the update's own package: the hash of all that went in.
    """

    source: str
    series: str
    version: str
    changes: str
    hashes: Mapping[str, str]
    origs: tuple[str, ...]
    differing: tuple[str, ...]
    binaries: tuple[str, ...]
    relations: tuple[tuple[str, str, str], ...]
    key: str = ""

    @property
    def content(self) -> dict[str, str]:
        """The hashes of what a signature does not change: all but the .dsc and the .changes."""
        signed = (".dsc", ".changes")
        return {name: one for name, one in self.hashes.items() if not name.endswith(signed)}


def make(
    recipe: Recipe,
    source: Source,
    series: Series,
    version: str,
    *,
    fetched: Path,
    update_dsc: Path,
    out: Path,
    key: str,
) -> PpaSource:
    """Make the source package of a PPA, and compare it with the update's own.

    What an earlier call made of the same things is taken again.

    Parameters:
        version: the version in the PPA.
        fetched: the folder of the fetch step, with the pinned .dsc and its files.
        update_dsc: the update's own source package, its files beside it.
        out: the folder for the files; what is there is replaced.
        key: that of the step that made the update's own.

    Raises: as `package.make` does.
    """
    assert source.pinned is not None, "only a source that starts from a pinned .dsc is uploaded"
    if kept := _kept(out, key, version):
        return kept
    published = series.archive.get(source.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    made = package.make(
        recipe,
        versions.with_versions(recipe, source, series),
        series,
        version,
        orig=None,
        pinned_dsc=fetched / source.pinned.dsc,
        out=out,
        since=published.version if published else "",
    )
    if made.debdiff is not None:
        made.debdiff.unlink()  # the one to review is the update's own
    (dsc,) = control_paragraphs(read_text(made.dsc))
    names = listed(read_text(made.dsc))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".comparing-") as name:
        differing, relations = _compare(update_dsc, made.dsc, Path(name), timestamp(recipe.date))
    result = PpaSource(
        source=source.name,
        series=series.name,
        version=version,
        changes=str(made.changes),
        hashes={name: sha256_of(out / name) for name in (*names, made.dsc.name, made.changes.name)},
        origs=tuple(name for name in names if re.search(r"\.orig(-[\w-]+)?\.tar\.\w+$", name)),
        differing=differing,
        binaries=tuple(word.strip() for word in str(dsc["Binary"]).split(",")),
        relations=relations,
        key=key,
    )
    records.save(out / _RECORD, result, _FORMAT)
    return result


def _kept(out: Path, key: str, version: str) -> PpaSource | None:
    """What an earlier call made, if it is of the same key and version and unchanged."""
    try:
        made = records.load(PpaSource, out / _RECORD, what="", advice="", form=_FORMAT)
        same = all(sha256_of(out / name) == digest for name, digest in made.hashes.items())
    except (OSError, BackportError):
        return None  # it is made anew
    own = (made.key, made.version, Path(made.changes).parent) == (key, version, out)
    return made if same and own else None


def _compare(
    update: Path, ppa: Path, work: Path, moment: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]:
    """What differs but the changelog's version, and the relations of the second package."""
    dpkg = isolated(work, moment)
    trees = (work / "update", work / "ppa")
    for dsc, tree in zip((update, ppa), trees, strict=True):
        dpkg.unpack(dsc, tree)
    first, second = (tree_hashes(tree, but=(".pc",)) for tree in trees)
    differing = {name for name, _ in first.items() ^ second.items()}
    if _same_but_version(*(tree / _CHANGELOG for tree in trees)):
        differing.discard(_CHANGELOG)
    control = read_text(trees[1] / "debian" / "control")
    return tuple(sorted(differing)), tuple(sorted(set(_relations(control))))


def _same_but_version(update: Path, ppa: Path) -> bool:
    """Whether two changelogs differ in the newest entry's version alone, or not at all."""
    version = re.compile(r"\A(\S+) \([^()]*\)")
    first, second = (version.sub(r"\1 ()", read_text(path)) for path in (update, ppa))
    return first == second


def _relations(control: str) -> Iterable[Relation]:
    """Every versioned relation of a debian/control without substitution variables."""
    for paragraph in control_paragraphs(control):
        for field in _RELATIONS:
            for alternatives in groups(paragraph.get(field, "")):
                yield from (alternative for alternative in alternatives if alternative.operator)


def unmet(made: PpaSource, update: Iterable[PpaSource]) -> tuple[str, ...]:
    """The relations of a package that the PPA's own versions of the update do not meet.

    A version ``V~ppa1`` sorts below V (Debian Policy 5.6.12), so ``(>= V)`` could not be
    installed from the PPA, and ``(>= V~)`` can.

    Parameters:
        update: the packages of the same series.
    """
    has = {binary: one.version for one in update for binary in one.binaries}
    return tuple(
        f"{relation}, where the PPA has {has[relation.name]}"
        for relation in starmap(Relation, made.relations)
        if relation.name in has and not relation.holds_for(has[relation.name])
    )
