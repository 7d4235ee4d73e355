from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from backport.environments import base as bases
from backport.environments import standin, systems
from backport.environments.base import Dependencies, Differing
from backport.environments.mirror import Pool
from backport.environments.private_apt import Suite
from backport.environments.standin_modules import BUILD_NEEDS, load_table
from backport.errors import BackportError, InputError, MachineError
from backport.recipe.model import Series
from tests.environments.packages import make_archive
from tests.environments.ubuntu_archive import UbuntuArchive, suites_at

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
[own.shared]
"""


class StandIn:
    """A stand-in of small packages, from which no chroot comes, in a folder of its own."""

    def __init__(self, folder: Path, archive: UbuntuArchive, ring: Path) -> None:
        self.folder, self.archive, self.ring = folder, archive, ring
        self.table = load_table(None)
        archive.make_system()
        archive.make("tool")

    def with_a_module(self) -> None:
        """Give it a module, whose file is in the cache, and a compiler for it."""
        content = {"thing-1.0/setup.py": ""}
        file = make_archive(self.folder / "thing-1.0.tar.gz", content).read_bytes()
        sha256 = hashlib.sha256(file).hexdigest()
        place = self.folder / "cache/sha256" / sha256 / "thing-1.0.tar.gz"
        place.parent.mkdir(parents=True)
        place.write_bytes(file)
        (self.folder / "table.toml").write_text(MODULES.format(sha256=sha256))
        self.table = load_table(self.folder / "table.toml")
        for name in ("shared", *BUILD_NEEDS):
            self.archive.make(name)
        self.archive.make("python2", Multi_Arch="allowed")
        self.archive.make("needs-thing", Depends="python-thing")

    def prepare(self, dependencies: Dependencies) -> BackportError:
        """The error that names the system which was made first, or what was refused before."""
        self.archive.sign()
        place = self.folder
        with self.archive.served() as uri, pytest.raises(BackportError) as caught:
            base = standin.StandIn(self.table, suites=suites_at(uri, self.ring))
            base.prepare(Series("zesty", "17.04"), dependencies, place / "bases", place / "cache")
        return caught.value

    def came(self) -> set[str]:
        """The packages that came to the cache."""
        return {path.name for path in (self.folder / "cache/sha256").glob("*/*")}


@pytest.fixture
def small(tmp_path: Path, archive: UbuntuArchive, ring: Path) -> StandIn:
    return StandIn(tmp_path, archive, ring)


def test_modules_are_built_where_the_table_has_some_and_their_relations_count(
    small: StandIn,
) -> None:
    small.with_a_module()
    # Each system that comes of these packages fails: which one did so first is told.
    assert small.prepare(Dependencies(("needs-thing",))).where == "the throw-away chroot"
    assert {"needs-thing_1.0_all.deb", "shared_1.0_all.deb"} <= small.came()
    left = {path.name.partition("-")[0] for path in (small.folder / "bases/stand-in").iterdir()}
    assert left == {".lock", "pool", "system"}


# beta is made for xenial only: zesty has it already, under another version than the stand-in.
BETA = frozenset({"beta", "beta-dev"})
PARTLY = Dependencies(("tool", "beta-dev"), (), BETA, {"xenial": BETA, "zesty": frozenset()})


def test_what_one_series_has_already_comes_from_the_stand_ins_own_suite(small: StandIn) -> None:
    small.archive.make("beta-dev", Depends="beta")
    small.archive.make("beta")
    small.prepare(PARTLY)
    assert {"beta_1.0_all.deb", "beta-dev_1.0_all.deb"} <= small.came()
    there = tuple(deb(name, "1.0") for name in (*sorted(BETA), "libc6"))
    pool = Pool({"build-dependencies": (deb("tool", "1.0"),), systems.ELSEWHERE: there})
    here, betas = {deb("tool", "1.0"), deb("libc6", "1.0")}, {*there[:2]}
    assert systems.of_series(pool, PARTLY, "xenial") == (here, betas)
    assert systems.of_series(pool, PARTLY, "zesty") == (here | betas, set())


def test_what_a_stand_in_cannot_meet_is_not_to_be_relaxed_where_the_series_has_it(
    small: StandIn,
) -> None:
    error = small.prepare(Dependencies(("tool (>= 2.0)",)))
    assert isinstance(error, InputError)
    assert error.where.startswith("xenial at ")
    assert str(error).endswith(
        "the stand-in, Debian bullseye, cannot meet tool (>= 2.0); name a later Debian release as "
        "its suite, or use the base ubuntu; relax the relation only if the series cannot meet it "
        "either"
    )


def test_without_a_table_it_is_the_plain_release_with_nothing_beside(small: StandIn) -> None:
    # The archive has no compiler and no python2: nothing asks for them.
    assert small.prepare(Dependencies(("tool",))).where == "the build chroot"


def test_debian_comes_with_its_security_from_one_mirror_and_needs_its_keyring(
    tmp_path: Path, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("", "http://mirror.example.org/"):
        monkeypatch.setenv(standin.MIRROR_VARIABLE, variable)
        mirror = variable.rstrip("/") or "http://deb.debian.org"
        assert standin.debian_suites("bullseye", keyring=ring) == (
            Suite(f"{mirror}/debian", "bullseye", ("main",), ring),
            Suite(f"{mirror}/debian-security", "bullseye-security", ("main",), ring),
        )
    with pytest.raises(MachineError, match="apt install debian-archive-keyring"):
        standin.debian_suites("bullseye", keyring=tmp_path / "none.gpg")
