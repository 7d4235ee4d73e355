"""What the toolkit asks of Launchpad's web service, by way of launchpadlib.

Nothing is asked before the first verb, and launchpadlib is not even loaded before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from backport.errors import UNREADABLE, RemoteError
from backport.launchpad.api.environment import reach, service_root
from backport.launchpad.archive.publication import PpaName, Publication, SourceFile
from backport.transport import Limits, UnansweredError

T = TypeVar("T")


class RefusedError(RemoteError):
    """Launchpad answered that what was asked for does not exist or may not be seen or done."""


class ConflictError(RefusedError):
    """Somebody else has changed the entry since it was read; nothing was written."""


class LaunchpadlibClient:
    """Asks Launchpad through launchpadlib, anonymously or logged in.

    Every verb raises RemoteError, in one sentence that names what was asked, when Launchpad is
    broken or cannot be reached, and RefusedError (one of these) when it does not know what was
    asked for or does not show it. `root` is the service root.

    Parameters:
        cache: a folder for launchpadlib's HTTP cache.
        root: see `service_root`.
        limits: of each request; those of `Limits` without it.
        login: ask as the user (see `login.session`); without it as nobody.
    """

    def __init__(
        self, cache: Path, *, root: str = "", limits: Limits | None = None, login: bool = False
    ) -> None:
        self.root = service_root(root)
        self._login = login
        self._cache = cache
        self._limits = limits or Limits()
        self._session: Any = None
        self._known: dict[str, Any] = {}

    def series_status(self, series: str) -> str:
        """The status of an Ubuntu series, such as Supported or Obsolete."""
        return self.ask(
            f"the status of the series {series}",
            lambda session: str(session.load(f"ubuntu/{series}").status),
        )

    def published_sources(
        self,
        source: str,
        series: str = "",
        *,
        version: str = "",
        distribution: str = "ubuntu",
        ppa: PpaName | None = None,
    ) -> tuple[Publication, ...]:
        """The publication records of a source, the newest version first, of every status.

        Parameters:
            series, version: narrow the search.
            ppa: look there, and not in the primary archive of the `distribution`.
        """
        wanted: dict[str, Any] = {"source_name": source, "exact_match": True}
        if version:
            wanted["version"] = version

        def question(session: Any) -> tuple[Publication, ...]:
            if series:
                wanted["distro_series"] = self._load(session, f"{distribution}/{series}")
            path = ppa.path if ppa else f"{distribution}/+archive/primary"
            records = self._load(session, path).getPublishedSources(**wanted)
            return tuple(read_publication(record, distribution) for record in records)

        place = str(ppa) if ppa else f"{distribution} {series}".rstrip()
        exact = f"{source} {version}".rstrip()
        return self.ask(f"the publications of {exact} in {place}", question)

    def queued_sources(
        self, source: str, series: str, ppa: PpaName | None = None
    ) -> tuple[Publication, ...]:
        """The uploads of a source in the queue of an Ubuntu series, of every status.

        Launchpad keeps one of what it accepted, or a person rejected; what its upload processor
        rejects leaves none, only a mail to the signer.

        Parameters:
            ppa: the uploads to it, and not to the primary archive.
        """

        def question(session: Any) -> tuple[Publication, ...]:
            uploads = self._load(session, f"ubuntu/{series}").getPackageUploads(
                archive=self._load(session, ppa.path if ppa else "ubuntu/+archive/primary"),
                name=source,
                exact_match=True,
            )
            return tuple(
                Publication(
                    distribution="ubuntu",
                    source=source,
                    version=str(upload.package_version),
                    series=series,
                    pocket=str(upload.pocket),
                    component="",
                    status=str(upload.status),
                    published=_moment(upload.date_created),
                    link=str(upload.self_link),
                )
                for upload in uploads
            )

        to = str(ppa) if ppa else f"ubuntu {series}"
        return self.ask(f"the queued uploads of {source} to {to}", question)

    def source_files(self, publication: Publication) -> tuple[SourceFile, ...]:
        """The files of a published source package, with their hashes as Launchpad has them."""
        return self.ask(
            f"the files of {publication.source} {publication.version}",
            lambda session: tuple(
                SourceFile(
                    name=unquote(urlsplit(file["url"]).path.rpartition("/")[2]),
                    sha256=str(file["sha256"]),
                    url=str(file["url"]),
                )
                for file in session.load(publication.link).sourceFileUrls(include_meta=True)
            ),
        )

    def close(self) -> None:
        """End the connections; the next question opens new ones."""
        if self._session is not None:
            self._session._browser._connection.close()

    def _load(self, session: Any, path: str) -> Any:
        if path not in self._known:
            self._known[path] = session.load(path)
        return self._known[path]

    def ask(self, what: str, question: Callable[[Any], T], *, doing: str = "read") -> T:
        """Carry out `question` with the session of launchpadlib.

        Parameters:
            what: what is asked, for the sentence "WHAT cannot be DOING, since Launchpad …".
            doing: "read", or what a change does, such as "posted".

        Raises:
            ConflictError: somebody else changed the entry in the meantime (412).
            RefusedError: Launchpad does not know it, or does not show or allow it.
            RemoteError: Launchpad is broken or cannot be reached.
        """
        try:
            return self._answer(question)
        except UnansweredError as error:
            raise self._error(what, doing, error) from error  # callers ask for its status

    def _answer(self, question: Callable[[Any], T]) -> T:
        if self._session is None:
            reach(self.root, self._limits)
        # launchpadlib takes a third of a second to load, more than a run with nothing to do.
        from xml.etree.ElementTree import ParseError  # noqa: PLC0415

        from lazr.restfulclient.errors import HTTPError, RestfulError  # noqa: PLC0415
        from lazr.uri import InvalidURIError  # noqa: PLC0415
        from wadllib.application import WADLError  # noqa: PLC0415

        from backport.launchpad.api import login  # noqa: PLC0415

        unreadable = (RestfulError, WADLError, ParseError, InvalidURIError, *UNREADABLE)
        try:
            self._session = self._session or login.session(
                self.root, self._cache, self._limits, login=self._login
            )
            return question(self._session)
        except HTTPError as error:
            raise _refused(error.response, error.content, logged_in=self._login) from error
        except (NotImplementedError, *unreadable) as error:
            # The first is a type that another server would have to describe.
            text = f"{type(error).__name__}: {error}"[:200]
            raise UnansweredError(
                f"gives an answer that cannot be understood ({text})",
                advice="if that stays so, the web service has changed: report it to the toolkit",
            ) from error

    def _error(self, what: str, doing: str, answer: UnansweredError) -> RemoteError:
        kind: type[RemoteError] = RemoteError
        if answer.status // 100 == 4 and not answer.passing:
            kind = ConflictError if answer.status == 412 else RefusedError
        return kind(
            f"{what} cannot be {doing}, since Launchpad {answer.what}",
            where=self.root,
            advice=answer.advice or ("try again later" if answer.passing else ""),
        )

    def change(
        self,
        what: str,
        change: Callable[[Any], None],
        is_made: Callable[[], bool],
        *,
        doing: str = "changed",
    ) -> None:
        """Make a change; after an answer that leaves open whether it was made, look at it.

        Raises: as `ask` does; the change was not made.
        """
        try:
            self.ask(what, change, doing=doing)
        except RefusedError:
            raise
        except RemoteError:
            if not is_made():
                raise


def _refused(response: Any, content: bytes, *, logged_in: bool) -> UnansweredError:
    status, advice, reason = response.status, "", ""
    if response.get("content-type", "").startswith("text/plain"):
        # Zope writes its objects into the reason, such as <Bug object at 0x7f10>.
        text = re.sub(r"<[^>]*>,? ?", "", content.decode("utf-8", "replace"))
        reason = " ".join(text.split())[:160].rstrip(".")
    match status:
        case 401 | 403:
            what = f"refuses it ({status})"
            advice = "ask somebody who may do it" if logged_in else "it may be private: log in"
            if skew := clock_skew(response.get("date", "")):
                advice = f"this machine's clock is {skew} Launchpad's: set it"
        case 404:
            what, advice, reason = "does not know it (404)", "check the spelling", ""
        case 412:
            what, advice = "has a newer version of it (412)", "look at it, and try again"
        case _:
            what = f"answered {status} {response.reason}".rstrip()
    return UnansweredError(f"{what}: {reason}" if reason else what, advice=advice, status=status)


def clock_skew(date: str) -> str:
    """How far this machine's clock is from the server's, in words; "" up to ten minutes.

    A signed request whose time is too far from the server's is refused (RFC 5849, 3.3).
    """
    try:
        seconds = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return ""
    if abs(seconds) <= 600.0:
        return ""
    return f"{abs(seconds) / 60:.0f} minutes {'ahead of' if seconds > 0 else 'behind'}"


def read_publication(record: Any, distribution: str) -> Publication:
    """A publication record as launchpadlib gives it, as data of ours."""
    return Publication(
        distribution=distribution,
        source=str(record.source_package_name),
        version=str(record.source_package_version),
        series=str(record.distro_series_link).rstrip("/").rpartition("/")[2],
        pocket=str(record.pocket),
        component=str(record.component_name),
        status=str(record.status),
        published=_moment(record.date_published or record.date_created),
        superseded=_moment(record.date_superseded),
        removed=_moment(record.date_removed),
        link=str(record.self_link),
    )


def _moment(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else ""
