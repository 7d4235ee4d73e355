"""A manifest whose own hash is right, but that says what no evidence may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backport.errors import InputError
from backport.sru import manifest
from tests.fuzz.readers import LARGE, MANIFEST, STEP

FILE = {"size": 1, "sha256": "0" * 64}


def text(data: dict[str, Any]) -> bytes:
    """The manifest with its own hash."""
    plain = {key: value for key, value in data.items() if key != "sha256"}
    whole = {**plain, "sha256": manifest.digest_of({**plain, "format": manifest.FORMAT})}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def test_the_manifest_that_is_changed_here_is_right() -> None:
    assert manifest.read(text(MANIFEST), "manifest.json").update == "small"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"update": ".."}, "is no name of an update"),
        ({"update": "a/b"}, "is no name of an update"),
        ({"update": "a\x1b[2J"}, "is no name of an update"),
        *(
            ({"files": {name: FILE}}, "is no path of evidence")
            for name in ("", ".", "..", "a/../b", "/a", "a//b", "a\0b", "a\nb", "a" * 256, "\u202e")
        ),
        ({"links": {"../a": "b"}}, "is no path of evidence"),
        ({"matrix": ["../a"]}, "is no path of evidence"),
        ({"recipe": "/etc/passwd"}, "is no path of evidence"),
        ({"steps": [{**STEP, "folder": "../a"}]}, "is no path of evidence"),
        ({"steps": [{**STEP, "kind": "other"}]}, "is no step"),
        ({"steps": [{**STEP, "started": 1e300}]}, "is no step"),
        ({"steps": {"a": STEP}}, "not a list"),
        ({"steps": [{**STEP, "needs": "build"}]}, "not a list"),
        ({"steps": [{**STEP, "outputs": []}]}, "not an object"),
        ({"files": {"a": {**FILE, "sha256": "0"}}}, "is no sha256"),
        ({"files": {"a": {**FILE, "size": -1}}}, "is no sha256"),
        ({"files": LARGE}, "is larger than a file beside a recipe may be"),
        ({"versions": ["1.0-1"]}, "not an object"),
        ({"more": 1}, "unknown key"),
        ({"format": 1}, "has the format 1, and this toolkit reads"),
    ],
)
def test_what_no_evidence_may_say_is_refused(change: dict[str, Any], said: str) -> None:
    data = {**MANIFEST, **change}
    content = text(data)
    if "format" in change:
        content = content.replace(b'"format": 3', b'"format": 1')
    with pytest.raises(InputError, match=said) as caught:
        manifest.read(content, "manifest.json")
    assert caught.value.where == "manifest.json"
