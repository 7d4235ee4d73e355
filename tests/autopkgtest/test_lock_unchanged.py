"""The comparison of one command with and without the patch: what it evens out, what it finds."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import library

unchanged = library("lock_unchanged")
place_module = library("lock_place")

SEEN = {"exit": 0, "late": False, "output": "a\0b", "files": ["x 100644"], "log": ["one"]}


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("exit", 1),
        ("late", True),
        ("output", "a\0b\nlocked"),
        ("files", ["x 100644", "x/.certbot.lock 100600"]),
        ("files", ["x 100600"]),
        ("log", ["one", "two"]),
        ("log", []),
    ],
)
def test_each_kind_of_difference_is_found(kind: str, other: Any) -> None:
    assert unchanged.differences(SEEN, dict(SEEN)) == []
    (finding,) = unchanged.differences(SEEN, {**SEEN, kind: other})
    assert finding.kind == kind


def test_lines_in_another_order_are_a_difference() -> None:
    first, second = {**SEEN, "log": ["a", "b"]}, {**SEEN, "log": ["b", "a"]}
    (finding,) = unchanged.differences(first, second)
    assert "another order" in finding.sentence


def even(side: str, text: str) -> str:
    """What a text becomes that a side wrote on its own ports, in its own directories."""
    base, port = ("/tmp/one", 4001) if side == "first" else ("/tmp/two", 4002)
    scene = types.SimpleNamespace(ca=types.SimpleNamespace(port=port))
    place = types.SimpleNamespace(base=base, scene=scene)
    made = unchanged.Side(side, ["certbot"], f"/modules/{side}", base)
    return str(made._even(place, text.format(base=base, port=port, side=side)))


@pytest.mark.parametrize(
    "texts",
    [
        ("{base}/live on {port}", "{base}/live on {port}"),
        ("/modules/{side}/certbot", "/modules/{side}/certbot"),
        ("2026-11-23 17:45:30,123:DEBUG", "2026-11-24 01:00:00,4:DEBUG"),
        ("Replay-Nonce: " + "a" * 43, "Replay-Nonce: " + "b-" * 22),
        (
            '  File "a.py", line 3, in f\n    g()\nError',
            '  File "b.py", line 9, in h\n    i()\nError',
        ),
    ],
)
def test_what_differs_from_run_to_run_is_evened_out(texts: tuple[str, str]) -> None:
    assert even("first", texts[0]) == even("second", texts[1])


@pytest.mark.parametrize(
    "texts",
    [
        ("renewed", "renewed, locked"),
        ("{base}/config/.certbot.lock", "{base}/config/cli.ini"),
        ("authenticator = webroot", "authenticator = webroot\nlock = 1"),
        ("exit 0", "exit 1"),
    ],
)
def test_what_a_command_says_is_left_as_it_is(texts: tuple[str, str]) -> None:
    assert even("first", texts[0]) != even("second", texts[1])


def test_an_unpatched_certbot_that_is_patched_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(unchanged.VARIABLE, str(tmp_path))
    with pytest.raises(place_module.PlaceError, match=r"install certbot-upstream-0\.10"):
        unchanged.plain_command()
    (tmp_path / "certbot").mkdir()
    (tmp_path / "certbot" / "lock.py").write_text("")
    with pytest.raises(place_module.PlaceError, match="not without patches"):
        unchanged.plain_command()
    (tmp_path / "certbot" / "lock.py").unlink()
    (tmp_path / "certbot" / "main.py").write_text("")
    assert unchanged.plain_command()[1] == str(tmp_path)


def test_every_kind_of_difference_has_a_mutation_as_its_control() -> None:
    assert {kind for _, kind, _ in unchanged.MUTATIONS} == {"output", "exit", "files", "log"}
    commands = list(unchanged.COMMANDS)
    assert all(command in commands for _, _, command in unchanged.MUTATIONS)
