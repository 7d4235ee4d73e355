"""The version of every upload, and the proof that every upgrade path sorts upward.

The rules are in `version_strings`. A delta is what changes the content of the binary packages: a
quilt patch, or packaging laid over debian/. Relaxed build-dependencies and added DEP-8 tests leave
a backport "essentially identical" to the version that it is of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from debian.debian_support import Version

from backport.recipe.model import ControlEdit, Published, Recipe, Series, Source, Variant
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.recipe.version_strings import next_version, stem, upstream_part
from backport.source.overlay import BINARY

# What marks a version of our own packaging, not of the archive's source package.
STANDIN = "~standin"
# A source package's name in braces (Debian Policy 5.6.1).
_MADE = re.compile(r"\{([a-z0-9][a-z0-9+.-]+)\}")

Pair = tuple[str, str]
"""The name of a source package, and a series."""
ArchiveVersions = Mapping[Pair, Published]


@dataclass(frozen=True)
class Row:
    """One source package in one series: what the archive has, and what the update makes.

    `ours` is the version that will be published, "" where the update uploads nothing; `rule`
    says how it came about. `built` is the version that a run makes: `ours`, or while no .dsc is
    pinned one for testing only, which nobody's upgrade ever meets.
    """

    source: str
    series: str
    archive: Published | None
    ours: str
    rule: str
    built: str = ""

    @property
    def result(self) -> str:
        """The version that the series has after the update; "" if none."""
        return self.ours or (self.archive.version if self.archive else "")

    @property
    def published(self) -> bool:
        """Whether the archive has our upload already: by its files, not by its version alone."""
        has = self.archive
        return bool(has and has.ours and self.ours and Version(has.version) == Version(self.ours))


@dataclass(frozen=True)
class Upgrade:
    """One claim of the proof: `lower` sorts below `higher` (dpkg's order, Policy 5.6.12).

    `confirmed` is whether both versions are: ours by the recipe, the archive's by a record. With
    `published` the claim is that they are the same: the archive has our upload already.
    """

    lower: str
    higher: str
    what: str
    confirmed: bool
    published: bool = False

    @property
    def holds(self) -> bool:
        """Whether dpkg sorts the two as claimed."""
        if self.published:
            return bool(Version(self.lower) == Version(self.higher))
        return bool(Version(self.lower) < Version(self.higher))


def has_delta(source: Source, series: str) -> bool:
    """Whether the recipe changes what is in the binary packages, for that series.

    That is a quilt patch, or packaging laid over debian/. A binary package that comes in addition,
    such as a transitional one, changes none of them.
    """
    patched = bool(patch_names(quilt_series_file(source, series)))
    return patched or bool(overlay_files(source, series).keys() - {BINARY})


def published_version(
    source: Source, series: Series, has: Published | None = None
) -> tuple[str, str]:
    """The version that the update publishes for a source in a series, and the rule in words.

    Parameters:
        has: what the series has of it; without it the recipe's own data count.
    """
    if series.name in source.chosen:
        return source.chosen[series.name]
    has = has or series.archive.get(source.name) or Published("")
    own = source.in_series(series.name)
    if has.ours and not own.revision:
        return has.version, "our own upload is there already"
    starts = [source.in_series(name).debian_version for name in source.series]
    version, rule = next_version(
        own.debian_version,
        series.version,
        delta=has_delta(source, series.name),
        several=sum(stem(start) == stem(own.debian_version) for start in starts) > 1,
        seen=[one for one in (has.version, *has.seen) if one],
        number=own.revision.number if own.revision else 0,
    )
    return version, f"{rule}: {own.revision.reason}" if own.revision else rule


def overtaken(source: Source, series: str, has: Published | None) -> tuple[str, str] | None:
    """What to say, and what to do, where a series has a later version than the pinned package.

    Parameters:
        has: what the series has of the source.
    """
    pinned = source.in_series(series).pinned
    if not (pinned and has and has.version) or has.ours:
        return None
    if Version(has.version) <= Version(pinned.version):
        return None
    # What is pinned for all series is the version that the recipe names.
    own = series in source.pinned_in
    first = "" if own else f'write debian-version = "{has.version}", and then '
    return (
        f"{series} has {source.name} {has.version}, later than the pinned {pinned.version}: if "
        "that is no upload of this update, its changes would be lost",
        f"to start from it, {first}run: backport pin --update --source {source.name}",
    )


def with_chosen(recipe: Recipe, archive: ArchiveVersions) -> Recipe:
    """The recipe with the version of every upload fixed, by what the archive has."""
    rows = [row for row in table(recipe, archive) if row.ours]
    return _choosing(recipe, {f"{row.series}/{row.source}": (row.ours, row.rule) for row in rows})


def as_made(recipe: Recipe, made: Mapping[str, str]) -> Recipe:
    """The recipe with the versions that a run has made, by ``SERIES/SOURCE``.

    A version for testing only is no choice: nobody publishes it.
    """
    real = {name: one for name, one in made.items() if one and STANDIN not in one}
    return _choosing(recipe, {name: (one, "as the run made it") for name, one in real.items()})


def _choosing(recipe: Recipe, made: Mapping[str, tuple[str, str]]) -> Recipe:
    def chosen(source: Source) -> dict[str, tuple[str, str]]:
        names = {series: f"{series}/{source.name}" for series in source.series}
        return {series: made[name] for series, name in names.items() if name in made}

    sources = [
        replace(source, chosen={**source.chosen, **chosen(source)}) for source in recipe.sources
    ]
    return replace(recipe, sources=tuple(sources))


def built_version(source: Source, series: Series, variant: str = "") -> tuple[str, str]:
    """The version that a run gives a source in a series, and the rule in words.

    Parameters:
        variant: the name of a recipe's variant; its packages sort below the update's own.
    """
    if not source.pins:
        epoch, separator, _ = source.debian_version.rpartition(":")
        version = f"{epoch}{separator}{source.version}-0ubuntu0.{series.version}.1{STANDIN}1"
        rule = "own packaging, for testing only: U-0ubuntu0.YY.MM.1~standin1"
    else:
        version, rule = published_version(source, series)
    return (f"{version}~{variant}1", f"variant {variant}") if variant else (version, rule)


def with_versions(
    recipe: Recipe, source: Source, series: Series, variant: Variant | None = None
) -> Source:
    """The source package with every ``{NAME}`` in its control edits filled in.

    ``{NAME}`` is the version that this run makes of the recipe's source package NAME in that
    series, so that a relation can ask for the update itself: ``libmd0 (>= {NAME})``.
    """

    def fill(text: str) -> str:
        return _MADE.sub(lambda match: made(match[1]), text)

    def made(name: str) -> str:
        of = variant.name if variant and name in variant.sources else ""
        return built_version(recipe.source(name), series, of)[0]

    edits = tuple(
        replace(
            edit,
            add=tuple(fill(text) for text in edit.add),
            replace={old: fill(new) for old, new in edit.replace.items()},
        )
        for edit in source.control
    )
    return replace(source, control=edits)


def versions_named(edit: ControlEdit) -> set[str]:
    """The source packages whose versions a control edit asks for."""
    return {name for text in (*edit.add, *edit.replace.values()) for name in _MADE.findall(text)}


def table(recipe: Recipe, archive: ArchiveVersions) -> tuple[Row, ...]:
    """The version of every source in every series, in the recipe's order."""
    rows = []
    for source in recipe.sources:
        for series in recipe.series:
            published = archive.get((source.name, series.name))
            if series.name not in source.series:
                rule = "the series has what is needed; nothing is uploaded"
                rows.append(Row(source.name, series.name, published, "", rule))
                continue
            version, rule = published_version(source, series, published)
            built = version if source.pins else built_version(source, series)[0]
            rows.append(Row(source.name, series.name, published, version, rule, built))
    return tuple(rows)


def proof(recipe: Recipe, archive: ArchiveVersions) -> tuple[Upgrade, ...]:
    """Every relation that an upgrade relies on; the update is refused if one does not hold.

    These are: the archive's version < ours, or our upload is there already; what a series has <
    what each later series has, where at least one of the two is ours; ours < the next version in
    Debian; a retired source < what takes its place.
    """
    rows = table(recipe, archive)
    relations = [relation for row in rows for relation in _within_series(row)]
    for source in recipe.sources:
        of_source = [row for row in rows if row.source == source.name]
        relations += _between_series(of_source)
        relations += [
            Upgrade(row.ours, source.next_version, f"{_name(row)} < next in Debian", True)
            for row in of_source
            if row.ours and source.next_version
        ]
    return (*relations, *_retired(recipe, rows, archive))


def mismatches(recipe: Recipe, archive: ArchiveVersions) -> Iterator[str]:
    """A sentence for each source that would run beside a version that it does not accept."""
    results = {(row.source, row.series): row.result for row in table(recipe, archive)}
    for source in recipe.sources:
        for series in source.series:
            for needs, accepted in source.in_series(series).needs_upstream.items():
                version = results[needs, series]
                if upstream_part(version) not in accepted:
                    yield (
                        f"{source.name} in {series} runs with {needs} {' or '.join(accepted)}, but "
                        f"the series has {version or 'nothing'}"
                    )


def _name(row: Row) -> str:
    return f"{row.source} in {row.series}"


def _confirmed(row: Row) -> bool:
    return bool(row.archive and row.archive.confirmed)


def _within_series(row: Row) -> Iterator[Upgrade]:
    if row.ours and row.archive and row.archive.version:
        claim = "already published" if row.published else "archive < ours"
        yield Upgrade(
            row.archive.version, row.ours, f"{_name(row)}: {claim}", _confirmed(row), row.published
        )


def _between_series(rows: list[Row]) -> Iterator[Upgrade]:
    for index, earlier in enumerate(rows):
        for later in rows[index + 1 :]:
            if earlier.result and later.result and (earlier.ours or later.ours):
                confirmed = all(bool(row.ours) or _confirmed(row) for row in (earlier, later))
                what = f"{earlier.source}: {earlier.series} < {later.series}"
                yield Upgrade(earlier.result, later.result, what, confirmed)


def _retired(recipe: Recipe, rows: tuple[Row, ...], archive: ArchiveVersions) -> Iterator[Upgrade]:
    for retired in recipe.retired:
        for series in retired.series:
            old = archive.get((retired.name, series))
            if retired.outcome != "superseded" or old is None or not old.version:
                continue
            for row in rows:
                if row.source in retired.by and row.series == series and row.ours:
                    what = f"{retired.name} < {row.source} in {series}"
                    yield Upgrade(old.version, row.ours, what, bool(old.confirmed))
