from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import InputError
from backport.recipe.model import ControlEdit
from backport.source.control import edit_control, for_ubuntu, normal, relations

HEAD = """\
# A comment on top.
Source: small
Maintainer: Some One <one@example.org>
"""
TAIL = """\
Standards-Version:   3.9.8

# About the package.
Package: small
Architecture: all
Depends: ${misc:Depends}
Description: small
 It is small.

Package: small-doc
Architecture: all
Description: documentation
 Words.
"""
STYLES = {
    "one line": "Build-Depends: alpha (>= 1), beta, gamma [amd64]\n",
    "aligned": "Build-Depends: alpha (>= 1),\n               beta,\n               gamma [amd64]\n",
    "own lines": "Build-Depends:\n alpha (>= 1),\n beta,\n gamma [amd64],\n",
    "leading commas": "Build-Depends: alpha (>= 1)\n , beta\n , gamma [amd64]\n",
    "comments": (
        "Build-Depends: alpha (>= 1),\n# why, oh why\n               beta,\n"
        "               gamma [amd64]\n"
    ),
}


def build_depends(**changes: object) -> ControlEdit:
    edit = ControlEdit("source", "Build-Depends", "a test")
    return replace(edit, **changes)  # type: ignore[arg-type]


def edited(field: str, *edits: ControlEdit) -> str:
    text = edit_control(HEAD + field + TAIL, edits, "xenial")
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    return text.removeprefix(HEAD).removesuffix(TAIL)


@pytest.mark.parametrize(
    ("style", "result"),
    [
        ("one line", "Build-Depends: alpha (>= 1), beta, gamma [amd64], delta\n"),
        (
            "aligned",
            "Build-Depends: alpha (>= 1),\n               beta,\n               gamma [amd64],\n"
            "               delta\n",
        ),
        ("own lines", "Build-Depends:\n alpha (>= 1),\n beta,\n gamma [amd64],\n delta,\n"),
        ("leading commas", "Build-Depends: alpha (>= 1)\n , beta\n , gamma [amd64]\n , delta\n"),
    ],
)
def test_an_added_relation_takes_the_fields_style(style: str, result: str) -> None:
    assert edited(STYLES[style], build_depends(add=("delta",))) == result


@pytest.mark.parametrize(
    ("field", "dropped", "result"),
    [
        (STYLES["one line"], "alpha (>=1)", "Build-Depends: beta, gamma [amd64]\n"),
        (STYLES["aligned"], "gamma [amd64]", "Build-Depends: alpha (>= 1),\n               beta\n"),
        (STYLES["own lines"], "alpha (>= 1)", "Build-Depends:\n beta,\n gamma [amd64],\n"),
        (STYLES["leading commas"], "beta", "Build-Depends: alpha (>= 1)\n , gamma [amd64]\n"),
        # A comment stays: whether it speaks of what is dropped nobody knows.
        (
            STYLES["comments"],
            "beta",
            "Build-Depends: alpha (>= 1),\n# why, oh why\n               gamma [amd64]\n",
        ),
    ],
)
def test_a_dropped_relation_leaves_the_rest_in_place(field: str, dropped: str, result: str) -> None:
    assert edited(field, build_depends(drop=(dropped,))) == result


@pytest.mark.parametrize("style", STYLES)
def test_a_replaced_relation_changes_only_itself(style: str) -> None:
    edit = build_depends(replace={"alpha ( >= 1 )": "alpha (>= 0.8)"})
    assert edited(STYLES[style], edit) == STYLES[style].replace(">= 1", ">= 0.8")


@pytest.mark.parametrize("style", STYLES)
def test_an_equal_relation_is_not_added_again(style: str) -> None:
    edit = build_depends(add=("beta", "gamma [ amd64 ]", "alpha (>=1)"))
    assert edited(STYLES[style], edit) == STYLES[style]


def test_a_missing_field_is_made_before_the_description() -> None:
    edit = ControlEdit("small-doc", "Depends", "a test", add=("small (= 1)", "other"))
    text = edit_control(HEAD + TAIL, [edit], "xenial")
    assert text == (HEAD + TAIL).replace(
        "Architecture: all\nDescription: documentation",
        "Architecture: all\nDepends: small (= 1), other\nDescription: documentation",
    )
    gone = edit_control(text, [replace(edit, add=(), drop=("small (= 1)", "other"))], "xenial")
    assert gone == HEAD + TAIL


def test_an_edit_of_another_series_does_nothing() -> None:
    edit = build_depends(drop=("nothing of the kind",), series=("zesty",))
    assert edited(STYLES["aligned"], edit) == STYLES["aligned"]
    with pytest.raises(InputError):
        edit_control(HEAD + STYLES["aligned"] + TAIL, [edit], "zesty")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"drop": ("beta (>= 2)",)},
            "debian/control: source: Build-Depends: the relation 'beta (>= 2)' is not there; "
            "there is: alpha (>= 1), beta, gamma [amd64]; mend the recipe's control edit",
        ),
        (
            {"field": "Build-Conflicts", "drop": ("beta",)},
            "debian/control: source: Build-Conflicts: the relation 'beta' is not there; "
            "there is: nothing; mend the recipe's control edit",
        ),
        (
            {"paragraph": "tiny", "add": ("beta",)},
            "debian/control: there is no paragraph 'tiny'; write one of source, small, small-doc",
        ),
        (
            {"add": ("beta >= 2",)},
            "debian/control: source: Build-Depends: 'beta >= 2' is no relation; write it like "
            '"libmd-dev (>= 1.1)" (Debian Policy 7.1)',
        ),
    ],
)
def test_an_edit_that_does_not_fit_says_what_stands_there(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        edited(STYLES["one line"], build_depends(**changes))
    assert str(caught.value) == says


@pytest.mark.parametrize("field", ["Breaks", "Build-Conflicts"])
def test_an_optional_edit_does_nothing_where_the_relation_is_not_there(field: str) -> None:
    text = HEAD + "Breaks: old-small, other\n" + TAIL
    mended = {"old-small": "old-small (<< 1.0~)", "old-tiny": "old-tiny (<< 1.0~)"}
    edit = ControlEdit("source", field, "a test", replace=mended, optional=True)
    changed = text.replace("old-small,", "old-small (<< 1.0~),") if field == "Breaks" else text
    assert edit_control(text, [edit], "xenial") == changed
    drop = replace(edit, replace={}, drop=("old-small", "old-tiny"))
    gone = text.replace("old-small, ", "") if field == "Breaks" else text
    assert edit_control(text, [drop], "xenial") == gone


@pytest.mark.parametrize("text", ["no colon here\n", "Source: a\nSource: b\n"])
def test_a_file_that_is_no_control_file_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"debian/control\.in: this is no control file"):
        edit_control(text, [build_depends(add=("beta",))], "xenial", file="debian/control.in")


@pytest.mark.parametrize(
    "relation",
    [
        "foo (>= 1:2.0~rc1-3)",
        "foo | bar (<< 2) | baz",
        "libc6-dev [!amd64 linux-any] <!nocheck> <stage1>",
        "${python:Depends} | foo (= ${binary:Version})",
        "python3:any (>= 3.3)",
    ],
)
def test_what_policy_allows_can_be_added(relation: str) -> None:
    field = edited("Build-Depends: alpha\n", build_depends(add=(relation,)))
    assert relations(field.partition(":")[2]) == ("alpha", normal(relation))


@pytest.mark.parametrize("relation", ["", "foo, bar", "foo (>= )", "foo (1.0)", "Foo", "foo\nX: y"])
def test_what_policy_forbids_cannot_be_added(relation: str) -> None:
    with pytest.raises(InputError, match="is no relation"):
        edited(STYLES["aligned"], build_depends(add=(relation,)))


NAMES = st.from_regex(r"[a-z][a-z0-9]{1,5}", fullmatch=True)
RELATIONS = st.builds(
    lambda names, tail: " | ".join(names) + tail,
    st.lists(NAMES, min_size=1, max_size=2),
    st.sampled_from(["", " (>= 1.0)", " [amd64 i386]", " (<< ${v}) [!armhf] <!nocheck>"]),
)


@st.composite
def fields(draw: st.DrawFn) -> str:
    """The field Build-Depends in some style, with comments and blanks here and there."""
    items = draw(st.lists(RELATIONS, min_size=1, max_size=6, unique=True))
    joint = draw(
        st.sampled_from([", ", ",", ",\n ", ",\n               ", "\n , ", ",\n# a, comment\n  "])
    )
    start = draw(st.sampled_from([" ", "", "\n "]))
    end = draw(st.sampled_from(["\n", " \n", ",\n"]))
    return f"Build-Depends:{start}{joint.join(items)}{end}"


@given(fields())
def test_adding_and_then_dropping_is_the_identity(field: str) -> None:
    added = edited(field, build_depends(add=("zz-new (>= 3)",)))
    assert relations(added.partition(":")[2]) == (
        *relations(field.partition(":")[2]),
        "zz-new (>= 3)",
    )
    assert edited(added, build_depends(drop=("zz-new (>=3)",))) == field


@given(fields(), st.data())
def test_replacing_there_and_back_is_the_identity(field: str, data: st.DataObject) -> None:
    before = relations(field.partition(":")[2])
    old = data.draw(st.sampled_from(before))
    there = edited(field, build_depends(replace={old: "zz-new"}))
    back = edited(there, build_depends(replace={"zz-new": old}))
    assert relations(back.partition(":")[2]) == before
    assert len(there.splitlines()) == len(field.splitlines())


def test_debians_maintainer_becomes_the_original_one() -> None:
    text = for_ubuntu(HEAD + TAIL)
    assert text == (HEAD + TAIL).replace(
        "Maintainer: Some One <one@example.org>",
        "Maintainer: Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>\n"
        "XSBC-Original-Maintainer: Some One <one@example.org>",
    )
    assert for_ubuntu(text) == text
