"""The Ubuntu series that there are."""

from __future__ import annotations

import csv
from pathlib import Path

# distro-info-data's table (ubuntu-distro-info(1)); it knows every series.
_DISTRO_INFO = Path("/usr/share/distro-info/ubuntu.csv")
# Where that package is missing: the series of the updates that this toolkit was made for.
_FEW = {"xenial": "16.04", "yakkety": "16.10", "zesty": "17.04", "bionic": "18.04"}


def releases(table: Path = _DISTRO_INFO) -> dict[str, str]:
    """The Ubuntu series and their versions, such as xenial: 16.04, in the order of release."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["series"]: row["version"].split()[0].zfill(5) for row in rows}
    except (OSError, KeyError, IndexError):
        return dict(_FEW)
