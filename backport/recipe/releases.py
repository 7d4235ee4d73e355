"""The Ubuntu series that there are, with their archive and Debian's release of their time."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

# distro-info-data's tables (ubuntu-distro-info(1)); they know every series.
_DISTRO_INFO = Path("/usr/share/distro-info")
# Where that package is missing: the series of the updates that this toolkit was made for.
_FEW = {"xenial": "16.04", "yakkety": "16.10", "zesty": "17.04", "bionic": "18.04"}
_ARCHIVE = "http://archive.ubuntu.com/ubuntu"
_OLD_RELEASES = "http://old-releases.ubuntu.com/ubuntu"
# Debian's mirrors have no older one.
_OLDEST = "bullseye"


def releases(folder: Path = _DISTRO_INFO) -> dict[str, str]:
    """The Ubuntu series and their versions, such as xenial: 16.04, in the order of release."""
    rows = _rows(folder / "ubuntu.csv")
    known = {name: row["version"].split()[0].zfill(5) for name, row in rows.items()}
    return known or dict(_FEW)


def mirror(series: str, day: date, folder: Path = _DISTRO_INFO) -> str:
    """The archive that a series is in on a day; "" where that is not known.

    Once the last support of a series has ended, it is moved to the archive of the old releases.
    """
    row = _rows(folder / "ubuntu.csv").get(series, {})
    ends = [row[key] for key in row if key.startswith("eol") and row[key]]
    if not ends:
        return ""
    return _ARCHIVE if day <= date.fromisoformat(max(ends)) else _OLD_RELEASES


def debian_of_its_time(series: str, folder: Path = _DISTRO_INFO) -> str:
    """Debian's newest release that was out when a series was released, from bullseye on."""
    released = _rows(folder / "ubuntu.csv").get(series, {}).get("release") or ""
    rows = _rows(folder / "debian.csv")
    first = (rows.get(_OLDEST) or {}).get("release") or ""
    out = {row["release"]: name for name, row in rows.items() if row.get("release")}
    fitting = [day for day in out if first <= day <= released]
    return out[max(fitting)] if fitting else _OLDEST


def _rows(table: Path) -> dict[str, dict[str, str]]:
    """The rows of a table of distro-info-data, by the series; none where it is missing."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return {row["series"]: row for row in csv.DictReader(file)}
    except (OSError, KeyError):
        return {}
