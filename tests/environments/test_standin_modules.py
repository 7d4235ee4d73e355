from __future__ import annotations

import re
from pathlib import Path

import pytest
from debian.deb822 import Deb822, PkgRelation
from debian.debian_support import version_compare

from backport.environments import standin_modules
from backport.environments.standin import upstream
from backport.errors import RecipeError

ROOT = Path(__file__).parents[2]
TABLE = standin_modules.load_table(ROOT / "patches" / "standin.toml")
MODULES = TABLE.everything
THERE = (
    {one.package for one in MODULES} | {dummy.package for dummy in TABLE.dummies} | TABLE.own.keys()
)

# What the modules need beside each other and python2: packages of bullseye itself.
OF_BULLSEYE = {"augeas-lenses", "ca-certificates", "debhelper", "dialog", "libaugeas0"} | {
    "python2",
    "python2-minimal",
    "sphinx-common",
}


def names(relations: tuple[str, ...]) -> list[str]:
    return [
        one["name"]
        for relation in relations
        for group in PkgRelation.parse_relations(relation)
        for one in group
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.package)
def test_every_module_is_pinned_and_fits_python_2(module: standin_modules.Module) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", module.sha256)
    assert f"-{module.version}" in module.file
    assert module.architecture in ("all", "any")
    if module.is_wheel:
        python, abi, platform = module.file.removesuffix(".whl").split("-")[-3:]
        assert {"py2", "py27", "cp27"} & set(python.split("."))
        assert (abi == "none") == (platform == "any") == (module.architecture == "all")
        assert abi in ("none", "cp27mu")
    else:
        assert module.file.endswith((".tar.gz", ".tar.bz2", ".zip"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.package)
def test_every_module_has_what_it_depends_on(module: standin_modules.Module) -> None:
    assert set(names(module.depends + module.recommends)) <= THERE | OF_BULLSEYE


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.package)
def test_a_version_that_is_not_the_series_has_a_reason(module: standin_modules.Module) -> None:
    for version in module.series.values():
        if upstream(version) != module.version:
            assert module.note


@pytest.mark.parametrize("module", TABLE.modules, ids=lambda module: module.package)
def test_a_packages_version_meets_a_relation_to_the_upstream_version(
    module: standin_modules.Module,
) -> None:
    assert module.package_version.endswith(f"{module.version}-1~standin1")
    assert version_compare(module.package_version, module.version) > 0
    if ":" not in module.package_version:
        assert version_compare(module.package_version, f"{module.version}-1") < 0


def test_what_only_zesty_has_is_there_at_the_archives_own_version_number() -> None:
    assert {series: [one.package for one in some] for series, some in TABLE.extras.items()} == {
        "zesty": ["python-acme", "python-filelock"]
    }
    for module in TABLE.extras["zesty"]:
        assert module.package_version == f"{module.version}-1"


def test_every_python_2_module_that_our_packaging_names_is_there() -> None:
    controls = [
        path for name in ("control", "control.in") for path in ROOT.glob(f"patches/*/debian/{name}")
    ]
    built: set[str] = set()
    needed: set[str] = set()
    for path in controls:
        for part in Deb822.iter_paragraphs(path.read_text(), use_apt_pkg=False):
            built |= {part["Package"]} if "Package" in part else set()
            for field in ("Build-Depends", "Build-Depends-Indep", "Depends"):
                text = re.sub(r"\$\{[^}]*\}|\([^)]*\)|#.*", "", part.get(field, ""))
                needed |= {re.split(r"[\s:]", word.strip())[0] for word in re.split(r"[,|]", text)}
    old = {name for name in needed - built if name.startswith("python-") or name == "dh-systemd"}
    assert len(old) > 10
    assert old <= THERE


def test_the_scripts_that_builds_call_are_there() -> None:
    scripts = {name for module in MODULES for name in module.scripts}
    assert {"sphinx-build", "nosetests"} <= scripts
    assert len(scripts) == sum(len(module.scripts) for module in MODULES)


ENTRY = """\
mark = "m1"
suite = "bullseye"
[module.python-thing]
project = "thing"
version = "1.0"
file = "thing-1.0.tar.gz"
sha256 = "00"
architecture = "all"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 1", "no TOML"),
        (ENTRY.replace('version = "1.0"\n', ""), "python-thing.version: this key is missing"),
        (ENTRY + 'colour = "red"\n', "python-thing.colour: this key is unknown"),
        (ENTRY + "epoch = true\n", "not a whole number"),
        (ENTRY + '[moduls.x]\nproject = "x"\n', "moduls: this key is unknown"),
        (ENTRY + "[own.x]\nversion = 1\n", "own.x.version: this key is unknown"),
    ],
)
def test_a_wrong_table_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=re.escape(said)):
        standin_modules.load_table(path)


def test_an_epoch_goes_before_the_marked_version(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(ENTRY + "epoch = 1\n")
    (module,) = standin_modules.load_table(path).modules
    assert module.package_version == "1:1.0-1~m1"
