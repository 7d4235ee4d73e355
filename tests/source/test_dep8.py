from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source.dep8 import add_tests, named_tests
from tests.support.source_builder import write_files

THEIRS = "Tests: theirs, other\nDepends: @\n# the end\n"
OURS = {
    "control": "# lib: ca.py\nTests: smoke\nDepends: small\n\nTests: race helper\n",
    "smoke!": "#!/bin/sh\n",
    "race!": "#!/bin/sh\n",
    "helper!": "#!/bin/sh\n",
    "data.txt": "data\n",
}


def folder_of_tests(root: Path, files: dict[str, str]) -> Path:
    write_files(root / "lib", {"ca.py": "x = 1\n", "server.py": "y = 1\n", "data": "z\n"})
    return write_files(root / "small", files)


def shipped(debian: Path) -> dict[str, str]:
    return {
        str(path.relative_to(debian / "tests")): path.read_text()
        for path in sorted((debian / "tests").rglob("*"))
        if path.is_file()
    }


def test_without_tests_of_the_pinned_package_ours_are_debians_tests(tmp_path: Path) -> None:
    debian = tmp_path / "debian"
    debian.mkdir()
    add_tests(folder_of_tests(tmp_path / "autopkgtest", OURS), debian)
    files = shipped(debian)
    assert sorted(files) == ["control", "data.txt", "helper", "lib/ca.py", "race", "smoke"]
    assert files["control"] == "Tests: smoke\nDepends: small\n\nTests: race helper\n"
    assert (debian / "tests" / "smoke").stat().st_mode & 0o111


def test_tests_of_the_package_stay_and_ours_get_a_folder_of_their_own(tmp_path: Path) -> None:
    theirs = {"control": THEIRS, "theirs!": "#!/bin/true\n", "other!": "#!/bin/true\n"}
    debian = tmp_path / "debian"
    write_files(debian / "tests", theirs)
    add_tests(folder_of_tests(tmp_path / "autopkgtest", OURS), debian)
    files = shipped(debian)
    assert files["theirs"] == "#!/bin/true\n"
    assert sorted(name for name in files if name.startswith("backport/")) == [
        "backport/data.txt",
        "backport/helper",
        "backport/lib/ca.py",
        "backport/race",
        "backport/smoke",
    ]
    assert files["control"] == (
        THEIRS + "\n"
        "Tests: smoke\nTests-Directory: debian/tests/backport\nDepends: small\n\n"
        "Tests: race helper\nTests-Directory: debian/tests/backport\n"
    )


def test_a_tests_directory_is_where_the_test_is(tmp_path: Path) -> None:
    ours = {
        "control": "Tests: smoke\nTests-Directory: debian/tests/deep/\n\n"
        "Tests: unit\nTests-Directory: upstream/t\n",
        "deep/smoke!": "#!/bin/sh\n",
    }
    tests, plain, other = folder_of_tests(tmp_path / "t", ours), tmp_path / "a", tmp_path / "b"
    plain.mkdir()
    add_tests(tests, plain)
    assert shipped(plain) == {"control": ours["control"], "deep/smoke": "#!/bin/sh\n"}
    write_files(other / "tests", {"control": THEIRS, "theirs!": "", "other!": ""})
    add_tests(tests, other)
    files = shipped(other)
    assert [name for name in files if "/" in name] == ["backport/deep/smoke"]
    assert files["control"].removeprefix(THEIRS) == (
        "\nTests: smoke\nTests-Directory: debian/tests/backport/deep\n\n"
        "Tests: unit\nTests-Directory: upstream/t\n"
    )


def test_every_test_is_named_and_a_command_as_autopkgtest_names_it() -> None:
    control = (
        "Tests: a, b\nTests-Directory: t\n\nTest-Command: true\n\nTests: c\n\n"
        "Test-Command: x\nFeatures: test-name=named, other\n\nTest-Command: false\n"
    )
    named = {"a": "t", "b": "t", "command1": ".", "c": "", "named": ".", "command2": "."}
    assert named_tests(control) == named


def test_a_test_with_the_name_of_one_of_the_package_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "tests", {"control": THEIRS.replace("theirs", "smoke")})
    with pytest.raises(InputError, match="package has a test of the name smoke; give ours an"):
        add_tests(folder_of_tests(tmp_path / "t", OURS), tmp_path)


def test_a_source_without_a_folder_of_tests_gets_none(tmp_path: Path) -> None:
    add_tests(tmp_path / "nothing", tmp_path / "debian")
    assert not (tmp_path / "debian").exists()


@pytest.mark.parametrize(
    ("lines", "library"),
    [("", []), ("# lib: ca.py\n# the next one is data\n# lib: data\n", ["lib/ca.py", "lib/data"])],
)
def test_only_the_named_files_of_the_library_are_shipped(
    tmp_path: Path, lines: str, library: list[str]
) -> None:
    ours = {"control": lines + "Tests: smoke\nDepends: @\n", "smoke!": "#!/bin/sh\n"}
    add_tests(folder_of_tests(tmp_path / "autopkgtest", ours), tmp_path / "debian")
    files = shipped(tmp_path / "debian")
    assert sorted(files) == ["control", *library, "smoke"]
    assert "# lib:" not in files["control"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"smoke": ""}, "has no control file"),
        ({"control": "Tests: smoke\nDepends: @\n"}, "names the test smoke, which is not there"),
        ({"control": "Tests: a\nTests-Directory: debian/tests/b\n", "a": ""}, "test a, which is"),
        ({"control": "nonsense\n"}, "this is no control file"),
        ({"control": "# lib: ca.py c.py\nTests: a\n", "a": ""}, "it names c.py as a file of"),
        ({"control": "# lib: ../small/a\nTests: a\n", "a": ""}, "it names ../small/a as a file"),
    ],
)
def test_a_folder_of_tests_that_cannot_be_used_is_refused(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        add_tests(folder_of_tests(tmp_path / "autopkgtest", files), tmp_path / "debian")


@pytest.mark.parametrize(("target", "says"), [("../lib", "leaves"), ("gone", "leads nowhere")])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, target: str, says: str) -> None:
    tests = folder_of_tests(tmp_path / "autopkgtest", OURS)
    (tests / "link").symlink_to(target)
    with pytest.raises(InputError, match=says):
        add_tests(tests, tmp_path / "debian")
