from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe.toml_table import Table


def table(text: str) -> Table:
    return Table(tomllib.loads(text), "some.toml")


def sentence(action: Callable[[], Any]) -> str:
    with pytest.raises(RecipeError) as caught:
        action()
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_values_of_each_type_are_read() -> None:
    one = table('s = "x"\ni = 3\nl = ["a", "b"]\nm = { k = "v" }\n[[a]]\nk = 1\n[[a]]\nk = 2\n')
    assert one.string("s") == "x"
    assert one.integer("i") == 3
    assert one.strings("l") == ("a", "b")
    assert one.mapping("m") == {"k": "v"}
    assert [inner.integer("k") for inner in one.array("a")] == [1, 2]
    assert one.keys() == ("s", "i", "l", "m", "a")
    one.done()


def test_defaults_stand_in_for_missing_keys_only() -> None:
    one = table('s = ""\ni = 0\nl = []\n')
    assert (one.string("s", "d"), one.integer("i", 7), one.strings("l", ("d",))) == ("", 0, ())
    assert (one.string("t", "d"), one.integer("j", 7), one.strings("k", ("d",))) == ("d", 7, ("d",))
    assert (one.mapping("m"), list(one.array("a")), one.table("t2").keys()) == ({}, [], ())


READS: dict[str, Callable[[Table], Any]] = {
    "string": lambda one: one.string("key"),
    "integer": lambda one: one.integer("key"),
    "strings": lambda one: one.strings("key"),
    "table": lambda one: one.table("key"),
    "mapping": lambda one: one.mapping("key"),
    "array": lambda one: list(one.array("key")),
    "texts": lambda one: list(one.texts("key")),
}


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        ("string", "3", "3 is not a string"),
        ("string", "true", "True is not a string"),
        ("integer", '"3"', "'3' is not a whole number"),
        ("integer", "true", "True is not a whole number"),
        ("integer", "1.5", "1.5 is not a whole number"),
        ("strings", '"a"', 'this is not a list of strings; write key = ["…"]'),
        ("strings", '["a", 1]', 'this is not a list of strings; write key = ["…"]'),
        ("table", '"a"', "'a' is not a table"),
        ("mapping", "[]", "[] is not a table"),
        ("array", "[1]", "this is not an array of tables; write [[…key]]"),
        ("texts", '"a"', 'this is not a list of strings and tables; write key = ["…"]'),
        ("array", "{ a = 1 }", "this is not an array of tables; write [[…key]]"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_with_its_key(
    read: str, value: str, expected: str
) -> None:
    one = table(f"key = {value}\n")
    assert sentence(lambda: READS[read](one)) == f"some.toml: key: {expected}"


@pytest.mark.parametrize(
    ("read", "advice"),
    [
        ("string", "add key = …"),
        ("integer", "add key = …"),
        ("strings", 'add key = ["…"]'),
        ("texts", 'add key = ["…"]'),
    ],
)
def test_a_missing_key_is_named_with_what_to_add(read: str, advice: str) -> None:
    message = sentence(lambda: READS[read](table("")))
    assert message == f"some.toml: key: this key is missing; {advice}"


def test_the_readers_own_advice_comes_first() -> None:
    message = sentence(lambda: table("").string("key", advice="write a name"))
    assert message == "some.toml: key: this key is missing; write a name"


def test_a_key_is_named_with_all_the_tables_around_it() -> None:
    one = table("[source.alpha]\n[[source.alpha.control]]\nreason = 3\n")
    ((_, alpha),) = one.tables("source")
    (edit,) = alpha.array("control")
    assert (
        sentence(lambda: edit.string("reason"))
        == "some.toml: source.alpha.control[1].reason: 3 is not a string"
    )


def test_a_string_in_a_mapping_is_checked_too() -> None:
    one = table("[m]\na = 1\n")
    assert sentence(lambda: one.mapping("m")) == "some.toml: m.a: 1 is not a string"


def test_an_unknown_key_gets_the_nearest_known_one() -> None:
    one = table('verison = "1"\n')
    one.string("version", "")
    assert sentence(one.done) == "some.toml: verison: this key is unknown; write version"


def test_an_unknown_key_that_is_like_none_gets_all_known_ones() -> None:
    one = table('colour = "blue"\n')
    one.string("version", "")
    one.integer("bug", 1)
    assert sentence(one.done) == "some.toml: colour: this key is unknown; known keys: bug, version"


def test_a_key_that_was_only_looked_for_is_suggested() -> None:
    one = table('next-versoin = "1"\n')
    assert not one.has("next-version")
    assert sentence(one.done) == "some.toml: next-versoin: this key is unknown; write next-version"
