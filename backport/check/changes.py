"""What changed against the pinned package, and whether the changelog and the patches say why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from debian.changelog import Changelog
from debian.deb822 import Deb822

from backport.check import finding
from backport.check.finding import Finding
from backport.recipe.patch_folder import patch_names
from backport.source import control, dep3, diff
from backport.source.files import tree_hashes
from backport.source.relations import BUILD_DEPENDS
from backport.source.text import control_paragraphs, read_text

_ADVICE = "say it in the recipe's changes, or take it back"
# Words of a patch's name or description that say nothing of what it does.
_EMPTY = {"with", "from", "that", "this", "into", "when", "have", "does", "patch", "debian"}
_RELATIONS = (
    *BUILD_DEPENDS, "Build-Conflicts",
    "Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts",
    "Provides", "Replaces",
)  # fmt: skip
_TESTS = {"test", "tests", "autopkgtest", "autopkgtests", "dep8", "dep-8"}
# Written anew by every update of Debian's package in Ubuntu (DebianMaintainerField).
_MAINTAINER = {"maintainer", "xsbc-original-maintainer"}


def new_entries(changelog: str, since: str = "") -> str:
    """The text of a changelog's entries above the version `since`; without it, of the newest.

    Parameters:
        changelog: the text of debian/changelog.
    """
    texts: list[str] = []
    for block in Changelog(changelog):
        if str(block.version) == since or (texts and not since):
            break
        texts.append("\n".join(block.changes()))
    return "\n".join(texts)


def packaging(old: Path, new: Path, spoken: str) -> tuple[Finding, ...]:
    """Files below debian/ that changed and that the changelog does not speak of.

    Parameters:
        old, new: the unpacked source packages, without their patches applied.
        spoken: the new entries of the changelog.
    """
    had, has = (tree_hashes(tree / "debian") for tree in (old, new))
    findings: list[Finding] = []
    for name in sorted(had.keys() | has.keys()):
        if had.get(name) == has.get(name) or name in ("changelog", "patches/series"):
            continue
        if name.startswith("patches/") and name.endswith((".patch", ".diff")) and name in has:
            continue  # see `patches`
        deed = "was added" if name not in had else "was removed" if name not in has else "changed"
        if name in ("control", "control.in") and deed == "changed":
            # control.in makes control: what changed in both is said once.
            texts = (read_text(tree / "debian" / name) for tree in (old, new))
            unsaid = (one for one in _control_changes(*texts) if not _says(spoken, one))
            findings += [_unexplained("control", f"{one} changed") for one in unsaid]
        elif name.startswith("tests/"):
            # One item speaks of all tests, so one finding asks for it.
            if not _words(spoken) & _TESTS:
                findings.append(_unexplained("tests", "its files changed"))
        elif not _speaks_of(spoken, name):
            findings.append(_unexplained(name, f"it {deed}"))
    return tuple(dict.fromkeys(findings))


def _unexplained(name: str, what: str) -> Finding:
    text = f"{what}, and the changelog does not speak of it"
    return finding.make("unexplained-change", "error", f"debian/{name}", text, _ADVICE)


def patches(new: Mapping[str, Path], old: Mapping[str, Path], spoken: str) -> tuple[Finding, ...]:
    """The patches that the pinned package does not have: their headers, and the changelog.

    Parameters:
        new, old: the patches of the update and of the pinned package, by their names.
        spoken: the new entries of the changelog.
    """
    words, findings = _words(spoken), []
    for name, path in new.items():
        place, text = f"debian/patches/{name}", path.read_text("utf-8", "replace")
        before = old.get(name)
        if before is not None and before.read_bytes() == path.read_bytes():
            continue
        if name.startswith("debian-changes") or "automatically" in text.partition("\n---")[0]:
            why = "dpkg-source made it of a change outside debian/ that no patch of a name has"
            advice = "make a patch with a header of it"
            findings.append(finding.make("change-outside-debian", "error", place, why, advice))
            continue
        try:
            header, _ = diff.parse(text)
        except diff.DiffError as error:
            why = f"it is no patch: {error}"
            findings.append(finding.make("not-parsed", "error", place, why, "make it anew"))
            continue
        read = dep3.read(header)
        for fault in dep3.faults(read):
            why = f"the header {fault}"
            advice = "complete its header"
            findings.append(finding.make("patch-without-dep3", "error", place, why, advice))
        about = _words(f"{Path(name).stem} {read.description}") - _EMPTY
        if name not in spoken and len(about & words) < min(2, len(about)):
            findings.append(_unexplained(f"patches/{name}", "the patch is new"))
    return tuple(findings)


def other_upstream(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Finding, ...]:
    """Orig tarballs of the same name as the pinned package's that are other files.

    Parameters:
        old, new: the sha256 of each orig tarball, by name.
    """
    why = "the orig tarball is another file than the pinned package's of that name"
    advice = "use the pinned package's, byte for byte: Launchpad refuses another one"
    return tuple(
        finding.make("change-outside-debian", "error", name, why, advice)
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    )


def quilt(tree: Path) -> dict[str, Path]:
    """The patches that a source package's quilt series names, in order."""
    folder = tree / "debian" / "patches"
    names = [name for name in ("ubuntu.series", "series") if (folder / name).is_file()]
    return {name: folder / name for name in patch_names(folder / names[0] if names else None)}


def _words(text: str) -> set[str]:
    whole = re.findall(r"[a-z0-9][a-z0-9+.]{2,}[a-z0-9]", text.lower())
    return {*whole, *(part for word in whole for part in word.split(".") if len(part) > 3)}


def _says(spoken: str, change: str) -> bool:
    """Whether a change of debian/control is spoken of: its package or field is named."""
    names = re.findall(r"[a-z0-9][a-z0-9+.-]+", change.lower())
    return any(_names(spoken, name) for name in names if name not in ("the", "package"))


def _names(spoken: str, name: str) -> bool:
    """Whether a text names something, be it at a sentence's end."""
    pattern = rf"(?<![a-z0-9+.-]){re.escape(name.lower())}(?![a-z0-9+-]|\.[a-z0-9])"
    return re.search(pattern, spoken.lower()) is not None


def _speaks_of(spoken: str, name: str) -> bool:
    """Whether a file of debian/ is spoken of: by its name, its kind, its folder or its package."""
    path, words = Path(name), _words(spoken)
    names = [path.name, path.stem, path.name.partition(".")[0], *path.parts[:-1]]
    if any(_names(spoken, one) for one in names):
        return True
    return any(_words(one) and _words(one) <= words for one in (*names, path.suffix))


def _control_changes(old: str, new: str) -> Iterable[str]:
    """Each change of debian/control: ``Field: package`` for a relation, else the field."""
    had, has = paragraphs(old), paragraphs(new)
    for package in sorted(had.keys() | has.keys()):
        if package not in has or package not in had:
            yield f"the package {package}"
            continue
        before, after = had[package], has[package]
        for field in sorted({*before, *after}):
            one, other = before.get(field, ""), after.get(field, "")
            if " ".join(one.split()) == " ".join(other.split()) or field.lower() in _MAINTAINER:
                continue
            if field in _RELATIONS:
                both = set(control.relations(one)) ^ set(control.relations(other))
                for name in sorted({re.split(r"[\s(:\[<]", text)[0] for text in both}):
                    yield f"{field}: {name}"
            else:
                yield field


def paragraphs(control_file: str) -> dict[str, Deb822]:
    """The paragraphs of debian/control by their package; the first one is ``source``."""
    paragraphs = control_paragraphs(control_file)
    return {paragraph.get("Package", "source"): paragraph for paragraph in paragraphs}
