"""Small source packages of C and shell, and recipes for them that `backport init` begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.support import Place
from tests.support.source_builder import PackageSpec, build_dsc, patch_text, write_files

PROGRAM = """\
#include <stdio.h>

/* Say it. */
int main(void)
{
    puts("hello");
    return 0;
}
"""
MAKEFILE = """\
{name}: {name}.c
	$(CC) -o $@ $<
install: {name}
	install -D {name} $(DESTDIR)/usr/bin/{name}
clean:
	rm -f {name}
"""
CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: Debian Testers <testers@lists.debian.org>
# What the build needs.
Build-Depends: fakeroot
Standards-Version: 4.6.2
Rules-Requires-Root: no

Package: {name}
Architecture: any
Depends: libc6
Description: a package of the tests
 It says hello.
"""
# No debhelper: its dependencies would take longer to install than all the rest.
RULES = """\
#!/usr/bin/make -f
build build-arch build-indep:
{commands}
	$(MAKE)
clean:
	$(MAKE) clean
	rm -rf debian/tmp debian/files
binary-indep:
binary binary-arch: build
	$(MAKE) install DESTDIR=debian/tmp
	mkdir -p debian/tmp/DEBIAN
	dpkg-gencontrol
	dpkg-deb --root-owner-group --build debian/tmp ..
.PHONY: build build-arch build-indep clean binary binary-arch binary-indep
"""
TEST = "Tests: {names}\nDepends: @{depends}\nRestrictions: allow-stderr\n"


@dataclass(frozen=True)
class Small:
    """A source package that builds in seconds.

    `commands` are run by its build, one a line; `test` is the text of its DEP-8 test ``says``
    (without one it runs the program), which installs `test_depends` beside the package. With
    `second_test` it has another one, ``greets``.
    """

    name: str = "greeter"
    commands: str = "true"
    test: str = ""
    test_depends: str = ""
    second_test: str = ""

    @property
    def spec(self) -> PackageSpec:
        """The package as the source builder takes it."""
        name, lines = self.name, "\n".join(f"\t{line}" for line in self.commands.splitlines())
        more = f", {self.test_depends}" if self.test_depends else ""
        second = {"tests/greets!": f"#!/bin/sh\n{self.second_test}\n"} if self.second_test else {}
        tests = TEST.format(
            names=", ".join(["says", *(["greets"] if second else [])]), depends=more
        )
        return PackageSpec(
            name=name,
            version="1.0-1",
            files={f"{name}.c": PROGRAM, "Makefile": MAKEFILE.format(name=name)},
            debian={
                "control": CONTROL.format(name=name),
                "rules!": RULES.format(commands=lines),
                "compat": "13\n",
                "tests/control": tests,
                "tests/says!": f"#!/bin/sh\nset -e\n{self.test or f'{name} | grep -q hello'}\n",
                **second,
            },
        )

    def with_test(self, test: str) -> Small:
        """The same package with another test."""
        return replace(self, test=test)


def begin(place: Place, small: Small, series: str, *, whole: bool = False) -> None:
    """Make the .dsc, and let `backport init` write the recipe for it.

    Its row of the matrix stays where `whole` is true: most tests have one of their own.
    """
    dsc = build_dsc(small.spec, place.root / "archive")
    done = place.run(
        "init", small.name, "--series", series, "--dsc", str(dsc), "--bug", "2100000", "--offline"
    )
    assert done.exit_code == 0, done.stderr
    path = place.root / "backport.toml"
    text, mark, _ = path.read_text().partition("\n# A test that is never uploaded")
    assert mark
    if not whole:
        path.write_text(text)


def append(place: Place, text: str) -> None:
    """Add tables to the recipe."""
    path = place.root / "backport.toml"
    path.write_text(f"{path.read_text()}\n{text}")


def say_in_the_changelog(place: Place, item: str) -> None:
    """Put an item of one's own in the place of the one that `backport init` writes."""
    path = place.root / "backport.toml"
    text, number = re.subn(r"(?m)^changes = .*$", f'changes = ["{item}"]', path.read_text())
    assert number == 1
    path.write_text(text)


def matrix_row(small: Small) -> str:
    """The row of the matrix for the package's test."""
    return f'[[matrix.test]]\nname = "says"\nsource = "{small.name}"\n'


def add_patch(place: Place, small: Small, before: str, after: str) -> None:
    """Put a quilt patch of one hunk into the recipe."""
    file = f"{small.name}.c"
    patch = patch_text(
        file,
        PROGRAM,
        PROGRAM.replace(before, after),
        header=(
            "Description: greet the series\n"
            "Author: A Tester <tester@example.org>\n"
            "Bug-Ubuntu: https://bugs.launchpad.net/bugs/2100000\n"
            "Forwarded: not-needed\n"
        ),
    )
    folder: Mapping[str, str] = {"greeting.patch": patch, "series": "greeting.patch\n"}
    write_files(place.root / "patches" / small.name, folder)


def one(folder: Path, pattern: str) -> Path:
    """The one file of that pattern."""
    (found,) = folder.glob(pattern)
    return found
