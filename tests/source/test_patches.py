from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.errors import InputError
from backport.source.patches import apply_series, read_series
from tests.support.source_builder import numbered, patch_text, write_files

BEFORE = numbered(40)
AFTER = numbered(40, but={10: "ten", 30: "thirty"})
PATCH = patch_text("src/main.txt", BEFORE, AFTER)
EMPTY_FILE = "diff --git a/e.py b/e.py\nnew file mode 100644\nindex 0000000..e69de29\n"
HEADER = PATCH.partition("---")[0]


def tree(root: Path, text: str = BEFORE) -> Path:
    return write_files(root / "tree", {"src/main.txt": text, "README": "small\n"})


def apply(root: Path, text: str, to: Path) -> str:
    """Apply one patch and give the error's text, or "" where it fits."""
    write_files(root, {"one.patch": text})
    try:
        apply_series(root, ["one.patch"], to)
    except InputError as error:
        return str(error)
    return ""


def test_patches_build_on_each_other(tmp_path: Path) -> None:
    again = patch_text("src/main.txt", AFTER, AFTER.replace("ten", "TEN"))
    new = patch_text("src/new/file.txt", "", "new\n")
    gone = patch_text("README", "small\n", "")
    folder = write_files(tmp_path, {"1": PATCH, "2": again, "3": new, "4": gone})
    to = tree(tmp_path)
    apply_series(folder, "1234", to)
    assert (to / "src/main.txt").read_text() == AFTER.replace("ten", "TEN")
    assert (to / "src/new/file.txt").read_text() == "new\n"
    assert not (to / "README").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BEFORE.replace("line 20\n", "1\n2\n3\n"), "Hunk #2 succeeded at 29 (offset 2 lines)."),
        (BEFORE.replace("line 33\n", "other\n"), "Hunk #2 FAILED at 27."),
        (BEFORE.replace("line 30\n", "x\n"), "Hunk #2 FAILED at 27."),
        (numbered(32), "Hunk #2 FAILED at 27."),
        (numbered(33).rstrip(), "Hunk #2 FAILED at 27."),
        (AFTER, "Reversed (or previously applied) patch detected!"),
        (BEFORE.replace("\n", "\r\n"), "Hunk #1 FAILED at 7 (different line endings)."),
    ],
)
def test_a_hunk_that_does_not_fit_its_very_place_is_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    error = apply(tmp_path, PATCH, tree(tmp_path, text))
    assert error.startswith(f"one.patch: it does not fit src/main.txt exactly: {says}")
    assert error.endswith("; refresh it for this version with: quilt push -f, then quilt refresh")


def test_a_patch_with_line_ends_of_another_system_is_refused(tmp_path: Path) -> None:
    error = apply(tmp_path, PATCH.replace("\n", "\r\n"), tree(tmp_path))
    assert "Stripping trailing CRs" in error


LINES = st.lists(st.sampled_from(["a", "b", "c", "", " x", "-- ", "--- a", "@@ -1 +1 @@", "\\"]))
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


@settings(max_examples=60)
@given(before=TEXTS, after=TEXTS, other=TEXTS)
def test_a_patch_is_taken_where_every_line_that_it_names_stands_and_makes_the_text(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str, other: str
) -> None:
    if before == after or not before or not after:
        return
    root = tmp_path_factory.mktemp("patch")
    patch = patch_text("src/main.txt", before, after)
    for text in (before, other):
        to = tree(root, text)
        taken = apply(root, patch, to) == ""
        if taken:
            lines = text.split("\n")
            assert all(lines[place] == line for place, line in expected(patch))
        if text == before:
            assert taken
            assert (to / "src/main.txt").read_text() == after


def expected(patch: str) -> list[tuple[int, str]]:
    """The lines that the patch expects, each with its place from 0."""
    found, place = [], 0
    for line in patch.partition("+++ b/src/main.txt\n")[2].split("\n"):
        if match := re.match(r"@@ -(\d+)(,0)?", line):
            place = int(match[1]) - (not match[2])
        elif line[:1] in (" ", "-"):
            found.append((place, line[1:]))
            place += 1
    return found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            PATCH.replace("Author:", "X-Author:"),
            "one.patch: the header has no Author, From or Origin; complete it as DEP-3 says",
        ),
        (PATCH.replace("a/src", "/src").replace("b/src", "/src"), "the absolute path /src/main"),
        (PATCH.replace("/src/", "/../src/"), "the path ../src/main.txt leaves its folder"),
        (
            PATCH.replace("a/src/main.txt", "main.txt").replace("b/src/main.txt", "main.txt"),
            "no folder to take off",
        ),
        (PATCH.replace("a/src", "a/other"), "gives one file two names"),
        (patch_text("debian/rules", "a\n", "b\n"), "may not touch debian/"),
        (patch_text("gone.txt", "a\n", "b\n"), "there is no such file in this version"),
        (patch_text("README", "", "b\n"), "it makes README, which is there already"),
        (PATCH + PATCH.partition("1640978\n")[2], "changes src/main.txt twice"),
        ("Description: none\n", "no patch that can be used: it changes nothing"),
        (PATCH + EMPTY_FILE, "makes an empty file, which dpkg-source drops"),
        (
            patch_text("README", "small\n", "").replace("/dev/null", "b/README"),
            "it leaves README empty, and dpkg-source removes an empty file",
        ),
    ],
)
def test_a_patch_that_may_not_be_used_says_why(tmp_path: Path, text: str, says: str) -> None:
    assert says in apply(tmp_path, text, tree(tmp_path))


@pytest.mark.parametrize("zone", ["01 00:00:00.000000000 +0000", "01 09:30:00.000000000 +0930"])
def test_diff_says_by_the_date_that_a_file_is_not_there(tmp_path: Path, zone: str) -> None:
    epoch, now = f"\t1970-01-{zone}", "\t2026-11-23 12:00:00.000000000 +0000"
    text = (
        f"{HEADER}diff -Nru old/new.txt new/new.txt\n--- old/new.txt{epoch}\n"
        f"+++ new/new.txt{now}\n@@ -0,0 +1 @@\n+new\n"
        f"diff -Nru old/README new/README\n--- old/README{now}\n+++ new/README{epoch}\n"
        "@@ -1 +0,0 @@\n-small\n"
    )
    to = tree(tmp_path)
    assert apply(tmp_path, text, to) == ""
    assert (to / "new.txt").read_text() == "new\n"
    assert not (to / "README").exists()
    assert "it makes new.txt, which is there already" in apply(tmp_path, text, to)


def test_a_hunk_of_no_line_makes_a_file_that_is_not_there(tmp_path: Path) -> None:
    to = tree(tmp_path)
    text = patch_text("deep/new.txt", "", "new\n").replace("/dev/null", "a/deep/new.txt")
    assert apply(tmp_path, text, to) == ""
    assert (to / "deep/new.txt").read_text() == "new\n"


def test_a_patch_does_not_go_through_a_link(tmp_path: Path) -> None:
    to = tree(tmp_path)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_text("a\n")
    (to / "link").symlink_to(tmp_path / "outside")
    assert "link/f goes through the symbolic link link" in apply(
        tmp_path, patch_text("link/f", "a\n", "b\n"), to
    )
    assert (tmp_path / "outside" / "f").read_text() == "a\n"


def test_bytes_that_are_no_utf8_stay(tmp_path: Path) -> None:
    to = tree(tmp_path)
    old = b"caf\xe9\nb\n"
    (to / "latin").write_bytes(old)
    patch = patch_text("latin", "CAFE\nb\n", "CAFE\nc\n").encode().replace(b"CAFE", b"caf\xe9")
    (tmp_path / "one.patch").write_bytes(patch)
    apply_series(tmp_path, ["one.patch"], to)
    assert (to / "latin").read_bytes() == b"caf\xe9\nc\n"


def test_a_quilt_series_is_read_in_order_with_comments(tmp_path: Path) -> None:
    write_files(tmp_path, {"series": "# all\nb.patch\n\na.patch -p1 # last\n"})
    write_files(tmp_path, {"a.patch": "", "b.patch": ""})
    assert read_series(tmp_path / "series") == ("b.patch", "a.patch")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.patch -p0", "series, line 1: a.patch has the options -p0"),
        ("a.patch -R", "has the options -R"),
        ("../a.patch", "leaves its folder"),
        ("/a.patch", "leaves its folder"),
        ("gone.patch", "series, line 1: it lists gone.patch, and there is no such file"),
    ],
)
def test_a_line_of_a_series_that_cannot_be_used_is_named(
    tmp_path: Path, line: str, says: str
) -> None:
    write_files(tmp_path, {"series": f"{line}\n", "a.patch": ""})
    with pytest.raises(InputError) as caught:
        read_series(tmp_path / "series")
    assert says in str(caught.value)
