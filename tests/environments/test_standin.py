from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.environments import base as bases
from backport.environments import standin
from backport.environments.base import Dependencies, Differing
from backport.environments.machine_sources import Suite
from backport.environments.mirror import Pool
from backport.environments.standin_modules import BUILD_NEEDS, load_table
from backport.errors import BackportError, StepError
from backport.recipe.model import Series
from tests.environments.packages import keyring, make_sdist
from tests.environments.ubuntu_archive import UbuntuArchive

TABLE = load_table(Path(__file__).parents[2] / "patches" / "standin.toml")


@pytest.mark.parametrize(
    ("version", "part"),
    [
        ("1.2.3-1ubuntu0.2", "1.2.3"),
        ("1:2.3.0-1~standin1", "2.3.0"),
        ("2014.10~dfsg1-0ubuntu2", "2014.10"),
        ("9.20160115ubuntu3", "9.20160115ubuntu3"),
        ("", ""),
    ],
)
def test_the_upstream_part_of_a_version(version: str, part: str) -> None:
    assert standin.upstream(version) == part


def deb(name: str, version: str) -> Path:
    return Path(f"{name}_{version}_all.deb")


def test_the_report_has_what_differs_and_what_is_not_known() -> None:
    debs = {
        deb("python-requests", "2.9.1-1~standin1"),
        deb("python-openssl", "16.2.0-1~standin1"),
        deb("python-six", "1.16.0-2"),
        deb("libc6", "2.31-13"),
    }
    assert standin.differing(TABLE, "xenial", debs) == (
        Differing("python-openssl", "0.15.1-2build1", "16.2.0-1~standin1"),
        Differing("python-six", "1.10.0-3", "1.16.0-2"),
    )
    assert standin.differing(TABLE, "yakkety", debs) == (
        Differing("python-openssl", "", "16.2.0-1~standin1"),
        Differing("python-requests", "", "2.9.1-1~standin1"),
        Differing("python-six", "", "1.16.0-2"),
    )


@pytest.mark.parametrize(
    "relation",
    [
        "python-acme",
        "python-acme (>= 0.10.2~)",
        "python-acme:any",
        "python-acme [amd64]",
        "other | python-acme (>= 1)",
    ],
)
def test_the_base_need_not_have_what_the_recipe_builds(relation: str) -> None:
    own = frozenset({"python-acme"})
    assert bases.not_own(["python-acme-doc", relation], own) == ["python-acme-doc"]


package = st.from_regex(r"[a-z][a-z0-9.+-]{1,10}", fullmatch=True)


@given(st.lists(package), st.frozensets(package))
def test_every_relation_is_either_the_bases_or_the_recipes(
    relations: list[str], own: frozenset[str]
) -> None:
    kept = bases.not_own(relations, own)
    assert [relation for relation in relations if relation not in kept] == [
        relation for relation in relations if relation in own
    ]


def test_the_key_tells_what_the_series_has() -> None:
    base = standin.StandIn(TABLE)
    xenial, yakkety, zesty = (
        base.inputs(Series(name, "1")) for name in ("xenial", "yakkety", "zesty")
    )
    assert xenial == yakkety
    assert xenial != zesty


MODULES = """\
mark = "m1"
suite = "xenial"
[module.python-thing]
project = "thing"
version = "1.0"
file = "thing-1.0.tar.gz"
sha256 = "{sha256}"
architecture = "all"
"""


@pytest.mark.parametrize(
    ("wanted", "first", "others"),
    [
        ("tool (>= 1.0)", "the build chroot", set()),
        ("tool | python-thing", "the build chroot", set()),
        ("python-thing (>= 1.0)", "the throw-away chroot", {"shared_1.0_all.deb"}),
        ("needs-thing", "the throw-away chroot", {"needs-thing_1.0_all.deb"}),
    ],
)
def test_modules_are_built_only_where_one_is_needed(
    tmp_path: Path, key_home: Path, wanted: str, first: str, others: set[str]
) -> None:
    archive = UbuntuArchive(tmp_path / "archive", key_home)
    archive.make_system()
    for name in ("tool", "shared", *BUILD_NEEDS):
        archive.make(name)
    archive.make("python2", Multi_Arch="allowed")
    archive.make("needs-thing", Depends="python-thing")
    archive.sign()
    sdist = make_sdist(tmp_path / "thing-1.0.tar.gz", {"thing-1.0/setup.py": ""}).read_bytes()
    sha256 = hashlib.sha256(sdist).hexdigest()
    place = tmp_path / "cache/sha256" / sha256 / "thing-1.0.tar.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(sdist)
    table = tmp_path / "table.toml"
    table.write_text(MODULES.format(sha256=sha256) + "[own.shared]\n")
    with archive.served() as uri:
        suites = [Suite(uri, "xenial", ("main", "universe"), keyring(key_home))]
        base = standin.StandIn(load_table(table), suites=suites)
        # No chroot comes of these empty packages: the error names the one that was made first.
        with pytest.raises(StepError) as caught:
            base.prepare(
                Series("xenial", "16.04"),
                Dependencies((wanted,)),
                tmp_path / "bases",
                tmp_path / "cache",
            )
    assert caught.value.where == first
    came = {path.name for path in (tmp_path / "cache/sha256").glob("*/*")}
    assert came >= others
    assert ("shared_1.0_all.deb" in came) == bool(others)
    assert {path.name.partition("-")[0] for path in (tmp_path / "bases/stand-in").iterdir()} == {
        ".lock",
        ".system.states",
        "pool",
        "system",
    }


# beta is made for xenial only: zesty has it already, under another version than the stand-in.
BETA = frozenset({"beta", "beta-dev"})
PARTLY = Dependencies(("tool", "beta-dev"), (), BETA, {"xenial": BETA, "zesty": frozenset()})


def prepared(root: Path, key_home: Path, dependencies: Dependencies) -> str:
    """How the preparation ends: no chroot comes of these empty packages."""
    archive = UbuntuArchive(root / "archive", key_home)
    archive.make_system()
    archive.make("tool")
    archive.make("beta-dev", Depends="beta")
    archive.make("beta")
    archive.sign()
    with archive.served() as uri, pytest.raises(BackportError) as caught:
        standin.StandIn(
            suites=[Suite(uri, "xenial", ("main", "universe"), keyring(key_home))]
        ).prepare(Series("zesty", "17.04"), dependencies, root / "bases", root / "cache")
    return f"{type(caught.value).__name__}: {caught.value}"


def test_what_one_series_has_already_comes_from_the_stand_ins_own_suite(
    tmp_path: Path, key_home: Path
) -> None:
    prepared(tmp_path, key_home, PARTLY)
    came = {path.name for path in (tmp_path / "cache/sha256").glob("*/*")}
    assert {"beta_1.0_all.deb", "beta-dev_1.0_all.deb"} <= came
    there = tuple(deb(name, "1.0") for name in (*sorted(BETA), "libc6"))
    pool = Pool({"build-dependencies": (deb("tool", "1.0"),), standin.ELSEWHERE: there}, BETA)
    here = {deb("tool", "1.0"), deb("libc6", "1.0")}
    assert standin.of_series(pool, PARTLY, "xenial") == here
    assert standin.of_series(pool, PARTLY, "zesty") == {*there, deb("tool", "1.0")}


def test_what_a_stand_in_cannot_meet_is_not_to_be_relaxed_where_the_series_has_it(
    tmp_path: Path, key_home: Path
) -> None:
    said = prepared(tmp_path, key_home, Dependencies(("tool (>= 2.0)",)))
    assert said.startswith("InputError: xenial at ")
    assert said.endswith(
        "the stand-in, Debian bullseye, cannot meet tool (>= 2.0); name a later Debian release as "
        "its suite, or use the base ubuntu; relax the relation only if the series cannot meet it "
        "either"
    )


def test_without_a_table_it_is_the_plain_release_with_nothing_beside(
    tmp_path: Path, key_home: Path
) -> None:
    archive = UbuntuArchive(tmp_path / "archive", key_home)
    archive.make_system()
    archive.make("tool")
    archive.sign()
    with archive.served() as uri:
        suites = [Suite(uri, "xenial", ("main", "universe"), keyring(key_home))]
        base = standin.StandIn(suites=suites)
        # The archive has no compiler and no python2: nothing asks for them.
        with pytest.raises(StepError) as caught:
            base.prepare(
                Series("xenial", "16.04"),
                Dependencies(("tool",)),
                tmp_path / "bases",
                tmp_path / "cache",
            )
    assert caught.value.where == "the build chroot"
    assert base.table == load_table(None)
