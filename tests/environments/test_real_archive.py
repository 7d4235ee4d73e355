"""A base that is really made: from an archive that looks like Ubuntu's, with real packages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from debian.deb822 import Packages

from backport.build import sbuild
from backport.check import lifecycle
from backport.engine.outputs import DEPENDENCIES as FILE
from backport.engine.step import Step, StepId
from backport.engine.store import Store
from backport.engine.verdict import Passed
from backport.environments.base import Dependencies, PreparedBase
from backport.environments.ubuntu import Ubuntu
from backport.recipe.model import Recipe
from backport.run.actions import Actions, Options
from tests.build.packages import make_source
from tests.check.lifecycles import make_package
from tests.environments import real
from tests.environments.packages import export
from tests.environments.ubuntu_archive import SERIES, UbuntuArchive, seen_at
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec

UNIVERSE = ("bc_", "libnss-myhostname_", "libfakeroot_")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Everybody may walk there: the build user has to.
    with TemporaryDirectory(prefix="archive-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def archive(home: Path, key_home: Path) -> UbuntuArchive:
    made = UbuntuArchive(home / "archive", key_home)
    pool = real.without_compiler(home / "own", "bc")
    debs = {deb for group in pool.groups.values() for deb in group}
    for deb in sorted(debs):
        pocket = "-security" if deb.name.startswith("libc6_") else ""
        made.add(deb, pocket, "universe" if deb.name.startswith(UNIVERSE) else "main")
    made.make("greeting", "1.0", component="universe")
    made.make("greeting", "1.1", pocket="-updates", component="universe")
    # What the update is an update of.
    made.make("own", "1.0", Depends="bc")
    made.make("own", "1.1", pocket="-updates", Depends="bc")
    made.make("own-broken", "1.0", Depends="not-there")
    # What it makes for other series only: here it is the archive's.
    made.make("theirs", "3.0")
    made.sign()
    return made


OWN = frozenset({"own", "own-broken", "fresh"})
DEPENDENCIES = Dependencies(
    ("bc", "fakeroot", "own (>= 2)", "theirs (>= 3)"),
    ("greeting",),
    OWN | {"theirs"},
    {"xenial": OWN},
)


@dataclass(frozen=True)
class Made:
    """A base that was made while the archive answered, and the recipe that it is for."""

    recipe: Recipe
    base: Ubuntu
    prepared: PreparedBase


@pytest.fixture(scope="module")
def made(home: Path, archive: UbuntuArchive, key_home: Path) -> Made:
    spec = Spec((SourceSpec("alpha", series=(SERIES,)),), series=(SERIES,))
    base = Ubuntu(export(key_home))
    with archive.served() as uri:
        content = recipes.data(spec)
        content["series"][SERIES]["mirror"] = seen_at(uri).mirror
        recipe = recipes.load(home / "recipe", spec, content)
        series = recipe.one_series(SERIES)
        return Made(
            recipe, base, base.prepare(series, DEPENDENCIES, home / "bases", home / "cache")
        )


def versions(repository: Path) -> dict[str, str]:
    index = (repository / "Packages").read_text()
    return {
        part["Package"]: part["Version"]
        for part in Packages.iter_paragraphs(index, use_apt_pkg=False)
    }


def assert_only_local_sources(root: Path) -> None:
    lines = (root / "etc/apt/sources.list").read_text().splitlines()
    assert [line.split()[2].partition(":")[0] for line in lines] == ["file"]
    assert list((root / "etc/apt/sources.list.d").iterdir()) == []


def test_a_package_is_built_on_the_series_own_archive(home: Path, made: Made) -> None:
    prepared, series = made.prepared, made.recipe.one_series(SERIES)
    assert (prepared.kind, prepared.suite) == ("ubuntu", "Ubuntu 16.04 xenial")
    found = versions(prepared.repository)
    assert not {"own", "own-broken"} & found.keys()
    assert found["theirs"] == "3.0"
    assert found["greeting"] == "1.1"
    assert {"bc", "build-essential", "libc6", "systemd"} <= found.keys()
    root = prepared.testbed_root
    assert (root / "usr/sbin/cron").is_file()
    assert (root / "sbin/init").exists()
    assert_only_local_sources(root)

    dsc = make_source(home, build_depends="fakeroot, bc", commands='test "$$(echo 1+1 | bc)" = 2')
    result = sbuild.build(
        dsc,
        chroot=prepared.chroot,
        repositories=[prepared.repository],
        out=home / "built",
        series=SERIES,
    )
    assert result.verdict == Passed("1 packages"), (home / "built" / sbuild.LOG).read_text()

    # The archive is gone by now: what is there is used, and stays as it is.
    before = {path: path.stat().st_mtime_ns for path in (prepared.chroot, prepared.testbed_root)}
    assert made.base.prepare(series, DEPENDENCIES, home / "bases", home / "cache") == prepared
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_upgrade_starts_from_what_the_archive_has_of_the_update(home: Path, made: Made) -> None:
    assert made.prepared.older is not None
    # One that nobody can install is not what anybody has.
    assert versions(made.prepared.older) == {"own": "1.1"}
    dependencies, base = StepId("dependencies"), StepId("base", SERIES)
    build = StepId("build", SERIES, "alpha")
    needs = {step: home / str(step) for step in (dependencies, base, build)}
    for path in (*needs.values(), home / "out", home / "scratch"):
        path.mkdir(parents=True)
    (needs[dependencies] / FILE).write_text(json.dumps(asdict(DEPENDENCIES), default=sorted))
    actions = Actions(made.recipe, Store(home), made.base, Options(home / "cache", offline=True))
    actions.prepare_base(Step(base), needs[base], needs)
    make_package(needs[build], "own", "2.0", {"depends": "bc"})
    make_package(needs[build], "fresh", "1.0", {})

    step = Step(StepId("check", SERIES, test="lifecycle"), tuple(needs))
    found = lifecycle.check(made.recipe, step, needs, home / "out", home / "scratch")

    told = [(one.rule, one.place) for one in found if one.rule != "purge-leaves-files"]
    assert told == [("no-older-version", "fresh")]
    log = (home / "out" / lifecycle.LOG).read_text()
    assert "own (1.1)" in log
    assert "over (1.1)" in log
