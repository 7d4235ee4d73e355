"""The recipe: what one update is, as frozen data.

The fields are the keys of `backport.toml`, with their types, defaults and forms: see `keys` and
`toml_table`. docs/recipe.md says what each is for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from backport.recipe import keys
from backport.recipe.bug import BugText, SruException
from backport.recipe.keys import NOT_A_KEY, Advice, Fault, Key
from backport.recipe.update import Update
from backport.recipe.version_strings import upstream_part

ReviewPart = Literal["patches", "patch-tests", "packaging", "tests", "changelog"]
"""Code and tests that patches insert, packaging, shipped tests (debian/tests), changelog."""
Tool = Literal[
    "debhelper", "dh-python", "dpkg", "init-system-helpers", "systemd", "apt", "python2", "python3",
    "policy",
]  # fmt: skip
"""The tools of a series whose version a check compares with: see `check.ceiling`."""


@dataclass(frozen=True)
class Published:
    """A version of a source package that a series' archive has; `version` "" means none.

    `confirmed` names the place where that was seen; without it the version is a conjecture, and
    `upload` refuses to rely on it. `seen` are all versions that a pocket or queue has had, `ours`
    whether the record has the very files of our own source package of that version.
    """

    TEXT: ClassVar = "version"

    version: keys.VersionOrNone
    confirmed: str = ""
    note: str = ""
    seen: tuple[str, ...] = dataclasses.field(default=(), compare=False, metadata=NOT_A_KEY)
    ours: bool = dataclasses.field(default=False, compare=False, metadata=NOT_A_KEY)


@dataclass(frozen=True)
class Series:
    """One Ubuntu series, with what its archive has by source package, and its tools' versions."""

    name: str
    version: keys.Release
    mirror: str = ""
    archive: Mapping[str, Published] = dataclasses.field(default_factory=dict)
    toolchain: Mapping[Tool, Published] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Upstream:
    """The upstream tarball: `file` is its name at the one place that is set."""

    file: keys.FileName
    sha256: keys.Sha256
    pypi: str = ""
    url: str = ""
    path: Annotated[str, keys.Pinned] = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        if sum(map(bool, (self.pypi, self.url, self.path))) != 1:
            advice = "write exactly one of pypi, url and path"
            yield "", "the tarball's place is not clear", advice


@dataclass(frozen=True)
class PinnedDsc:
    """The archive's own source package that an update starts from, fixed by its .dsc's sha256."""

    version: keys.Version
    dsc: keys.DscName
    sha256: Annotated[keys.Sha256, Advice("fill it in with: backport pin")]
    url: str = ""
    path: Annotated[str, keys.Pinned] = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        if bool(self.url) == bool(self.path):
            yield "", "the .dsc's place is not clear", "write exactly one of url and path"


@dataclass(frozen=True)
class Revision:
    """The last number of a version, given in place of the one that follows from what was seen."""

    number: Annotated[int, Advice("write the last number that the version gets")]
    reason: Annotated[str, Advice("say why it is not the one that follows")]

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys."""
        if self.number < 1 or not self.reason:
            what = f"{self.number} is no number of an upload" if self.reason else "it has no reason"
            yield "", what, "give a number from 1 on, and its reason"


@dataclass(frozen=True)
class ControlEdit:
    """A recorded change of debian/control; `series` empty means every series.

    `replace` maps a relation as it stands to the one that takes its place. Where an `optional`
    edit does not find a relation, it leaves the field as it is.
    """

    paragraph: Annotated[str, Advice('write "source" or a binary package')]
    field: str
    reason: str
    add: tuple[str, ...] = ()
    replace: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drop: tuple[str, ...] = ()
    optional: bool = False
    series: tuple[str, ...] = ()

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        if not (self.add or self.drop or self.replace):
            yield "", "this edit changes nothing", "give add, drop or replace"
        if self.optional and self.add:
            what = "an optional edit cannot add a relation"
            yield "", what, "write add into an edit of its own"


@dataclass(frozen=True)
class PackagingEdit:
    """A recorded change of one file of the pinned package's debian/, made by the source's overlay.

    `file` is its path below debian/; each text in `requires` has to be in it before the change.
    """

    file: keys.PackagingFile
    reason: str
    replaces: bool = False
    removes: bool = False
    requires: tuple[str, ...] = ()
    series: tuple[str, ...] = ()

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        deeds = self.replaces + self.removes
        if deeds > 1 or not (deeds or self.requires):
            advice = "give replaces or removes, or what the file requires"
            yield "", "it is not clear what this edit does", advice


@dataclass(frozen=True)
class ChangelogItem:
    """An item of the changelog. `series` empty means every series."""

    TEXT: ClassVar = "text"

    text: str
    series: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One source package of the update.

    `debian_version` is the version V in Debian or a later series that the update brings,
    `next_version` the lowest later version that must sort above ours. `upstream` is None where a
    pinned package's own orig tarball serves. `pinned_in` and `revisions` are those of one series
    each: `in_series` has the source as it is there. `chosen` maps a series to the version that a
    run has chosen for it, with its rule in words. For the needs in `same_upstream` the version in
    `needs_upstream` is this source's own.
    """

    name: keys.PackageName
    version: keys.Version
    debian_version: keys.Version
    series: tuple[str, ...]
    upstream: Upstream | None
    patches: Path
    tests: Path
    changes: tuple[ChangelogItem, ...]
    needs: tuple[str, ...] = ()
    needs_upstream: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    same_upstream: tuple[str, ...] = ()
    next_version: keys.Version = ""
    pinned: PinnedDsc | None = None
    pinned_in: Mapping[str, PinnedDsc] = dataclasses.field(default_factory=dict)
    revision: Revision | None = None
    revisions: Mapping[str, Revision] = dataclasses.field(default_factory=dict)
    chosen: Mapping[str, tuple[str, str]] = dataclasses.field(
        default_factory=dict, metadata=NOT_A_KEY
    )
    control: tuple[ControlEdit, ...] = ()
    packaging: tuple[PackagingEdit, ...] = ()

    @property
    def pins(self) -> tuple[PinnedDsc, ...]:
        """Every .dsc that is pinned, that of all series first."""
        return tuple(dict.fromkeys(one for one in (self.pinned, *self.pinned_in.values()) if one))

    def in_series(self, series: str) -> Source:
        """The source with the pinned .dsc, the versions and the revision that it has there."""
        revision = self.revisions.get(series, self.revision)
        pinned = self.pinned_in.get(series)
        if pinned is None:
            return replace(self, revision=revision)
        version = upstream_part(pinned.version)
        same = dict.fromkeys(self.same_upstream, (version,))
        return replace(
            self,
            pinned=pinned,
            version=version,
            debian_version=pinned.version,
            needs_upstream={**self.needs_upstream, **same},
            revision=revision,
        )

    def changes_in(self, series: str) -> tuple[str, ...]:
        """The changelog's items that hold in an Ubuntu series."""
        return tuple(
            change.text for change in self.changes if not change.series or series in change.series
        )


@dataclass(frozen=True)
class Retired:
    """A source package that the update leaves behind in a series, and what becomes of it."""

    name: keys.PackageName
    series: tuple[str, ...]
    outcome: Literal["superseded", "final-upload", "untouched"]
    by: tuple[str, ...]
    reason: str

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        if self.outcome == "superseded" and not self.by:
            yield "by", "it is superseded by nothing", "name the sources that take its place"


@dataclass(frozen=True)
class Variant:
    """The recipe with a change, for a control: built and tested, never uploaded.

    `sources` are built without the quilt patches of this recipe; those in `patched` with the
    patches of ``series.NAME`` instead, where NAME is the variant's. `where` is its file and table.
    """

    name: keys.VariantName
    sources: Annotated[tuple[str, ...], Key("without-patches")]
    purpose: str
    patched: Annotated[tuple[str, ...], Key("with-patches")] = ()
    where: str = ""


@dataclass(frozen=True)
class TestSource:
    """A source package that tests need besides the update's own, such as an older version.

    It is built like them and never uploaded; no version of it is the update's. `name` is what
    the recipe calls it, `package` the source package itself: its `debian_version` is its version
    as it stands, and its `needs` are sources or other test sources. One with a pinned .dsc is
    built as that is. `where` is its file and table.
    """

    name: keys.PackageName
    package: Source
    purpose: str
    where: str = ""


@dataclass(frozen=True)
class NegativeControl:
    """The counterpart of a test: `test` in the matrix has to see the harm with `variant`.

    Without a variant it runs on the update's own packages, and brings the harm about itself.
    """

    test: keys.TestName
    variant: str = ""


@dataclass(frozen=True)
class MatrixFolder:
    """A folder of tests that are never uploaded; `library` has the folders that ``# lib:`` names.

    See `backport.source.dep8`.
    """

    path: Path
    library: tuple[Path, ...]


@dataclass(frozen=True)
class MatrixTest:
    """One row of the test matrix.

    `name` is the DEP-8 test and `source` the source package it ships in, which may be a test
    source. `run` says when: in ``every`` run, or only in a ``long`` one. Seconds in `timeout`.
    The row's controls are in `folder` and, where it is a `matrix` row, so is the test itself;
    neither is ever uploaded. `extra` are the test sources whose packages are in its testbed too; it
    runs in the series that all of them have. With `from_archive`, so are the packages that the
    series' archive has of the update's. Where it fails, it is run again on the packages of the
    test source `before` instead of the update's. `where` is its file and table.
    """

    name: keys.TestName
    source: str
    folder: MatrixFolder
    run: Literal["every", "long"] = "every"
    controls: Annotated[tuple[NegativeControl, ...], Key("control")] = ()
    timeout: int = 900
    matrix: bool = False
    extra: Annotated[tuple[str, ...], Key("with")] = ()
    from_archive: bool = False
    before: str = ""
    where: str = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        if self.before and self.from_archive:
            what = "it is run on what was there before anyway"
            yield "from-archive", what, "take this key out, or before"
        if self.timeout < 1:
            yield "timeout", f"{self.timeout} is no time", "write seconds, from 1 on"


@dataclass(frozen=True)
class Review:
    """How many lines somebody may have to read in one series, by the parts of `source.weight`.

    `source` is for each source package, `all` for all of them together.
    """

    source: Mapping[ReviewPart, int] = dataclasses.field(default_factory=dict)
    all: Mapping[ReviewPart, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe(Update):
    """A whole update, read from one file. `root` is the folder that paths start from.

    `matrix_files` are the other files that it has rows, variants and test sources from.
    """

    path: Path
    root: Path
    series: tuple[Series, ...]
    sources: tuple[Source, ...]
    retired: tuple[Retired, ...] = ()
    variants: tuple[Variant, ...] = ()
    matrix: tuple[MatrixTest, ...] = ()
    matrix_files: tuple[Path, ...] = ()
    bug_text: BugText | None = None
    exception: SruException | None = None
    test_sources: tuple[TestSource, ...] = ()
    review: Review = Review()

    def one_series(self, name: str) -> Series:
        """The series of that name (KeyError where there is none)."""
        return {series.name: series for series in self.series}[name]

    def source(self, name: str) -> Source:
        """The source package of that name (KeyError where there is none)."""
        return {source.name: source for source in self.sources}[name]

    def test_source(self, name: str) -> TestSource | None:
        """The test source of that name, None where there is none."""
        return {source.name: source for source in self.test_sources}.get(name)

    def built(self, name: str) -> Source:
        """The source package that a step builds: of that name, or the test source's."""
        test_source = self.test_source(name)
        return test_source.package if test_source else self.source(name)

    def with_needs(self, names: Iterable[str]) -> set[str]:
        """These sources and test sources, and all that they need, over any number of steps."""
        needed = list(dict.fromkeys(names))
        for name in needed:
            needed += [need for need in self.built(name).needs if need not in needed]
        return set(needed)

    def test_sources_of(self, row: MatrixTest) -> tuple[TestSource, ...]:
        """The test sources that a row of the matrix names."""
        named = (row.source, *row.extra, row.before)
        return tuple(source for source in self.test_sources if source.name in named)

    def before(self, row: MatrixTest) -> frozenset[str]:
        """The test sources whose packages a row that fails is run again on."""
        names = self.with_needs([row.before] if row.before else [])
        return frozenset(name for name in names if self.test_source(name))

    @property
    def matrix_folders(self) -> tuple[MatrixFolder, ...]:
        """The folders of the tests that are never uploaded, each once."""
        return tuple(dict.fromkeys(row.folder for row in self.matrix))

    def variant(self, name: str) -> Variant:
        """The variant of that name (KeyError where there is none)."""
        return {variant.name: variant for variant in self.variants}[name]
