"""The first recipe of an update, and the files beside it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import tomlkit
from jinja2 import Environment, PackageLoader, StrictUndefined

from backport.errors import UsageError
from backport.recipe import edit
from backport.recipe.model import BasePin, Published
from backport.recipe.releases import debian_of_its_time, mirror, releases
from backport.recipe.version_strings import upstream_part

STAND_IN = "stand-in.toml"
_TOOLCHAINS = Path(__file__).parent / "data" / "toolchains.toml"
_NOT_KNOWN = "not known: write the version that the series has, or an empty one for none"
_SERIES_FILE = """\
# The patches of {name}, one a line, in the order in which they are applied.
# Each has a DEP-3 header: Description, Author or Origin, and Bug-Ubuntu.
"""
_CONTROL = """\
Tests: installed
Depends: {packages}

Tests: installed-control
Depends: {packages}
Restrictions: needs-root
"""
_INSTALLED = """\
#!/bin/sh
# The packages are installed, and their files are as they were built.
set -eu
for package in {packages}; do
    dpkg-query --show "$package"
    changed=$(dpkg --verify "$package") || true
    if [ -n "$changed" ]; then
        echo "$changed"
        exit 1
    fi
done
"""
_INSTALLED_CONTROL = """\
#!/bin/sh
# The control of the test "installed": with a damaged file that one has to fail.
set -eu
file=$(dpkg-query --control-show {package} md5sums | sed -n '1s/^[0-9a-f]*  //p')
echo damaged >>"/$file"
if "$(dirname "$0")/installed"; then outcome=not-seen; else outcome=harm-seen; fi
report="$AUTOPKGTEST_ARTIFACTS/control.json"
printf '{{"outcome": "%s", "rounds": 1}}\\n' "$outcome" >"$report"
test "$outcome" = harm-seen
"""


@dataclass(frozen=True)
class FirstSource:
    """A source package of a first recipe.

    `package` is the binary package that stands for it in a testbed, `needs` are the others of the
    update that have to be built before it, `tests` its own.
    """

    name: str
    base: BasePin
    package: str
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def upstream(self) -> str:
        """Upstream's version."""
        return upstream_part(self.base.version)


def first_recipe(
    name: str,
    sources: Sequence[FirstSource],
    series: Iterable[str],
    *,
    archive: Mapping[tuple[str, str], Published],
    maintainer: str,
    maintainer_note: str = "",
    when: str,
    bug: int = 0,
) -> str:
    """A first recipe, with comments.

    Parameters:
        name: the update's.
        sources: the source packages, those that others need first.
        series: the series that they are uploaded to, by name.
        archive: what the series have of them, as far as that is known.
        maintainer: "Name <address>".
        maintainer_note: what is to be said of who that is.
        when: the changelog's date, as in RFC 5322.
        bug: the Launchpad bug; 0 until there is one.

    Raises:
        UsageError: a series is unknown.
    """
    ordered, known = in_order(series), releases()
    day = parsedate_to_datetime(when).date()
    environment = Environment(
        loader=PackageLoader("backport.recipe", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"toml": _toml, "key": _key, "inline": _inline}
    return environment.get_template("init.toml.j2").render(
        name=name,
        names=", ".join(f"{one.name} {one.base.version}" for one in sources),
        bug=bug,
        maintainer=maintainer,
        maintainer_note=maintainer_note,
        date=when,
        stand_in=STAND_IN,
        sources=sources,
        series=[
            {
                "name": one,
                "version": known[one],
                "mirror": mirror(one, day),
                "archive": {
                    source.name: _published(archive.get((source.name, one))) for source in sources
                },
                "toolchain": _toolchains().get(one, {}),
            }
            for one in ordered
        ],
    )


def files_beside(sources: Sequence[FirstSource], series: Iterable[str]) -> dict[str, str]:
    """What a first recipe needs beside it: texts by paths; one that ends in ``!`` is a program."""
    packages = [source.package for source in sources]
    debian = debian_of_its_time(in_order(series)[0])
    return {
        STAND_IN: f'# Debian\'s release of that time.\nmark = "standin1"\nsuite = "{debian}"\n',
        **{
            f"patches/{source.name}/series": _SERIES_FILE.format(name=source.name)
            for source in sources
        },
        "autopkgtest/matrix/control": _CONTROL.format(packages=", ".join(packages)),
        "autopkgtest/matrix/installed!": _INSTALLED.format(packages=" ".join(packages)),
        "autopkgtest/matrix/installed-control!": _INSTALLED_CONTROL.format(package=packages[-1]),
    }


def write(recipe: Path, text: str, beside: Mapping[str, str]) -> list[Path]:
    """Write a first recipe with the files beside it, all or nothing; returns what was written.

    Raises:
        UsageError: one of the files is there already.
        RecipeError: the text is no right recipe.
    """
    targets = {recipe.parent / name.removesuffix("!"): name for name in beside}
    for path in (recipe, *targets):
        if path.exists():
            raise UsageError(
                "there is such a file already, and it is not overwritten",
                where=str(path),
                advice="name a recipe in another folder with --recipe",
            )
    folders = [
        parent for path in (recipe, *targets) for parent in path.parents if not parent.exists()
    ]
    done = False
    try:
        for path, name in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(beside[name], encoding="utf-8")
            path.chmod(0o755 if name.endswith("!") else 0o644)
        edit.create_file(recipe, text)
        done = True
    finally:
        for path in targets if not done else ():
            path.unlink(missing_ok=True)
        for folder in sorted(set(folders), reverse=True) if not done else ():
            with suppress(OSError):
                folder.rmdir()
    return [recipe, *targets]


def in_order(series: Iterable[str]) -> list[str]:
    """The series in the order of their release, each once.

    Raises:
        UsageError: one is unknown.
    """
    known = releases()
    for name in series:
        if name not in known:
            raise UsageError(
                f"{name!r} is no Ubuntu series that is known here",
                where="--series",
                advice=f"write one of {', '.join(list(known)[-12:])}",
            )
    return sorted(dict.fromkeys(series), key=lambda name: known[name])


@functools.cache
def _toolchains() -> Mapping[str, Any]:
    """The versions of the series' tools that are known here."""
    return tomllib.loads(_TOOLCHAINS.read_text("utf-8"))


def _published(seen: Published | None) -> dict[str, str]:
    if seen is None or not (seen.version or seen.confirmed):
        return {"note": _NOT_KNOWN}
    said = {"version": seen.version, "confirmed": seen.confirmed, "note": seen.note}
    return {key: value for key, value in said.items() if value or key == "version"}


def _toml(value: str | list[str]) -> str:
    return tomlkit.item(value).as_string()


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()


def _inline(values: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name} = {_toml(value)}' for name, value in values.items())} }}"
