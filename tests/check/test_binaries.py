from __future__ import annotations

from pathlib import Path

import pytest

from backport.check import packaging
from backport.check.binaries import Binary, PackagedFile
from backport.check.ceiling import Ceiling
from backport.errors import InputError
from tests.build.packages import make_deb
from tests.check.trees import toolchain


def test_the_members_and_the_control_of_a_package_are_read(tmp_path: Path) -> None:
    files = {"DEBIAN/postinst!": "#!/bin/sh\n", "usr/bin/sound!": "#!/bin/sh\ntrue\n"}
    package = Binary(make_deb(tmp_path, "sound", "1.0", "other", files=files))
    assert package.name == "sound"
    assert package.members == ("debian-binary", "control.tar.gz", "data.tar.gz")
    assert package.control["Depends"] == "other"
    assert package.scripts == {"postinst": "#!/bin/sh\n"}
    assert package.paths == {".": True, "usr": True, "usr/bin": True, "usr/bin/sound": False}
    assert package.files == (PackagedFile("usr/bin/sound", 0o755, b"#!/bin/sh\ntrue\n"),)


@pytest.mark.parametrize("content", [b"", b"no package", b"!<arch>\nshort"])
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes) -> None:
    deb = tmp_path / "x.deb"
    deb.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.deb"):
        Binary(deb)


def of_files(folder: Path, files: dict[str, str], depends: str = "") -> list[str]:
    """What is found in a package with these files, above the tools of xenial."""
    deb = make_deb(folder, "small", "1.0", depends, files=files)
    ceiling = Ceiling("xenial", toolchain())
    packaging.check_debs([Binary(deb)], ceiling, frozenset())
    return [f"{finding.rule} {finding.place}" for finding in ceiling.findings]


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("usr/lib/python3/dist-packages/a.py", "f'{1}'\n", "newer-python-syntax"),
        ("usr/lib/python2.7/dist-packages/a.py", "import enum\n", "newer-python-module"),
        ("usr/bin/small!", "#!/usr/bin/python3\nimport secrets\n", "newer-python-module"),
        ("usr/share/doc/small/examples/a.py", "f'{1}'\n", ""),
        ("usr/lib/python2.7/dist-packages/a.py", "print 'x'\n", ""),
        ("lib/systemd/system/a.service", "[Service]\nDynamicUser=yes\n", "newer-unit-directive"),
    ],
)
def test_a_file_is_read_as_what_its_place_makes_it(
    tmp_path: Path, path: str, text: str, rule: str
) -> None:
    findings = of_files(tmp_path, {path: text})
    if not rule:
        assert findings == []
    else:
        (one,) = findings
        assert one.startswith(f"{rule} small: {path.removesuffix('!')}:")


def test_a_module_that_the_package_brings_itself_or_depends_on_is_not_missed(
    tmp_path: Path,
) -> None:
    place = "usr/lib/python2.7/dist-packages"
    files = {f"{place}/a.py": "import queue\n", f"{place}/queue.py": "\n"}
    assert of_files(tmp_path / "own", files) == []
    files = {f"{place}/a.py": "import enum\n"}
    assert of_files(tmp_path / "other", files, depends="python-enum34 | python (>= 3)") == []
