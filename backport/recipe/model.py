"""The recipe: what one update is, as frozen data. Reading it is in `recipe_file`."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.recipe.bug import BugText
from backport.recipe.exception import SruException
from backport.recipe.version_strings import upstream_part

# The form of an update's name, which becomes the name of its evidence's files.
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9+._-]{0,99}")


@dataclass(frozen=True)
class Published:
    """A version of a source package that a series' archive has; `version` "" means none.

    `confirmed` names the place where that was seen; without it the version is a conjecture, and
    `upload` refuses to rely on it. `seen` are all versions that a pocket or queue has had, `ours`
    whether the record has the very files of our own source package of that version.
    """

    version: str
    confirmed: str = ""
    note: str = ""
    seen: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    ours: bool = dataclasses.field(default=False, compare=False)


@dataclass(frozen=True)
class Series:
    """One Ubuntu series: its name, such as ``xenial``, and version, such as ``16.04``.

    `archive` maps a source package to what the series has of it. `mirror` is the archive that
    the base ``ubuntu`` uses. `toolchain` maps a tool to its version in the series.
    """

    name: str
    version: str
    mirror: str = ""
    archive: Mapping[str, Published] = dataclasses.field(default_factory=dict)
    toolchain: Mapping[str, Published] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Upstream:
    """The upstream tarball: `file` is its name there, and exactly one place is set.

    `pypi` is a project on the Python package index, `url` an address, `path` a local file or
    folder. `sha256` is 64 hexadecimal digits (of the file; a folder has none).
    """

    file: str
    sha256: str
    pypi: str = ""
    url: str = ""
    path: str = ""


@dataclass(frozen=True)
class BasePin:
    """The archive's own source package that an update starts from, fixed by its .dsc's sha256.

    `url` is the folder or address where the .dsc and its files are; `path` a local .dsc.
    """

    version: str
    dsc: str
    sha256: str
    url: str = ""
    path: str = ""


@dataclass(frozen=True)
class Revision:
    """The last number of a version, given in place of the one that follows from what was seen."""

    number: int
    reason: str


@dataclass(frozen=True)
class ControlEdit:
    """A recorded change of debian/control.

    `paragraph` is ``source`` or a binary package, `field` such as ``Build-Depends``. `replace`
    maps a relation as it stands to the one that takes its place, `add` appends relations, `drop`
    removes them. Where an `optional` edit does not find a relation, it leaves the field as it is.
    `series` empty means every series.
    """

    paragraph: str
    field: str
    reason: str
    add: tuple[str, ...] = ()
    replace: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drop: tuple[str, ...] = ()
    optional: bool = False
    series: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackagingEdit:
    """A recorded change of one file of the base's debian/, made by the source's overlay.

    `file` is its path below debian/. With `replaces` the overlay's file takes its place, with
    `removes` it is taken out, and each text in `requires` has to be in it as the base has it.
    `series` empty means every series.
    """

    file: str
    reason: str
    replaces: bool = False
    removes: bool = False
    requires: tuple[str, ...] = ()
    series: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """An item of the changelog. `series` empty means every series."""

    text: str
    series: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One source package of the update.

    `version` is upstream's, `upstream` may be None where a base's own orig tarball serves,
    `debian_version` the version V in Debian or a later series that the
    update brings, `next_version` the lowest later version that must sort above ours, `series`
    the series that it is uploaded to, `changes` the changelog's items, `patches` the folder
    with the quilt series, the patches and our own packaging, `tests` the folder with what goes
    into debian/tests. `bases` and `revisions` are those of one series each: `in_series` has the
    source as it is there. `chosen` maps a series to the version that a run has chosen for it,
    with its rule in words. `needs` are sources of this recipe that have to be built before it, and
    `needs_upstream` maps such a source to the upstream versions of it that this one runs with;
    for those in `same_upstream` that is this source's own.
    """

    name: str
    version: str
    debian_version: str
    series: tuple[str, ...]
    upstream: Upstream | None
    patches: Path
    tests: Path
    changes: tuple[Change, ...]
    needs: tuple[str, ...] = ()
    needs_upstream: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    same_upstream: tuple[str, ...] = ()
    next_version: str = ""
    base: BasePin | None = None
    bases: Mapping[str, BasePin] = dataclasses.field(default_factory=dict)
    revision: Revision | None = None
    revisions: Mapping[str, Revision] = dataclasses.field(default_factory=dict)
    chosen: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    control: tuple[ControlEdit, ...] = ()
    packaging: tuple[PackagingEdit, ...] = ()

    @property
    def pins(self) -> tuple[BasePin, ...]:
        """Every .dsc that is pinned, that of all series first."""
        return tuple(dict.fromkeys((*([self.base] if self.base else []), *self.bases.values())))

    def in_series(self, series: str) -> Source:
        """The source with the base, the versions and the revision that it has in that series."""
        revision = self.revisions.get(series, self.revision)
        base = self.bases.get(series)
        if base is None:
            return dataclasses.replace(self, revision=revision)
        version = upstream_part(base.version)
        same = dict.fromkeys(self.same_upstream, (version,))
        return dataclasses.replace(
            self,
            base=base,
            version=version,
            debian_version=base.version,
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
    """A source package that the update leaves behind in a series, and what becomes of it.

    `outcome` is ``superseded``, ``final-upload`` or ``untouched``.
    """

    name: str
    series: tuple[str, ...]
    outcome: str
    by: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Variant:
    """The recipe with a change, for a control: built and tested, never uploaded.

    `sources` are built without the quilt patches of this recipe; those in `patched` with the
    patches of ``series.NAME`` instead, where NAME is the variant's. `where` is its file and table.
    """

    name: str
    sources: tuple[str, ...]
    purpose: str
    patched: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class TestSource:
    """A source package that tests need besides the update's own, such as an older version.

    It is built like them and never uploaded; no version of it is the update's. `name` is what
    the recipe calls it, `package` the source package itself: its `debian_version` is its version
    as it stands, and its `needs` are sources or other test sources. One with a pinned .dsc is
    built as that is. `where` is its file and table.
    """

    name: str
    package: Source
    purpose: str
    where: str = ""


@dataclass(frozen=True)
class Control:
    """The counterpart of a test: `test` in the matrix has to see the harm with `variant`.

    Without a variant it runs on the update's own packages, and brings the harm about itself.
    """

    test: str
    variant: str


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

    name: str
    source: str
    folder: MatrixFolder
    run: str = "every"
    controls: tuple[Control, ...] = ()
    timeout: int = 900
    matrix: bool = False
    extra: tuple[str, ...] = ()
    from_archive: bool = False
    before: str = ""
    where: str = ""


@dataclass(frozen=True)
class Review:
    """How many lines somebody may have to read in one series, by the parts of `source.weight`.

    `source` is for each source package, `all` for all of them together.
    """

    source: Mapping[str, int] = dataclasses.field(default_factory=dict)
    all: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A whole update, read from one file. `root` is the folder that paths start from.

    `matrix_files` are the other files that it has rows, variants and test sources from.

    `as_of` is the day that the archive is looked at: what was published, superseded or removed
    later does not count. None means now. It makes an update of the past reproducible; a recipe
    whose day is in the past must never be uploaded, since the archive has gone on: `upload`
    refuses it. `stand_in` is the file that says what the stand-in base is made of; None is the
    plain Debian release. `key` is the OpenPGP key that signs uploads, as gpg finds it; "" is the
    maintainer's.
    """

    path: Path
    root: Path
    name: str
    bug: int
    maintainer: str
    date: str
    ppa: str
    series: tuple[Series, ...]
    sources: tuple[Source, ...]
    retired: tuple[Retired, ...] = ()
    variants: tuple[Variant, ...] = ()
    matrix: tuple[MatrixTest, ...] = ()
    matrix_files: tuple[Path, ...] = ()
    as_of: datetime.date | None = None
    key: str = ""
    bug_text: BugText | None = None
    exception: SruException | None = None
    stand_in: Path | None = None
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
        found = list(dict.fromkeys(names))
        for name in found:
            found += [need for need in self.built(name).needs if need not in found]
        return set(found)

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
