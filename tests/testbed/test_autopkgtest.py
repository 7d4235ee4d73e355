from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.engine.verdict import Failed, Passed, Skipped
from backport.errors import InputError, UsageError
from backport.testbed import autopkgtest, lxc
from backport.testbed.autopkgtest import run
from backport.testbed.lxc import Testbed
from tests.build.bullseye import Bullseye
from tests.build.packages import make_repository, make_source
from tests.support.processes import eventually, running
from tests.support.source_builder import write_files

# What a path of a socket may have (unix(7)), with the byte that ends it.
SOCKET_PATH = 108
CONTROL = """\
# lib: shared
Tests: good
Depends: tiny
Restrictions: needs-root

Tests: bad skipping
Depends:
Restrictions: skippable

Tests: online
Depends:
Restrictions: needs-internet

Tests: uninstallable
Depends: not-there

Tests: slow
Depends:
"""
GOOD = """\
#!/bin/sh
set -e
echo "variable: $GREETING"
echo "folder: $AUTOPKGTEST_TMP"
systemctl is-system-running
if ip route get 192.0.2.1 2>/dev/null; then exit 1; fi
getent hosts "$(hostname)" > "$AUTOPKGTEST_ARTIFACTS/own-name"
. "$(dirname "$0")/lib/shared"
"""
FILES = {
    "control": CONTROL,
    "good!": GOOD,
    "bad!": "#!/bin/sh\necho it is bad\nexit 3\n",
    "skipping!": "#!/bin/sh\nexit 77\n",
    "slow!": "#!/bin/sh\nsleep 765\n",
    "online!": "#!/bin/sh\n",
    "uninstallable!": "#!/bin/sh\n",
}


@pytest.fixture
def testbed(base: Bullseye, tmp_path: Path) -> Iterator[Testbed]:
    repositories = {
        "built": make_repository(tmp_path / "built", {"tiny": "1.0~ours"}),
        "base": make_repository(tmp_path / "base", {"tiny": "2.0"}),
    }
    with Testbed(base.testbed_root, repositories) as testbed:
        yield testbed


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in the place of /tmp, for this process."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_each_test_has_its_verdict_and_the_pinned_package_is_tested(
    testbed: Testbed, tmp_path: Path, temporary: Path
) -> None:
    tests = write_files(tmp_path / "matrix", FILES)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shared").write_text("echo shared file\n")

    result = run(
        tests,
        testbed=testbed,
        out=tmp_path / "out" / "result",
        only=["good", "bad", "skipping", "online", "uninstallable"],
        env={"GREETING": "hello"},
    )

    out = tmp_path / "out" / "result"
    log = (out / "log").read_text()
    verdicts = {test.name: test.verdict for test in result.tests}
    assert {*verdicts} == {"good", "bad", "skipping", "online", "uninstallable"}, log
    assert verdicts["good"] == Passed(), log
    assert verdicts["bad"] == Failed("test", "non-zero exit status 3")
    assert verdicts["skipping"] == Skipped("exit status 77 and marked as skippable")
    assert isinstance(verdicts["online"], Skipped)
    assert "needs-internet" in verdicts["online"].reason
    assert isinstance(verdicts["uninstallable"], Failed)
    assert verdicts["uninstallable"].stage == "install"
    assert isinstance(result.verdict, Failed)
    assert (out / "good-packages").read_text() == "tiny\t1.0~ours\n"
    output = (out / "good-stdout").read_text()
    assert "variable: hello\n" in output
    assert "shared file\n" in output
    # Tests may put sockets there.
    (place,) = re.findall(r"(?m)^folder: (.*)$", output)
    assert SOCKET_PATH - len(f"{place.replace(str(temporary), '/tmp')}/") > 36
    assert (out / "artifacts" / "own-name").read_text().strip()
    assert [path.name for path in out.parent.iterdir()] == ["result"]
    assert list(temporary.iterdir()) == []
    eventually("the clones are gone", lambda: lxc.clones_of(testbed.name) == [], 300)


def test_a_test_over_its_time_limit_failed(testbed: Testbed, tmp_path: Path) -> None:
    files = {**FILES, "control": CONTROL.replace("# lib: shared\n", "")}
    tests = write_files(tmp_path / "matrix", files)

    result = run(tests, testbed=testbed, out=tmp_path / "out", only=["slow"], timeout=3)

    (slow,) = result.tests
    assert slow.verdict == Failed("timeout", "the test took longer than its time limit")
    assert not running("sleep", "765")


def test_the_tests_of_a_source_package_are_run_and_only_those_asked_for(
    testbed: Testbed, tmp_path: Path
) -> None:
    control = "Tests: one two\nDepends: @\n"
    files = {"control": control, "one": "#!/bin/sh\nexit 0\n", "two": "#!/bin/sh\nexit 1\n"}
    dsc = make_source(tmp_path, "tiny", tests=files)

    out = tmp_path / "a:b" / "out"
    result = run(dsc, testbed=testbed, only=["one"], out=out)

    assert result.verdict == Passed("1 tests"), (out / "log").read_text()
    assert (out / "one-packages").read_text() == "tiny\t1.0~ours\n"


def test_a_test_that_does_not_exist_is_refused(testbed: Testbed, tmp_path: Path) -> None:
    tests = write_files(tmp_path / "matrix", FILES)

    with pytest.raises(UsageError, match="there is no test other; choose from: good, bad"):
        run(tests, testbed=testbed, out=tmp_path / "out", only=["other"])

    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".test-*"))


def test_a_folder_without_tests_is_refused(testbed: Testbed, tmp_path: Path) -> None:
    (tmp_path / "matrix").mkdir()

    with pytest.raises(InputError, match="no tests"):
        run(tmp_path / "matrix", testbed=testbed, out=tmp_path / "out")


def test_what_a_test_left_is_in_one_folder_whichever_autopkgtest_ran_it(tmp_path: Path) -> None:
    for path in ("smoke/control.json", "smoke/smoke/log", "shared.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    autopkgtest.share_artifacts(tmp_path, ["smoke", "other"])

    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["control.json", "shared.json", "smoke", "smoke/log"]
