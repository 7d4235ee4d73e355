"""launchpadlib's objects within our limits: one that asks anonymously, one that is logged in.

This module loads launchpadlib, so it is imported only where Launchpad is asked.
"""

from __future__ import annotations

import json
import os
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httplib2
from launchpadlib.credentials import (
    AccessToken,
    Credentials,
    CredentialStore,
    RequestTokenAuthorizationEngine,
)
from launchpadlib.launchpad import Launchpad
from lazr.restfulclient.errors import HTTPError

from backport import transport
from backport.errors import MachineError, RemoteError
from backport.launchpad.api.credentials import VARIABLE, Place, place
from backport.launchpad.api.environment import API_VERSION
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.api.http import LimitedRequest, reach
from backport.transport import Limits, UnansweredError

APPLICATION = "sru-backport-toolkit"
# The login page offers these; the narrower one is enough for public bugs and PPAs.
_LEVELS = ["WRITE_PUBLIC", "WRITE_PRIVATE"]
_POLL_SECONDS = 1.0


def reach_root(root: str, limits: Limits) -> None:
    """Check that something listens at the service root, or at the proxy before it.

    Raises:
        UnansweredError: nothing does.
    """
    parts = urlsplit(root)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = httplib2.proxy_info_from_environment(parts.scheme)
    if proxy is not None and not proxy.bypass_host(host):
        host, port = proxy.proxy_host, proxy.proxy_port
    reach(host, port, limits.connect)


def _limited(limits: Limits, opened: list[Any] | None = None) -> Any:
    """The class Launchpad, with connections that have these limits, noted in `opened`."""

    def limited(session: Any, *args: Any) -> Any:
        connection = Launchpad.httpFactory(session, *args)
        if opened is not None:
            opened.append(connection)
        connection.request = LimitedRequest(connection, limits)
        return connection

    return type("LimitedLaunchpad", (Launchpad,), {"httpFactory": limited})


def open_anonymous(root: str, cache: Path, limits: Limits) -> Any:
    """A launchpadlib object without a login."""
    cache.mkdir(parents=True, exist_ok=True)
    return _limited(limits).login_anonymously(
        APPLICATION,
        service_root=root,
        launchpadlib_dir=str(cache),
        timeout=limits.silence,
        version=API_VERSION,
    )


class TokenStore(CredentialStore):  # type: ignore[misc]
    """launchpadlib's view of the place where our token is."""

    def __init__(self, place: Place, root: str) -> None:
        super().__init__()
        self.place = place
        self._root = root

    def do_save(self, credentials: Any, _unique_key: str) -> None:
        """Keep the token."""
        self.place.save(self._root, credentials.serialize().decode())

    def do_load(self, _unique_key: str) -> Any:
        """The kept token as `Credentials`; None if there is none."""
        text = self.place.load(self._root)
        return Credentials.from_string(text) if text else None


class BrowserLogin(RequestTokenAuthorizationEngine):  # type: ignore[misc]
    """Logs in by way of the browser; launchpadlib calls it again when a token is refused.

    The consumer is the toolkit, not the machine, so that a token serves on another machine too.
    """

    def __init__(self, root: str, limits: Limits, *, person: bool, seconds: float) -> None:
        super().__init__(root, consumer_name=APPLICATION, allow_access_levels=_LEVELS)
        self._limits = limits
        self._person = person
        self._seconds = seconds
        self._secret = ""

    def __call__(self, credentials: Any, store: TokenStore) -> Any:
        """Log in, and keep the token.

        Raises:
            MachineError: nobody is there to log in.
            RefusedError: the kept token is refused, and nobody is there, or the login was declined.
        """
        if not self._person:
            kept = bool(store.place.load(self.service_root))
            raise (RefusedError if kept else MachineError)(
                f"Launchpad does not accept the login kept in {store.place} any more"
                if kept
                else "there is no login for Launchpad here, and nobody to make one",
                where=self.service_root,
                advice=f"log in where a browser is, with {VARIABLE} set to the name of a new file, "
                "and bring that file here",
            )
        try:
            return super().__call__(credentials, store)
        except UnansweredError as error:
            raise self._failed(error.what) from error
        except (LookupError, ValueError, TypeError) as error:
            raise self._failed("gives an answer that cannot be understood") from error

    def get_request_token(self, credentials: Any) -> str:
        """A token that the page is shown for; the secret that belongs to it stays here."""
        status, content = self._post("+request-token", credentials, "", "")
        if status != 200:
            raise self._failed(f"answered {status}")
        data = json.loads(content)
        self._secret = str(data["oauth_token_secret"])
        return str(data["oauth_token"])

    def make_end_user_authorize_token(self, credentials: Any, request_token: str) -> None:
        """Show the page, and wait until it was answered.

        Raises:
            RemoteError: it was declined, or not answered in time.
        """
        page = self.authorization_url(request_token)
        print(
            f"Log in to Launchpad and say what the toolkit may do; your browser opens\n  {page}\n"
            "and this goes on when you have answered there.",
            file=sys.stderr,
        )
        if _has_browser():
            webbrowser.open(page)
        end = time.monotonic() + self._seconds
        while True:
            status, content = self._post("+access-token", credentials, request_token, self._secret)
            match status:
                case 200:
                    credentials.access_token = AccessToken.from_string(content)
                    return
                case 401:  # not answered yet
                    if time.monotonic() > end:
                        raise RemoteError(
                            f"the login was not answered within {self._seconds:.0f} s",
                            where=self.web_root,
                            advice="run the command again",
                        )
                    time.sleep(min(_POLL_SECONDS, self._seconds / 10))
                case 403:
                    raise RefusedError("the login was declined in the browser", where=self.web_root)
                case _:
                    raise self._failed(f"answered {status}")

    def _post(self, page: str, credentials: Any, token: str, secret: str) -> tuple[int, str]:
        """Ask one of the two pages of the login, as launchpadlib does, but with a time limit."""
        fields = {
            "oauth_consumer_key": credentials.consumer.key,
            "oauth_signature_method": "PLAINTEXT",
            "oauth_signature": f"&{secret}",
        }
        if token:
            fields["oauth_token"] = token
        headers = {
            "Referer": self.web_root,
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(fields).encode()
        try:
            with transport.opened(
                self.web_root + page, self._limits, method="POST", headers=headers, data=body
            ) as answer:
                return answer.status, b"".join(answer.pieces()).decode("utf-8", "replace")
        except UnansweredError as error:
            if error.status:
                return error.status, ""
            raise

    def _failed(self, how: str) -> RemoteError:
        return RemoteError(
            f"the login does not work, since Launchpad {how}",
            where=self.web_root,
            advice="try again later",
        )


def _has_browser() -> bool:
    """Whether a browser can be opened that leaves the terminal alone."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def session(
    root: str,
    cache: Path,
    *,
    limits: Limits | None = None,
    kept_in: Place | None = None,
    person: bool | None = None,
    login_seconds: float = 900.0,
) -> Any:
    """A launchpadlib object that is logged in; in the browser, if no token is kept yet.

    Parameters:
        root: the service root (see `service_root`).
        cache: a folder for launchpadlib's HTTP cache; what needs a login stays out of the cache
            of those who have none.
        limits: of each request; those of `Limits` without it.
        kept_in: where the token is; see `place`.
        person: whether somebody is there to log in; without it, whether stderr is a terminal.
        login_seconds: how long the browser is waited for.

    Raises:
        MachineError: there is no token, and nobody to log in.
        InputError: the kept token may be read by others, or is for another service root.
        RemoteError: Launchpad cannot be reached, refuses the token, or the login was declined.
    """
    limits, cache = limits or Limits(), cache / "logged-in"
    store = TokenStore(kept_in or place(), root)
    person = sys.stderr.isatty() if person is None else person
    engine = BrowserLogin(root, limits, person=person, seconds=login_seconds)
    known = store.load(engine.unique_consumer_id)
    opened: list[Any] = []
    try:
        reach_root(root, limits)
        if known is None:
            fresh = Credentials(None)
            fresh.consumer = engine.consumer
            known = engine(fresh, store)
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _limited(limits, opened)(
            known,
            engine,
            store,
            service_root=root,
            cache=str(cache),
            timeout=limits.silence,
            proxy_info=httplib2.proxy_info_from_environment,
            version=API_VERSION,
        )
    except BaseException as error:
        for connection in opened:
            connection.close()
        if isinstance(error, UnansweredError):
            advice = "try again later" if error.passing else ""
            raise RemoteError(f"Launchpad {error.what}", where=root, advice=advice) from error
        if isinstance(error, HTTPError):
            what = f"Launchpad answered {error.response.status} at the login"
            raise RemoteError(what, where=root, advice="try again later") from error
        raise
