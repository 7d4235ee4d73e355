"""Recorded changes of debian/control; what they do not name keeps every byte.

The file is read and written with python-debian's format-preserving parser, so that line breaks,
alignment, comments and a leading or trailing comma stay as the field has them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backport.errors import InputError, reading
from backport.recipe.model import ControlEdit

if TYPE_CHECKING:
    from debian._deb822_repro import Deb822FileElement, Deb822ParagraphElement

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


def edit_control(
    text: str, edits: Sequence[ControlEdit], series: str, *, file: str = "debian/control"
) -> str:
    """The text of a control file with the edits that hold for `series`.

    An added relation goes to the end of its field, unless an equal one is there; a field that is
    missing is made, before a binary package's Description; one that loses its last relation goes.

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
        # It takes long to load, and most commands edit nothing.
        from debian._deb822_repro import parse_deb822_file  # noqa: PLC0415

        return parse_deb822_file(list(io.StringIO(text, newline="\n")))


def relations(value: str) -> tuple[str, ...]:
    """The relations in a field's value, in their normal form, in order."""
    return tuple(normal(part) for part in _COMMENT.sub("", value).split(",") if part.strip())


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
    is_new = edit.field not in paragraph
    for old, new in (*edit.replace.items(), *((relation, "") for relation in edit.drop)):
        _change(paragraph, edit, where, old, new)
    value = _text(paragraph, edit.field)
    for relation in edit.add:
        if normal(relation) not in relations(value):
            value = _with_one_more(value, relation)
    if value and not relations(value):
        paragraph.remove_kvpair_element(edit.field)
    elif value != _text(paragraph, edit.field):
        paragraph.set_field_from_raw_string(edit.field, value)
        if is_new and "Description" in paragraph:
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


def _text(paragraph: Deb822ParagraphElement, field: str) -> str:
    """A field's value with every byte that it has; "" where the field is missing."""
    element = paragraph.get_kvpair_element(field, use_get=True)
    return str(element.value_element.convert_to_text()) if element is not None else ""


def _change(
    paragraph: Deb822ParagraphElement, edit: ControlEdit, where: str, old: str, new: str
) -> None:
    """Put a relation in the place of another one, or with "" none."""
    from debian._deb822_repro import LIST_COMMA_SEPARATED_INTERPRETATION  # noqa: PLC0415

    there = relations(_text(paragraph, edit.field))
    if normal(old) in there:
        fields = paragraph.as_interpreted_dict_view(LIST_COMMA_SEPARATED_INTERPRETATION)
        with fields[edit.field] as values:
            for place in [*values.iter_value_references()]:
                if normal(place.value) == normal(old) and new:
                    place.value = new
                elif normal(place.value) == normal(old):
                    place.remove()
    elif not edit.optional:
        raise InputError(
            f"the relation {normal(old)!r} is not there; there is: {', '.join(there) or 'nothing'}",
            where=where,
            advice="mend the recipe's control edit",
        )


def _with_one_more(value: str, relation: str) -> str:
    """A field's value with a relation at its end, set off like the one before it."""
    if not relations(value):
        return f" {relation}\n"
    body = value.rstrip(", \t\n")
    bare = _COMMENT.sub("", body)
    joints = re.findall(r"\s*,\s*", bare)
    start = bare[: len(bare) - len(bare.lstrip())]
    joint = joints[-1] if joints else f",{start}" if "\n" in start else ", "
    return body + joint + relation + value[len(body) :]
