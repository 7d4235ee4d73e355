"""The recipe's ``[update]`` table."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Annotated

from backport.errors import InputError
from backport.recipe import keys
from backport.recipe.keys import Advice, Fault


@dataclass(frozen=True, kw_only=True)
class Update:
    """The table ``[update]``.

    `as_of` is the day that the archive is looked at: what was published, superseded or removed
    later does not count. None means now. It makes an update of the past reproducible; a recipe
    whose day is in the past must never be uploaded, since the archive has gone on: `upload`
    refuses it. `stand_in` is the file that says what the stand-in base is made of; None is the
    plain Debian release. `key` is the OpenPGP key that signs uploads, as gpg finds it; "" is the
    maintainer's.
    """

    name: Annotated[str, keys.UPDATE_NAME]
    bug: Annotated[int, Advice("write the Launchpad bug's number")]
    maintainer: keys.Maintainer
    date: Annotated[str, Advice("write the changelog's date as in RFC 5322")]
    ppa: keys.PpaText = ""
    as_of: datetime.date | None = None
    key: str = ""
    stand_in: Path | None = None

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the bug's number and the date."""
        if self.bug < 0:
            advice = "write the Launchpad bug's number, or 0 until it is filed"
            yield "bug", f"{self.bug} is no bug", advice
        try:
            day = format_datetime(moment_of(self.date))[:3]
        except InputError as error:
            yield "date", error.what, error.advice
        else:
            if self.date[:3] != day:
                what = f"that day is a {day}, not {self.date[:3]}"
                yield "date", what, f"write {day}, or another day"


def moment_of(date: str) -> datetime.datetime:
    """The moment that a changelog's date is.

    Raises:
        InputError: it is no date of RFC 5322 with a time zone.
    """
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"{date!r} is no date for a changelog",
            where="the recipe's key update.date",
            advice="write it as date -R prints it, such as Mon, 23 Nov 2026 12:00:00 +0000",
        )
    return moment
