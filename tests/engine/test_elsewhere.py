"""An executor of another machine: it gets copies of folders, and brings one folder back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from backport.engine.execute import Action
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Result
from backport.engine.verdict import Passed
from tests.engine.test_execute import Run, build, graph, step

STEPS = graph(step("lower"), step("upper", "lower"))
# What the steps of test_execute do.
WORK = 'cat needs/*/out >result/out 2>/dev/null; echo "$1 " >>result/out'


def on(machine: Path) -> Action:
    """The same action where only the files of `machine` are."""

    def elsewhere(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        place = machine / step.id.source
        (place / "result").mkdir(parents=True)
        for need, folder in needs.items():
            shutil.copytree(folder, place / "needs" / need.source)
        subprocess.run(["sh", "-c", WORK, "sh", step.id.source], cwd=place, check=True)
        shutil.copytree(place / "result", out, dirs_exist_ok=True)
        shutil.rmtree(place)
        return Outcome(Passed(), ("out",))

    return elsewhere


def made(results: Mapping[StepId, Result]) -> list[tuple[str, str]]:
    return [(result.key, result.digest) for result in results.values()]


@pytest.mark.parametrize("lost", ["out", "step.json"])
def test_a_result_from_elsewhere_counts_here_and_is_made_again_where_it_is_lost(
    tmp_path: Path, lost: str
) -> None:
    run = Run(tmp_path / "work")
    remote = run(STEPS, on(tmp_path / "machine"))
    assert made(remote) == made(Run(tmp_path / "other")(STEPS))

    again = run(STEPS)
    assert [result.reused for result in again.values()] == [True, True]
    (run.store.folder(build("upper")) / lost).unlink()
    again = run(STEPS)
    assert [result.reused for result in again.values()] == [True, False]
    assert made(again) == made(remote)
