"""The version of an upload to a PPA: ``<version of the update>~ppaN``.

Launchpad takes a version once for an archive, even when it was deleted or rejected afterwards
(documentation.ubuntu.com/launchpad, "Copying packages": version numbers need to be unique). With
the suffix the update itself can later have its own version, in the archive as in that PPA, and
whoever has the PPA's package is upgraded to it.
"""

from __future__ import annotations

import re

_FORM = re.compile(r"(?P<update>.+)~ppa(?P<number>[1-9][0-9]{0,8})")


def ppa_version(update: str, number: int) -> str:
    """The version of the upload of that number.

    >>> ppa_version("0.10.2-1ubuntu0.16.04.1", 2)
    '0.10.2-1ubuntu0.16.04.1~ppa2'
    """
    return f"{update}~ppa{number}"


def number_of(version: str, update: str) -> int:
    """The number in a version of that update; 0 where it is none of it.

    >>> number_of("1.0-1ubuntu0.1~ppa3", "1.0-1ubuntu0.1"), number_of("1.0-1", "1.0-1")
    (3, 0)
    """
    match = _FORM.fullmatch(version)
    return int(match["number"]) if match and match["update"] == update else 0


def update_of(version: str) -> str:
    """The version of the update that a version in the PPA is of; any other version as it is.

    >>> update_of("1.0-1ubuntu0.1~ppa3")
    '1.0-1ubuntu0.1'
    """
    match = _FORM.fullmatch(version)
    return match["update"] if match else version
