"""The stand-in has no name that Launchpad does not have, by the WADL that launchpadlib ships."""

from __future__ import annotations

from importlib import resources
from xml.etree import ElementTree

import pytest

from tests.support.launchpad_server.table import TYPES, Type
from tests.support.launchpad_server.table_spec import Field

WADL = "{http://research.sun.com/wadl/2006/10}"
# That WADL is of version 1.0. What is only in "devel", or younger, by Launchpad's own code.
NEWER = {
    "archive.permit_obsolete_series_uploads",
    "binary_package_publishing_history.binaryFileUrls",
    "binary_package_publishing_history.binaryFileUrls.include_meta",
    "bug.lock_status",
    "bug.lock_status=Comment-only",
    "bug.lock_status=Unlocked",
    "bug_attachment.url",
    "bug_task.status=Deferred",
    "bug_task.status=Does Not Exist",
    "package_upload.package_name",
    "package_upload.package_version",
}


@pytest.fixture(scope="module")
def theirs() -> set[str]:
    """Every name: TYPE, TYPE.FIELD, TYPE.OPERATION.PARAMETER, and =OPTION behind these."""
    text = resources.files("launchpadlib.testing").joinpath("launchpad-wadl.xml").read_bytes()
    wadl = ElementTree.fromstring(text)
    names = set(NEWER)

    def add(owner: str, parameters: list[ElementTree.Element]) -> None:
        for one in parameters:
            name = f"{owner}.{one.get('name')}"
            names.add(name)
            if one.get("required") == "true" and one.get("style") == "query":
                names.add(f"{name}!")
            names.update(f"{name}={each.get('value')}" for each in one.iter(f"{WADL}option"))

    for kind in wadl.iter(f"{WADL}resource_type"):
        names.add(str(kind.get("id")))
        for method in kind.findall(f"{WADL}method"):
            parameters = list(method.iter(f"{WADL}param"))
            for operation in [one.get("fixed") for one in parameters if one.get("fixed")]:
                names.add(f"{kind.get('id')}.{operation}")
                add(f"{kind.get('id')}.{operation}", parameters)
    for form in wadl.iter(f"{WADL}representation"):
        if str(form.get("id")).endswith("-full"):
            owner = str(form.get("id")).removesuffix("-full")
            add(owner, form.findall(f"{WADL}param"))
    return names


def named(owner: str, one: Field, *, required: bool = False) -> set[str]:
    name = f"{owner}.{one.key if not required else one.name}"
    mark = {f"{name}!"} if required and one.marked else set()
    return {name, *mark, *(f"{name}={option}" for option in one.options)}


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_every_name_of_the_stand_in_is_launchpads_own(kind: Type, theirs: set[str]) -> None:
    ours = {kind.name} | ({kind.collection} if kind.collection else set())
    for one in kind.fields:
        ours |= named(kind.name, one)
    for operation in kind.operations:
        ours |= {f"{kind.name}.{operation.name}"}
        for parameter in operation.params:
            ours |= named(f"{kind.name}.{operation.name}", parameter, required=True)

    assert ours - theirs == set()


def test_a_name_that_launchpad_does_not_have_is_found(theirs: set[str]) -> None:
    assert named("bug", Field("severity")) - theirs == {"bug.severity"}
    assert named("bug_task", Field("status", kind="New|Fixed")) - theirs == {
        "bug_task.status=Fixed"
    }


def test_what_is_listed_as_newer_is_still_used() -> None:
    used = {kind.name + "." + one.key for kind in TYPES for one in kind.fields}
    used |= {f"{kind.name}.{one.name}" for kind in TYPES for one in kind.operations}

    assert {one.partition("=")[0].removesuffix(".include_meta") for one in NEWER} - used == set()
