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
from backport.recipe.model import BasePin, Change, Published, Source
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
    changes=(Change("Change it."),),
    base=BasePin("1.0-1", "a_1.0-1.dsc", "0" * 64, url="https://example.org/"),
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
    relied={"xenial": Published("0.9-1", "a record")},
    made=MADE,
    steps={BUILD: "passed", StepId("test", "xenial", "a", test="says"): "passed"},
)


TAKEN = Published(UPDATE, "a record")


def record(version: str, *, series: str = "xenial", status: str = "Published") -> Publication:
    files = tuple(SourceFile(name, 1, digest, "x") for name, digest in HASHES.items())
    return Publication(
        "ubuntu", "a", version, series, "Release", "main", status, "", "link", files=files
    )


@pytest.mark.parametrize(
    ("change", "check", "exit_code", "said"),
    [
        ({"source": replace(SOURCE, base=None)}, "base", 3, "for testing only"),
        ({"relied": {"zesty": Published("1.0-1")}}, "archive", 3, "zesty: 1.0-1"),
        ({"relied": {"zesty": None}}, "archive", 3, "zesty: unknown"),
        ({"in_recipe": Published("0.8-1", "x")}, "archive", 3, "the recipe says 0.8-1"),
        ({"in_recipe": None}, "archive", 3, "the recipe says none"),
        ({"records": (record("1.0-2"),)}, "version", 3, "the PPA has 1.0-2 in xenial"),
        ({"archive": TAKEN, "in_recipe": TAKEN}, "version", 3, f"the archive has {UPDATE}"),
        ({"key_trouble": "has expired"}, "key", 5, "has expired"),
        ({"made": replace(MADE, differing=("debian/rules",))}, "content", 4, "debian/rules"),
    ],
)
def test_a_check_that_does_not_hold_refuses_the_item(
    change: dict[str, object], check: str, exit_code: int, said: str
) -> None:
    item = item_of(replace(CANDIDATE, **change))  # type: ignore[arg-type]

    assert (item.action, item.exit_code) == ("refused", exit_code)
    (bad,) = [one for one in item.checks if not one.holds]
    assert bad.name == check
    assert said in bad.detail


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"records": (record("1.0-2", series="zesty"),)},
        {"records": (record("1.0-2", status="Deleted"),)},
        {"known": (("a_1.0.orig.tar.gz", "1" * 64, "the PPA"),)},
        {"known": (("b_1.0.orig.tar.gz", "9" * 64, "the PPA"),)},
        {"in_recipe": None, "archive": Published("1.0-1", "a record")},
        {"archive": Published("", "a record"), "in_recipe": None},
        {"steps": {BUILD: "never run"}, "forced": "a reason"},
    ],
)
def test_good_facts_and_what_only_looks_bad_do_not_refuse_it(change: dict[str, object]) -> None:
    assert item_of(replace(CANDIDATE, **change)).action == "upload"  # type: ignore[arg-type]


def test_what_is_there_with_our_content_needs_nothing_and_with_other_content_is_refused() -> None:
    assert item_of(replace(CANDIDATE, records=(record(VERSION),))).action == "is there"
    other = replace(record(VERSION), files=(SourceFile("a_1.0.orig.tar.gz", 1, "8" * 64, "x"),))

    assert item_of(replace(CANDIDATE, records=(other,))).action == "refused"


@pytest.mark.parametrize(
    ("state", "action"), [("broken", "go on"), ("sent", "go on"), ("rejected", "upload")]
)
def test_an_earlier_call_is_gone_on_with(state: str, action: str) -> None:
    earlier = upload_record("a", VERSION, state=state)

    assert item_of(replace(CANDIDATE, earlier=earlier)).action == action


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
