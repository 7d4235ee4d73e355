from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source.files import tree_hashes
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
    before = tree_hashes(to)
    try:
        apply_series(root, ["one.patch"], to)
    except InputError as error:
        assert tree_hashes(to) == before
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
        (
            BEFORE.replace("line 20\n", "line 20\nmore\nand more\n"),
            "line 27: expected 'line 27', found 'line 25'; "
            "patch(1) says: Hunk #2 succeeded at 29 (offset 2 lines).; refresh the patch",
        ),
        (
            BEFORE.replace("line 33\n", "other\n"),
            "line 33: expected 'line 33', found 'other'; "
            "patch(1) says: Hunk #2 succeeded at 27 with fuzz 1.; refresh the patch",
        ),
        (BEFORE.replace("line 30\n", "x\n"), "patch(1) says: Hunk #2 FAILED at 27."),
        (numbered(32), "line 33: expected 'line 33', found the file's end; patch(1) says: Hunk #2"),
        (numbered(33).rstrip(), "line 33: expected 'line 33\\n', found 'line 33'; "),
    ],
)
def test_a_hunk_that_does_not_fit_its_very_place_is_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    error = apply(tmp_path, PATCH, tree(tmp_path, text))
    assert error.startswith("one.patch: hunk 2 of src/main.txt does not fit: line ")
    assert says in error


def test_a_patch_that_is_in_already_says_so(tmp_path: Path) -> None:
    error = apply(tmp_path, PATCH, tree(tmp_path, AFTER))
    assert "patch(1) says: Reversed (or previously applied) patch detected!" in error


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
