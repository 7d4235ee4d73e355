"""The rules of the SRU process that can be checked before anything is uploaded.

The rules: https://documentation.ubuntu.com/project/SRU/ (requirements, bug template, NEW queue).
What only Launchpad knows, such as the bug's text as it is there, is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from debian.changelog import Changelog
from debian.deb822 import Changes, Deb822
from debian.debian_support import Version

from backport.check import changes, finding
from backport.check.finding import Finding
from backport.launchpad.bug import description
from backport.launchpad.bug import template as bug_template
from backport.recipe.model import Recipe, Series, Source
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.recipe.versions import built_version, overtaken
from backport.source import relations
from backport.source.changelog import lp_bugs
from backport.source.files import tree_hashes
from backport.source.text import read_text

_WHOM = "name it on the bug, and ask an archive admin beside the SRU team"
_DEPENDS = ("Pre-Depends", "Depends", "Recommends")


@dataclass(frozen=True)
class Upload:
    """One source package for one series, as it was made.

    `tree` and `pinned` are the unpacked source packages without their patches applied; `pinned` is
    None where the recipe pins none. `changes` is the source .changes.
    """

    recipe: Recipe
    source: Source
    series: Series
    tree: Path
    changes: Path
    pinned: Path | None = None


def check(upload: Upload) -> tuple[Finding, ...]:
    """All rules on one upload."""
    rules = (_bug, _version, _later, _overtaken, _new_source, _binaries, _dependencies, _unrelated)
    return (*(one for rule in rules for one in rule(upload)), *template(upload.recipe))


def _bug(upload: Upload) -> Iterable[Finding]:
    bug, rule = upload.recipe.bug, "bug-reference"
    if not bug:
        why = "the recipe names no bug, and the changelog refers to LP: #0"
        advice = "file it, write its number into update.bug, and make the source package anew"
        yield finding.make(rule, "error", upload.recipe.path.name, why, advice)
        return
    since = _changelog(upload.pinned)[0].version if upload.pinned else None
    for block in _changelog(upload.tree):
        if block.version == since:
            break
        if not lp_bugs("\n".join(block.changes())):
            place = f"debian/changelog, {block.version}"
            why = "the entry refers to no Launchpad bug"
            advice = f"refer to it as (LP: #{bug}) in the recipe's changes"
            yield finding.make(rule, "error", place, why, advice)
        if since is None:
            break
    fixed = str(Changes(upload.changes.read_bytes()).get("Launchpad-Bugs-Fixed", "")).split()
    if str(bug) not in fixed:
        why = f"the field Launchpad-Bugs-Fixed does not name {bug}"
        advice = "make the .changes with dpkg's vendor Ubuntu, and since the archive's version"
        yield finding.make(rule, "error", upload.changes.name, why, advice)


def _version(upload: Upload) -> Iterable[Finding]:
    first, place = _changelog(upload.tree)[0], "debian/changelog"
    version, series = str(first.version), upload.series
    planned, rule = built_version(upload.source, series)
    if version != planned:
        why = f"its version is {version}, and the rule of the series makes it {planned} ({rule})"
        yield finding.make("version-form", "error", place, why, "make the source package anew")
    targets = str(first.distributions).split()
    if targets != [series.name]:
        why = f"the newest entry is for {' '.join(targets) or 'no series'}, not for {series.name}"
        yield finding.make("changelog-series", "error", place, why, f"write {series.name}")


def _later(upload: Upload) -> Iterable[Finding]:
    source, own = upload.source, Version(upload.series.version)
    for later in upload.recipe.series:
        if Version(later.version) <= own or later.name in source.series:
            continue
        published = later.archive.get(source.name)
        ours = built_version(source, upload.series)[0]
        advice = f"add {later.name} to the source's series, or say on the bug why not"
        if published is None or not published.version:
            why = f"{later.name} has no {source.name}, and the update uploads none there"
        elif Version(published.version) <= Version(ours):
            why = f"{later.name} has {published.version}, which does not sort above {ours}"
        else:
            continue
        yield finding.make("later-series", "error", f"series {later.name}", why, advice)


def template(recipe: Recipe) -> Iterable[Finding]:
    """What the recipe's text for the bug lacks of the SRU template."""
    bug = recipe.bug_text
    place = f"{recipe.path.name}, [bug]"
    if bug is None:
        why = "the recipe has no text for the bug, so the template was not checked"
        advice = "write it under [bug], or complete the bug on Launchpad"
        yield finding.make("sru-not-checked", "info", place, why, advice)
        return
    for fault in bug_template.faults(description.merged("", bug)):
        why = f"the section {fault}"
        yield finding.make("bug-template", "error", place, why, "write it")


def _overtaken(upload: Upload) -> Iterable[Finding]:
    source, series = upload.source, upload.series
    if later := overtaken(source, series.name, series.archive.get(source.name)):
        yield finding.make("pinned-overtaken", "warning", source.name, *later)


def _new_source(upload: Upload) -> Iterable[Finding]:
    published = upload.series.archive.get(upload.source.name)
    if published is None:
        why = f"whether {upload.series.name} has {upload.source.name} is not known"
        advice = f"write it under [series.{upload.series.name}.archive]"
        yield finding.make("sru-not-checked", "info", upload.source.name, why, advice)
    elif not published.version:
        why = f"the source package is new in {upload.series.name}"
        yield finding.make("new-source", "warning", upload.source.name, why, _WHOM)


def _binaries(upload: Upload) -> Iterable[Finding]:
    names = [name for name in _paragraphs(upload.tree) if name != "source"]
    published = upload.series.archive.get(upload.source.name)
    if upload.pinned is not None:
        had = _paragraphs(upload.pinned)
        fresh = [name for name in names if name not in had]
    elif published is not None and not published.version:
        fresh = names
    else:
        why = "which binary packages the archive has is not known without a pinned .dsc"
        advice = "pin it with: backport pin"
        yield finding.make("sru-not-checked", "info", upload.source.name, why, advice)
        return
    left = [
        one.name
        for one in upload.recipe.retired
        if upload.source.name in one.by and upload.series.name in one.series
    ]
    unless = f", unless it comes from {' or '.join(left)}, which is superseded" if left else ""
    for name in fresh:
        why = f"the binary package {name} is new in {upload.series.name}{unless}"
        yield finding.make("new-binary", "warning", name, why, _WHOM)


def _dependencies(upload: Upload) -> Iterable[Finding]:
    """What a binary package newly needs: against the pinned package, or by the recipe's edits."""
    # Where none is pinned, our own packaging is what the recipe's edits change.
    before = upload.pinned / "debian" if upload.pinned else upload.source.patches / "debian"
    had, series = _paragraphs(before.parent), upload.series
    for package, paragraph in _paragraphs(upload.tree).items():
        if package == "source" or package not in had:
            continue
        for name in sorted(_needed(paragraph) - _needed(had[package])):
            # A source package often has the name of the package that others depend on.
            has = series.archive.get(name)
            new = has is not None and not has.version
            extra = f", which is new in {series.name}" if new else ""
            advice = _WHOM if new else "name it on the bug, and ask the SRU team"
            why = f"{package} newly needs {name}{extra}"
            yield finding.make("new-dependency", "warning", package, why, advice)


def _needed(paragraph: Deb822) -> set[str]:
    return {name for field in _DEPENDS for name in relations.first_names(paragraph.get(field, ""))}


def _unrelated(upload: Upload) -> Iterable[Finding]:
    """What differs from the pinned package without being the recipe's."""
    if upload.pinned is None:
        return
    source, series = upload.source, upload.series.name
    had, has = (tree_hashes(tree / "debian") for tree in (upload.pinned, upload.tree))
    ours = {"changelog", "control", "control.in", "patches/series", "patches/ubuntu.series"}
    ours |= {f"patches/{name}" for name in patch_names(quilt_series_file(source, series))}
    ours |= {*overlay_files(source, series), *(edit.file for edit in source.packaging)}
    for name in sorted({name for name, _ in had.items() ^ has.items()} - ours):
        if not name.startswith("tests/"):
            why = "it differs from the pinned package, and nothing in the recipe asks for that"
            advice = "take the change back, or record it in the recipe"
            yield finding.make("unrelated-change", "error", f"debian/{name}", why, advice)


def _changelog(tree: Path) -> Changelog:
    return Changelog(read_text(tree / "debian" / "changelog"))


def _paragraphs(tree: Path) -> dict[str, Deb822]:
    return changes.paragraphs(read_text(tree / "debian" / "control"))
