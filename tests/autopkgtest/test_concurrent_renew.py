"""The driver of concurrent-renew and of its control, with a small certbot of the tests' own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import library

concurrent_renew: Any = library("concurrent_renew")
harm: Any = library("harm")

FAKE = Path(__file__).resolve().parent / "fake_certbot.py"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ADTTMP", concurrent_renew.ARGUMENTS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AUTOPKGTEST_TMP", str(tmp_path))


def options(manner: str, artifacts: Path, *more: str) -> list[str]:
    certbot = f"{sys.executable} -B {FAKE} {manner}"
    return ["--certbot", certbot, "--artifacts", str(artifacts), "--processes", "3", *more]


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    directory = tmp_path / "artifacts"
    directory.mkdir()
    return directory


WEBROOT = ("--case", "due-webroot", "--case", "forced-webroot")


def test_with_a_lock_concurrent_renew_passes(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert concurrent_renew.main(options("locked", artifacts, *WEBROOT)) == 0

    result = json.loads((artifacts / "result.json").read_text())
    assert (result["outcome"], result["failed_processes"], result["total_processes"]) == (
        "passed",
        0,
        6,
    )
    assert [one["versions_after"] for one in result["cases"]] == [[1, 2], [1, 2, 3, 4]]
    assert [len(one["processes"]) for one in result["cases"]] == [3, 3]
    assert "0 of 2 cases went wrong" in capsys.readouterr().out


def test_without_a_lock_concurrent_renew_fails_and_keeps_the_logs(artifacts: Path) -> None:
    assert concurrent_renew.main(options("unlocked", artifacts, *WEBROOT)) == 1

    result = json.loads((artifacts / "result.json").read_text())
    assert result["outcome"] == "failed"
    assert all(one["failed"] == 2 for one in result["cases"])
    assert (artifacts / "due-webroot" / "ca.jsonl").stat().st_size > 0


def test_the_control_sees_the_harm_in_every_case(artifacts: Path) -> None:
    assert harm.main(options("unlocked", artifacts, *WEBROOT)) == 0

    control = json.loads((artifacts / "control.json").read_text())
    assert control["outcome"] == "harm-seen"
    assert [one["rounds"][-1]["harm"] for one in control["cases"]] == [["file-exists"]] * 2
    assert control["rounds"] == 2


def test_the_control_on_a_locked_certbot_sees_no_harm_in_all_its_rounds(artifacts: Path) -> None:
    more = ("--case", "due-webroot", "--rounds", "2")
    assert harm.main(options("locked", artifacts, *more)) == 1

    control = json.loads((artifacts / "control.json").read_text())
    assert (control["outcome"], control["rounds"]) == ("not-seen", 2)


def test_a_certbot_that_fails_alone_is_no_control(artifacts: Path) -> None:
    assert harm.main(options("alone-broken", artifacts, "--case", "due-webroot")) == 2

    control = json.loads((artifacts / "control.json").read_text())
    assert (control["outcome"], control["rounds"]) == ("broken", 0)
    assert "alone" in control["cases"][0]["error"]


@pytest.mark.parametrize("main", [concurrent_renew.main, harm.main])
def test_a_certbot_that_is_not_there_is_broken(main: Any, artifacts: Path) -> None:
    assert main(["--certbot", "/nowhere/certbot", "--artifacts", str(artifacts)]) == 2

    [path] = artifacts.glob("*.json")
    result = json.loads(path.read_text())
    assert result["outcome"] == "broken"
    assert result["error"].startswith("/nowhere/certbot cannot be run")


def test_a_certbot_that_cannot_obtain_is_broken_and_not_failed(artifacts: Path) -> None:
    certbot = "sh -c 'echo certbot; case $* in *--version*) exit 0;; esac; exit 1' sh"
    arguments = ["--certbot", certbot, "--artifacts", str(artifacts), "--case", "due-webroot"]

    assert concurrent_renew.main(arguments) == 2
    result = json.loads((artifacts / "result.json").read_text())
    assert "could not obtain the first certificate" in result["error"]


def test_arguments_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = concurrent_renew.parser("test")
    monkeypatch.setenv(concurrent_renew.ARGUMENTS_VARIABLE, "--processes 20 --case due-webroot")

    options = concurrent_renew.read_arguments(parser, ["--limit-seconds", "9"])

    assert (options.processes, options.limit_seconds) == (20, 9)
    assert [str(case) for case in options.cases] == ["due-webroot"]


@pytest.mark.parametrize(
    "arguments", [["--processes", "1"], ["--processes", "21"], ["--case", "other"]]
)
def test_wrong_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        concurrent_renew.main(arguments)

    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_systems_directories_are_refused_where_certbot_was_used(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = library("renewal_race")
    used = tmp_path / "letsencrypt"
    (used / "accounts").mkdir(parents=True)
    monkeypatch.setattr(race, "DEFAULT_DIRECTORIES", (str(used), str(used), str(used)))

    arguments = options("locked", artifacts, "--case", "due-standalone-default")
    assert concurrent_renew.main(arguments) == 2

    result = json.loads((artifacts / "result.json").read_text())
    assert f"{used}/accounts exists" in result["error"]
    assert (used / "accounts").is_dir()
