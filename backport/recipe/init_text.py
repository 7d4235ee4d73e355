"""The first recipe of an update, and the files beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import tomlkit
from jinja2 import Environment, PackageLoader, StrictUndefined

from backport.errors import UsageError
from backport.recipe import reader
from backport.recipe.model import PinnedDsc, Published
from backport.recipe.releases import debian_of_its_time, mirror, releases
from backport.recipe.version_strings import upstream_part

STAND_IN = "stand-in.toml"
_TOOLCHAINS = Path(__file__).parent / "data" / "toolchains.toml"
_NOT_KNOWN = "not known: write the version that the series has, or an empty one for none"


@dataclass(frozen=True)
class FirstSource:
    """A source package of a first recipe.

    `package` is the binary package that stands for it in a testbed, `needs` are the others of the
    update that have to be built before it, `tests` its own.
    """

    name: str
    pinned: PinnedDsc
    package: str
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def upstream(self) -> str:
        """Upstream's version."""
        return upstream_part(self.pinned.version)


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
    toolchains = tomllib.loads(_TOOLCHAINS.read_text("utf-8"))
    day = parsedate_to_datetime(when).date()
    return _rendered(
        "backport.toml",
        name=name,
        names=", ".join(f"{one.name} {one.pinned.version}" for one in sources),
        bug=bug,
        maintainer=maintainer,
        maintainer_note=maintainer_note,
        date=when,
        stand_in=STAND_IN,
        sources=sources,
        series=[
            {
                "name": codename,
                "version": known[codename],
                "mirror": mirror(codename, day),
                "archive": {
                    source.name: _published(archive.get((source.name, codename)))
                    for source in sources
                },
                "toolchain": toolchains.get(codename, {}),
            }
            for codename in ordered
        ],
    )


def files_beside(sources: Sequence[FirstSource], series: Iterable[str]) -> dict[str, str]:
    """What a first recipe needs beside it: texts by paths; one that ends in ``!`` is a program."""
    packages = [source.package for source in sources]
    suite = debian_of_its_time(in_order(series)[0])
    tests = {
        f"autopkgtest/matrix/{name}": _rendered(name.removesuffix("!"), packages=packages)
        for name in ("control", "installed!", "installed-control!")
    }
    patches = {
        f"patches/{source.name}/series": _rendered("series", name=source.name) for source in sources
    }
    return {STAND_IN: _rendered(STAND_IN, suite=suite), **patches, **tests}


def write(recipe: Path, text: str, beside: Mapping[str, str]) -> list[Path]:
    """Write a first recipe with the files beside it, all or nothing; returns what was written.

    Raises:
        UsageError: one of the files is there already.
        RecipeError: the text is no right recipe.
    """
    written: list[Path] = []
    with ExitStack() as undo:
        for name, content in {recipe.name: text, **beside}.items():
            path = recipe.parent / name.removesuffix("!")
            for folder in reversed([parent for parent in path.parents if not parent.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            try:
                with path.open("x", encoding="utf-8") as file:
                    undo.callback(path.unlink)
                    file.write(content)
            except FileExistsError as error:
                raise UsageError(
                    "there is such a file already, and it is not overwritten",
                    where=str(path),
                    advice="name a recipe in another folder with --recipe",
                ) from error
            path.chmod(0o755 if name.endswith("!") else 0o644)
            written.append(path)
        reader.load(recipe, outside=(Path("/"),))
        undo.pop_all()
    return written


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


def _rendered(file: str, /, **values: object) -> str:
    """A file of the folder ``init`` with its values."""
    environment = Environment(
        loader=PackageLoader("backport.recipe", "init"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"toml": _toml, "key": _key, "inline": _inline}
    return environment.get_template(f"{file}.j2").render(**values)


def _published(seen: Published | None) -> dict[str, str]:
    if seen is None or not (seen.version or seen.confirmed):
        return {"note": _NOT_KNOWN}
    fields = {"version": seen.version, "confirmed": seen.confirmed, "note": seen.note}
    return {key: value for key, value in fields.items() if value or key == "version"}


def _toml(value: str | list[str]) -> str:
    return tomlkit.item(value).as_string()


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()


def _inline(values: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name} = {_toml(value)}' for name, value in values.items())} }}"
