"""Processes from one barrier, and the check of a lineage with inputs that break each finding."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import library, session
from tests.support.processes import eventually, started

renewals: Any = library("renewals")
NAME = "www.example.org"
# A later pyOpenSSL warns of what the one in the testbeds has nothing else for.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Succeeds only when as many as asked for run at the same time: each leaves a file and waits for
# the files of all.
MEET = 'touch "$1/$$"; n=0; while [ "$(ls "$1" | wc -l)" -lt "$2" ]; do sleep 0.02; done'


def shell(script: str, *arguments: object) -> list[str]:
    return ["sh", "-c", script, "sh", *map(str, arguments)]


def test_all_processes_run_at_the_same_time(tmp_path: Path) -> None:
    results = renewals.run_together([shell(MEET, tmp_path, 8)] * 8, 60)

    assert [result.returncode for result in results] == [0] * 8


def test_one_alone_does_not_meet_another(tmp_path: Path) -> None:
    [result] = renewals.run_together([shell(MEET, tmp_path, 2)], 0.5)

    assert (result.timed_out, result.returncode) == (True, -9)


def test_outputs_and_exit_codes_are_kept_apart_and_in_order() -> None:
    commands = [shell('echo "out $1"; echo "err $1" >&2; exit $1', code) for code in (0, 1, 7)]

    results = renewals.run_together([*commands, shell("kill -TERM $$")], 60)

    assert [result.returncode for result in results] == [0, 1, 7, -15]
    assert [result.stdout for result in results] == ["out 0\n", "out 1\n", "out 7\n", ""]
    assert [result.stderr for result in results] == ["err 0\n", "err 1\n", "err 7\n", ""]
    assert [result.command for result in results[:3]] == commands


def test_a_process_has_no_terminal_no_input_and_no_descriptor_of_ours() -> None:
    script = 'readlink /proc/self/fd/0; ls /proc/$$/fd | tr "\\n" " "; (: </dev/tty) 2>&1; cat'

    [result] = renewals.run_together([shell(script)], 60)

    first, rest = result.stdout.split("\n", 1)
    assert first == "/dev/null"
    assert rest.startswith("0 1 2 ")
    assert "/dev/tty" in rest
    assert result.stderr == ""


def test_at_the_limit_a_process_and_its_children_are_killed() -> None:
    script = "sleep 1000 & echo $!; wait"

    slow, quick = renewals.run_together([shell(script), shell("exit 3")], 1)

    assert (slow.timed_out, slow.returncode) == (True, -9)
    assert (quick.timed_out, quick.returncode) == (False, 3)
    eventually("the child has ended", lambda: not started(int(slow.stdout)))


KINDS = renewals.KINDS
VERSIONS = (1, 2, 3)
FILES = [f"{kind}{number}.pem" for kind in KINDS for number in VERSIONS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lineage of three versions, each from an issuer of its own, as certbot writes it."""
    config = tmp_path_factory.mktemp("lineage")
    archive, live, renewal = (config / part for part in ("archive", "live", "renewal"))
    for directory in (archive / NAME, live / NAME, renewal):
        directory.mkdir(parents=True)
    for number in VERSIONS:
        key, cert, chain = session("issued", config)["0"]
        for kind, content in zip(KINDS, (cert, key, chain, cert + chain), strict=True):
            (archive / NAME / f"{kind}{number}.pem").write_text(content)
    for kind in KINDS:
        (live / NAME / f"{kind}.pem").symlink_to(f"../../archive/{NAME}/{kind}{VERSIONS[-1]}.pem")
    (renewal / f"{NAME}.conf").write_text("version = 0.10.2\n")
    return config


@pytest.fixture
def config(whole: Path, tmp_path: Path) -> Path:
    """A copy of a lineage to break."""
    return Path(shutil.copytree(whole, tmp_path / "config", symlinks=True))


def kinds(config: Path) -> set[str]:
    return {finding.kind for finding in renewals.check_lineage(str(config), NAME)}


def test_a_whole_lineage_has_no_findings(whole: Path) -> None:
    assert renewals.check_lineage(str(whole), NAME) == []
    assert renewals.versions(str(whole), NAME) == list(VERSIONS)
    assert renewals.versions(str(whole), "other.example.org") == []


def test_any_two_swapped_files_are_found(config: Path) -> None:
    archive = config / "archive" / NAME
    for first, second in itertools.combinations(FILES, 2):
        swap(archive / first, archive / second)
        assert kinds(config) & {"mismatch", "fullchain", "chain"}, (first, second)
        swap(archive / first, archive / second)
    assert kinds(config) == set()


def swap(first: Path, second: Path) -> None:
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["cert1.pem", "privkey2.pem", "missing.pem", "/etc/passwd"])
def test_any_link_that_points_elsewhere_is_found(config: Path, kind: str, target: str) -> None:
    link = config / "live" / NAME / f"{kind}.pem"
    link.unlink()
    link.symlink_to(os.path.join(f"../../archive/{NAME}", target))  # noqa: PTH118

    assert kinds(config) == {"link"}


@pytest.mark.parametrize("name", FILES)
def test_any_missing_file_is_found(config: Path, name: str) -> None:
    (config / "archive" / NAME / name).unlink()

    assert "files" in kinds(config)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_any_file_that_was_cut_short_is_found(config: Path, name: str, part: float) -> None:
    path = config / "archive" / NAME / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])

    assert kinds(config) & {"chain", "fullchain"}


def remove_all(config: Path) -> None:
    shutil.rmtree(config / "archive" / NAME)


def link_becomes_a_file(config: Path) -> None:
    link = config / "live" / NAME / "cert.pem"
    content = link.read_bytes()
    link.unlink()
    link.write_bytes(content)


def a_version_twice(config: Path) -> None:
    archive = config / "archive" / NAME
    for kind in KINDS:
        shutil.copy(archive / f"{kind}3.pem", archive / f"{kind}2.pem")


def another_issuer_in_chain_and_fullchain(config: Path) -> None:
    archive = config / "archive" / NAME
    shutil.copy(archive / "chain1.pem", archive / "chain2.pem")
    both = (archive / "cert2.pem").read_bytes() + (archive / "chain1.pem").read_bytes()
    (archive / "fullchain2.pem").write_bytes(both)


def another_key(config: Path) -> None:
    archive = config / "archive" / NAME
    shutil.copy(archive / "privkey1.pem", archive / "privkey3.pem")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove_all, {"files"}),
        (lambda config: (config / "archive" / NAME / "cert3.pem.tmp").touch(), {"files"}),
        (link_becomes_a_file, {"link"}),
        (lambda config: (config / "renewal" / f"{NAME}.conf").unlink(), {"renewal"}),
        (lambda config: (config / "renewal" / f"{NAME}.conf").write_text(""), {"renewal"}),
        (lambda config: (config / "renewal" / f"{NAME}.conf.new").touch(), {"renewal"}),
        (a_version_twice, {"same"}),
        (another_issuer_in_chain_and_fullchain, {"chain"}),
        (another_key, {"mismatch"}),
    ],
)
def test_each_thing_that_can_be_wrong_has_a_finding_of_its_own(
    config: Path, change: Callable[[Path], object], expected: set[str]
) -> None:
    change(config)

    assert kinds(config) == expected
