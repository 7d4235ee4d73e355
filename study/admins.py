"""When the administrators' own jobs run: distributions of crontab times, from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.errors import InputError
from study.schedule import Schedule, cron

DISTRIBUTIONS = Path(__file__).with_name("admin_hours.toml")
_EVERY = {f"0 {hour}": 1.0 for hour in range(24)}


@dataclass(frozen=True)
class Admins:
    """One answer to the question when administrators' jobs run; `source` says where it is from."""

    name: str
    title: str
    source: str
    schedules: tuple[tuple[float, Schedule], ...]

    def hours(self) -> tuple[float, ...]:
        """For each hour of the day the share of the jobs that start in it."""
        total = sum(weight for weight, _ in self.schedules)
        shares = [0.0] * 24
        for weight, schedule in self.schedules:
            for hour in {int(start.second // 3600) for start in schedule.starts}:
                shares[hour] += weight / total
        return tuple(shares)

    def rarest_pair(self) -> tuple[int, int]:
        """The two hours, twelve apart, in which the fewest jobs start."""
        shares = self.hours()
        first = min(range(12), key=lambda hour: shares[hour] + shares[hour + 12])
        return first, first + 12


def load(path: Path = DISTRIBUTIONS) -> tuple[Admins, ...]:
    """Read distributions: a table each, with `title`, `source`, and `times` or `hours = "every"`.

    Raises:
        InputError: the file or a table is not as it has to be.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"the distribution cannot be read: {error}", where=str(path)) from error
    found = tuple(_one(name, table, path) for name, table in data.items())
    if not found:
        raise InputError("the file has no distribution", where=str(path))
    return found


def single(line: str) -> Admins:
    """The distribution of one crontab line.

    Raises:
        InputError: it is none that the model knows.
    """
    return Admins("given", line, "given on the command line", ((1.0, cron(line)),))


def _one(name: str, table: Any, path: Path) -> Admins:
    where = f"{path}: [{name}]"
    if not isinstance(table, dict) or not {"title", "source"} <= table.keys():
        raise InputError("a distribution has a title and a source", where=where)
    times = _EVERY if table.get("hours") == "every" else table.get("times")
    if not isinstance(times, dict) or not times:
        raise InputError('it has neither times nor hours = "every"', where=where)
    schedules = []
    for text, weight in times.items():
        if not isinstance(weight, int | float) or not weight > 0:
            raise InputError(f"the weight of {text!r} is no number above 0", where=where)
        schedules.append((float(weight), cron(f"{text} * * * certbot renew", name=text)))
    return Admins(name, str(table["title"]), str(table["source"]), tuple(schedules))
