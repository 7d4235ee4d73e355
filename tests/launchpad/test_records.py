from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import Publication
from backport.launchpad.archive.publications import FILE, Records, archive_versions
from backport.recipe import versions
from backport.recipe.model import Published, Recipe
from backport.recipe.versions import ArchiveVersions
from tests.launchpad.conftest import MakeClient
from tests.support import recipes
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.recipes import SourceSpec, Spec


def recipe(root: Path) -> Recipe:
    spec = Spec(
        sources=(SourceSpec("hello-sru", "1.2", pinned="1.2-1", series=("xenial",)),),
        series=("xenial", "zesty"),
        archive={("hello-sru", "xenial"): "1.0-1", ("hello-sru", "zesty"): "1.2-1"},
        retired={"hello-sru-data": {"series": ["zesty"], "by": ["hello-sru"], "reason": "renamed"}},
    )
    return recipes.load(root, spec)


def asked(
    client: LaunchpadlibClient | None,
    folder: Path,
    *,
    note: Callable[[str], None] = lambda _: None,
    as_of: date | None = None,
    fresh: bool = False,
) -> ArchiveVersions:
    """What each series has, with the cache in the folder."""
    update = replace(recipe(folder), as_of=as_of)
    return archive_versions(update, Records(folder, client, fresh=fresh), note=note)


def grow_old(folder: Path, hours: float) -> str:
    """Let the kept answers be so many hours older; "asked", and the day."""
    path, moment = folder / FILE, datetime.now(UTC) - timedelta(hours=hours)
    data = json.loads(path.read_text())
    for answer in data["answers"].values():
        answer["asked_at"] = moment.isoformat()
    path.write_text(json.dumps(data))
    return f"asked {moment:%Y-%m-%d}"


def test_the_records_confirm_the_versions_with_their_date(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    notes: list[str] = []
    archive = asked(client, tmp_path, note=notes.append)
    confirmed = f"{standin.root} publication record, asked {datetime.now(UTC):%Y-%m-%d}"
    assert archive == {
        ("hello-sru", "xenial"): Published("1.0-1ubuntu0.1", confirmed, "in Updates"),
        ("hello-sru", "zesty"): Published("1.2-1", confirmed, "in Release"),
        ("hello-sru-data", "zesty"): Published("9-1", confirmed, "in Release"),
    }
    (note,) = notes
    assert "the recipe says 1.0-1" in note
    assert "1.0-1ubuntu0.1, which counts" in note


@pytest.mark.parametrize(
    ("pocket", "status"),
    [
        ("Proposed", "Published"),
        ("Security", "Published"),
        *(("Backports", status) for status in ("Published", "Superseded", "Deleted")),
    ],
)
def test_the_highest_version_of_some_pockets_counts_and_that_of_any_is_seen(
    client: LaunchpadlibClient, world: World, tmp_path: Path, pocket: str, status: str
) -> None:
    world.publish("xenial", "hello-sru", "1.10-1", pocket=pocket, status=status)
    has = asked(client, tmp_path)["hello-sru", "xenial"]
    counts = pocket != "Backports"
    assert (has.version == "1.10-1", f"in {pocket}" in has.note) == (counts, counts)
    assert set(has.seen) == {"1.0-1", "1.0-1ubuntu0.1", "1.10-1"}


def queue(world: World, status: str) -> None:
    world.add(
        "package_upload",
        "/ubuntu/xenial/+upload/1",
        archive_link="/ubuntu/+archive/primary",
        date_created="2026-11-20T10:00:00.000000+00:00",
        distroseries_link="/ubuntu/xenial",
        package_name="hello-sru",
        package_version="1.2-1~ubuntu16.04.1",
        pocket="Proposed",
        status=status,
    )


@pytest.mark.parametrize(
    ("status", "taken"), [("Unapproved", True), ("Done", True), ("Rejected", False)]
)
def test_a_version_in_the_queue_is_taken_unless_it_was_rejected(
    client: LaunchpadlibClient, world: World, tmp_path: Path, status: str, taken: bool
) -> None:
    queue(world, status)
    archive = asked(client, tmp_path)
    assert ("1.2-1~ubuntu16.04.1" in archive["hello-sru", "xenial"].seen) is taken
    (row, _) = versions.table(recipe(tmp_path), archive)
    assert row.ours == ("1.2-1~ubuntu16.04.2" if taken else "1.2-1~ubuntu16.04.1")
    # Today's queue says nothing of a day in the past.
    archive = asked(client, tmp_path, as_of=date(2017, 6, 1))
    assert archive["hello-sru", "xenial"].seen == ("1.0-1ubuntu0.1", "1.0-1")


@pytest.mark.parametrize(
    ("status", "came", "went", "days", "others"),
    [
        ("Published", "2016-04-01T10:00", "", ("2016-04-01", "2020-01-01"), ("2016-03-31",)),
        ("Superseded", "2016-10-01T10:00", "2017-06-01T09:00", ("2016-10-01", "2017-05-31"),
         ("2016-09-30", "2017-06-01")),
        ("Superseded", "2016-10-01T10:00", "", ("2017-02-15",), ("2016-09-30",)),
        ("Deleted", "2017-01-10T10:00", "2017-01-20T23:00", ("2017-01-15",), ("2017-01-20",)),
        ("Obsolete", "2016-10-01T10:00", "2018-01-13T00:00", ("2020-01-01",), ("2016-09-30",)),
        ("Published", "2017-02-16T01:00+02:00", "", ("2017-02-15",), ("2017-02-14",)),
    ],
    ids=["there", "superseded", "unknown end", "deleted", "its series has ended", "a day of UTC"],
)  # fmt: skip
def test_as_of_a_day_what_was_in_the_archive_at_its_end_counts(
    *, status: str, came: str, went: str, days: tuple[str, ...], others: tuple[str, ...]
) -> None:
    came, went = (f"{one}:00+00:00" if one and "+" not in one else one for one in (came, went))
    moments = {"superseded" if status == "Superseded" else "removed": went}
    record = Publication(
        "ubuntu", "x", "1", "xenial", "Release", "main", status, came, link="", **moments
    )
    for day in (*days, *others):
        assert record.was_in_archive(date.fromisoformat(day)) is (day in days)


def test_a_kept_answer_is_used_for_a_day_without_asking(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    asked(client, tmp_path)
    grow_old(tmp_path, 23)
    standin.requests.clear()
    assert asked(client, tmp_path)["hello-sru", "xenial"].version == "1.0-1ubuntu0.1"
    assert {one.version for one in asked(client, tmp_path, as_of=date(2010, 1, 1)).values()} == {""}
    assert standin.requests == []
    for hours in (25, -1):  # too old, and of the future
        grow_old(tmp_path, hours)
        standin.requests.clear()
        asked(client, tmp_path)
        assert standin.requests
    standin.requests.clear()
    asked(client, tmp_path, fresh=True)
    assert standin.requests


def test_without_launchpad_old_answers_are_used_with_their_day(
    make_client: MakeClient, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(make_client(), tmp_path)
    day = grow_old(tmp_path, 72)
    standin.stop()
    notes: list[str] = []
    archive = asked(make_client(), tmp_path, note=notes.append)
    assert archive["hello-sru", "xenial"].version == "1.0-1ubuntu0.1"
    assert archive["hello-sru", "xenial"].confirmed.endswith(day)
    (note,) = [one for one in notes if "which counts" not in one]
    assert "the connection is refused" in note
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    assert asked(None, tmp_path) == archive
    with pytest.raises(RemoteError, match="the connection is refused"):
        asked(make_client(), tmp_path, fresh=True)
    # Records of one server are not taken for those of another.
    monkeypatch.delenv("BACKPORT_LAUNCHPAD_ROOT")
    assert asked(None, tmp_path)["hello-sru", "xenial"] == Published("1.0-1", "the specification")


def test_a_refusal_concerns_its_own_question_only(
    client: LaunchpadlibClient, world: World, tmp_path: Path
) -> None:
    del world.entries["/ubuntu/xenial"]
    notes: list[str] = []
    archive = asked(client, tmp_path, note=notes.append)
    assert archive["hello-sru", "xenial"] == Published("1.0-1", "the specification")
    assert archive["hello-sru", "zesty"].confirmed
    refused, stands = notes
    assert "the publications of hello-sru in ubuntu xenial" in refused
    assert "does not know it (404)" in refused
    assert stands.startswith("for 1 of 3 pairs")


def test_after_one_failure_no_more_is_asked_and_the_recipe_stands_with_one_note(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    standin.faults.add(Fault("status", on="xenial.*getPublished", status=503, times=-1))
    notes: list[str] = []
    assert asked(client, tmp_path, note=notes.append) == {
        ("hello-sru", "xenial"): Published("1.0-1", "the specification"),
        ("hello-sru", "zesty"): Published("1.2-1", "the specification"),
    }
    assert not any("zesty" in request for request in standin.requests)
    broken, stands = notes
    assert "answered 503" in broken
    assert stands.startswith("for 3 of 3 pairs")


RECORD = '{"asked_at": "2026-11-23T12:00:00+00:00", "publications": [{"version": "0"}]}'


@pytest.mark.parametrize(
    "text",
    [
        *("{", '{"format": 3, "answers": []}', '{"format": 9, "answers": {}}'),
        '{"format": 3, "answers": {"x": {"asked_at": "soon", "publications": []}}}',
        f'{{"format": 3, "answers": {{"x": {RECORD}}}}}',
    ],
)
def test_a_damaged_file_counts_as_none(
    client: LaunchpadlibClient, tmp_path: Path, text: str
) -> None:
    (tmp_path / FILE).write_text(text)
    assert asked(client, tmp_path)["hello-sru", "zesty"].confirmed
    assert json.loads((tmp_path / FILE).read_text())["format"] == 3
