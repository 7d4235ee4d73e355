"""The recipe's ``[exception]`` table: what an exception of the SRU process asks for besides.

Ubuntu keeps a page for each package that has one: https://ubuntu.com/project/docs/SRU/reference/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from backport.recipe.keys import Fault, Key, PageAddress


@dataclass(frozen=True)
class ExceptionItem:
    """Something that the page asks for: `what`, as a sentence without a full stop.

    It is proved in each series that `source` is uploaded to by one of `tests`, with the packages
    in -proposed. Without tests a person does it: `why` says how, `advice` what helps, and `address`
    where that is.
    """

    what: str
    source: str = ""
    tests: tuple[str, ...] = ()
    why: Annotated[str, Key("person")] = ""
    advice: str = ""
    address: PageAddress = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        missing = "this key is missing"
        if self.tests and not self.source:
            yield "source", missing, "name the source package of the tests"
        if not self.tests and not self.why:
            yield "person", missing, "say what a person does, or give tests"
        if bool(self.tests) == bool(self.why):
            yield "person", "there are tests", "give the one or the other"


@dataclass(frozen=True)
class SruException:
    """The exception's `page`, the `headings` that the bug has besides, and its items."""

    page: PageAddress
    headings: tuple[str, ...] = ()
    items: Annotated[tuple[ExceptionItem, ...], Key("item")] = ()
