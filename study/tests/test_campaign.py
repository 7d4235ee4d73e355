import json
from pathlib import Path
from typing import Any

import pytest

from backport.errors import InputError
from backport.source import dep8
from study import campaign
from study.__main__ import main
from study.field import Numbers, Wish

RECIPE = Path(__file__).resolve().parents[2] / "backport.toml"


def result(**changed: Any) -> dict[str, Any]:
    return {
        "outcome": "passed", "variant": "patched", "seed": "a", "first": 0, "version": 1,
        "packages": {"certbot": "1"}, "asked": 100, "trials": 100, "failed": 0,
        "pairs": 240, "seconds": 60.0, "kinds": {}, "failures": [], **changed,
    }  # fmt: skip


def kept(folder: Path, **changed: Any) -> campaign.Chunk:
    artifact = folder.with_name("artifact.json")
    artifact.write_text(json.dumps(result(**changed)))
    return campaign.keep(artifact, folder, 100)


def test_chunks_add_up_to_a_bound_that_is_said_to_be_the_campaigns_own(tmp_path: Path) -> None:
    kept(tmp_path / "c")
    kept(tmp_path / "c", first=100)
    whole = campaign.total(campaign.load(tmp_path / "c"), "")
    assert (whole.trials, whole.failed, whole.pairs) == (200, 0, 480)
    assert whole.bound == pytest.approx(3 / 200, rel=0.01)
    assert whole.trials_an_hour == pytest.approx(6000)
    text = "\n".join(campaign.lines(whole))
    assert "of this campaign" in text
    assert "no bound per real renewal" in text


def test_a_failed_trial_leaves_no_bound(tmp_path: Path) -> None:
    kept(tmp_path / "c", failed=2, kinds={"exit": 2})
    whole = campaign.total(campaign.load(tmp_path / "c"), "")
    assert whole.bound is None
    assert "exit 2" in "\n".join(campaign.lines(whole))


def test_a_broken_chunk_is_kept_as_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the CA did not start"):
        kept(tmp_path / "c", outcome="broken", error="the CA did not start")
    assert campaign.load(tmp_path / "c") == ()


def test_other_machines_chunks_are_merged_once(tmp_path: Path) -> None:
    kept(tmp_path / "mine")
    kept(tmp_path / "theirs", seed="b")
    assert len(campaign.merge(tmp_path / "mine", [tmp_path / "theirs"])) == 1
    assert campaign.merge(tmp_path / "mine", [tmp_path / "theirs"]) == ()
    assert {chunk.seed for chunk in campaign.load(tmp_path / "mine")} == {"a", "b"}


def test_two_results_of_the_same_trials_are_refused_and_nothing_is_copied(tmp_path: Path) -> None:
    kept(tmp_path / "mine")
    kept(tmp_path / "theirs", pairs=241)
    kept(tmp_path / "theirs", seed="b")
    with pytest.raises(InputError, match="another result for the same trials"):
        campaign.merge(tmp_path / "mine", [tmp_path / "theirs"])
    assert len(campaign.load(tmp_path / "mine")) == 1


def test_chunks_of_other_packages_are_refused(tmp_path: Path) -> None:
    kept(tmp_path / "mine")
    kept(tmp_path / "theirs", seed="b", packages={"certbot": "2"})
    with pytest.raises(InputError, match="different packages"):
        campaign.merge(tmp_path / "mine", [tmp_path / "theirs"])
    with pytest.raises(InputError, match="no chunks"):
        campaign.merge(tmp_path / "mine", [tmp_path / "nowhere"])


def test_a_campaign_goes_on_where_it_ended(tmp_path: Path) -> None:
    kept(tmp_path / "c")
    done = campaign.load(tmp_path / "c")
    wish = Wish("xenial", "", "a", 350, 60, 2, 100, 2, 900)
    numbers = Numbers(wish, done, deadline=float("inf"))
    taken = [numbers.take() for _ in range(4)]
    assert taken == [(100, 100), (200, 100), (300, 50), None]


def test_another_seed_begins_at_its_own_first_trial(tmp_path: Path) -> None:
    kept(tmp_path / "c")
    wish = Wish("xenial", "", "b", 0, 60, 1, 100, 2, 900)
    numbers = Numbers(wish, campaign.load(tmp_path / "c"), deadline=float("inf"))
    assert numbers.take() == (0, 100)


def test_no_chunk_begins_when_the_time_is_over() -> None:
    wish = Wish("xenial", "", "b", 0, 60, 1, 100, 2, 900)
    assert Numbers(wish, (), deadline=0.0).take() is None


def test_the_results_of_a_build_farm_are_taken_in_as_they_are_left_there(tmp_path: Path) -> None:
    kept(tmp_path / "mine")
    for number, seed in enumerate(("farm-1", "farm-2")):
        out = tmp_path / "farm" / str(number) / "artifacts"
        out.mkdir(parents=True)
        (out / "campaign.json").write_text(json.dumps(result(seed=seed, asked=120)))
    taken = campaign.merge(tmp_path / "mine", [tmp_path / "farm"])
    assert {chunk.seed for chunk in taken} == {"farm-1", "farm-2"}
    whole = campaign.total(campaign.load(tmp_path / "mine"), "")
    assert (whole.trials, len(whole.chunks)) == (300, 3)
    assert campaign.next_first(whole.chunks, "farm-1") == 120
    assert campaign.merge(tmp_path / "mine", [tmp_path / "farm"]) == ()


def test_the_field_test_is_exported_as_a_tree_for_any_autopkgtest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["campaign", "--recipe", str(RECIPE), "--work", str(tmp_path / "work")]
    assert main([*words, "--export", str(tmp_path / "tree"), "--seed", "farm-1"]) == 0
    printed = capsys.readouterr().out
    assert f"autopkgtest {tmp_path / 'tree'} --test-name=campaign " in printed
    assert "--seed farm-1 --first 0 --trials 250" in printed
    control = tmp_path / "tree" / "debian" / "tests" / "control"
    assert {"campaign", "campaign-control"} <= set(dep8.named_tests(control.read_text()))
    tests = control.parent
    assert (tests / "lib" / "renewals.py").is_file()
    assert (tests / "study_lib" / "campaign_run.py").is_file()
    assert main([*words, "--export", str(tmp_path / "tree")]) == 3
    assert "something already" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
