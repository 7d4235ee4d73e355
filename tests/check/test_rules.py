"""Every rule has an input that breaks it, and one beside it that does not."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Concatenate, ParamSpec

import pytest
from debian.debian_support import Version

from backport.check import (
    changes,
    lifecycle,
    lintian,
    overlay,
    programs,
    reproducible,
    rules,
    sru,
    steps,
)
from backport.check.binaries import Binary
from backport.check.ceiling import DATA, TOOLS, Ceiling, entries
from backport.check.finding import Finding
from backport.check.installed import Installed
from backport.check.lintian import Tag
from backport.engine.step import StepId
from backport.recipe.model import ControlEdit, Review, Series
from backport.source import weight
from backport.source.weight import Part, Weight
from tests.build.packages import make_deb, make_repository
from tests.check import trees, uploads
from tests.check.lifecycles import Lifecycles
from tests.check.trees import above, python_above, toolchain, tree
from tests.support.source_builder import patch_text


@dataclass(frozen=True)
class World:
    """A folder for a case, lifecycles of tiny packages, and an update with an edit of control."""

    root: Path
    lifecycles: Callable[[], Lifecycles]
    made: Callable[[ControlEdit | None], Path]


Case = Callable[[World], Iterable[Finding]]
Rest = ParamSpec("Rest")


def case(function: Callable[Concatenate[World, Rest], Iterable[Finding]]) -> Callable[Rest, Case]:
    """What makes a case of the function's other parameters; the world comes later."""
    return lambda *args, **more: lambda world: function(world, *args, **more)


TAG = Tag("error", "small", "source", "a-tag", "context", "debian/rules:3")


def of_control(old: str, new: str) -> Case:
    return of_file("control", trees.CONTROL.replace(old, new))


def of_rules(recipe: str) -> Case:
    return of_file("rules!", f"{trees.RULES}\noverride_dh_x:\n\t{recipe}\n")


def of_file(name: str, text: str) -> Case:
    return lambda world: above(world.root, {name: text})


def of_test(line: str) -> Case:
    return of_file("tests/smoke", f"#!/bin/sh\n{line}\n")


def of_policy(version: str) -> Case:
    return lambda world: above(world.root, policy=version)


def of_tags(*tags: Tag) -> Case:
    return lambda _world: lintian.findings(list(tags), Ceiling("xenial", {}), None)


def of_python(text: str, grammar: str = "python3") -> Case:
    return lambda _world: python_above(text, grammar)


@case
def of_patch(world: World, header: str | None, spoken: str = "change main") -> Iterable[Finding]:
    patch = patch_text("main.txt", "a\n", "b\n", header=header)
    files = {"patches/x.patch": patch, "patches/series": "x.patch\n"}
    return changes.patches(changes.quilt(tree(world.root, files)), {}, spoken)


def of_orig(content: str) -> Case:
    return lambda _world: changes.other_upstream({"a.orig.tar.gz": "1"}, {"a.orig.tar.gz": content})


@case
def of_changelog(world: World, spoken: str) -> Iterable[Finding]:
    new = tree(world.root, {"small.install": "a usr/bin\n"}, name="new")
    return changes.packaging(tree(world.root, name="old"), new, spoken)


@case
def of_tarball(_world: World, name: str) -> Iterable[Finding]:
    ceiling = Ceiling("xenial", toolchain())
    ceiling.check("archive", "small.dsc", [(0, name)])
    return ceiling.findings


@case
def of_weight(world: World, limits: Review, *lines: int) -> Iterable[Finding]:
    needs = {}
    for number, count in enumerate(lines):
        folder = world.root / str(number)
        folder.mkdir()
        weight.write(Weight((Part("debian/rules", "packaging", count),)), folder / weight.FILE)
        needs[StepId("source", "xenial", f"small-{number}")] = folder
    return steps.review(limits, needs)


@case
def of_unit(world: World, program: str) -> Iterable[Finding]:
    unit = f"[Service]\nExecStart={program}\n"
    files = {"usr/bin/small!": "x\n", "lib/systemd/system/small.service": unit}
    deb = make_deb(world.root, "small", "1.0", files=files)
    installed = Installed([deb], make_repository(world.root / "base", {"nothing": "1.0"}))
    return programs.check([Binary(deb)], installed)


@case
def of_overlay(world: World, name: str) -> Iterable[Finding]:
    debian = tree(world.root, {name: "a b\n"}) / "debian"
    return overlay.check([name], debian, [Binary(make_deb(world.root, "small", "1.0"))])


@case
def of_builds(world: World, *depends: str) -> Iterable[Finding]:
    first, second = (world.root / str(number) for number in range(2))
    for folder, text in zip((first, second), depends, strict=True):
        folder.mkdir()
        make_deb(folder, "small", "1.0", depends=text)
    return reproducible.findings(reproducible.compare(first, second, world.root), {})


@case
def of_upload(
    world: World,
    change: uploads.Change = lambda recipe: recipe,
    control: ControlEdit | None = None,
    *,
    mend: Callable[[sru.Upload], None] = lambda _upload: None,
) -> Iterable[Finding]:
    """The rules of the SRU process on an update that was made of the archive's."""
    upload = uploads.load(world.made(control), world.root / "upload", change, control)
    mend(upload)
    return sru.check(upload)


def life(name: str) -> Case:
    return lambda world: world.lifecycles().findings[name]


def upgrade(name: str) -> Case:
    return lambda world: world.lifecycles().upgrades[name]


@case
def untried(world: World, *older: str) -> Iterable[Finding]:
    own, *before = (Binary(make_deb(world.root, "small", one)) for one in ("2.0", *older))
    return lifecycle.not_tried(Series("xenial", "16.04"), {"small": [own]}, [before])


FILELOCK = ControlEdit("small", "Depends", "the lock", add=("python-filelock",))
CLEAN, SOUND = [of_file("compat", "9\n")], [of_upload()]
# For each rule, inputs that break it, and inputs beside them that do not.
CASES: dict[str, tuple[list[Case], list[Case]]] = {
    "lintian": ([of_tags(TAG)], [of_tags()]),
    "heavy-review": (
        [
            of_weight(Review(source={"packaging": 5}), 6),
            of_weight(Review(all={"packaging": 5}), 3, 3),
        ],
        [of_weight(Review(source={"packaging": 5, "tests": 0}, all={"packaging": 10}), 5, 5)],
    ),
    "unexplained-change": (
        [of_changelog("Wait for the lock."), of_patch(None, "Something else entirely.")],
        [of_changelog("Install the script (small.install)."), of_patch(None)],
    ),
    "patch-without-dep3": ([of_patch("Description: change main\n")], [of_patch(None)]),
    "change-outside-debian": ([of_orig("2")], [of_orig("1")]),
    "toolchain-unknown": (
        [lambda _world: Ceiling("xenial", toolchain(apt="")).not_known()],
        [lambda _world: Ceiling("xenial", toolchain()).not_known()],
    ),
    "newer-debhelper-level": ([of_file("compat", "10\n"), of_file("compat", "99\n")], CLEAN),
    "newer-debhelper-sequence": (
        [
            of_control("dh-python,", "dh-sequence-python3,"),
            of_file("rules!", trees.RULES.replace("python2", "python2,installinitramfs")),
        ],
        CLEAN,
    ),
    "newer-debhelper-command": (
        [
            of_rules("dh_installsystemd"),
            of_rules("dh_installinit --no-restart-after-upgrade"),
            of_file("rules!", trees.RULES + "execute_after_dh_install:\n\ttrue\n"),
            of_file("small.sysusers", "u small\n"),
            of_file("small.install", "x usr/lib/${DEB_HOST_MULTIARCH}\n"),
        ],
        [
            of_rules("dh_installinit --no-start"),
            of_file("small.install!", "#!/usr/bin/dh-exec\nx usr/lib/${DEB_HOST_MULTIARCH}\n"),
        ],
    ),
    "newer-build-dependency": (
        [of_control("(>= 9)", "(>= 9.20160709)")],
        # One alternative that can be met is enough.
        [of_control("(>= 9)", "(>= 9.20160709) | debhelper (>= 9)")],
    ),
    "newer-substvar": (
        [of_control("a package of the tests", "${source:Synopsis}")],
        [of_control("${misc:Depends}", "other (= ${source:Version})")],
    ),
    "newer-unit-directive": (
        [
            of_file("small.service", "[Service]\nExecStart=/bin/true\nProtectKernelTunables=yes\n"),
            of_file("small.service", "[Service]\nProtectSystem=strict\n"),
        ],
        [
            of_file("small.service", "[Service]\nExecStart=/bin/true\nPrivateTmp=true\n"),
            of_file("small.service", "[Service]\n# ProtectHome=tmpfs\nProtectSystem=full\n"),
        ],
    ),
    "newer-dpkg-field": (
        [
            of_control("\nPackage", "Rules-Requires-Root: no\n\nPackage"),
            of_rules("true\ninclude /usr/share/dpkg/buildtools.mk"),
            of_file("small.conffiles", "remove-on-upgrade /etc/small\n"),
        ],
        [of_rules("true\ninclude /usr/share/dpkg/default.mk")],
    ),
    "newer-compression": ([of_tarball("a_1.orig.tar.zst")], [of_tarball("a_1.orig.tar.xz")]),
    "newer-python-syntax": (
        [of_python('f"{1}"\n'), of_python("def f(a, *, b):\n    pass\n", "python2")],
        [of_python('"{}".format(1)\n'), of_python('print "x"\n', "python2")],
    ),
    "newer-python-module": (
        [of_python("import secrets\n"), of_python("import ipaddress\n", "python2")],
        [
            of_python("try:\n    import secrets\nexcept ImportError:\n    secrets = None\n"),
            of_python("import json\n", "python2"),
        ],
    ),
    "newer-maintainer-script": (
        [of_file("small.postinst", "#!/bin/sh\ndeb-systemd-invoke --user start small\n")],
        [of_file("small.postinst", "#!/bin/sh\ndeb-systemd-invoke start small\n")],
    ),
    "newer-apt": ([of_test("apt-get satisfy 'small (>= 1)'")], [of_test("apt-get install small")]),
    "newer-policy": ([of_policy("3.9.7.0")], [of_policy("3.9.8.0")]),
    "not-parsed": (
        [of_python("def f(:\n"), of_file("control", "this is\nno control file\n")],
        [of_python("def f():\n    pass\n"), of_file("compat", "9\n")],
    ),
    "program-not-installed": ([of_unit("/usr/bin/lost")], [of_unit("/usr/bin/small")]),
    "overlay-without-effect": ([of_overlay("small.install")], [of_overlay("README.source")]),
    "not-reproducible": ([of_builds("a", "b")], [of_builds("a", "a")]),
    "install-fails": ([life("unfit")], [life("sound"), life("follower")]),
    "upgrade-fails": ([upgrade("unfit")], [upgrade("sound")]),
    "remove-fails": ([life("stubborn")], [life("sound")]),
    "purge-leaves-files": ([life("untidy")], [life("sound")]),
    "no-older-version": ([untried()], [untried("1.0")]),
    "bug-reference": (
        [
            of_upload(mend=uploads.edit("changelog", "LP: #", "see ")),
            of_upload(mend=uploads.another_field),
            of_upload(lambda recipe: replace(recipe, bug=0)),
        ],
        SOUND,
    ),
    "bug-template": (
        [of_upload(uploads.with_bug("TODO"))],
        [of_upload(uploads.with_bug("A renewal waits for ever: its process stays."))],
    ),
    "version-form": (
        [of_upload(mend=uploads.edit("changelog", "1.0-1~ubuntu16.04.1", "1.0-1xenial1"))],
        SOUND,
    ),
    "changelog-series": ([of_upload(mend=uploads.edit("changelog", "xenial;", "sid;"))], SOUND),
    "later-series": (
        [of_upload(uploads.only_xenial("")), of_upload(uploads.only_xenial("0.9-1"))],
        [of_upload(uploads.only_xenial("1.0-1")), of_upload()],
    ),
    "pinned-overtaken": (
        [of_upload(uploads.in_archive("1.0-1ubuntu0.1"))],
        [of_upload(uploads.in_archive("1.0-1")), of_upload()],
    ),
    "unrelated-change": ([of_upload(mend=uploads.edit("rules", "dh $@", "dh"))], SOUND),
    "new-source": ([of_upload(uploads.in_archive(""))], [of_upload(uploads.in_archive("0.9-1"))]),
    "new-binary": (
        [of_upload(mend=uploads.edit("control", "\nPackage:", "\nPackage: other\n\nPackage:"))],
        SOUND,
    ),
    "new-dependency": ([of_upload(control=FILELOCK)], SOUND),
    "sru-not-checked": (
        SOUND,
        [of_upload(lambda one: uploads.with_bug("It waits.")(uploads.in_archive("0.9-1")(one)))],
    ),
}


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ControlEdit | None], Path]:
    """An update is made once for all cases with the same edit, which copy it."""
    made = functools.cache(lambda edited: uploads.make_upload(new(), FILELOCK if edited else None))
    new = functools.partial(tmp_path_factory.mktemp, "upload")
    return lambda edit: made(edit is not None)


@pytest.fixture
def worlds(
    tmp_path: Path, request: pytest.FixtureRequest, updates: Callable[[ControlEdit | None], Path]
) -> Callable[[], World]:
    """A new world for each call; the testbed is only there for those who ask for lifecycles."""
    numbers = iter(range(1000))

    def new() -> World:
        root = tmp_path / str(next(numbers))
        root.mkdir()
        return World(root, lambda: request.getfixturevalue("lifecycles"), updates)

    return new


def test_there_is_a_case_for_every_rule_and_for_no_other() -> None:
    assert set(CASES) == set(rules.RULES)
    assert all(bad and good for bad, good in CASES.values())


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_beside(
    rule: str, worlds: Callable[[], World]
) -> None:
    for cases, breaks in zip(CASES[rule], (True, False), strict=True):
        for case in cases:
            assert (rule in {one.rule for one in case(worlds())}) == breaks


def test_every_rule_is_explained_and_says_where_it_is_written() -> None:
    for name, rule in rules.RULES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert len(rule.text.split()) > 10
        assert rule.text.endswith(".")
        assert rule.title in rules.explain(name)
        assert rule.reference in rules.explain(name)


def test_every_entry_has_a_rule_a_tool_that_is_compared_a_version_and_a_source() -> None:
    files = [tomllib.loads(path.read_text()) for path in DATA.glob("*.toml")]
    for where in {table["where"] for file in files for table in file.values()}:
        assert entries(where)
        for entry in entries(where):
            assert entry.tool in TOOLS
            assert entry.rule in rules.RULES
            assert Version(entry.since).upstream_version[0].isdigit()
            assert "{" not in entry.source
