"""debian/changelog through python-debian: one new entry, all older bytes as they were."""

from __future__ import annotations

import email.utils
import re
import textwrap
from collections.abc import Sequence

from debian.changelog import Changelog, ChangelogParseError
from debian.debian_support import Version

from backport.errors import InputError, reading
from backport.recipe.update import moment_of
from backport.recipe.version_strings import is_backport

# What dpkg-genchanges reads as a reference to a Launchpad bug (dpkg, Dpkg::Vendor::Ubuntu).
_BUGS = re.compile(r"lp:\s+#\d+(?:,\s*#\d+)*", re.IGNORECASE)
_WIDTH = 80
_HARD_BLANK = "\u00a0"


def make_entry(
    *,
    package: str,
    version: str,
    series: str,
    items: Sequence[str],
    bug: int,
    maintainer: str,
    date: str,
) -> str:
    """One changelog entry (Debian Policy 4.4), with urgency medium.

    Parameters:
        package: the source package.
        version: the new version.
        series: the Ubuntu series' name, which is the target.
        items: what changed, one sentence each; they are wrapped at 80 columns.
        bug: the Launchpad bug; ``(LP: #bug)`` ends the first item if no item refers to it.
        maintainer: ``Name <address>``.
        date: as in RFC 5322 with a time zone, such as ``Mon, 23 Nov 2026 12:00:00 +0000``.

    Raises:
        InputError: there is no item, or the date cannot be used.
    """
    lines = [" ".join(item.split()) for item in items]
    if not lines or not all(lines):
        raise InputError(
            "an entry of the changelog needs at least one item, and none may be empty",
            where=f"changelog of {package} {version}",
            advice="write what changed in the recipe's changes",
        )
    if not any(bug in lp_bugs(line) for line in lines):
        lines[0] += f" (LP: #{bug})"
    changelog = Changelog()
    changelog.new_block(
        package=package,
        version=Version(version),
        distributions=series,
        urgency="medium",
        author=maintainer,
        date=email.utils.format_datetime(moment_of(date)),
    )
    for line in ["", *(wrapped for item in lines for wrapped in _wrap(item)), ""]:
        changelog.add_change(line)
    return str(changelog).rstrip("\n") + "\n"


def prepend(entry: str, existing: bytes, *, where: str = "debian/changelog") -> bytes:
    """The changelog with the entry on top; the existing bytes follow unchanged.

    The entry's version sorts above the existing newest one, V; or it is a backport of it,
    ``V~…YY.MM.1``, which is below V and so gives way to it at the release upgrade.

    Raises:
        InputError: the existing text is no changelog, is another package's, or the entry's
            version is neither of these.
    """
    new = Changelog(entry, strict=True)
    with reading(where, what="this is no changelog", advice="pin another .dsc"):
        text = existing.decode("utf-8", "surrogateescape")
        try:
            old = Changelog(text, max_blocks=1, strict=True)
        except ChangelogParseError as error:
            raise ValueError(str(error)) from error
        newest = old.version
    if old.package != new.package:
        raise InputError(
            f"it is the changelog of {old.package}, not of {new.package}",
            where=where,
            advice="pin the right .dsc",
        )
    if not (newest < new.version or is_backport(str(new.version), str(newest))):
        raise InputError(
            f"the new version {new.version} is not higher than its newest, {newest}",
            where=where,
            advice="see the versions with: backport plan",
        )
    return entry.encode() + b"\n" + existing


def lp_bugs(text: str) -> tuple[int, ...]:
    """The Launchpad bugs that a text refers to, as dpkg reads it.

    >>> lp_bugs("Wait for the lock (LP: #12, #34)")
    (12, 34)
    """
    return tuple(
        int(number) for match in _BUGS.findall(text) for number in re.findall(r"\d+", match)
    )


def timestamp(date: str) -> int:
    """A changelog's date in seconds since 1970; raises as `moment_of` does."""
    return int(moment_of(date).timestamp())


def _wrap(item: str) -> list[str]:
    # A reference to a bug is not broken: a reader searches for it in one line.
    joined = _BUGS.sub(lambda match: match[0].replace(" ", _HARD_BLANK), item)
    lines = textwrap.wrap(
        joined,
        width=_WIDTH,
        initial_indent="  * ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_HARD_BLANK, " ") for line in lines]
