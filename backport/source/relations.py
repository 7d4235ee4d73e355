"""The relations between packages, as a field of a control file has them (Debian Policy 7.1)."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import NamedTuple

from debian.deb822 import PkgRelation
from debian.debian_support import Version

from backport.errors import InputError

BUILD_DEPENDS = ("Build-Depends", "Build-Depends-Indep", "Build-Depends-Arch")
_HOLDS = {
    "<<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">>": operator.gt
}  # fmt: skip
_SUBSTVAR = re.compile(r"\$\{([^}]+)\}")


class Relation(NamedTuple):
    """A package that is asked for; `operator` and `version` are "" where any version will do."""

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name

    def holds_for(self, version: str) -> bool:
        """Whether a package of that version is what is asked for.

        Raises:
            InputError: the operator is none of Policy's.
        """
        if not self.operator:
            return True
        if self.operator not in _HOLDS:
            raise InputError(f"{self.operator!r} is no operator of a relation", where=str(self))
        return bool(_HOLDS[self.operator](Version(version), Version(self.version)))


def first_names(value: str) -> list[str]:
    """The packages of a field of debian/control, the first one of each group of alternatives.

    >>> first_names("a (= ${binary:Version}) | b, ${misc:Depends}")
    ['a']
    """
    return [group[0].name for group in groups(re.sub(r"\([^()]*\)", "", value))]


def groups(value: str, variables: Mapping[str, str] | None = None) -> list[list[Relation]]:
    """The relations of a field: groups of alternatives, any one of which will do.

    Parameters:
        variables: what substitution variables stand for, by name (deb-substvars(5)). A group with
            another one is left out.

    >>> groups("a (>= ${v}) | b:any [amd64], ${misc:Depends}", {"v": "1"})
    [[Relation(name='a', operator='>=', version='1'), Relation(name='b', operator='', version='')]]
    """
    text = re.sub(r"(?m)^\s*#.*$", "", value)
    text = _SUBSTVAR.sub(lambda match: (variables or {}).get(match[1], match[0]), text)
    known = [part for part in text.split(",") if part.strip() and "$" not in part]
    parsed = PkgRelation.parse_relations(",".join(known)) if known else []
    return [
        [Relation(str(one["name"]), *(one.get("version") or ())) for one in group]
        for group in parsed
    ]
