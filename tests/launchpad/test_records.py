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
from backport.launchpad.archive.publications import FILE, archive_versions
from backport.recipe import versions
from backport.recipe.model import BasePin, Change, Published, Recipe, Retired, Series, Source
from backport.recipe.versions import ArchiveVersions
from backport.source.files import sha256_of
from tests.support.launchpad_server import Entry, Fault, StandIn, World

MakeClient = Callable[..., LaunchpadlibClient]


def recipe(root: Path) -> Recipe:
    series = (
        Series("xenial", "16.04", archive={"hello-sru": Published("1.0-1", note="guessed")}),
        Series("zesty", "17.04", archive={"hello-sru": Published("1.2-1")}),
    )
    source = Source(
        name="hello-sru",
        version="1.2",
        debian_version="1.2-1",
        series=("xenial",),
        upstream=None,
        patches=root,
        tests=root,
        changes=(Change("A change."),),
        base=BasePin("1.2-1", "hello-sru_1.2-1.dsc", "0" * 64, url="http://x/"),
    )
    old = Retired("hello-sru-data", ("zesty",), "untouched", (), "nothing changes")
    return Recipe(
        path=root / "backport.toml",
        root=root,
        name="hello",
        bug=1,
        maintainer="A <a@example.org>",
        date="",
        ppa="",
        series=series,
        sources=(source,),
        retired=(old,),
    )


def asked(
    client: LaunchpadlibClient | None,
    folder: Path,
    *,
    note: Callable[[str], None] = lambda _: None,
    work: Path | None = None,
    as_of: date | None = None,
) -> ArchiveVersions:
    """What each series has, with the cache in the folder."""
    update = replace(recipe(folder), as_of=as_of)
    return archive_versions(update, client, folder, note=note, work=work)


def grow_old(folder: Path, hours: float) -> str:
    """Let the kept answers be so many hours older; "asked", and the day."""
    path, moment = folder / FILE, datetime.now(UTC) - timedelta(hours=hours)
    data = json.loads(path.read_text())
    for answers in data["roots"].values():
        for answer in answers.values():
            answer["asked_at"] = moment.isoformat()
    path.write_text(json.dumps(data))
    return f"asked {moment:%Y-%m-%d}"


@pytest.fixture
def xenial(world: World) -> list[Entry]:
    """What xenial has of hello-sru."""
    every = world.all("source_package_publishing_history")
    return [one for one in every if one.values["distro_series_link"] == "/ubuntu/xenial"]


def test_the_records_confirm_the_versions_with_their_date(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    notes: list[str] = []
    found = asked(client, tmp_path, note=notes.append)
    confirmed = f"{standin.root} publication record, asked {datetime.now(UTC):%Y-%m-%d}"
    assert found == {
        ("hello-sru", "xenial"): Published("1.0-1ubuntu0.1", confirmed, "in Updates"),
        ("hello-sru", "zesty"): Published("1.2-1", confirmed, "in Release"),
        ("hello-sru-data", "zesty"): Published("9-1", confirmed, "in Release"),
    }
    (note,) = notes
    assert "the recipe says 1.0-1" in note
    assert "1.0-1ubuntu0.1, which counts" in note


def test_a_series_that_lacks_the_source_is_confirmed_as_empty(
    client: LaunchpadlibClient, xenial: list[Entry], tmp_path: Path
) -> None:
    for entry in xenial:
        entry.values["status"] = "Deleted"
    found = asked(client, tmp_path)
    assert found["hello-sru", "xenial"].version == ""
    assert found["hello-sru", "xenial"].confirmed


@pytest.mark.parametrize(
    ("pocket", "counts"), [("Proposed", True), ("Security", True), ("Backports", False)]
)
def test_the_highest_version_of_the_pockets_that_an_upload_must_exceed_counts(
    client: LaunchpadlibClient, world: World, tmp_path: Path, pocket: str, counts: bool
) -> None:
    world.publish("xenial", "hello-sru", "1.10-1", pocket=pocket)
    found = asked(client, tmp_path)
    seen = found["hello-sru", "xenial"]
    assert (seen.version == "1.10-1") is counts
    assert (f"in {pocket}" in seen.note) is counts


@pytest.mark.parametrize("status", ["Published", "Superseded", "Deleted"])
def test_every_version_that_any_pocket_had_is_seen(
    client: LaunchpadlibClient, world: World, tmp_path: Path, status: str
) -> None:
    world.publish("xenial", "hello-sru", "1.2-1~ubuntu16.04.3", pocket="Backports", status=status)
    found = asked(client, tmp_path)
    assert set(found["hello-sru", "xenial"].seen) == {
        "1.0-1",
        "1.0-1ubuntu0.1",
        "1.2-1~ubuntu16.04.3",
    }


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
    found = asked(client, tmp_path)
    assert ("1.2-1~ubuntu16.04.1" in found["hello-sru", "xenial"].seen) is taken
    (row, _) = versions.table(recipe(tmp_path), found)
    assert row.ours == ("1.2-1~ubuntu16.04.2" if taken else "1.2-1~ubuntu16.04.1")
    # Today's queue says nothing of a day in the past.
    found = asked(client, tmp_path, as_of=date(2017, 6, 1))
    assert found["hello-sru", "xenial"].seen == ("1.0-1ubuntu0.1", "1.0-1")


@pytest.mark.parametrize(("content", "ours"), [(b"the same", True), (b"another", False)])
def test_an_upload_is_ours_by_its_files_and_not_by_its_version(
    client: LaunchpadlibClient, world: World, tmp_path: Path, content: bytes, ours: bool
) -> None:
    version = "1.2-1~ubuntu16.04.1"
    own = tmp_path / "work" / "source" / "xenial" / "hello-sru"
    own.mkdir(parents=True)
    packed = f"hello-sru_{version}.debian.tar.xz"
    (own / packed).write_bytes(b"the same")
    (own / f"hello-sru_{version}.dsc").write_text(
        f"Format: 3.0 (quilt)\nSource: hello-sru\nVersion: {version}\n"
        f"Checksums-Sha256:\n {sha256_of(own / packed)} 8 {packed}\n"
        f"Files:\n {'0' * 32} 8 {packed}\n"
    )
    # A sponsor has signed the .dsc.
    files = {packed: content, f"hello-sru_{version}.dsc": b"signed"}
    world.publish("xenial", "hello-sru", version, pocket="Proposed", files=files)
    found = asked(client, tmp_path, work=tmp_path / "work")
    (row, _) = versions.table(recipe(tmp_path), found)
    assert (row.published, row.ours) == (ours, version if ours else "1.2-1~ubuntu16.04.2")
    # Nothing of ours is there to compare it with.
    (row, _) = versions.table(recipe(tmp_path), asked(client, tmp_path))
    assert not row.published


def history(world: World, xenial: list[Entry]) -> None:
    """What xenial had of hello-sru over the years, as records of every status."""
    for entry in xenial:
        del world.entries[entry.path]

    def publish(version: str, place: str, came: str, went: str = "") -> None:
        pocket, status = place.split()
        world.publish(
            "xenial",
            "hello-sru",
            version,
            pocket=pocket,
            status=status,
            date=f"{came}T10:00:00.000000+00:00",
            superseded=f"{went}T09:00:00.000000+00:00" if went else None,
            removed=f"{went}T23:00:00.000000+00:00" if went else None,
        )

    publish("1.0-1", "Release Published", "2016-04-01")
    publish("1.0-1ubuntu0.1", "Updates Superseded", "2016-10-01", "2017-06-01")
    publish("1.5-1", "Proposed Deleted", "2017-01-10", "2017-01-20")
    publish("0.27-1~ubuntu16.04.1", "Updates Superseded", "2017-06-01", "2019-01-01")
    publish("2.0-1", "Updates Published", "2019-01-01")


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2016-03-31", ("", "")),
        ("2016-04-01", ("1.0-1", "in Release")),
        ("2016-10-01", ("1.0-1ubuntu0.1", "in Updates")),
        ("2017-01-15", ("1.5-1", "in Proposed")),
        ("2017-02-15", ("1.0-1ubuntu0.1", "in Updates")),
        ("2019-01-01", ("2.0-1", "in Updates")),
        (None, ("2.0-1", "in Updates")),
    ],
)
def test_as_of_a_day_only_what_was_in_the_archive_on_that_day_counts(
    *,
    client: LaunchpadlibClient,
    world: World,
    xenial: list[Entry],
    tmp_path: Path,
    day: str | None,
    expected: tuple[str, str],
) -> None:
    history(world, xenial)
    as_of = date.fromisoformat(day) if day else None
    found = asked(client, tmp_path, as_of=as_of)
    seen = found["hello-sru", "xenial"]
    assert (seen.version, seen.note) == expected
    said = f" as of {day}" if day else ""
    assert f"publication record{said}, asked " in seen.confirmed


def test_what_a_series_had_when_it_ended_counts_as_of_any_later_day(
    client: LaunchpadlibClient, world: World, tmp_path: Path
) -> None:
    for entry in world.all("source_package_publishing_history"):
        if entry.values["status"] == "Obsolete":
            entry.values["date_removed"] = "2018-01-13T00:00:00.000000+00:00"
    found = asked(client, tmp_path, as_of=date(2020, 1, 1))
    assert found["hello-sru", "zesty"].version == "1.2-1"


def test_a_superseded_version_of_unknown_end_counts_as_of_a_later_day(
    client: LaunchpadlibClient, world: World, tmp_path: Path
) -> None:
    world.publish("xenial", "hello-sru", "1.9-1", status="Superseded")
    found = asked(client, tmp_path, as_of=date(2017, 2, 15))
    assert found["hello-sru", "xenial"].version == "1.9-1"


def test_a_day_is_that_of_utc_wherever_the_record_was_written() -> None:
    moment = "2017-02-16T01:00:00+02:00"
    one = Publication("ubuntu", "x", "1", "xenial", "Release", "main", "Published", moment, "")
    assert one.was_in_archive(date(2017, 2, 15))
    assert not one.was_in_archive(date(2017, 2, 14))


def test_a_kept_answer_is_used_for_a_day_without_asking(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    first = asked(client, tmp_path)
    grow_old(tmp_path, 23)
    standin.requests.clear()
    assert {pair: one.version for pair, one in asked(client, tmp_path).items()} == {
        pair: one.version for pair, one in first.items()
    }
    assert {one.version for one in asked(client, tmp_path, as_of=date(2010, 1, 1)).values()} == {""}
    assert standin.requests == []
    for hours in (25, -1):  # too old, and of the future
        grow_old(tmp_path, hours)
        standin.requests.clear()
        asked(client, tmp_path)
        assert standin.requests
    standin.requests.clear()
    archive_versions(recipe(tmp_path), client, tmp_path, fresh=True)
    assert standin.requests


def test_without_launchpad_old_answers_are_used_with_their_day(
    make_client: MakeClient, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(make_client(), tmp_path)
    day = grow_old(tmp_path, 72)
    standin.stop()
    notes: list[str] = []
    found = asked(make_client(), tmp_path, note=notes.append)
    assert found["hello-sru", "xenial"].version == "1.0-1ubuntu0.1"
    assert found["hello-sru", "xenial"].confirmed.endswith(day)
    (note,) = [one for one in notes if "which counts" not in one]
    assert "the connection is refused" in note
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    assert asked(None, tmp_path) == found
    with pytest.raises(RemoteError, match="the connection is refused"):
        archive_versions(recipe(tmp_path), make_client(), tmp_path, fresh=True)
    # Records of one server are not taken for those of another.
    monkeypatch.delenv("BACKPORT_LAUNCHPAD_ROOT")
    assert asked(None, tmp_path)["hello-sru", "xenial"] == Published("1.0-1", note="guessed")


def test_when_nobody_answers_the_recipe_stands_with_one_note(
    make_client: MakeClient, tmp_path: Path
) -> None:
    with StandIn(World()) as gone:
        pass
    notes: list[str] = []
    found = asked(make_client(root=gone.root), tmp_path, note=notes.append)
    assert found == {
        ("hello-sru", "xenial"): Published("1.0-1", note="guessed"),
        ("hello-sru", "zesty"): Published("1.2-1"),
    }
    refused, stands = notes
    assert "the connection is refused" in refused
    assert stands.startswith("for 3 of 3 pairs")


def test_a_refusal_concerns_its_own_question_only(
    client: LaunchpadlibClient, world: World, tmp_path: Path
) -> None:
    del world.entries["/ubuntu/xenial"]
    notes: list[str] = []
    found = asked(client, tmp_path, note=notes.append)
    assert found["hello-sru", "xenial"] == Published("1.0-1", note="guessed")
    assert found["hello-sru", "zesty"].confirmed
    refused, stands = notes
    assert "the publications of hello-sru in ubuntu xenial" in refused
    assert "does not know it (404)" in refused
    assert stands.startswith("for 1 of 3 pairs")


def test_after_one_failure_no_more_is_asked(
    client: LaunchpadlibClient, standin: StandIn, tmp_path: Path
) -> None:
    standin.faults.add(Fault("status", on="xenial.*getPublished", status=503, times=-1))
    found = asked(client, tmp_path)
    assert found["hello-sru", "zesty"] == Published("1.2-1")
    assert not any("zesty" in request for request in standin.requests)


RECORD = '{"asked_at": "2026-11-23T12:00:00+00:00", "publications": [{"version": "0"}]}'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"format": 2, "roots": []}', '{"format": 9}'),
        '{"format": 2, "roots": {"x": {"y": {"asked_at": "soon", "publications": []}}}}',
        f'{{"format": 2, "roots": {{"x": {{"y": {RECORD}}}}}}}',
    ],
)
def test_a_damaged_file_counts_as_none(
    client: LaunchpadlibClient, tmp_path: Path, text: str
) -> None:
    (tmp_path / FILE).write_text(text)
    assert asked(client, tmp_path)["hello-sru", "zesty"].confirmed
    assert json.loads((tmp_path / FILE).read_text())["format"] == 2
