"""Whether each file of a recipe's overlay has an effect in the binary packages.

debhelper reads a file debian/PACKAGE.KIND only where debian/rules lets it: rules that override a
program, or call none, ignore such a file without a word.
"""

from __future__ import annotations

import gzip
import posixpath
import re
import zlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from backport.check import finding
from backport.check.binaries import Binary
from backport.check.changes import paragraphs
from backport.check.finding import Finding
from backport.check.lines import logical_lines
from backport.source.overlay import BINARY
from backport.source.text import read_text

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")
# Lists of what is only read: what became of them is not looked up.
_DOCUMENTATION = ("docs", "examples", "info", "manpages")
# What debhelper makes of these is a file of that name beside the control file (deb(5)).
_BESIDE = ("triggers", "symbols", "shlibs", "templates", "conffiles")
# These are for the build alone, or for who reads the source package.
_BUILD = re.compile(
    r"rules|compat|watch|clean|gbp\.conf|README\.source|(?:pydist|py3dist|pypi)-overrides|"
    r"(?:.*\.)?(?:substvars|alternatives|not-installed)|(?:source|upstream|po|missing-sources)/.*"
)
_ADVICE = "see what the package's debian/rules runs; install it in another way, or drop the file"


def check(names: Iterable[str], debian: Path, packages: Iterable[Binary]) -> Iterator[Finding]:
    """Find the files of an overlay that the built packages show nothing of.

    Parameters:
        names: the overlay's files, as paths below debian/.
        debian: the folder debian/ of the source package that was made with them.
        packages: its binary packages.
    """
    built = {one.name: one for one in packages}
    content = {
        text for one in built.values() for file in one.files for text in _texts(file.content)
    }
    lines = logical_lines((debian / "rules").read_text("utf-8", "replace"))
    rules = "\n".join(line for _, line in lines)
    # A file without a package's name is for the first package (debhelper(7)).
    _, first, *_ = paragraphs(read_text(debian / "control"))
    for name in names:
        if name == BINARY or _BUILD.fullmatch(name):
            continue
        package, _, kind = ("", "", name) if "/" in name else name.rpartition(".")
        owner = built.get(package or first)
        text = (debian / name).read_bytes()
        if owner is not None and (lacking := _lacking(kind, debian / name, owner)) is not None:
            faults = lacking
        elif text in content or (package not in built and _is_named(name, rules)):
            continue
        else:
            faults = ["no binary package has this file, and debian/rules does not name it"]
            if package in built:
                faults = [f"the package {package} does not have this file"]
        for why in faults:
            yield finding.make("overlay-without-effect", "error", f"debian/{name}", why, _ADVICE)


def _is_named(name: str, rules: str) -> bool:
    """Whether debian/rules names a file, or the folder that it is in."""
    end = name.find("/") if "/" in name else len(name)
    return bool(re.search(rf"(?<![\w.-])debian/{re.escape(name[:end])}(?![\w.-])", rules))


def _texts(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"\x1f\x8b"):
        try:
            yield gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return  # it only begins like one


def _lacking(kind: str, path: Path, package: Binary) -> list[str] | None:
    """What a package lacks of what a file for debhelper asks for; None where it is no such file."""
    name, text = package.name, path.read_text("utf-8", "replace")
    if kind in _BESIDE:
        return [] if kind in package.scripts else [f"the package {name} has no {kind}"]
    if kind in _SCRIPTS:
        own = text.partition("#DEBHELPER#")[0].strip()
        missing = own not in package.scripts.get(kind, "")
        return [f"the {kind} script of {name} does not have these lines"] if missing else []
    # The list of an executable one is what it prints (dh-exec(1)).
    executable = path.stat().st_mode & 0o100
    lines = [line.split() for line in text.splitlines() if not executable and "$" not in line]
    lines = [words for words in lines if words and not words[0].startswith("#")]
    if kind == "maintscript":
        script = package.scripts.get("preinst", "")
        calls = [words[:2] for words in lines if not all(word in script for word in words[:2])]
        return [f"the preinst script of {name} does not call {' '.join(call)}" for call in calls]
    if kind in _DOCUMENTATION:
        return []
    if kind not in ("install", "dirs", "links"):
        return None
    wanted = dict.fromkeys(one for words in lines for one in _paths(kind, words))
    return [
        f"the package {name} has no {one}"
        for one in wanted
        if not any(fnmatchcase(path, form) for path in package.paths for form in (one, f"{one}.gz"))
    ]


def _paths(kind: str, words: list[str]) -> Iterator[str]:
    """The paths that one line of a list asks for; a ``*`` stands for anything."""
    if kind != "install":
        asked = words[1::2] if kind == "links" else words
        yield from (word.strip("/") for word in asked)
        return
    sources, folder = (words[:-1], words[-1]) if len(words) > 1 else (words, "")
    for source in sources:
        own = posixpath.dirname(source.strip("/").removeprefix("debian/tmp/"))
        yield posixpath.join(folder.strip("/") or own, posixpath.basename(source.rstrip("/")))
