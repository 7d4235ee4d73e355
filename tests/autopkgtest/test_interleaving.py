"""Stepping two processes through the orders of their file system calls, with small writers."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.autopkgtest.support import library

engine: Any = library("interleaving_engine")
gates: Any = library("interleaving_gate")
orders: Any = library("interleaving_orders")
measures: Any = library("interleaving_measure")
runs: Any = library("interleaving_run")

Writer = Callable[[Path], Any]


class Pair:
    """Two processes that both run `writer` on one directory that begins with a counter of 0."""

    SYMMETRIC = True
    BAD = ("lost", "error", "deadlock")
    GROUPS = ()

    def __init__(self, writer: Writer, other: Writer | None = None) -> None:
        self.writers = (writer, other or writer)

    def watched(self, place: dict[str, str]) -> list[str]:
        return [f"{place['base']}/data"]

    def warm_up(self, place: dict[str, str], role: int) -> None:
        pass

    def write(self, place: dict[str, str], role: int) -> Any:
        return self.writers[role](Path(place["base"], "data"))

    def reset(self, place: dict[str, str]) -> None:
        data = Path(place["base"], "data")
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        (data / "counter").write_text("0")

    def lead(self, _: Any) -> int:
        return 1

    def outcome(self, place: dict[str, str], execution: Any) -> tuple[str, ...]:
        if len(execution.codes) < 2:
            return ("fine",)
        words = []
        if any(execution.codes):
            words.append("error")
        if execution.deadlock:
            words.append("deadlock")
        if not words and Path(place["base"], "data", "counter").read_text() != "2":
            words.append("lost")
        return tuple(words) or ("fine",)


def add_one(data: Path) -> None:
    # Four steps: open, read, open (which empties the file), write.
    with open(data / "counter") as source:  # noqa: PTH123
        number = int(source.read())
    with open(data / "counter", "w") as target:  # noqa: PTH123
        target.write(str(number + 1))


def locked(writer: Writer, *names: str) -> Writer:
    def write(data: Path) -> Any:
        held = []
        for name in names:
            held.append(os.open(data / name, os.O_RDWR | os.O_CREAT, 0o600))
            fcntl.lockf(held[-1], fcntl.LOCK_EX)
        result = writer(data)
        for descriptor in held:
            os.close(descriptor)
        return result

    return write


def place_of(folder: Path) -> dict[str, str]:
    return {"base": str(folder)}


def run(pair: Pair, folder: Path, *points: int) -> tuple[Any, tuple[str, ...]]:
    with engine.Writers(pair, place_of(folder)) as writers:
        execution = writers.run(engine.Order(0, points))
        return execution, pair.outcome(place_of(folder), execution)


@pytest.mark.parametrize(
    ("points", "outcome"),
    [((), "fine"), ((1,), "fine"), ((2,), "lost"), ((3,), "error"), ((2, 3), "lost")],
)
def test_each_order_has_its_own_outcome(
    tmp_path: Path, points: tuple[int, ...], outcome: str
) -> None:
    assert run(Pair(add_one), tmp_path, *points)[1] == (outcome,)


def test_an_execution_tells_who_made_which_steps(tmp_path: Path) -> None:
    execution, _ = run(Pair(add_one), tmp_path, 2)
    parts = [(part.role, [step[0] for step in part.steps]) for part in execution.segments]
    assert parts == [
        (0, ["open", "read"]),
        (1, ["open", "read", "open", "write"]),
        (0, ["open", "write"]),
    ]
    assert execution.codes == (0, 0)


def test_what_a_process_prints_and_how_it_ends_is_kept(tmp_path: Path) -> None:
    def fail(data: Path) -> str:
        add_one(data)
        return "It went wrong."

    execution, outcome = run(Pair(add_one, fail), tmp_path)
    assert execution.codes == (0, 1)
    assert execution.outputs == ("", "It went wrong.\n")
    assert outcome == ("error",)


def test_a_writer_leaves_the_scratch_folders_of_its_caller(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder:
        execution, outcome = run(Pair(add_one), tmp_path)
        assert Path(folder).is_dir()
    assert execution.outputs == ("", "")
    assert outcome == ("fine",)


def test_a_process_that_is_refused_a_lock_gives_way(tmp_path: Path) -> None:
    execution, outcome = run(Pair(locked(add_one, "lock")), tmp_path, 3)
    assert outcome == ("fine",)
    assert [part.why for part in execution.segments] == ["stopped", "blocked", "ended", "ended"]


def test_two_processes_that_wait_for_each_other_are_a_deadlock(tmp_path: Path) -> None:
    pair = Pair(locked(add_one, "one", "other"), locked(add_one, "other", "one"))
    execution, outcome = run(pair, tmp_path, 2)
    assert execution.deadlock
    assert "deadlock" in outcome


def test_a_writer_without_a_step_cannot_be_stepped(tmp_path: Path) -> None:
    with pytest.raises(engine.EngineError, match="did not get to its first step"):
        run(Pair(lambda _: None), tmp_path)


def explored(pair: Pair, folder: Path, switches: int, *, reduce: bool = True) -> Any:
    place = place_of(folder)
    with engine.Writers(pair, place) as writers:
        alone = [len(execution.steps(execution.order.first)) for execution in writers.alone]
        explorer = orders.Explorer(
            lambda order: measures._run_one(pair, writers, place, order),
            alone,
            switches,
            reduce=reduce,
            symmetric=pair.writers[0] is pair.writers[1],
        )
        explorer.explore()
    return explorer


def counted(explorer: Any, switches: int) -> Counter[Any]:
    outcomes: Counter[Any] = Counter()
    for points, many in explorer.orders(switches):
        outcomes[explorer.outcome(points)] += many
    return outcomes


def test_all_orders_with_one_switch_are_counted(tmp_path: Path) -> None:
    explorer = explored(Pair(add_one), tmp_path, 1)
    assert counted(explorer, 0) == {("fine",): 1}
    assert counted(explorer, 1) == {("fine",): 1, ("lost",): 1, ("error",): 1}


def test_with_a_lock_no_order_is_bad_and_some_are_blocked(tmp_path: Path) -> None:
    explorer = explored(Pair(locked(add_one, "lock")), tmp_path, 2)
    for switches in (1, 2):
        outcomes = counted(explorer, switches)
        assert set(outcomes) <= {("fine",), ("fine", "blocked")}
        assert outcomes[("fine", "blocked")]


def copy_and_add(data: Path) -> None:
    """Several files and links, some that both touch and some that nobody changes."""
    add_one(data)
    names = sorted(os.listdir(data))  # noqa: PTH208
    if "link" in names:
        os.unlink(data / "link")  # noqa: PTH108
    os.symlink("counter", data / "link")  # noqa: PTH211
    with open(data / f"own.{os.getpid()}", "w") as target:  # noqa: PTH123
        target.write("x")


def look_and_add(data: Path) -> None:
    os.path.exists(data / "nothing")  # noqa: PTH110
    add_one(data)


@pytest.mark.parametrize(
    "pair",
    [
        Pair(copy_and_add),
        Pair(locked(copy_and_add, "lock")),
        # Two different writers do not exchange their roles.
        Pair(look_and_add, copy_and_add),
    ],
    ids=["free", "locked", "different"],
)
def test_what_is_known_without_a_run_is_what_a_run_would_give(tmp_path: Path, pair: Pair) -> None:
    few = explored(pair, tmp_path, 2)
    every = explored(pair, tmp_path, 2, reduce=False)
    assert few.runs < every.runs
    for switches in range(3):
        assert sorted(few.orders(switches)) == sorted(every.orders(switches))
        assert counted(few, switches) == counted(every, switches)
        assert few.infeasible(switches) == every.infeasible(switches)
        for points, _ in every.orders(switches):
            assert few.outcome(points) == every.outcome(points)


def test_a_process_that_ends_early_makes_orders_infeasible(tmp_path: Path) -> None:
    def once(data: Path) -> None:
        if not os.path.exists(data / "done"):  # noqa: PTH110
            os.mkdir(data / "done")  # noqa: PTH102
            add_one(data)

    explorer = explored(Pair(once), tmp_path, 2)
    # Six steps alone; once the other has made the directory, it looks and ends after one.
    assert explorer.infeasible(1) == 0
    assert explorer.infeasible(2) > 0


def test_parts_of_the_orders_make_up_the_whole(tmp_path: Path) -> None:
    pair = Pair(copy_and_add)
    plan = measures.Plan(2, 5, 20, 3, (0.5,), 1, 2)
    result = measures.measure(pair, lambda base: place_of(Path(base)), str(tmp_path), plan)
    whole = explored(pair, tmp_path, 2)
    for row in result["switches"][:3]:
        outcomes = counted(whole, row["switches"])
        assert row["orders"] == sum(outcomes.values())
        assert row["bad"] == row["orders"] - outcomes[("fine",)]
    assert "wrongly_known" not in result
    assert result["switches"][3]["how"] == "a sample"
    assert result["switches"][3]["orders"] + result["switches"][3]["infeasible"] == 5
    assert [row["orders"] for row in result["random"]] == [3]


def noted(folder: Path, action: Callable[[], Any]) -> list[Any]:
    """The steps of an action in a process of its own."""
    pair = Pair(lambda _: action())
    with engine.Writers(pair, place_of(folder)) as writers:
        steps = []
        for name, path, reads, changes in writers.alone[0].segments[0].steps:
            cut = [tuple(one[len(str(folder)) :] for one in part) for part in (reads, changes)]
            steps.append((name, path[len(str(folder)) :], *cut))
        return steps


def test_a_step_follows_the_links_that_its_call_follows(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def action() -> None:
        os.symlink("counter", data / "link")  # noqa: PTH211
        os.stat(data / "link")  # noqa: PTH116
        os.lstat(data / "link")
        os.rename(data / "link", data / "other")  # noqa: PTH104

    assert noted(tmp_path, action) == [
        ("symlink", "/data/link", ("/data/link",), ("/data/link", "/data/")),
        ("stat", "/data/link", ("/data/link", "/data/counter"), ()),
        ("lstat", "/data/link", ("/data/link",), ()),
        (
            "rename",
            "/data/other",
            ("/data/link", "/data/other"),
            ("/data/link", "/data/", "/data/other", "/data/"),
        ),
    ]


def test_a_file_reaches_the_disk_when_it_is_closed_or_its_buffer_is_full(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def action() -> None:
        with open(data / "small", "w") as target:  # noqa: PTH123
            target.write("x")
            target.write("y")
        with open(data / "large", "w") as target:  # noqa: PTH123
            target.write("x" * gates.BUFFER)
            target.write("y")

    steps = [(name, path) for name, path, _, _ in noted(tmp_path, action)]
    assert steps == [("open", "/data/small"), ("write", "/data/small")] + [
        (name, "/data/large") for name in ("open", "write")
    ]


def test_paths_outside_are_no_steps(tmp_path: Path) -> None:
    def action() -> None:
        (tmp_path / "outside").write_text("x")
        os.listdir(tmp_path)  # noqa: PTH208
        os.stat(tmp_path / "data" / "counter")  # noqa: PTH116

    assert [step[0] for step in noted(tmp_path, action)] == ["stat"]


@pytest.mark.parametrize(
    ("step", "other", "together"),
    [
        (("stat", "a", ("a",), ()), ("stat", "a", ("a",), ()), False),
        (("stat", "a", ("a",), ()), ("unlink", "a", ("a",), ("a", "/")), True),
        (("listdir", "", ("/",), ()), ("unlink", "a", ("a",), ("a", "/")), True),
        (("listdir", "", ("/",), ()), ("write", "a", ("a",), ("a",)), False),
        (("write", "a", ("a",), ("a",)), ("write", "b", ("b",), ("b",)), False),
    ],
)
def test_steps_conflict_where_one_changes_what_the_other_touches(
    step: Any, other: Any, together: bool
) -> None:
    assert gates.conflict(step, other) is together
    assert gates.conflict(other, step) is together


def pair_of(bad: int = 0, **changes: Any) -> dict[str, Any]:
    row = {"orders": 9, "bad": bad, "mismatch": bad, "inconsistent": bad, "error": bad}
    pair = {"subject": "as installed", "reason": "due", "random": [], "switches": [row, row]}
    return {**pair, "alone": {"outcomes": [("fine",), ("both-wrote", "fine")]}, **changes}


@pytest.mark.parametrize(
    ("pairs", "control", "outcome"),
    [
        ([pair_of()], False, "passed"),
        ([pair_of(), pair_of(1)], False, "failed"),
        # Nothing was run with a switch: nothing is proved.
        ([pair_of(switches=pair_of()["switches"][:1])], False, "broken"),
        ([], False, "broken"),
        ([pair_of(wrongly_known=[[(1,), "fine", "error"]])], False, "broken"),
        ([pair_of(alone={"outcomes": [("error",)]})], False, "broken"),
        ([pair_of(1), pair_of(2)], True, "harm-seen"),
        ([pair_of(1), pair_of()], True, "not-seen"),
        ([], True, "not-seen"),
        ([pair_of(1, alone={"outcomes": [("error",)]})], True, "broken"),
    ],
)
def test_an_outcome_needs_orders_and_a_control_all_kinds_of_harm(
    pairs: list[Any], control: bool, outcome: str
) -> None:
    result = {"pairs": pairs, "outcome": "broken"}
    runs.judge(library("interleaving_lineage"), result, control)
    assert result["outcome"] == outcome
