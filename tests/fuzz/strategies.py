"""Damaged data: a right sample with pieces cut, doubled or replaced by what hurts parsers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# What has ended a parser with a traceback somewhere, or is known to.
TOKENS = (
    b"\0", b"\xff", b"\xe9", b"\xc2\x85", b"\xe2\x80\xa8", b"\r", b"\r\n", b"\n\n", b"\x1b[2J",
    b"\x0c", b"\x1c", b"-1", b"1e999", b"NaN", b"9" * 5000, b"0x" + b"f" * 6000, b"a" * 300,
    b"[" * 3000, b"a." * 3000, b"{", b"}", b"..", b"../../etc/passwd", b".", b"''", b'""', b":",
    b": ", b"#", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n", b"=", b"@@ -1 +1 @@", b"--- a\n+++ b\n",
    b"\\ No newline at end of file\n", b"null", b"true", b"[]", b"{}", b"1", b"\xef\xbb\xbf",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, sample: bytes) -> bytes:
    """The sample after one to four changes."""
    content = sample
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        new = draw(
            st.one_of(
                st.sampled_from(TOKENS),
                st.binary(max_size=6),
                st.just(content[start:end] * 2),
                st.just(b""),
            )
        )
        content = content[:start] + new + content[end:]
    return content


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, -1, 10**400]),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["", ".", "..", "a\0b", "a" * 300, "../x", "\ud800", "\x1b[2J", "/etc"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def damaged_json(draw: st.DrawFn, sample: Any) -> bytes:
    """The data with one to three values or keys changed, as JSON; sometimes its bytes too."""
    data = json.loads(json.dumps(sample))
    for _ in range(draw(st.integers(1, 3))):
        data = _changed(draw, data)
    content = json.dumps(data).encode()
    return draw(damaged(content)) if draw(st.integers(0, 9)) == 0 else content


def _changed(draw: st.DrawFn, data: Any) -> Any:
    """The data with a value at some depth replaced, taken out or added."""
    if isinstance(data, (dict, list)) and data and draw(st.integers(0, 5)):
        keys = sorted(data) if isinstance(data, dict) else range(len(data))
        key = draw(st.sampled_from(keys))
        action = draw(st.sampled_from(["deeper", "deeper", "deeper", "drop", "add"]))
        if action == "drop":
            del data[key]
        elif action == "add" and isinstance(data, dict):
            data[draw(st.sampled_from(["", ".", "a\0b", "x", "../x"]))] = draw(VALUES)
        else:
            data[key] = _changed(draw, data[key])
        return data
    return draw(VALUES)
