"""The weight of a review: how many lines somebody has to read, by what they are.

Counted are the lines that an update inserts. Of a quilt patch these are the lines that it inserts
into upstream's files, without its header and context; they are tests where a folder of the path is
``test`` or ``tests``, or the file's name is ``test_*`` or ``*_test.*``, else code.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import get_args

from backport.engine import records
from backport.errors import reading
from backport.recipe.model import Recipe, Review, ReviewPart, Series, Source
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.recipe.versions import built_version
from backport.source import diff
from backport.source.changelog import make_entry
from backport.source.dep8 import add_tests
from backport.source.dsc import debian_texts
from backport.source.files import folder_texts

FILE = "weight.json"
PARTS: tuple[ReviewPart, ...] = get_args(ReviewPart)


@dataclass(frozen=True)
class Part:
    """The lines of one file; `part` is one of `PARTS`, `name` says which file of which patch."""

    name: str
    part: str
    lines: int


@dataclass(frozen=True)
class Weight:
    """What somebody has to read of one or several source packages."""

    files: tuple[Part, ...] = ()

    def lines(self, part: str) -> int:
        """How many lines of one of `PARTS`."""
        return sum(file.lines for file in self.files if file.part == part)

    def counts(self) -> dict[str, int]:
        """The lines of each part."""
        return {part: self.lines(part) for part in PARTS}

    def __str__(self) -> str:
        """Such as ``patches 158, patch-tests 33, packaging 260, tests 850, changelog 12``."""
        return ", ".join(f"{part} {lines}" for part, lines in self.counts().items())

    def over(self, limits: Mapping[ReviewPart, int]) -> Iterator[str]:
        """A sentence for each part that is above its limit, with its three heaviest files."""
        for part, limit in limits.items():
            if (lines := self.lines(part)) > limit:
                mine = [file for file in self.files if file.part == part]
                heaviest = sorted(mine, key=lambda one: (-one.lines, one.name))[:3]
                told = ", ".join(f"{one.name} {one.lines}" for one in heaviest)
                yield f"{part}: {lines} lines to read, and the limit is {limit}; the most: {told}"


def together(weights: Mapping[str, Weight]) -> Weight:
    """The weight of several source packages, by their names."""
    return Weight(
        tuple(
            Part(f"{source} {file.name}", file.part, file.lines)
            for source, weight in weights.items()
            for file in weight.files
        )
    )


def over(limits: Review, weights: Mapping[str, Weight]) -> Iterator[tuple[str, str]]:
    """What is too heavy for a review in a series: the source package, or all, and why.

    Parameters:
        weights: the weight of each source package in that series.
    """
    for source, lines in weights.items():
        yield from ((source, why) for why in lines.over(limits.source))
    every = together(weights)
    yield from (("all source packages", why) for why in every.over(limits.all))


def weigh(old: Mapping[str, str], new: Mapping[str, str]) -> Weight:
    """The weight of what `new` has and `old` has not.

    Parameters:
        old, new: texts of files by their paths below debian/.
    """
    parts: list[Part] = []
    for name, text in new.items():
        before = old.get(name, "")
        if text == before:
            continue
        if name.startswith("patches/") and not before and (inside := list(_of_patch(name, text))):
            parts += inside
            continue
        top = name.partition("/")[0]
        part = top if top in ("changelog", "patches", "tests") else "packaging"
        if name in ("patches/series", "patches/ubuntu.series"):
            part = "packaging"
        parts.append(Part(f"debian/{name}", part, _inserted(before, text)))
    return Weight(tuple(one for one in parts if one.lines))


def _of_patch(name: str, text: str) -> Iterator[Part]:
    """The lines of each file that a patch changes; nothing where the text is no patch."""
    try:
        _, files = diff.parse(text)
    except diff.DiffError:
        return
    for file in files:
        path = (file.old if file.new == "/dev/null" else file.new).partition("/")[2]
        part = "patch-tests" if is_test(path) else "patches"
        yield Part(f"{path} ({PurePosixPath(name).name})", part, file.inserted)


def is_test(path: str) -> bool:
    """Whether a file of upstream's is a test, by its path.

    >>> [is_test(one) for one in ("a/tests/b.py", "a/b_test.go", "test_a.py", "a/latest.py")]
    [True, True, True, False]
    """
    *folders, name = PurePosixPath(path).parts
    return (
        bool({"test", "tests"} & {*folders})
        or fnmatch(name, "test_*")
        or (fnmatch(name, "*_test.*"))
    )


def _inserted(before: str, after: str) -> int:
    if before and after.endswith(before):  # a changelog
        return len(diff.split_lines(after.removesuffix(before)))
    old, new = diff.split_lines(before), diff.split_lines(after)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(end - start for kind, _, _, start, end in codes if kind in ("insert", "replace"))


def of_recipe(recipe: Recipe, source: Source, series: Series) -> Weight:
    """What a recipe adds to the pinned package, before anything is built.

    A file that takes the place of another counts whole, and a relation of a control edit as one
    line.

    Raises:
        InputError: the tests cannot be used.
    """
    quilt = quilt_series_file(source, series.name)
    files = {f"patches/{name}": source.patches / name for name in patch_names(quilt)}
    files |= overlay_files(source, series.name)
    new = {name: path.read_text("utf-8", "replace") for name, path in files.items()}
    relations = [
        relation
        for edit in source.control
        if not edit.series or series.name in edit.series
        for relation in (*edit.add, *edit.replace.values())
    ]
    new["control"] = "".join(f"{relation}\n" for relation in relations)
    new["changelog"] = make_entry(
        package=source.name,
        version=built_version(source, series)[0],
        series=series.name,
        items=source.changes_in(series.name),
        bug=recipe.bug,
        maintainer=recipe.maintainer,
        date=recipe.date,
    )
    with tempfile.TemporaryDirectory() as name:
        add_tests(source.tests, Path(name))
        new |= folder_texts(Path(name))
    return weigh({}, new)


def of_package(
    dsc: Path, before: Path | Mapping[str, str], applied: Mapping[str, str] | None = None
) -> Weight:
    """The weight of a source package.

    Parameters:
        before: what it is held against: a .dsc, or the texts of its debian/.
        applied: the texts of patches that are applied to its files, by their names.
    """
    old = debian_texts(before) if isinstance(before, Path) else before
    patches = {f"patches/{name}": text for name, text in (applied or {}).items()}
    return weigh(old, debian_texts(dsc) | patches)


def write(weight: Weight, path: Path) -> None:
    """Write a weight as JSON, the heaviest file first."""
    files = sorted(weight.files, key=lambda file: (-file.lines, file.name))
    data = {"lines": weight.counts(), "files": [asdict(file) for file in files]}
    path.write_text(json.dumps(data, indent=1) + "\n")


def read(path: Path) -> Weight:
    """The weight that `write` wrote.

    Raises:
        InputError: the file is not there, or is no such file.
    """
    what = "the weight of the review cannot be read"
    with reading(path, what=what, advice="make the source package again with: backport source"):
        return Weight(records.decode(tuple[Part, ...], records.read_json(path)["files"], "a file"))
