"""The plan from given facts: every check, what becomes of an item, and the order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.engine.step import StepId
from backport.launchpad.archive.publication import Publication, SourceFile
from backport.launchpad.upload.checks import (
    Candidate,
    PlannedUpload,
    UploadPlan,
    as_text,
    blocked,
    item_of,
    order,
)
from backport.launchpad.upload.source import PpaSource
from backport.recipe.model import ChangelogItem, PinnedDsc, Published, Source
from tests.support.recipes import SourceSpec, Spec, load
from tests.support.uploads import upload_record

BUILD = StepId("build", "xenial", "a")
UPDATE = "1.0-1ubuntu0.16.04.1"
VERSION = f"{UPDATE}~ppa1"
HASHES = {"a_1.0.orig.tar.gz": "1" * 64, f"a_{VERSION}.dsc": "2" * 64, "a.debian.tar.xz": "3" * 64}

SOURCE = Source(
    name="a",
    version="1.0",
    debian_version="1.0-1",
    series=("xenial",),
    upstream=None,
    patches=Path(),
    tests=Path(),
    changes=(ChangelogItem("Change it."),),
    pinned=PinnedDsc("1.0-1", "a_1.0-1.dsc", "0" * 64, url="https://example.org/"),
)
MADE = PpaSource("a", "xenial", VERSION, "", HASHES, (), (), ("a",), ())
CANDIDATE = Candidate(
    source=SOURCE,
    series="xenial",
    update=UPDATE,
    version=VERSION,
    needs=(),
    as_of=None,
    series_status="Supported",
    permitted=False,
    asked_by_name=False,
    archive=Published("0.9-1", "a record"),
    in_recipe=Published("0.9-1", "a record"),
    made=MADE,
    steps={BUILD: "passed", StepId("test", "xenial", "a", test="says"): "passed"},
)


TAKEN = Published(UPDATE, "a record")


def record(
    version: str, series: str = "xenial", status: str = "Published", *, others: str = ""
) -> Publication:
    files = tuple(SourceFile(name, others or digest, "x") for name, digest in HASHES.items())
    return Publication(
        "ubuntu", "a", version, series, "Release", "main", status, "", "link", files=files
    )


@pytest.mark.parametrize(
    ("change", "check", "exit_code", "message"),
    [
        ({"source": replace(SOURCE, pinned=None)}, "pinned", 3, "for testing only"),
        ({"in_recipe": Published("0.8-1", "x")}, "archive", 3, "the recipe says 0.8-1"),
        ({"in_recipe": None}, "archive", 3, "the recipe says none"),
        ({"records": (record("1.0-2"),)}, "version", 3, "the PPA has 1.0-2 in xenial"),
        ({"records": (record(VERSION, others="8" * 64),)}, "version", 3, "is not higher"),
        ({"archive": TAKEN, "in_recipe": TAKEN}, "version", 3, f"the archive has {UPDATE}"),
        ({"made": replace(MADE, differing=("debian/rules",))}, "content", 4, "debian/rules"),
    ],
)
def test_a_check_that_does_not_hold_refuses_the_item(
    change: dict[str, object], check: str, exit_code: int, message: str
) -> None:
    item = item_of(replace(CANDIDATE, **change))  # type: ignore[arg-type]

    assert (item.action, item.exit_code) == ("refused", exit_code)
    (bad,) = [one for one in item.checks if not one.holds]
    assert bad.name == check
    assert message in bad.detail


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({}, "upload"),
        ({"records": (record("1.0-2", "zesty"),)}, "upload"),
        ({"records": (record("1.0-2", status="Deleted"),)}, "upload"),
        ({"known": (("a_1.0.orig.tar.gz", "1" * 64, "the PPA"),)}, "upload"),
        ({"known": (("b_1.0.orig.tar.gz", "9" * 64, "the PPA"),)}, "upload"),
        ({"in_recipe": None, "archive": Published("1.0-1", "a record")}, "upload"),
        ({"archive": Published("", "a record"), "in_recipe": None}, "upload"),
        ({"steps": {BUILD: "never run"}, "forced": "a reason"}, "upload"),
        ({"earlier": upload_record("a", VERSION, state="rejected")}, "upload"),
        ({"earlier": upload_record("a", VERSION, state="broken")}, "go on"),
        ({"earlier": upload_record("a", VERSION, state="sent")}, "go on"),
        ({"records": (record(VERSION),)}, "is there"),
    ],
)
def test_what_is_good_or_only_looks_bad_is_sent_gone_on_with_or_there(
    change: dict[str, object], action: str
) -> None:
    assert item_of(replace(CANDIDATE, **change)).action == action  # type: ignore[arg-type]


def test_what_needs_a_refused_one_is_refused_too() -> None:
    first = item_of(replace(CANDIDATE, account_trouble="no"))
    second = PlannedUpload("b", "xenial", VERSION, "upload", ("xenial/a",), ())

    result = blocked((first, second))

    assert [one.action for one in result] == ["refused", "refused"]
    assert result[1].reason == "it needs xenial/a, which cannot be uploaded"
    plan = UploadPlan("ppa:me/it", "ftp://x", "me", "KEY", "ubuntu", result)
    assert plan.exit_code == 6
    assert "NO  account: no" in as_text(plan)


def test_the_order_is_by_need_and_series(tmp_path: Path) -> None:
    recipe = load(
        tmp_path, Spec(sources=(SourceSpec("beta", needs=("alpha",)), SourceSpec("alpha")))
    )

    pairs = order(recipe, ("yakkety", "xenial"), ("alpha", "beta"))

    assert pairs == [
        ("alpha", "yakkety"), ("alpha", "xenial"), ("beta", "yakkety"), ("beta", "xenial"),
    ]  # fmt: skip
