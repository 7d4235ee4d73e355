from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source import installable
from tests.source.packages import NEW_VERSION, based
from tests.support.source_builder import CONTROL, PackageSpec

PLUGIN = PackageSpec(
    debian={
        "control": CONTROL.format(name="small").replace("Depends:", "Breaks: old-small\nDepends:")
    }
)
TRANSITIONAL = {
    "overlay.xenial/control.binary": (
        "Package: old-small\nArchitecture: all\nDepends: small, ${misc:Depends}\n"
        "Description: transitional package\n It can be removed.\n"
    )
}


def test_a_transitional_package_that_its_successor_breaks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        based(tmp_path, PLUGIN, patches=TRANSITIONAL)
    assert str(caught.value) == (
        f"debian/control of small: old-small {NEW_VERSION} can never be installed: it depends on "
        "small, which has Breaks: old-small; write into the recipe's [[source.small.control]]: "
        'paragraph = "small", field = "Breaks", replace = { "old-small" = "old-small (<< 1.0~)" }'
    )
    assert list((tmp_path / "out").glob("*")) == []


def of(**fields: str) -> str:
    """A control file with the packages old, new and more; `fields` as ``old_Depends``."""
    paragraphs = {name: f"Package: {name}\n" for name in ("old", "new", "more")}
    for place, value in fields.items():
        name, _, field = place.partition("_")
        paragraphs[name] += f"{field.replace('_', '-')}: {value}\n"
    return "\n".join(["Source: small\n", *paragraphs.values()])


@pytest.mark.parametrize(
    "control",
    [
        of(old_Depends="new", new_Conflicts="old (<= 1:2.0-1)"),
        of(old_Pre_Depends="new (= ${binary:Version})", new_Breaks="x, old (= ${source:Version})"),
        of(old_Depends="more", more_Depends="a | b, new", new_Breaks="old"),
        of(old_Depends="new", old_Provides="older", new_Conflicts="older"),
        of(old_Depends="new", new_Breaks="old (>= ${source:Upstream-Version})"),
    ],
)
def test_it_is_found_through_others_in_ranges_and_by_virtual_names(control: str) -> None:
    with pytest.raises(
        InputError, match=r"old 1:2\.0-1 can never be installed: it depends on new,"
    ):
        installable.check(control, "1:2.0-1", "small")


@pytest.mark.parametrize(
    "control",
    [
        of(old_Depends="new", new_Breaks="old (<< 1:2.0~)"),
        of(old_Depends="new | other", new_Breaks="old"),
        of(old_Depends="new", new_Breaks="old (<< ${nobody:knows})"),
        of(old_Depends="new", old_Provides="older", new_Breaks="older (<< 3)"),
        of(old_Depends="new", new_Provides="older", new_Conflicts="older"),
        of(old_Recommends="new", new_Breaks="old"),
    ],
)
def test_what_can_be_installed_passes(control: str) -> None:
    installable.check(control, "1:2.0-1", "small")
