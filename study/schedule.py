"""When jobs start: cron lines and systemd timers, read as they are written in the real files.

What is read: crontab(5) in the form of /etc/cron.d (with or without the user's field), the sleep
that a job begins with, and systemd.timer(5) with OnCalendar, RandomizedDelaySec and AccuracySec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from backport.errors import InputError

DAY = 86400
ACCURACY_SECONDS = 60.0  # systemd.timer(5): AccuracySec= defaults to 1min
_RANDOM_RANGE = 32768  # bash(1): RANDOM is between 0 and 32767
_CRON_NAMES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *"}
_CALENDAR_NAMES = {"daily": "*-*-* 00:00:00", "hourly": "*-*-* *:00:00"}
_PERL_SLEEP = re.compile(r"sleep\s*\(?\s*int\s*\(\s*rand\s*\(\s*(\d+)\s*\)\s*\)")
_SHELL_SLEEP = re.compile(r"sleep\s+\"?\$\(\(\s*\$?\{?RANDOM\}?\s*%\s*(\d+)\s*\)\)\"?")
_PLAIN_SLEEP = re.compile(r"(?:^|[;&|\s])sleep\s+(\d+)(?:\s|;|&|$)")
_UNITS = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip


@dataclass(frozen=True)
class Start:
    """One start of a job in a day.

    It starts `second` seconds after midnight, plus a whole number of seconds that is drawn evenly
    from 0 to N-1 for each N in `whole`, plus a time drawn evenly from 0 to W for each W in
    `smooth` (seconds).
    """

    second: float
    whole: tuple[int, ...] = ()
    smooth: tuple[float, ...] = ()

    @property
    def spread(self) -> float:
        """The time, in seconds, over which the start is spread."""
        return sum(self.whole) + sum(self.smooth)

    @property
    def mean(self) -> float:
        """The mean second of the day."""
        return self.second + sum((n - 1) / 2 for n in self.whole) + sum(self.smooth) / 2


@dataclass(frozen=True)
class Schedule:
    """All starts of a job in every day; `text` is the line or unit that says so."""

    name: str
    text: str
    starts: tuple[Start, ...]
    without_systemd_only: bool = False


def cron(line: str, *, name: str = "", user_field: bool = False) -> Schedule:
    """Read one line of a crontab.

    Parameters:
        user_field: the line is from /etc/cron.d or /etc/crontab (the sixth field is a user).

    Raises:
        InputError: it is no such line, or the job does not run every day.
    """
    text = line.strip()
    head, _, rest = text.partition(" ")
    if head.startswith("@"):
        if head not in _CRON_NAMES:
            raise _refused(line, "the model knows jobs that run every day")
        text = f"{_CRON_NAMES[head]} {rest}"
    fields = text.split(None, 6 if user_field else 5)
    if len(fields) < (7 if user_field else 6):
        raise _refused(line, "a crontab line has five fields of time, then a command")
    minute, hour, *days = fields[:5]
    if days != ["*", "*", "*"]:
        raise _refused(line, "the model knows jobs that run every day")
    command = fields[-1]
    fixed, whole = _sleep(command)
    starts = tuple(
        Start(h * 3600 + m * 60 + fixed, whole)
        for h in _cron_field(hour, 0, 23, line)
        for m in _cron_field(minute, 0, 59, line)
    )
    return Schedule(name or text, text, starts, "-d /run/systemd/system" in command)


def cron_file(text: str, *, name: str = "") -> Schedule:
    """Read a file of /etc/cron.d that has one job.

    Raises:
        InputError: it has none or several, or its line cannot be read.
    """
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    jobs = [line for line in lines if not re.match(r"\w+\s*=", line)]
    if len(jobs) != 1:
        raise InputError(f"the crontab has {len(jobs)} jobs", advice="give a file with one job")
    return cron(jobs[0], name=name, user_field=True)


def timer(text: str, *, name: str = "") -> Schedule:
    """Read a systemd timer unit.

    AccuracySec is a moment that the machine chooses for itself, the same for all its timers
    (systemd.timer(5)); over many machines it is spread evenly, and so it is taken here.

    Raises:
        InputError: it has no OnCalendar, or one that the model does not know.
    """
    calendars: list[str] = []
    delay, accuracy = 0.0, ACCURACY_SECONDS
    for line in map(str.strip, text.splitlines()):
        key, _, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if key == "OnCalendar":
            calendars = [*calendars, value] if value else []
        elif key == "RandomizedDelaySec":
            delay = time_span(value)
        elif key == "AccuracySec":
            accuracy = time_span(value)
    if not calendars:
        raise InputError("the timer has no OnCalendar", advice="give a timer of the wall clock")
    smooth = tuple(width for width in (delay, accuracy) if width > 0)
    starts = tuple(Start(second, (), smooth) for one in calendars for second in _calendar(one))
    return Schedule(name or "; ".join(calendars), text, tuple(sorted(starts, key=_second)))


def time_span(text: str) -> float:
    """A time span as in systemd.time(7), in seconds: ``3600``, ``1h``, ``1h 30min``.

    Raises:
        InputError: it is none.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    rest = re.sub(r"(\d+(?:\.\d+)?)\s*([a-z]*)", "", text).strip()
    if not parts or rest or any(unit and unit not in _UNITS for _, unit in parts):
        raise InputError(f"{text!r} is no time span", advice="write it as 3600, 1h or 90min")
    return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)


def shifted(schedule: Schedule, seconds: float) -> Schedule:
    """The same schedule, so many seconds later in the day."""
    starts = (replace(one, second=(one.second + seconds) % DAY) for one in schedule.starts)
    return replace(schedule, starts=tuple(sorted(starts, key=_second)))


def _second(start: Start) -> float:
    return start.second


def _sleep(command: str) -> tuple[float, tuple[int, ...]]:
    """The fixed and the random seconds that a job sleeps before certbot."""
    before = re.split(r"\b(?:certbot|letsencrypt)\S*\s+(?:-\S+\s+)*renew", command)[0]
    if random := _PERL_SLEEP.search(before):
        return 0.0, (int(random[1]),)
    if random := _SHELL_SLEEP.search(before):
        return 0.0, (min(int(random[1]), _RANDOM_RANGE),)
    plain = _PLAIN_SLEEP.search(before)
    return (float(plain[1]) if plain else 0.0), ()


def _cron_field(field: str, low: int, high: int, line: str) -> list[int]:
    """The values of one field of crontab(5): ``*``, ``a-b``, lists, and steps."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if not match:
            raise _refused(line, f"{part!r} is no value of a crontab's field")
        first = int(match[1]) if match[1] else low
        last = int(match[2]) if match[2] else (high if not match[1] or match[3] else first)
        step = int(match[3] or 1)
        if not low <= first <= last <= high or step < 1:
            raise _refused(line, f"{part!r} is not from {low} to {high}")
        found.update(range(first, last + 1, step))
    return sorted(found)


def _calendar(text: str) -> list[float]:
    """The seconds of the day of an OnCalendar that is the same every day."""
    match = re.fullmatch(
        r"(?:\*-\*-\*\s+)?([\d*,/.]+):([\d*,/.]+)(?::([\d*,/.]+))?", _CALENDAR_NAMES.get(text, text)
    )
    if not match:
        raise InputError(
            f"the model does not know OnCalendar={text}",
            advice="it knows times of every day, such as *-*-* 00,12:00:00",
        )
    hours, minutes, seconds = match[1], match[2], match[3] or "0"
    return [
        float(h * 3600 + m * 60 + s)
        for h in _calendar_field(hours, 23, text)
        for m in _calendar_field(minutes, 59, text)
        for s in _calendar_field(seconds, 59, text)
    ]


def _calendar_field(field: str, high: int, text: str) -> list[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|\d+)(?:\.\.(\d+))?(?:/(\d+))?", part)
        if not match:
            raise InputError(f"the model does not know OnCalendar={text}",
                             advice="write hours, minutes and seconds as numbers")  # fmt: skip
        first = 0 if match[1] == "*" else int(match[1])
        last = int(match[2]) if match[2] else (high if match[3] or match[1] == "*" else first)
        if not first <= last <= high:
            raise InputError(f"OnCalendar={text}: {part} is beyond {high}")
        found.update(range(first, last + 1, int(match[3] or 1) or 1))
    return sorted(found)


def _refused(line: str, why: str) -> InputError:
    return InputError(f"cannot read the crontab line {line.strip()!r}: {why}",
                      advice="give one such as: 0 */12 * * * certbot -q renew")  # fmt: skip
