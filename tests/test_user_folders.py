from __future__ import annotations

from pathlib import Path

import pytest

from backport import user_folders


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/var/x", "/var/x/backport"),
        ("", "/home/me/.cache/backport"),
        ("x", "/home/me/.cache/backport"),
    ],
)
def test_a_variable_that_is_empty_or_relative_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert user_folders.own("XDG_CACHE_HOME", ".cache") == Path(expected)
