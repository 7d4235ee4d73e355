"""The forms of a recipe's values, as the types of the model's fields have them.

Names become folders: they have no "..", and are not too long for one together, since a folder's
name has at most 255 bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Form:
    """What a string has to look like, as a regular expression.

    `what` goes behind the wrong value, and `advice` says what is right; with `empty`, "" is too.
    """

    pattern: str
    what: str
    advice: str
    empty: bool = False

    def allows(self, value: str) -> bool:
        """Whether a value has the form."""
        return bool(re.fullmatch(self.pattern, value)) or (self.empty and not value)


@dataclass(frozen=True)
class Key:
    """The name of a field's key in the file, where that is another one."""

    name: str


@dataclass(frozen=True)
class Advice:
    """What is said where a key is missing or is of another type."""

    text: str


class Pinned:
    """A path that may lead anywhere, as an address does: the sha256 beside it is the gate."""


NOT_A_KEY = {"key": False}
"""The metadata of a field that no recipe gives."""

Fault = tuple[str, str, str]
"""What is wrong in a table: the key ("" for the table itself), the sentence, and the advice."""

# Debian Policy 5.6.12.
_VERSION = r"(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?"
_VERSIONS = "start with a digit; letters, digits and . + ~ - may follow (Policy 5.6.12)"
_NONE = 'write "" if the series has none'
Version = Annotated[str, Form(_VERSION, "is no version", _VERSIONS)]
VersionOrNone = Annotated[
    str, Form(_VERSION, "is no version", f"{_VERSIONS}, or {_NONE}", empty=True), Advice(_NONE)
]
Release = Annotated[
    str,
    Form(r"[0-9]{2}\.[0-9]{2}", "is no Ubuntu release", 'write it like "16.04"'),
    Advice('write the release, such as "16.04"'),
]
Sha256 = Annotated[
    str,
    Form(r"[0-9a-f]{64}", "is no sha256", "write the 64 hexadecimal digits that sha256sum prints"),
]
UPDATE_NAME = Form(
    r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9+._-]{0,99}",
    "is no name of an update",
    "use letters, digits and + - . _, at most 100 and none of the signs first",
)
PackageName = Annotated[
    str,
    Form(
        r"(?!.*\.\.)[a-z0-9][a-z0-9+.-]{1,99}",
        "is no source package name",
        "use lower case letters, digits and + - . (Debian Policy 5.6.1)",
    ),
]
VariantName = Annotated[
    str,
    Form(
        r"[a-z]{1,32}",
        "cannot be a part of a version",
        "name a variant with lower case letters only",
    ),
]
# DEP-8: a test's name has the characters of a package's name, upper case too.
TestName = Annotated[
    str,
    Form(
        r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9+._-]{0,63}",
        "is no name of a test",
        "use letters, digits and + - . _",
    ),
]
_FILE = r"[A-Za-z0-9][A-Za-z0-9+.~_%-]{0,199}"
_FOLDER = "use a file's name, without a folder"
FileName = Annotated[str, Form(_FILE, "is no name of a file", _FOLDER)]
DscName = Annotated[str, Form(rf"{_FILE}(?<=\.dsc)", "is no name of a .dsc", _FOLDER)]
_PART = r"[!-\-0-~][!-.0-~]{0,199}"
PackagingFile = Annotated[
    str,
    Form(rf"(?:{_PART}/)*{_PART}", "is no file", "use a path below debian/, such as hello.postrm"),
]
_LAUNCHPAD = r"[a-z0-9][a-z0-9+.-]*"
PpaText = Annotated[
    str,
    Form(
        f"{_LAUNCHPAD}/{_LAUNCHPAD}", "is no PPA", 'write "owner/name", or "" for none', empty=True
    ),
]
Tag = Annotated[
    str,
    Form(
        _LAUNCHPAD,
        "is no tag of Launchpad's",
        "use lower case letters, digits, and + . - after the first character",
    ),
]
Maintainer = Annotated[
    str,
    Form(r"[^<>\n]*[^<>\s] <[^<>@\s]+@[^<>@\s]+>", "is no maintainer", 'write "Name <address>"'),
    Advice('write "Name <address>"'),
]
PageAddress = Annotated[
    str, Form(r"https://.*", "is no address", "write one that begins with https://")
]
