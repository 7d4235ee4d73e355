"""A lintian profile of one Ubuntu series, made of the recipe's word on the series' tools.

lintian comes with a profile of today's Ubuntu only. The one that is made here extends it, and has
the data of the series: its name, its debhelper's levels, and the Policy that it was made to.
See lintian(1), --include-dir and --profile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from backport.check import tables
from backport.check.ceiling import Ceiling
from backport.errors import MachineError

HOME = Path("/usr/share/lintian")
_PARENT = "ubuntu/main"
_RELEASES = "data/debian-policy/releases.json"
_LEVELS = "data/debhelper/compat-level"
_DISTRIBUTIONS = "data/changes-file/known-dists"


def own(series: str, home: Path = HOME) -> str:
    """The profile that lintian itself has for a series; "" for none."""
    name = f"ubuntu/{series}"
    return name if (home / "profiles" / f"{name}.profile").is_file() else ""


def make(ceiling: Ceiling, folder: Path, home: Path = HOME) -> str:
    """Write a profile of the series below `folder`, which is then lintian's --include-dir.

    Where the recipe does not know a tool's version, lintian's own data stands.

    Parameters:
        ceiling: the series and its tools. home: where lintian is installed.

    Returns:
        The profile's name; "" where lintian has none of Ubuntu that it could extend.

    Raises:
        MachineError: lintian's data are not as this toolkit knows them.
    """
    if not (home / "profiles" / f"{_PARENT}.profile").is_file():
        return ""
    name = f"ubuntu/{ceiling.series}"
    data = folder / "vendors" / name
    _write(folder / "profiles" / f"{name}.profile", f"Profile: {name}\nExtends: {_PARENT}\n")
    _write(data / _DISTRIBUTIONS, f"{ceiling.series}\n")
    if levels := _levels(ceiling, home / _LEVELS):
        lines = (f"{key}={level}\n" for key, level in levels.items())
        _write(data / _LEVELS, "".join(lines))
    if (policy := ceiling.toolchain.get("policy")) and policy.version:
        _write(data / _RELEASES, _releases(ceiling, home / _RELEASES))
    return name


def _levels(ceiling: Ceiling, path: Path) -> Mapping[str, int]:
    """lintian's levels of debhelper, none of them above what the series has; {} for unknown."""
    entries = tables.load("debhelper")["compat"].entries.values()
    highest = max(
        (int(entry.name) for entry in entries if ceiling.has("debhelper", entry.since)), default=0
    )
    if not highest:
        return {}
    found = {}
    try:
        for line in path.read_text().splitlines():
            key, equals, level = line.partition("#")[0].strip().partition("=")
            if equals:
                found[key.strip()] = min(int(level), highest)
    except (OSError, ValueError) as error:
        raise _strange(path, error) from error
    return {**found, "recommended": highest, "experimental": highest + 1}


def _releases(ceiling: Ceiling, path: Path) -> str:
    """The releases of the Policy up to the series' own: a later one is then newer than known."""
    try:
        data = json.loads(path.read_text())
        known = [one for one in data["releases"] if ceiling.has("policy", one["version"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _strange(path, error) from error
    if not known:
        raise _strange(path, ValueError("it has no release of the Policy that is old enough"))
    return json.dumps({**data, "releases": known})


def _strange(path: Path, error: Exception) -> MachineError:
    return MachineError(
        f"lintian's data cannot be read ({error})", where=str(path), advice="reinstall lintian"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
