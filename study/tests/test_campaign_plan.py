import json
from typing import Any

from study.tests.support import library

campaign_plan: Any = library("campaign_plan")
study_pairs: Any = library("study_pairs")


def test_a_trial_is_drawn_from_its_seed_and_number_alone() -> None:
    plans = [json.dumps(campaign_plan.draw("s", number, ())) for number in range(200)]
    assert plans == [json.dumps(campaign_plan.draw("s", number, ())) for number in range(200)]
    assert len(set(plans)) > 190
    assert plans != [json.dumps(campaign_plan.draw("t", number, ())) for number in range(200)]


def test_the_draws_reach_every_command_kills_and_hooks() -> None:
    plans = [campaign_plan.draw("s", number, ("nginx",)) for number in range(600)]
    processes = [one for plan in plans for one in plan["processes"]]
    assert {one["command"] for one in processes} == {name for name, _ in campaign_plan.COMMANDS}
    assert any("kill_after" in one for one in processes)
    assert any("hooks" in one for one in processes)
    killed = {one["command"] for one in processes if "kill_after" in one}
    assert killed == set(campaign_plan.KILLABLE)
    assert {len(plan["lineages"]) for plan in plans} == {1, 2, 3}
    for plan in plans:
        assert any(one["command"] not in campaign_plan.READING for one in plan["processes"])
        killed = [one for one in plan["processes"] if "kill_after" in one]
        # What a half-done deletion leaves is not the lock's matter.
        assert not killed or not any(one["command"] == "delete" for one in plan["processes"])


def test_installs_reach_both_servers_beside_every_other_command() -> None:
    plans = [campaign_plan.draw("s", number, ("apache", "nginx")) for number in range(1500)]
    beside: dict[str, set[str]] = {}
    for plan in plans:
        for process in plan["processes"]:
            if process["command"] == "install":
                others = [other for other in plan["processes"] if other is not process]
                beside.setdefault(process["server"], set()).update(
                    other["command"] for other in others
                )
    names = {name for name, _ in campaign_plan.COMMANDS}
    assert beside == {"apache": names, "nginx": names}


def test_nothing_is_installed_where_there_is_no_server() -> None:
    plans = [campaign_plan.draw("s", number, ()) for number in range(300)]
    assert not any(one["command"] == "install" for plan in plans for one in plan["processes"])


def test_a_smaller_plan_is_a_part_of_the_plan_and_making_smaller_ends() -> None:
    for number in range(40):
        plan, steps = campaign_plan.draw("s", number, ()), 0
        while True:
            less = next(iter(campaign_plan.smaller(plan)), None)
            if less is None:
                break
            assert json.dumps(less) != json.dumps(plan)
            assert len(less["processes"]) <= len(plan["processes"])
            plan, steps = less, steps + 1
            assert steps < 50
        assert len(plan["processes"]) == 1
        assert campaign_plan.told(plan).count(" at 0.00 s") == 1


def row(path: str, place: str, *held: str) -> dict[str, Any]:
    return {"path": path, "place": place, "operation": "open", "held": list(held)}


def test_two_writes_of_a_path_without_a_common_lock_are_a_finding() -> None:
    rows = [row("/etc/nginx/a", "one"), row("/etc/nginx/a", "two", "/config")]
    findings = study_pairs.findings(rows)
    assert [finding["places"] for finding in findings] == [["one", "one"], ["one", "two"]]


def test_writes_under_one_lock_are_ordered_unless_it_is_another_directorys() -> None:
    rows = [row("/etc/nginx/a", "one", "/config"), row("/work/b", "two", "/config")]
    assert study_pairs.findings(rows) == []
    # Two certbots with other directories share the server's alone.
    (finding,) = study_pairs.findings(rows, "/etc/nginx")
    assert finding["path"] == "/etc/nginx/a"
    assert study_pairs.findings([row("/etc/nginx/a", "one", "/etc/nginx")], "/etc/nginx") == []


def test_each_path_has_a_consequence_of_its_own_kind() -> None:
    consequences = {
        study_pairs.consequence(path)
        for path in (
            "/work/temp_checkpoint/FILEPATHS", "/work/backups/IN_PROGRESS/NEW_FILES",
            "/etc/apache2/le_tls_sni_01_cert_challenge.conf", "/etc/apache2/ports.conf",
            "/config/live/a/cert.pem", "/somewhere/else",
        )
    }  # fmt: skip
    assert len(consequences) == 6


def test_the_order_of_writes_keeps_repeats_together() -> None:
    rows = [row("/a", "x"), row("/a", "x"), row("/b", "x"), row("/a", "x")]
    assert [one["path"] for one in study_pairs.order(rows)] == ["/a", "/b", "/a"]
