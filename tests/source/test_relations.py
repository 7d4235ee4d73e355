from __future__ import annotations

import pytest

from backport.errors import InputError
from backport.source.relations import Relation, groups


def test_a_field_is_read_as_groups_of_alternatives() -> None:
    field = "alpha (>= 1:2~) [amd64] | beta:any <!nocheck>,\n# gamma,\n delta ( =3 ),\n"
    assert groups(field) == [
        [Relation("alpha", ">=", "1:2~"), Relation("beta")],
        [Relation("delta", "=", "3")],
    ]
    assert [str(one) for group in groups(field) for one in group] == [
        "alpha (>= 1:2~)",
        "beta",
        "delta (= 3)",
    ]


def test_a_variable_is_filled_in_and_a_group_with_another_one_is_left_out() -> None:
    field = "${misc:Depends}, alpha (= ${v}), beta (<< ${w}) | gamma, delta"
    assert groups(field, {"v": "1.0"}) == [[Relation("alpha", "=", "1.0")], [Relation("delta")]]
    assert groups("${misc:Depends}") == groups("") == []


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("<<", [True, False, False]),
        ("<=", [True, True, False]),
        ("=", [False, True, False]),
        (">=", [False, True, True]),
        (">>", [False, False, True]),
        ("", [True, True, True]),
    ],
)
def test_a_relation_holds_for_the_versions_in_its_range(operator: str, holds: list[bool]) -> None:
    relation = Relation("alpha", operator, "1.0")
    assert [relation.holds_for(one) for one in ("1.0~rc1", "1.0", "1.0+b1")] == holds


def test_an_operator_that_is_none_of_policys_is_refused() -> None:
    with pytest.raises(InputError, match=r"alpha \(< 1\): '<' is no operator of a relation"):
        Relation("alpha", "<", "1").holds_for("1")
