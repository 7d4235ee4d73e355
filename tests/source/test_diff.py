from __future__ import annotations

import pytest

from backport.source.diff import DiffError, parse
from tests.support.source_builder import numbered, patch_text

BEFORE = numbered(40)
AFTER = numbered(40, but={10: "ten", 30: "thirty"})
PATCH = patch_text("src/main.txt", BEFORE, AFTER)
GIT = "diff --git a/f b/f\n"
EMPTY = f"{GIT}new file mode 100644\n"


def test_a_patch_is_read_with_its_header_and_its_files() -> None:
    header, files = parse(PATCH)
    assert header.startswith("Description: change src/main.txt\n")
    assert [(file.old, file.new) for file in files] == [("a/src/main.txt", "b/src/main.txt")]
    assert [(file.start, file.inserted) for file in files] == [(7, 2)]


def test_the_headings_of_git_quilt_and_diff_are_read() -> None:
    for heading in (f"{GIT}index 1..2 100644\n", "Index: b/f\n====\n", f"Index: f\n{GIT}"):
        header, files = parse(f"Description: x\n\nOnly in this series.\n{heading}{PATCH}")
        assert header.startswith("Description: x\n")
        assert [file.new for file in files] == ["b/src/main.txt"]


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
        ("--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n a\n b\n", "line 3 has other lines than it says"),
        ("--- a/f\n+++ b/f\n@@ -9,0 +9 @@\n+a\n", "line 3 begins a hunk that shows no line"),
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
