"""What is installed with a package: its own files, and those of all that it depends on."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from backport.check.binaries import Binary
from backport.environments import apt_setup
from backport.source import relations

# Commands of a maintainer script that make a path.
_MAKING = r"(?m)(?:^|[\s;&|])(?:ln|update-alternatives)\s[^;&|\n]*\s/"
# Where /usr is merged the one is the other (https://wiki.debian.org/UsrMerge).
_MERGED = ("bin/", "sbin/", "lib/")


class Installed:
    """Packages of the update beside those of the base.

    Parameters:
        own: the .deb files of the update. A package of that name in the base does not count.
        repository: the base's flat repository.

    Raises:
        InputError: a package cannot be read.
    """

    def __init__(self, own: Iterable[Path], repository: Path) -> None:
        self._folder = repository.resolve()
        self._base = _index(self._folder)
        self.own = {one.name: one for one in map(Binary, own)}
        self._controls = {**self._base, **{name: one.control for name, one in self.own.items()}}
        self._providers: dict[str, list[str]] = {}
        for name, control in self._controls.items():
            for group in relations.groups(control.get("Provides", "")):
                self._providers.setdefault(group[0].name, []).append(name)

    @functools.cache  # noqa: B019 - one object serves one check
    def needed(self, package: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The packages that are there where `package` is, and the relations that nothing meets.

        Those are the package, what is Essential or of the priority required, and what any of
        them depends on; of alternatives, all that there are.
        """
        basic = (
            name
            for name, control in self._base.items()
            if control.get("Essential") == "yes" or control.get("Priority") == "required"
        )
        there, lacking = dict.fromkeys((package, *basic)), []
        todo = list(there)
        for name in todo:
            for field in ("Pre-Depends", "Depends"):
                for group in relations.groups(self._controls[name].get(field, "")):
                    real = [one for relation in group for one in self._real(relation.name)]
                    todo += [one for one in dict.fromkeys(real) if one not in there]
                    there |= dict.fromkeys(real)
                    if not real:
                        lacking.append(" | ".join(map(str, group)))
        return tuple(there), tuple(lacking)

    def has(self, places: Iterable[str], packages: Iterable[str]) -> bool:
        """Whether one of the packages has one of the files, or makes it when it is configured.

        Parameters:
            places: absolute paths; a ``*`` in one stands for anything.
        """
        bare = {place.removeprefix("/").removeprefix("usr/") for place in places}
        merged = {path for path in bare if path.startswith(_MERGED)}
        paths = {place.removeprefix("/") for place in places} | merged
        paths |= {f"usr/{path}" for path in merged}
        debs = [self.own.get(name) or self._of_base(name) for name in packages]
        return any(_holds(deb.paths, paths) for deb in debs) or any(
            self._makes(deb, paths) for deb in debs
        )

    def _real(self, name: str) -> list[str]:
        return [name] if name in self._controls else self._providers.get(name, [])

    def _of_base(self, name: str) -> Binary:
        deb = self._folder / self._base[name]["Filename"]
        status = deb.stat()
        key = (status.st_dev, status.st_ino)
        return _KEPT.get(key) or _KEPT.setdefault(key, Binary(deb))

    def _makes(self, deb: Binary, paths: Iterable[str]) -> bool:
        """Whether a maintainer script makes one of the paths.

        Those of the base may compute their commands, as dash's do: there the path itself counts.
        """
        before = _MAKING if deb.name in self.own else ""
        forms = [re.compile(rf"{before}{re.escape(path)}(?![\w.-])") for path in paths]
        return any(form.search(text) for text in deb.scripts.values() for form in forms)


def _holds(there: Mapping[str, bool], paths: Iterable[str]) -> bool:
    for path in paths:
        if there.get(path) is False:
            return True
        if "*" in path and any(
            fnmatchcase(one, path) for one, folder in there.items() if not folder
        ):
            return True
    return False


# Many checks of a process ask for the packages of a base; those of several series are links.
_KEPT: dict[tuple[int, int], Binary] = {}
_FIELDS = ("Depends", "Essential", "Filename", "Pre-Depends", "Priority", "Provides")


@functools.cache  # a repository's state never changes
def _index(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """The fields of each package that are read here."""
    return {
        package["Package"]: {name: package[name] for name in _FIELDS if name in package}
        for package in apt_setup.packages(folder)
    }
