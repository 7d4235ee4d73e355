"""Bytes that are not UTF-8, line ends and a missing last one stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.recipe.model import ControlEdit
from backport.source.text import control_paragraphs, not_utf8, read_text, write_text
from tests.source.packages import QUILT, SPEC, TESTS, based, unpacked
from tests.support.source_builder import CONTROL

LATIN = b"Andr\xe9".decode("utf-8", "surrogateescape")


@given(st.binary())
def test_every_file_is_written_as_it_was_read(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("text") / "file"
    path.write_bytes(content)
    write_text(path, read_text(path))
    assert path.read_bytes() == content
    assert isinstance(control_paragraphs("A: b\n" + read_text(path).replace("\n", " ")), list)


def test_the_first_line_that_is_not_utf8_is_named() -> None:
    text = b"one\nzw\xc3\xb6lf\nAndr\xe9\n\xff\n".decode("utf-8", "surrogateescape")
    assert not_utf8(text, "debian/control") == (
        "debian/control, line 3, is not UTF-8; its bytes stay as they are",
    )
    assert not_utf8("zwölf\n", "debian/control") == ()


def test_a_package_keeps_the_bytes_that_no_edit_names(tmp_path: Path) -> None:
    control = CONTROL.format(name="small").replace("\nDescription", f"\nX-By: {LATIN}\nDescription")
    spec = replace(
        SPEC,
        debian={
            **SPEC.debian,
            "control": control.rstrip("\n"),
            "tests/control": f"# by {LATIN}\r\nTests: theirs\nDepends: @\n",
            "tests/theirs!": "#!/bin/sh\n",
            "small.postinst": f"#!/bin/sh\r\n# {LATIN}\r\nexit 0",
        },
    )
    edit = ControlEdit("small", "Depends", "the lock", add=("python-filelock",))
    quilt = {**QUILT, "series": f"# by {LATIN}\nlock.patch\n"}
    package = based(tmp_path, spec, patches=quilt, tests=TESTS, control=(edit,))
    debian = unpacked(package, tmp_path / "unpacked") / "debian"
    made = (debian / "control").read_bytes()
    assert b"\nX-By: Andr\xe9\nDescription" in made
    assert b"python-filelock" in made
    tests = (debian / "tests/control").read_bytes()
    assert tests.startswith(b"# by Andr\xe9\r\nTests: theirs\n")
    assert b"\nTests: smoke\n" in tests
    script = (debian / "small.postinst").read_bytes()
    assert script == b"#!/bin/sh\r\n# Andr\xe9\r\nexit 0"
    (line,) = (n for n, text in enumerate(made.split(b"\n"), start=1) if b"\xe9" in text)
    assert package.notes == (
        f"debian/control, line {line}, is not UTF-8; its bytes stay as they are",
        "debian/tests/control, line 1, is not UTF-8; its bytes stay as they are",
    )
