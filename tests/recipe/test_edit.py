from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import InputError, RecipeError
from backport.recipe.edit import difference, replace_file, set_pinned
from backport.recipe.model import PinnedDsc

PIN = PinnedDsc("1.2-1", "hello_1.2-1.dsc", "ab" * 32, url="http://127.0.0.1:9/hello/1.2-1/")
BLOCK = f"""
[source.hello.pinned]
version = "1.2-1"
dsc = "hello_1.2-1.dsc"
sha256 = "{"ab" * 32}"
url = "http://127.0.0.1:9/hello/1.2-1/"
"""
BLANK = st.sampled_from(["", "\n", "\n\n", "# a note\n", "\n# a note\n\n", "  # indented\n"])


@given(
    top=BLANK,
    before=BLANK,
    inside=BLANK,
    after=BLANK,
    last=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_layout_keeps_its_bytes(
    *, top: str, before: str, inside: str, after: str, last: bool, end: str
) -> None:
    text = (
        f"{top}[update]\nname = 'x'  # so\n{before}[source.hello]\nversion=\"1.2\"\n{inside}"
        f'[source.hello.upstream]\nfile = "x"\n[[source.hello.control]]\nadd = [\n'
        f'  "a",  # why\n]\n{after}'
    )
    if not last:
        text += f"[source.hello-data]\nversion = '1'\n{after}[matrix]\ntest = []\n"
    text = text.replace("\n", end)
    new = set_pinned(text, "hello", PIN)
    assert new.count(BLOCK.replace("\n", end)) == 1
    assert new.replace(BLOCK.replace("\n", end), "") == text
    assert tomllib.loads(new)["source"]["hello"]["pinned"]["sha256"] == PIN.sha256


def test_a_file_without_a_line_end_at_its_end_gets_one_before_the_pin() -> None:
    assert set_pinned('[source.hello]\nversion = "1"', "hello", PIN) == (
        f'[source.hello]\nversion = "1"\n{BLOCK}'
    )


def test_a_pin_that_is_there_is_replaced_where_it_stands() -> None:
    text = (
        '[source.hello]\nversion = "1"\n\n[source.hello.pinned]  # the archive\'s\n'
        'version   =   "1.1-1"  # old\ndsc = "hello_1.1-1.dsc"\n# the hash\n'
        'sha256 = "00"\npath = "here/hello.dsc"\n\n[matrix]\ntest = []\n'
    )
    new = set_pinned(text, "hello", PIN)
    assert "[source.hello.pinned]  # the archive's\n" in new
    assert "# the hash\n" in new
    assert new.endswith("\n[matrix]\ntest = []\n")
    pinned = tomllib.loads(new)["source"]["hello"]["pinned"]
    assert pinned == {"version": PIN.version, "dsc": PIN.dsc, "sha256": PIN.sha256, "url": PIN.url}


def test_the_same_pin_again_changes_nothing() -> None:
    once = set_pinned('[source.hello]\nversion = "1"\n', "hello", PIN)
    assert set_pinned(once, "hello", PIN) == once


def test_a_name_with_a_dot_is_quoted() -> None:
    text = '[source."python3.6"]\nversion = "1"\n'
    new = set_pinned(text, "python3.6", PIN)
    assert '[source."python3.6".pinned]' in new
    assert tomllib.loads(new)["source"]["python3.6"]["pinned"]["version"] == "1.2-1"


@pytest.mark.parametrize(
    "text",
    [
        '[source]\nhello = { version = "1" }\n',
        'source.hello.version = "1"\n',
        '[source.hello]\nversion = """\n[source.hello]\n',
        "[source.hello\n",
        '[source.other]\nversion = "1"\n',
        "source = 1\n",
        '[source.hello]\nversion = "1"\npinned = { version = "1.1-1" }\n',
    ],
)
def test_what_cannot_be_edited_safely_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        set_pinned(text, "hello", PIN)
    assert "\n" not in str(caught.value).removesuffix("\n")


def test_a_text_that_looks_like_a_header_inside_a_string_is_no_header() -> None:
    text = '[source.hello]\nversion = "1"\nnote = """\n[matrix]\n"""\nlast = 1\n'
    with pytest.raises(RecipeError, match="write this table by hand"):
        set_pinned(text, "hello", PIN)


def test_the_difference_is_empty_for_equal_texts() -> None:
    assert difference("a\n", "a\n", "x") == ""
    assert "+b\n" in difference("a\n", "a\nb\n", "x")


def test_a_file_is_replaced_in_one_step_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "backport.toml"
    path.write_bytes(b"old\r\n")
    path.chmod(0o640)
    replace_file(path, "old\r\n", "new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(InputError, match="changed by somebody else"):
        replace_file(path, "old\r\n", "newer\r\n")
    assert [one.name for one in tmp_path.iterdir()] == ["backport.toml"]
