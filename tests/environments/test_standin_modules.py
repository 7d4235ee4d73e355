from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from debian.debian_support import version_compare

from backport.environments import localrepo, standin_modules
from backport.environments.standin import upstream
from backport.environments.standin_modules import BUILD_NEEDS, Module, ModuleTable, load_table
from backport.errors import InputError, RecipeError, StepError
from tests.environments import real
from tests.environments.packages import make_archive

ROOT = Path(__file__).parents[2]
TABLE = load_table(ROOT / "patches" / "standin.toml")
MODULES = {package: module for _, package, module in TABLE.modules()}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_a_version_that_is_not_the_series_has_a_reason(module: Module) -> None:
    if any(upstream(version) != module.version for version in module.series.values()):
        assert module.note


def version(package: str, table: ModuleTable = TABLE) -> str:
    module = next(module for _, name, module in table.modules() if name == package)
    return table.control(package, module, "amd64")["Version"]


@pytest.mark.parametrize("package", TABLE.module)
def test_a_packages_version_meets_a_relation_to_the_upstream_version(package: str) -> None:
    module = TABLE.module[package]
    assert version(package).endswith(f"{module.version}-1~standin1")
    assert version_compare(version(package), module.version) > 0
    if not module.epoch:
        assert version_compare(version(package), f"{module.version}-1") < 0


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
        ("= 1", "Invalid statement"),
        (ENTRY.replace('version = "1.0"\n', ""), "module.python-thing lacks version"),
        (ENTRY + 'colour = "red"\n', "module.python-thing has the unknown key 'colour'"),
        (ENTRY + "epoch = true\n", "epoch is True, not a whole number"),
        (ENTRY.replace('"all"', '"armhf"'), "architecture is 'armhf', not one of all, any"),
        (ENTRY + '[moduls.x]\nproject = "x"\n', "the table has the unknown key 'moduls'"),
        (ENTRY + "[own.x]\nversion = 1\n", "own.x has the unknown key 'version'"),
    ],
)
def test_a_wrong_table_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=f"this is no table of a stand-in: .*{re.escape(said)}"):
        load_table(path)


def test_an_epoch_goes_before_the_marked_version(tmp_path: Path) -> None:
    (tmp_path / "table.toml").write_text(ENTRY + "epoch = 1\n")
    assert version("python-thing", load_table(tmp_path / "table.toml")) == "1:1.0-1~m1"


LIB = "usr/lib/python2.7/dist-packages"
WHEEL = {
    "thing/__init__.py": "",
    "thing/cacert.pem": "old",
    "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.0\nName: Thing\nVersion: 1.0\n",
    "thing-1.0.dist-info/entry_points.txt": (
        "[console_scripts]\nthing = thing.cli:main\nother = thing:other\n"
    ),
    "thing-1.0.data/scripts/raw": "#!python\n",
    "thing-1.0.data/purelib/beside.py": "",
    "thing-1.0.data/headers/thing.h": "",
}
SDIST = {
    "tool-2.0/setup.py": "from distutils.core import setup\r\n"
    "setup(name='tool', version='2.0', py_modules=['tool'])\r\n",
    "tool-2.0/tool.py": "x = 1\n",
}


def build(folder: Path, files: dict[str, dict[str, str]]) -> list[Path]:
    """The packages that are made of these files, in a real chroot of bullseye's."""
    modules = {}
    for name, content in files.items():
        file = make_archive(folder / name, content).read_bytes()
        sha256 = hashlib.sha256(file).hexdigest()
        (folder / "cache/sha256" / sha256).mkdir(parents=True)
        (folder / "cache/sha256" / sha256 / name).write_bytes(file)
        project, scripts = name.partition("-")[0], ("thing",) if name.endswith(".whl") else ()
        modules[f"python-{project}"] = Module(project, "1.0", name, sha256, "all", scripts=scripts)
    groups = real.pool(*BUILD_NEEDS).groups
    system = localrepo.publish(sorted({*groups["required"], *groups["more"]}), folder / "system")
    table, out = ModuleTable("m1", "bullseye", module=modules), folder / "out"
    standin_modules.build_modules(table, system, out, "amd64", folder / "cache", offline=True)
    return sorted(out.iterdir())


def content(deb: Path) -> set[str]:
    listed = subprocess.run(
        ["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True
    )
    paths = (line.split()[5].removeprefix("./") for line in listed.stdout.splitlines())
    return {path for path in paths if path and not path.endswith("/")}


def test_wheels_and_sources_become_packages(tmp_path: Path) -> None:
    other = {
        name.replace("tool", "other"): text.replace("tool", "other") for name, text in SDIST.items()
    }
    zipped, wheel, tarball = build(
        tmp_path,
        {"tool-2.0.tar.gz": SDIST, "other-2.0.zip": other, "thing-1.0-py2-none-any.whl": WHEEL},
    )
    assert zipped.name == "python-other_1.0-1~m1_all.deb"
    assert content(tarball) == {path.replace("other", "tool") for path in content(zipped)}
    egg = ("PKG-INFO", "dependency_links.txt", "top_level.txt")
    assert content(tarball) == {
        f"{LIB}/tool.py",
        f"{LIB}/tool.pyc",
        *(f"{LIB}/tool-2.0.egg-info/{name}" for name in egg),
        "usr/share/python/dist/python-tool",
    }
    assert content(wheel) == {
        "usr/bin/thing",
        *(f"{LIB}/{name}.{end}" for name in ("beside", "thing/__init__") for end in ("py", "pyc")),
        *(f"{LIB}/thing-1.0.dist-info/{name}" for name in ("METADATA", "entry_points.txt")),
        f"{LIB}/thing/cacert.pem",
        "usr/share/python/dist/python-thing",
    }


def test_a_module_that_does_not_build_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"cannot build: python-tool: .*'setup\.py'"):
        build(tmp_path, {"tool-2.0.tar.gz": {"tool-2.0/readme": ""}})


def lay_out(tree: Path, files: dict[str, str], *scripts: str, **links: str) -> None:
    """Make the modules' files below a tree a package; of a link's name the dot is left out."""
    for name, text in files.items():
        (tree / LIB / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / LIB / name).write_text(text)
    places = {f"thing/{name.replace('_', '.', 1)}": target for name, target in links.items()}
    standin_modules.lay_out(tree, "python-thing", scripts, places)


def test_scripts_are_written_anew_and_links_take_the_place_of_files_and_templates(
    tmp_path: Path,
) -> None:
    files = {**WHEEL, "thing/a.js_t": "template", "thing/a.js": "made"}
    lay_out(tmp_path, files, "thing", cacert_pem="/etc/ssl/ca.crt", a_js_t="/usr/share/a.js")
    script = (tmp_path / "usr/bin/thing").read_text()
    assert script.startswith("#!/usr/bin/python2\n")
    assert "from thing.cli import main" in script
    home = tmp_path / LIB / "thing"
    assert not (home / "a.js_t").exists()
    assert (home / "a.js").readlink() == Path("/usr/share/a.js")
    assert (home / "cacert.pem").readlink() == Path("/etc/ssl/ca.crt")
    note = tmp_path / "usr/share/python/dist/python-thing"
    assert note.read_text() == "Thing python-thing\n"


@pytest.mark.parametrize(
    ("files", "scripts", "links", "said"),
    [
        (WHEEL, ("nothing",), {}, "declares no script nothing"),
        (WHEEL, (), {"none": "/x"}, "has no thing/none"),
        ({}, (), {}, "has 0 distributions"),
        ({**WHEEL, "a.egg-info/PKG-INFO": "Name: a\n"}, (), {}, "has 2 distributions"),
    ],
)
def test_what_the_distribution_does_not_have_is_named(
    tmp_path: Path,
    files: dict[str, str],
    scripts: tuple[str, ...],
    links: dict[str, str],
    said: str,
) -> None:
    with pytest.raises(InputError, match=f"^python-thing: its file {said}"):
        lay_out(tmp_path, files, *scripts, **links)
