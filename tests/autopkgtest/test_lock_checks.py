"""The pure parts of the lock tests: outcomes, mutations, the kernel's table, windows of a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import MATRIX_LIBRARY, ROOT, library

checks: Any = library("lock_check")
variants: Any = library("lock_variant")
probe: Any = library("lock_probe")
steps: Any = library("lock_crash_step")

TESTS = [
    library(name)
    for name in (
        "lock_inheritance",
        "lock_environment",
        "lock_prompt",
        "lock_crash",
        "lock_interop",
        "lock_successor",
        "lock_unit_tests",
    )
]
ALL_CHECKS = [check for module in TESTS for check in module.CHECKS]


def finding(kind: str, sentence: str = "It went wrong.") -> Any:
    return checks.Finding(kind, sentence)


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ([], "not-seen"),
        ([finding("blocked")], "harm-seen"),
        ([finding("lineage"), finding("blocked")], "harm-seen"),
        # Harm of another kind than the one that the check is about proves nothing.
        ([finding("lineage")], "broken"),
        ([finding("blocked", "ImportError: no module named filelock")], "broken"),
        ([finding("blocked"), finding("exit", "Connection refused")], "broken"),
    ],
)
def test_a_control_is_good_only_for_harm_of_its_own_kind(findings: list[Any], outcome: str) -> None:
    assert checks.control_outcome(checks.on_naive("blocked"), findings) == outcome


@pytest.mark.parametrize(
    ("outcomes", "overall"),
    [
        (["harm-seen", "harm-seen"], "harm-seen"),
        (["harm-seen", "not-seen"], "not-seen"),
        (["harm-seen", "not-seen", "broken"], "broken"),
        ([], "broken"),
    ],
)
def test_every_check_of_a_control_must_have_shown_its_harm(
    outcomes: list[str], overall: str
) -> None:
    assert checks.overall_control(outcomes) == overall


@pytest.mark.parametrize(
    ("outcomes", "overall"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "skipped"], "passed"),
        (["passed", "failed", "skipped"], "failed"),
        (["skipped"], "broken"),
        ([], "broken"),
    ],
)
def test_a_test_of_skipped_checks_alone_is_broken(outcomes: list[str], overall: str) -> None:
    assert checks.overall(outcomes) == overall


def test_names_of_checks_are_unique_in_a_test() -> None:
    for module in TESTS:
        names = [check.name for check in module.CHECKS]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.name)
def test_every_check_names_a_control_and_the_harm_it_must_show(check: Any) -> None:
    assert check.control.variant in ("naive", "unpatched", "patched")
    assert (check.control.mutation is not None) == (check.control.variant == "patched")
    assert check.control.kinds


def added_lines(patch: str, path: str) -> str:
    part = patch.split(f"+++ b/{path}\n", 1)[1].split("\n--- ", 1)[0]
    return "\n".join(line[1:] for line in part.splitlines() if line.startswith("+"))


MUTATIONS = [
    *(check.control.mutation for check in ALL_CHECKS if check.control.mutation),
    *(mutation for mutation, _, _ in library("lock_unchanged").MUTATIONS),
    *library("interleaving_run").MUTATIONS,
    library("lock_limits").SHORT,
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mutation_changes_one_line_of_the_patch_as_it_stands(mutation: Any) -> None:
    patch = ROOT / "patches" / "python-certbot" / "lock-directories.patch"
    before = added_lines(patch.read_text(), f"certbot/{mutation.path}") + "\n"
    after = variants.changed(before, mutation)
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert sum(1 for old, new in pairs if old != new) == 1
    if mutation.path == "lock.py":
        compile(after, "lock.py", "exec")


@pytest.mark.parametrize("text", ["", "a = 1\n", "old\nold\n"])
def test_a_mutation_that_hits_nothing_or_twice_is_refused(text: str) -> None:
    with pytest.raises(variants.VariantError, match="does not apply"):
        variants.changed(text, checks.Mutation("a fault", "lock.py", "old", "new"))


def test_a_mutation_of_more_than_a_line_is_refused() -> None:
    with pytest.raises(variants.VariantError, match="number of lines"):
        variants.changed("old\n", checks.Mutation("a fault", "lock.py", "old", "new\nand more"))


@pytest.mark.parametrize(
    ("files", "variant"),
    [
        ({"main.py": "import os"}, "unpatched"),
        ({"main.py": "with filelock.FileLock(path):"}, "naive"),
        ({"main.py": "from certbot import lock", "lock.py": ""}, "patched"),
    ],
)
def test_the_variant_is_read_from_the_package(
    tmp_path: Path, files: dict[str, str], variant: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert variants.variant_of(str(tmp_path)) == variant


TABLE = """\
1: POSIX  ADVISORY  WRITE 4321 fe:00:77 0 EOF
1: -> POSIX  ADVISORY  WRITE 4322 fe:00:77 0 EOF
2: FLOCK  ADVISORY  WRITE 4323 fe:00:77 0 EOF
3: POSIX  ADVISORY  WRITE 4324 fe:00:177 0 EOF
"""


def test_the_kernels_table_tells_holders_from_the_waiting() -> None:
    assert probe.pids_in(TABLE, 77) == [4321, 4323]
    assert probe.pids_in(TABLE, 7) == []


def test_the_probe_sees_a_holder_and_never_takes_the_lock(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    locked = tmp_path / "locked"
    locked.mkdir()
    command = [sys.executable, "-B", str(MATRIX_LIBRARY / "lock_holder.py"), str(ready), "60"]
    holder = subprocess.Popen([*command, str(locked)])
    try:
        while not ready.exists():
            assert holder.poll() is None
        assert probe.holder_of(str(locked)) == holder.pid
        assert holder.pid in probe.lockers_of(str(locked / ".certbot.lock"))
        [number] = probe.descriptors_of(holder.pid)
        assert number > 2
    finally:
        holder.kill()
        holder.wait()
    assert probe.holder_of(str(locked)) == 0
    assert probe.state_of(str(locked))["mode"] == 0o600
    (locked / ".certbot.lock").unlink()
    assert probe.state_of(str(locked)) == {"directory": str(locked), "exists": False, "holder": 0}
    assert not list(locked.iterdir())


KINDS = ("cert", "privkey", "chain", "fullchain")


def shot(archived: int, linked: int, written: int, live: tuple[str, ...] = KINDS) -> Any:
    archive = {f"{kind}{number}.pem": 9 for kind in KINDS for number in range(1, archived + 1)}
    links = {f"{kind}.pem": f"{kind}{linked}.pem" for kind in live}
    return steps.Snapshot(archive, links, {"a.conf": (1, written, 1)})


@pytest.mark.parametrize(
    ("after", "place"),
    [
        (shot(1, 1, 1), "before"),
        (shot(2, 2, 2), "after"),
        (shot(2, 1, 1), "within"),
        (shot(2, 2, 1), "within"),
        (shot(1, 1, 1, KINDS[1:]), "within"),
        (shot(2, 2, 2)._replace(renewal={"a.conf": (1, 2, 1), "a.conf.new": (0, 2, 2)}), "within"),
    ],
)
def test_the_step_of_a_kill_is_read_from_the_disk(after: Any, place: str) -> None:
    step = steps.step_of(shot(1, 1, 1), after, "a")
    assert step.place == place


def test_an_empty_file_is_never_a_whole_version() -> None:
    after = shot(2, 2, 2)
    after.archive["cert2.pem"] = 0
    step = steps.step_of(shot(1, 1, 1), after, "a")
    assert step.place == "within"
    assert "empty: cert2.pem" in step.sentence


def test_the_moments_of_a_seed_are_always_the_same() -> None:
    crash: Any = library("lock_crash")
    first = crash.moments(1, 20)
    assert first == crash.moments(1, 20) != crash.moments(2, 20)
    assert {origin for origin, _ in first} == {"start", "issue"}
    assert all(0 <= part < 1 for _, part in first)


def test_without_certbot_0_14_nothing_can_be_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer: Any = library("newer_certbot")
    monkeypatch.delenv(newer.VARIABLE, raising=False)
    monkeypatch.setattr(newer, "DIRECTORY", str(tmp_path / "none"))
    assert not newer.present()
    with pytest.raises(library("renewals").SceneError, match="set CERTBOT_014"):
        newer.command()


@pytest.mark.parametrize(
    ("code", "text", "kinds"),
    [
        (0, "test_a (certbot.tests.lock_test.A) ... ok\n\nRan 662 tests in 9.1s\n\nOK\n", []),
        (0, "test_a (certbot.tests.main_test.A) ... ok\n\nRan 3 tests in 9.1s\n\nOK\n", ["none"]),
        (0, "\nRan 0 tests in 0.0s\n\nOK\n", ["none"]),
        (
            1,
            "ERROR: test_a (certbot.tests.lock_test.A)\nFAIL: test_b (certbot.tests.lock_test.B)\n"
            "Ran 662 tests in 9.1s\n\nFAILED (failures=1, errors=1)\n",
            ["unit-test", "unit-test"],
        ),
        (2, "lock_test: Ran 1 test in 9.1s\n", ["exit", "none"]),
    ],
)
def test_unit_tests_pass_only_with_the_locks_own_among_them(
    code: int, text: str, kinds: list[str]
) -> None:
    unit_tests: Any = library("lock_unit_tests")
    result = library("renewals").Result(["python2.7"], code, "", text, 9.1, False)
    assert [finding.kind for finding in unit_tests.judged(result)] == kinds
