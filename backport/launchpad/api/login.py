"""launchpadlib's objects within our limits: one that asks anonymously, one that is logged in.

This module loads launchpadlib, so it is imported only where Launchpad is asked.
"""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from typing import Any

import httplib2
from launchpadlib.credentials import (
    AuthorizeRequestTokenWithBrowser,
    Credentials,
    CredentialStore,
    EndUserDeclinedAuthorization,
    TokenAuthorizationException,
)
from launchpadlib.launchpad import Launchpad

from backport import transport
from backport.errors import MachineError, RemoteError
from backport.launchpad.api import credentials as kept
from backport.launchpad.api.client import RefusedError
from backport.launchpad.api.environment import API_VERSION
from backport.launchpad.api.http import LimitedRequest
from backport.transport import Limits

# The consumer is the toolkit, not the machine, so that a token serves on another machine too.
APPLICATION = "sru-backport-toolkit"
# The login page offers these; the narrower one is enough for public bugs and PPAs.
_LEVELS = ["WRITE_PUBLIC", "WRITE_PRIVATE"]


class _Store(CredentialStore):  # type: ignore[misc]
    """launchpadlib's view of our file, which is bound to a service root."""

    def __init__(self, path: Path, root: str) -> None:
        super().__init__()
        self.path, self.root = path, root

    def do_save(self, credentials: Any, _unique_key: str) -> None:
        kept.save(self.path, self.root, credentials.serialize().decode())

    def do_load(self, _unique_key: str) -> Any:
        text = kept.load(self.path, self.root)
        return Credentials.from_string(text) if text else None


class _Browser(AuthorizeRequestTokenWithBrowser):  # type: ignore[misc]
    """Logs in by way of the browser; launchpadlib calls it again when a token is refused."""

    def output(self, message: str) -> None:
        print(message, file=sys.stderr)

    def __call__(self, credentials: Any, store: _Store) -> Any:
        """Log in, and keep the token.

        Raises:
            MachineError: nobody is there to log in.
            RefusedError: the kept token is refused, and nobody is there.
            RemoteError: it was declined or not answered, or Launchpad is broken.
        """
        if not sys.stderr.isatty():
            advice = (
                f"log in where a browser is, with {kept.VARIABLE} set to the name of a new file, "
                "and bring that file here"
            )
            if store.load(""):
                what = f"Launchpad does not accept the login kept in {store.path} any more"
                raise RefusedError(what, where=self.service_root, advice=advice)
            what = "there is no login for Launchpad here, and nobody to make one"
            raise MachineError(what, where=self.service_root, advice=advice)
        try:
            return super().__call__(credentials, store)
        except TokenAuthorizationException as error:
            declined = isinstance(error, EndUserDeclinedAuthorization)
            how = "declined in the browser" if declined else "not answered in time"
            advice = "run the command again"
            raise RemoteError(f"the login was {how}", where=self.web_root, advice=advice) from error
        except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
            what = f"the login does not work, since Launchpad {transport.failure(error).what}"
            raise RemoteError(what, where=self.web_root, advice="try again later") from error


def session(root: str, cache: Path, limits: Limits, *, login: bool) -> Any:
    """A launchpadlib object: anonymous, or logged in; in the browser, if no token is kept yet.

    Parameters:
        root: the service root (see `service_root`).
        cache: a folder for launchpadlib's HTTP cache; what needs a login stays out of the cache
            of those who have none.
        limits: of each request, but for those of the login in the browser.

    Raises:
        MachineError: there is no token, and nobody to log in.
        InputError: the kept token may be read by others, or is for another service root.
        RemoteError: Launchpad refuses the token, or the login was declined.
        and the errors of launchpadlib and those below it.
    """

    opened = []

    def limited(made: Any, *args: Any) -> Any:
        connection = Launchpad.httpFactory(made, *args)
        opened.append(connection)
        connection.request = LimitedRequest(connection, limits)
        return connection

    kind: Any = type("LimitedLaunchpad", (Launchpad,), {"httpFactory": limited})
    common = {"service_root": root, "timeout": limits.silence, "version": API_VERSION}
    if not login:
        cache.mkdir(parents=True, exist_ok=True)
        return kind.login_anonymously(APPLICATION, launchpadlib_dir=str(cache), **common)
    store = _Store(kept.place(), root)
    engine = _Browser(root, consumer_name=APPLICATION, allow_access_levels=_LEVELS)
    known = store.load("")
    if known is None:
        known = Credentials(None)
        known.consumer = engine.consumer
        engine(known, store)
    cache = cache / "logged-in"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return kind(known, engine, store, cache=str(cache), **common)
    except BaseException:
        for connection in opened:
            connection.close()
        raise
