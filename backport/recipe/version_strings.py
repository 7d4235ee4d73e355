"""The version of an update of a stable series, from the version that it starts from.

Rules: "Version strings" of the Ubuntu project's documentation
(docs/how-ubuntu-is-made/concepts/version-strings.md). Of a version that ends in ``ubuntuX`` or
``ubuntuX.Y`` only Y changes, never X. For a backport of Debian's V without a delta the page has
``V~YY.MM.1`` in its text and ``V~ubuntu0.YY.MM.1`` in its table; here it is ``V~ubuntuYY.MM.1``, as
backportpackage(1) and the updates in the archive have it: the word keeps a later Debian version
from being synced over it. Where V has the word already, the page's ``V~YY.MM.1`` stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from debian.debian_support import Version

# A rebuild, and a change that Debian's next version may replace, are no delta.
_UNCHANGED = re.compile(r"\.?(?:build|maysync)[0-9]+$")
_MARK = re.compile(r"~(?:ubuntu(?:0\.)?)?[0-9]{2}\.[0-9]{2}\.[0-9]+")
_BACKPORT = re.compile(rf"{_MARK.pattern}$")
# An almost-native package has one version for all series, with the series behind it.
_ALMOST_NATIVE = re.compile(r"(.*\+ubuntu[0-9]{2}\.[0-9]{2})(?:\.[0-9]+)?")
_DELTA = re.compile(
    r"(?P<before>.*(?<![~+])ubuntu)(?P<x>[0-9]*)"
    r"(?:\.[0-9]{2}\.[0-9]{2}(?=\.[0-9]+$))?(?:\.[0-9]+)?"
)


def upstream_part(version: str) -> str:
    """The version without epoch and Debian revision (Debian Policy 5.6.12).

    >>> upstream_part("1:0.10.2-0ubuntu0.16.04.1")
    '0.10.2'
    """
    without_epoch = version.partition(":")[2] or version
    return without_epoch.rpartition("-")[0] or without_epoch


def without_backport(version: str) -> str:
    """The version that a backport is of; any other version as it is.

    >>> without_backport("1.0-1~ubuntu22.04.2"), without_backport("1.0-1")
    ('1.0-1', '1.0-1')
    """
    return _BACKPORT.sub("", version)


def is_backport(version: str, of: str) -> bool:
    """Whether `version`, whatever is behind it, is a backport of `of` or of what that is one of.

    >>> is_backport("1.0-1~ubuntu22.04.1~ppa1", "1.0-1"), is_backport("1.0-1~rc1", "1.0-1")
    (True, False)
    """
    plain = without_backport(of)
    return version.startswith(plain) and bool(_MARK.match(version.removeprefix(plain)))


def stem(start: str) -> str:
    """What a delta on `start` adds its numbers to, behind a dot: ``ubuntuX`` with what precedes it.

    >>> stem("1.0-1"), stem("1.0-1build1"), stem("1.0-1ubuntu2.22.04.3")
    ('1.0-1ubuntu0', '1.0-1ubuntu0', '1.0-1ubuntu2')
    """
    plain = _UNCHANGED.sub("", start)
    if parts := _ALMOST_NATIVE.fullmatch(plain):
        return parts[1]
    if parts := _DELTA.fullmatch(plain):
        return f"{parts['before']}{parts['x'] or '0'}"
    return plain if "ubuntu" in plain.rpartition("-")[2] else f"{plain}ubuntu0"


def next_version(
    start: str,
    release: str,
    *,
    delta: bool,
    several: bool,
    seen: Collection[str] = (),
    number: int = 0,
) -> tuple[str, str]:
    """The version of the next upload to a series, and its rule in half a sentence.

    Parameters:
        start: the version of the package that the upload starts from.
        release: the series' version, such as ``22.04``.
        delta: whether the binary packages differ from those of `start`.
        several: whether a version of the same `stem` is changed in other series too.
        seen: every version that a pocket or queue of the series has had.
        number: the last number, where it is given; 0 counts on from what was seen.
    """
    forms = _delta(start, release, several, seen) if delta else _backport(start, release, seen)
    below = [start, *(one for one in seen if _same(stem(start), one))] if delta else []
    for form in forms:
        prefix, rule = form
        last = _last(prefix, (start, *seen))
        if all(Version(f"{prefix}{last + 1}") > Version(one) for one in below):
            break
    if number:
        return f"{prefix}{number}", f"{rule}; the number is given"
    return f"{prefix}{last + 1}", f"{rule}; counted on from {last}" if last else rule


def _backport(start: str, release: str, seen: Collection[str]) -> Iterator[tuple[str, str]]:
    if prefix := _own_backport(start, release):
        yield prefix, "an earlier backport to this series"
        return
    plain = without_backport(start)
    words = ("~", "~ubuntu", "~ubuntu0.")
    default = "~" if "ubuntu" in plain else "~ubuntu"
    had = [word for word in words if _last(f"{plain}{word}{release}.", seen)]
    word = had[-1] if had else default
    whose = "Ubuntu's" if "ubuntu" in plain else "Debian's"
    yield f"{plain}{word}{release}.", f"no delta on {whose} V: V{word}YY.MM.N"


def _delta(
    start: str, release: str, several: bool, seen: Collection[str]
) -> Iterator[tuple[str, str]]:
    if prefix := _own_backport(start, release):
        yield prefix, "a change of an earlier backport to this series"
        return
    own = stem(start)
    dated = re.compile(rf"{re.escape(own)}\.[0-9]{{2}}\.[0-9]{{2}}\.[0-9]+")
    if several or any(dated.fullmatch(one) for one in (start, *seen)):
        tail, form = f".{release}.", ".YY.MM.N"
        where = "in several series" if several else "where the series has that form already"
    else:
        tail, form, where = ".", ".N", "in one series"
    mark = re.search(r"ubuntu[0-9.]*$", own)
    yield f"{own}{tail}", f"a delta {where}: {mark[0] if mark else 'V'}{form}"
    # Such as ubuntu1.30, which ubuntu1.22.04.1 does not exceed.
    for lower in (start, max((start, *(one for one in seen if _same(own, one))), key=Version)):
        yield f"{lower}{tail}", f"a delta {where}, added to {lower} to sort above it"


def _own_backport(start: str, release: str) -> str:
    """`start` without its last number, if it is a backport to that very series."""
    prefix = start.rstrip("0123456789")
    return prefix if _BACKPORT.search(start) and prefix.endswith(f"{release}.") else ""


def _same(own: str, version: str) -> bool:
    return version == own or version.startswith(f"{own}.")


def _last(prefix: str, versions: Collection[str]) -> int:
    """The highest number behind a prefix; 0 where there is none."""
    form = re.compile(rf"{re.escape(prefix)}([0-9]+)(?:[.+].*)?")
    return max(
        (int(match[1]) for version in versions if (match := form.fullmatch(version))), default=0
    )
