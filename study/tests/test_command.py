import argparse
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import study
from study import plugins
from study.__main__ import main, parser
from study.measured import ARTIFACT
from tests import test_help

ROOT = Path(__file__).parents[2]


def pair(outcome: str, offset: float, *, raced: bool = False, overlapped: bool = True) -> Any:
    return {
        "outcome": outcome, "offset": offset, "raced": raced, "overlapped": overlapped,
        "mail": outcome not in ("fine", "inconsistent"), "apart": None, "timed_out": False,
    }  # fmt: skip


def sample(pairs: list[Any], aimed: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "disk": "tmpfs", "emulated": "", "sleep": "full", "bin_seconds": 0.5,
        "lengths": [3.9, 4.0, 4.1], "windows": [0.004, 0.005, 0.006],
        "before_window": [3.2, 3.3, 3.5], "pairs": pairs, "aimed": aimed,
        "pairs_an_hour": 20000, **more,
    }  # fmt: skip


def measurement(variant: str, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"variant": variant, "seed": 7, "measurements": list(samples)}


def put(work: Path, name: str, data: dict[str, Any], artifact: str = ARTIFACT) -> None:
    folder = work / "test" / "xenial" / name / "artifacts"
    folder.mkdir(parents=True)
    (folder / artifact).write_text(json.dumps(data))


def run(work: Path, *options: str) -> int:
    return main(["risk", "--recipe", str(ROOT / "backport.toml"), "--work", str(work),
                 "--trials", "0", *options])  # fmt: skip


def test_it_reads_what_was_measured_and_writes_tables_and_plots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = [pair("fine", 0.1), pair("error", 0.4), pair("fine", 6, overlapped=False)]
    put(
        tmp_path, "a", measurement("unpatched", sample(bare, [pair("mismatch", 0, raced=True)] * 4))
    )
    put(tmp_path, "b", measurement("patched", sample([pair("fine", 0.2)] * 20, [])))
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Odds per renewal, measured, tmpfs" in printed
    data = json.loads((tmp_path / "risk" / "risk.json").read_text())
    case = data["cases"][-1]
    assert case["renewal"]["length"] == 4.0
    assert case["harm"]["mail"] == {"value": 0.5, "bound": False}
    assert case["harm"]["mismatch"] == {"value": 1.0, "bound": False}
    # 0 of 20 is no nought, but a bound.
    assert case["harm"]["locked_mail"]["bound"]
    assert case["harm"]["locked_mail"]["value"] == pytest.approx(0.139, abs=0.001)
    for name in ("remedies.svg", "curve-unpatched-tmpfs-full.svg", "curve-patched-tmpfs-full.svg"):
        ET.fromstring((tmp_path / "risk" / name).read_text())
    fine = next(one for one in data["measured"] if one["variant"] == "unpatched")["fine"]
    # Two pairs with offsets below half a second, one of them fine; and one beyond.
    assert [(one["hits"], one["trials"]) for one in fine] == [(1, 2), (1, 1)]
    assert fine[0]["low"] == pytest.approx(0.0126, abs=0.0001)
    assert fine[0]["high"] == pytest.approx(0.9874, abs=0.0001)
    table = (tmp_path / "risk" / "risk.md").read_text()
    assert table.count("| locking, today's cron job |") == 8


SHORT = {"sleep": "shortened to 5 %", "windows": [0.1, 0.2, 0.3], "before_window": [0.2, 0.3, 0.4]}


def test_what_follows_an_overlap_is_taken_from_the_pairs_that_sleep_in_full(tmp_path: Path) -> None:
    # Of shortened runs that overlap, more meet in the write: here all, and of real ones a fifth.
    short = sample(
        [pair("error", 0.1, raced=True)] * 30, [pair("mismatch", 0, raced=True)], **SHORT
    )
    full = sample([pair("fine", 1.0)] * 8 + [pair("error", 0.1, raced=True)] * 2, [])
    put(tmp_path, "a", measurement("unpatched", short, full))
    assert run(tmp_path, "-q") == 0
    case = json.loads((tmp_path / "risk" / "risk.json").read_text())["cases"][-1]
    assert case["harm"]["mail"] == {"value": 0.2, "bound": False}
    assert case["renewal"]["window"] == 0.005
    # What a race of two writes does is the same with any sleep.
    assert case["harm"]["mismatch"]["value"] == pytest.approx(1 / 33)
    assert "too high" not in case["harm"]["source"]


def test_shares_of_shortened_pairs_alone_are_said_to_be_too_high(tmp_path: Path) -> None:
    short = sample([pair("error", 0.1, raced=True)] * 30, [], **SHORT)
    full = sample([pair("fine", 6, overlapped=False)], [])
    put(tmp_path, "a", measurement("unpatched", short, full))
    assert run(tmp_path, "-q") == 0
    case = json.loads((tmp_path / "risk" / "risk.json").read_text())["cases"][-1]
    assert case["harm"]["mail"]["value"] == 1.0
    assert "too high" in case["harm"]["source"]


def test_a_year_and_a_fleet_follow_from_the_odds(tmp_path: Path) -> None:
    assert run(tmp_path, "-q", "--fleet", "1000", "--share", "0.5", "--lineages", "2") == 0
    data = json.loads((tmp_path / "risk" / "risk.json").read_text())
    row = data["cases"][0]["rows"][0]
    year = row["a_year"]["mail"]["value"]
    assert year == pytest.approx(row["mail"]["value"] * 365.25 / 60 * 2)
    assert row["fleet_a_year"]["mail"]["value"] == pytest.approx(year * 500)


def test_lengths_and_another_job_can_be_given(tmp_path: Path) -> None:
    options = ("--length", "30", "--window", "0.2", "--admin", "30 0,12 * * * certbot renew")
    assert run(tmp_path, "-q", *options) == 0
    data = json.loads((tmp_path / "risk" / "risk.json").read_text())
    (case,) = data["cases"]
    given = [row for row in case["rows"] if row["admins"] == "given"]
    assert given[0]["collision"] == pytest.approx(60 / 3600, rel=0.03)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--length", "3"), 2),
        (("--admin", "61 * * * * x"), 3),
        (("--cron", "/nonexistent"), 3),
        (("--hours", "/nonexistent"), 3),
    ],
)
def test_a_wrong_option_ends_in_one_sentence(
    tmp_path: Path, options: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *options) == code
    error = capsys.readouterr().err
    assert error.startswith("study: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "risk").exists()


def test_a_measurement_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "a", {"variant": "unpatched"})
    assert run(tmp_path) == 3
    assert ARTIFACT in capsys.readouterr().err


def test_a_measurement_that_is_not_whole_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = "slow disk, sleep full: only 6 of 7 pairs were run"
    whole = measurement("unpatched", sample([pair("fine", 0.1)], []))
    put(tmp_path, "a", {**whole, "outcome": "broken", "error": lacking})
    assert run(tmp_path) == 3
    assert f"the measurement was broken: {lacking}" in capsys.readouterr().err
    assert not (tmp_path / "risk").exists()


def test_a_broken_plugin_study_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {"outcome": "broken", "error": "nginx did not start", "variant": "patched"}
    put(tmp_path, "a", {**broken, "servers": []}, plugins.ARTIFACT)
    assert run(tmp_path) == 3
    assert "the plugin study was broken: nginx did not start" in capsys.readouterr().err
    assert not (tmp_path / "risk").exists()


@pytest.mark.parametrize(("place", "action"), [*test_help.options(parser())])
def test_an_option_says_what_it_does_and_its_default(place: str, action: argparse.Action) -> None:
    test_help.test_an_option_says_what_it_does_and_its_default(place, action)


def test_without_its_packages_it_names_what_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(study, "risk_command")
    monkeypatch.setitem(sys.modules, "study.risk_command", None)
    assert main(["risk"]) == 5
    assert "pip install -r study/requirements.txt" in capsys.readouterr().err
