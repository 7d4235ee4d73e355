from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.source.diff import DiffError, apply, mismatch, parse, split_lines
from tests.support.source_builder import numbered, patch_text

BEFORE = numbered(40)
AFTER = numbered(40, but={10: "ten", 30: "thirty"})
PATCH = patch_text("src/main.txt", BEFORE, AFTER)
GIT = "diff --git a/f b/f\n"
EMPTY = f"{GIT}new file mode 100644\n"

LINES = st.lists(st.sampled_from(["a", "b", "c", "", " x", "-- ", "--- a", "@@ -1 +1 @@", "\\"]))
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def test_a_patch_is_read_with_its_header_and_both_hunks() -> None:
    header, files = parse(PATCH)
    assert header.startswith("Description: change src/main.txt\n")
    assert [(file.old, file.new) for file in files] == [("a/src/main.txt", "b/src/main.txt")]
    assert [(hunk.number, hunk.start) for hunk in files[0].hunks] == [(1, 7), (2, 27)]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        (BEFORE, None),
        (BEFORE.replace("line 20\n", "line 20\nmore\n"), (27, "line 27\n", "line 26\n")),
        (BEFORE.replace("line 33\n", "other\n"), (33, "line 33\n", "other\n")),
        (numbered(5), (27, "line 27\n", "")),
    ],
)
def test_a_hunk_says_where_the_text_is_another(
    text: str, second: tuple[int, str, str] | None
) -> None:
    _, files = parse(PATCH)
    assert mismatch(files[0].hunks[1], split_lines(text)) == second


def test_the_headings_of_git_quilt_and_diff_are_read() -> None:
    for heading in (f"{GIT}index 1..2 100644\n", "Index: b/f\n====\n", f"Index: f\n{GIT}"):
        header, files = parse(f"Description: x\n\nOnly in this series.\n{heading}{PATCH}")
        assert header.startswith("Description: x\n")
        assert [file.new for file in files] == ["b/src/main.txt"]


def test_the_newline_at_the_end_counts() -> None:
    patch = patch_text("f", "a\nb", "a\nc")
    _, files = parse(patch)
    assert mismatch(files[0].hunks[0], ["a\n", "b"]) is None
    assert mismatch(files[0].hunks[0], ["a\n", "b\n"]) == (2, "b", "b\n")
    assert apply(files[0], ["a\n", "b"]) == ["a\n", "c"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "changes nothing"),
        ("Description: nothing\n", "changes nothing"),
        ("--- a/f\n+++ b/f\n", "should begin a hunk"),
        ("--- a/f\n@@ -1 +1 @@\n-a\n+b\n", "line 1 begins a file whose names are not in"),
        (f"{EMPTY}index 0000000..e69de29\n", "line 2 makes an empty file, which dpkg-source drops"),
        (f"{PATCH}{EMPTY}", "makes an empty file"),
        (f"{EMPTY}{GIT}{PATCH}", "line 2 makes an empty file"),
        (f"{GIT}deleted file mode 100644\n", "line 2 removes an empty file"),
        (f"{GIT}{PATCH}Index: g\n====\n", "line 25 names a file, and no hunk of it follows"),
        (f"{PATCH}Only in b: g\n", "names a file that the patch does not have"),
        ("@@ -1 +1 @@\n-a\n+b\n", "without the names of its file"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\n", "line 3 is shorter"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n a\n-b\n", "line 3 has more lines than it says"),
        ('--- "a/\\303\\251"\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n', "in quotes"),
        ("diff --git a/f b/g\nrename from f\nrename to g\n", "renames a file"),
        ("diff --git a/f b/f\nGIT binary patch\nliteral 3\n", "binary"),
        ("Binary files a/f and b/f differ\n", "binary"),
        ("diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", "mode"),
        ("diff --git a/f b/f\nnew file mode 120000\n--- /dev/null\n", "symbolic link"),
    ],
)
def test_what_is_no_usable_patch_is_refused(text: str, says: str) -> None:
    with pytest.raises(DiffError, match=says):
        parse(text)


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_any_diff_fits_its_text_and_makes_the_other(before: str, after: str, context: int) -> None:
    patch = patch_text("f", before, after, context=context)
    if before == after or not (before or after):
        return
    _, files = parse(patch)
    assert len(files) == 1
    lines = split_lines(before)
    assert [mismatch(hunk, lines) for hunk in files[0].hunks] == [None] * len(files[0].hunks)
    assert "".join(apply(files[0], lines)) == after


@settings(max_examples=60)
@given(before=TEXTS, after=TEXTS, other=TEXTS)
def test_what_is_exact_here_patch_takes_without_offset_and_fuzz(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str, other: str
) -> None:
    """The check agrees with patch(1), on the text that the patch was made for and on another."""
    if before == after or not before or not after:
        return
    patch = patch_text("f", before, after)
    _, files = parse(patch)
    for text in (before, other):
        lines = split_lines(text)
        exact = not any(mismatch(hunk, lines) for hunk in files[0].hunks)
        folder = tmp_path_factory.mktemp("tree")
        Path(folder / "f").write_text(text)
        done = subprocess.run(
            ["patch", "-p1", "-F0", "-t", "-N"],
            cwd=folder,
            input=patch,
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        clean = done.returncode == 0 and "offset" not in done.stdout + done.stderr
        if clean:
            assert exact
        if text == before:
            assert clean
