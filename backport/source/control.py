"""Recorded changes of debian/control; what they do not name keeps every byte.

The file is read and written with python-debian's format-preserving parser. Within a field the
relations are edited as text, so that line breaks, alignment, comments and a leading or trailing
comma stay as the field has them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from debian._deb822_repro import Deb822FileElement, Deb822ParagraphElement, parse_deb822_file

from backport.errors import InputError, reading
from backport.recipe.model import ControlEdit

UBUNTU_MAINTAINER = "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"

# Debian Policy 7.1, with substitution variables (deb-substvars(5)) and build profiles.
_NAME = r"(?:[a-z0-9][a-z0-9+.-]*|\$\{[^}]+\})+(?::[a-z0-9-]+)?"
_ALTERNATIVE = (
    rf"{_NAME}(?:\s*\(\s*(?:<<|<=|=|>=|>>)\s*[^()\s]+\s*\))?"
    r"(?:\s*\[[^\]]+\])?(?:\s*<[^>]+>)*"
)
_RELATION = re.compile(rf"{_ALTERNATIVE}(?:\s*\|\s*{_ALTERNATIVE})*")
_NONE = "this is no control file"
_COMMENT = re.compile(r"^#.*\n", re.MULTILINE)


@dataclass(frozen=True)
class _Item:
    """What stands between two commas: blanks and comments around a relation, or no relation."""

    before: str
    relation: str
    after: str

    def __str__(self) -> str:
        return self.before + self.relation + self.after


def edit_control(
    text: str, edits: Sequence[ControlEdit], series: str, *, file: str = "debian/control"
) -> str:
    """The text of a control file with the edits that hold for `series`.

    An added relation goes to the end of its field, unless an equal one is there; a field that is
    missing is made, before a binary package's Description. A dropped relation takes the comment
    lines right above it along; a field that loses its last relation goes.

    Raises:
        InputError: the file or an edit cannot be read, or what an edit replaces or drops is not
            there and the edit is not optional; the sentence names file, paragraph, field and
            relation, and what stands there.
    """
    edits = [edit for edit in edits if not edit.series or series in edit.series]
    if not edits:
        return text
    with reading(file, what=_NONE):
        parsed = parse(text, file)
        for edit in edits:
            _apply(parsed, edit, file)
        return parsed.dump()


def for_ubuntu(text: str, *, file: str = "debian/control") -> str:
    """The text with Ubuntu's Maintainer, and Debian's as XSBC-Original-Maintainer.

    A package that differs from Debian's has to say so
    (https://wiki.ubuntu.com/DebianMaintainerField); one that names Ubuntu already stays as it is.

    Raises:
        InputError: the file cannot be read.
    """
    with reading(file, what=_NONE):
        parsed = parse(text, file)
        for paragraph in parsed:
            if "Source" not in paragraph or "Maintainer" not in paragraph:
                continue
            maintainer = str(paragraph["Maintainer"]).strip()
            if re.search(r"ubuntu|canonical", maintainer, re.IGNORECASE):
                return text
            paragraph["Maintainer"] = UBUNTU_MAINTAINER
            if not any("original-maintainer" in str(name).lower() for name in paragraph):
                paragraph["XSBC-Original-Maintainer"] = maintainer
                paragraph.order_after("XSBC-Original-Maintainer", "Maintainer")
            return parsed.dump()
    return text


def parse(text: str, file: str) -> Deb822FileElement:
    """A control file with every byte that it has.

    Raises:
        InputError: it cannot be read.
    """
    with reading(file, what=_NONE):
        return parse_deb822_file(list(io.StringIO(text, newline="\n")))


def relations(value: str) -> tuple[str, ...]:
    """The relations in a field's value, in their normal form, in order."""
    return tuple(normal(item.relation) for item in _items(value) if item.relation)


def normal(relation: str) -> str:
    """A relation with its blanks as in Policy 7.1, to compare with others.

    >>> normal("foo(>=1.0)  |bar [ amd64 ]")
    'foo (>= 1.0) | bar [amd64]'
    """
    text = " ".join(_COMMENT.sub("", relation).split())
    text = re.sub(r"\s*\(\s*(<<|<=|=|>=|>>)\s*([^()\s]+)\s*\)", r" (\1 \2)", text)
    text = re.sub(r"\s*\[\s*([^\]]*?)\s*\]", r" [\1]", text)
    return re.sub(r"\s*\|\s*", " | ", text)


def _apply(parsed: Deb822FileElement, edit: ControlEdit, file: str) -> None:
    paragraph = _paragraph(parsed, edit.paragraph, file)
    where = f"{file}: {edit.paragraph}: {edit.field}"
    for relation in (*edit.add, *edit.replace.values()):
        if not _RELATION.fullmatch(relation):
            raise InputError(
                f"{relation!r} is no relation",
                where=where,
                advice='write it like "libmd-dev (>= 1.1)" (Debian Policy 7.1)',
            )
    element = paragraph.get_kvpair_element(edit.field, use_get=True)
    value = element.value_element.convert_to_text() if element is not None else ""
    items = _items(value)
    for old, new in edit.replace.items():
        places = _places(items, old, edit, where)
        items = [
            replace(item, relation=new) if place in places else item
            for place, item in enumerate(items)
        ]
    for relation in edit.drop:
        items = _drop(items, _places(items, relation, edit, where))
    for relation in edit.add:
        items = _add(items, relation)
    new_value = ",".join(map(str, items))
    if new_value == value:
        return
    if not any(item.relation for item in items):
        paragraph.remove_kvpair_element(edit.field)
        return
    if not new_value.endswith("\n"):
        new_value += "\n"
    paragraph.set_field_from_raw_string(edit.field, new_value)
    if element is None and "Description" in paragraph:
        paragraph.order_before(edit.field, "Description")


def _paragraph(parsed: Deb822FileElement, name: str, file: str) -> Deb822ParagraphElement:
    names = []
    for paragraph in parsed:
        here = "source" if "Source" in paragraph else str(paragraph.get("Package", "")).strip()
        if here == name:
            return paragraph
        names.append(here)
    raise InputError(
        f"there is no paragraph {name!r}",
        where=file,
        advice=f"write one of {', '.join(names) or 'none: the file is empty'}",
    )


def _items(value: str) -> list[_Item]:
    """Cut a field's value at its commas; the joined items are the value."""
    if not value:
        return []
    # Commas in comment lines separate nothing.
    masked = _COMMENT.sub(lambda match: "#" * (len(match[0]) - 1) + "\n", value)
    items, start = [], 0
    for end in [*(match.start() for match in re.finditer(",", masked)), len(value)]:
        items.append(_item(value[start:end]))
        start = end + 1
    return items


def _item(text: str) -> _Item:
    before = re.match(r"(?:^#.*\n|\s)*", text, re.MULTILINE)
    assert before is not None  # an empty match is one
    rest = text[before.end() :]
    relation = re.split(r"(?:\s|\n#.*)*\Z", rest, maxsplit=1)[0]
    return _Item(before[0], relation, rest[len(relation) :])


def _places(items: Sequence[_Item], relation: str, edit: ControlEdit, where: str) -> list[int]:
    wanted = normal(relation)
    places = [place for place, item in enumerate(items) if normal(item.relation) == wanted]
    if places or edit.optional:
        return places
    there = [normal(item.relation) for item in items if item.relation]
    raise InputError(
        f"the relation {wanted!r} is not there; there is: {', '.join(there) or 'nothing'}",
        where=where,
        advice="mend the recipe's control edit",
    )


def _drop(items: list[_Item], places: Sequence[int]) -> list[_Item]:
    for place in reversed(places):
        gone = items[place]
        items = [*items[:place], *items[place + 1 :]]
        if place == 0 and items and not _COMMENT.search(items[0].before) and items[0].relation:
            items[0] = replace(items[0], before=gone.before)
        elif place == len(items) and items:
            items[-1] = replace(items[-1], after=gone.after)
    return items


def _add(items: list[_Item], relation: str) -> list[_Item]:
    there = [item for item in items if item.relation]
    if normal(relation) in {normal(item.relation) for item in there}:
        return items
    if not there:
        return [_Item(" ", relation, "\n")]
    before = _COMMENT.sub("", there[-1].before)
    if len(there) == 1 and "\n" not in before:
        before = " "
    if not items[-1].relation:
        # A trailing comma: the last item is the blank behind it.
        return [*items[:-1], _Item(before, relation, there[-1].after), items[-1]]
    last = there[-1]
    inner = _COMMENT.sub("", there[-2].after) if len(there) > 1 else ""
    return [*items[:-1], replace(last, after=inner), _Item(before, relation, last.after)]
