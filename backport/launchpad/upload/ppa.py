"""What Launchpad says about one PPA, and about the account that uploads to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from backport import transport
from backport.errors import InputError, MachineError
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError, clock_skew
from backport.launchpad.api.environment import API_VERSION
from backport.launchpad.archive.publication import PpaName
from backport.transport import Limits

# Launchpad's names of people and of archives (lp.app.validators.name).
_NAME = r"[a-z0-9][a-z0-9+.-]*"
_PPA = re.compile(rf"(?:ppa:|~)?(?P<owner>{_NAME})/(?:ubuntu/)?(?P<name>{_NAME})")
_NO_PPA = ("primary", "partner")


def parse_name(text: str, *, where: str) -> PpaName:
    """The PPA that a recipe names, as ``owner/name`` or ``ppa:owner/name``.

    Raises:
        InputError: it names none, or an archive that is no PPA.
    """
    if not text:
        raise InputError("the recipe names no PPA", where=where, advice='write ppa = "owner/name"')
    match = _PPA.fullmatch(text)
    if match is None or match["name"] in _NO_PPA or match["owner"] == "ubuntu":
        raise InputError(f"{text!r} is no PPA", where=where, advice='write the PPA as "owner/name"')
    return PpaName(match["owner"], match["name"])


# Launchpad takes a version once for an archive, even when it was deleted or rejected afterwards
# (documentation.ubuntu.com/launchpad, "Copying packages": version numbers need to be unique). With
# the suffix the update itself can later have its own version, in the archive as in that PPA, and
# whoever has the PPA's package is upgraded to it.
_VERSION = re.compile(r"(?P<update>.+)~ppa(?P<number>[1-9][0-9]{0,8})")


def ppa_version(update: str, number: int) -> str:
    """The version of the upload of that number.

    >>> ppa_version("0.10.2-1ubuntu0.16.04.1", 2)
    '0.10.2-1ubuntu0.16.04.1~ppa2'
    """
    return f"{update}~ppa{number}"


def number_of(version: str, update: str) -> int:
    """The number in a version of that update; 0 where it is none of it.

    >>> number_of("1.0-1ubuntu0.1~ppa3", "1.0-1ubuntu0.1"), number_of("1.0-1", "1.0-1")
    (3, 0)
    """
    match = _VERSION.fullmatch(version)
    return int(match["number"]) if match and match["update"] == update else 0


def update_of(version: str) -> str:
    """The version of the update that a version in the PPA is of; any other version as it is.

    >>> update_of("1.0-1ubuntu0.1~ppa3")
    '1.0-1ubuntu0.1'
    """
    match = _VERSION.fullmatch(version)
    return match["update"] if match else version


@dataclass(frozen=True)
class Account:
    """Who is logged in, and the fingerprints of the OpenPGP keys that Launchpad knows."""

    name: str
    fingerprints: tuple[str, ...]


class Ppa:
    """Asks about one PPA.

    Every method raises RemoteError, in one sentence that names what was asked, where Launchpad
    gives no usable answer, and RefusedError where it does not know it or does not allow it.
    """

    def __init__(self, client: LaunchpadlibClient, name: PpaName) -> None:
        self._client = client
        self.name = name

    def account(self) -> Account:
        """Who is logged in."""

        def question(session: Any) -> Account:
            me = session.me
            keys = tuple(str(key.fingerprint).upper() for key in me.gpg_keys)
            return Account(str(me.name), keys)

        return self._client.ask("the account that is logged in", question)

    def check_clock(self) -> None:
        """Check that this machine's clock is near Launchpad's: a signature from the future fails.

        Raises:
            MachineError: it is off by more than `clock_skew` lets pass.
        """

        def question(_: Any) -> str:
            with transport.opened(f"{self._client.root}{API_VERSION}/", Limits()) as answer:
                return answer.headers.get("Date", "")

        date = self._client.ask("the time", question)
        if skew := clock_skew(date):
            raise MachineError(
                f"this machine's clock is {skew} Launchpad's",
                advice="set it (timedatectl(1)), and run the command again",
            )

    def check(self) -> None:
        """Check that the PPA is there, and a PPA."""
        reference = self._client.ask(
            str(self.name), lambda session: str(session.load(self.name.path).reference)
        )
        expected = f"~{self.name.owner}/ubuntu/{self.name.name}"
        if reference != expected:
            raise RefusedError(
                f"what Launchpad has under this name is the archive {reference}",
                where=str(self.name),
                advice=f"an upload goes to {expected} and nowhere else: correct the recipe's ppa",
            )

    def permits_obsolete(self) -> bool:
        """Whether it takes uploads for series that are obsolete."""
        return self._client.ask(
            f"what {self.name} takes",
            lambda session: bool(session.load(self.name.path).permit_obsolete_series_uploads),
        )

    def check_may_upload(self, source: str, series: str) -> None:
        """Check that the account may upload to it."""
        self._client.ask(
            f"the right to upload {source} to {self.name}",
            lambda session: session.load(self.name.path).checkUpload(
                component="main",
                distroseries=session.load(f"ubuntu/{series}"),
                person=session.me,
                pocket="Release",
                sourcepackagename=source,
            ),
        )
