"""The recipe's ``[exception]`` table: what an exception of the SRU process asks for besides.

Ubuntu keeps a page for each package that has one: https://ubuntu.com/project/docs/SRU/reference/.
"""

from __future__ import annotations

from dataclasses import dataclass

from backport.errors import RecipeError
from backport.recipe.toml_table import Table


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
    why: str = ""
    advice: str = ""
    address: str = ""


@dataclass(frozen=True)
class SruException:
    """The exception's `page`, the `headings` that the bug has besides, and its items."""

    page: str
    headings: tuple[str, ...] = ()
    items: tuple[ExceptionItem, ...] = ()


def read(table: Table) -> SruException:
    """The ``[exception]`` table.

    Raises:
        RecipeError: a key is missing, or an item is neither for tests nor for a person.
    """
    found = SruException(
        page=_address(table, "page"),
        headings=table.strings("headings", ()),
        items=tuple(_item(one) for one in table.array("item")),
    )
    table.done()
    return found


def _item(table: Table) -> ExceptionItem:
    what, tests = table.string("what"), table.strings("tests", ())
    if tests:
        item = ExceptionItem(what, table.string("source"), tests)
    else:
        item = ExceptionItem(
            what,
            why=table.string("person", advice="say what a person does, or give tests"),
            advice=table.string("advice", ""),
            address=_address(table, "address") if table.has("address") else "",
        )
    table.done()
    return item


def _address(table: Table, key: str) -> str:
    value = table.string(key, advice="write the address of the page")
    if not value.startswith("https://"):
        raise RecipeError(
            f"{value!r} is no address",
            where=f"{table.where}.{key}",
            advice="write one that begins with https://",
        )
    return value
