"""The HTTP server: it speaks as Launchpad's web service does, and says that it is not it."""

from __future__ import annotations

import contextlib
import email
import json
import re
import threading
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urlsplit

from . import wadl
from .handler import Answer, Faults, Handler
from .wadl import TYPES
from .world import Created, DeniedError, Entry, World

# lp.services.utils.re_email_address, by which Launchpad hides addresses from the anonymous.
_ADDRESS = re.compile(
    r"""\b[a-zA-Z0-9._/="'+-]{1,64}@[a-zA-Z][a-zA-Z0-9-]{1,63}\.[a-zA-Z0-9.-]{1,251}\b"""
)
_VERSION = "devel"


def _text(status: int, sentence: str) -> Answer:
    return Answer(status, sentence.encode(), "text/plain;charset=utf-8")


class StandIn:
    """The server, as a context manager.

    `root` is what a client gets as service root; `page_size` is how many entries a page holds
    when the client does not say; `requests` lists what came in, as ``METHOD /path?query``.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        self.page_size = 75
        self.requests: list[str] = []
        self.clock_offset = 0.0
        self._anonymous = False
        owner = self

        class Own(Handler):
            standin = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self.base = f"{self.root}{_VERSION}/"

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening; the port refuses connections afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # Representations

    def link(self, path: str) -> str:
        """The address of an entry or collection."""
        return self.base + path.lstrip("/")

    def represent(self, entry: Entry) -> dict[str, Any]:
        """An entry as JSON data."""
        data: dict[str, Any] = {
            "self_link": self.link(entry.path),
            "web_link": self.root + entry.path.lstrip("/"),
            "resource_type_link": f"{self.base}#{entry.kind}",
            "http_etag": entry.etag,
        }
        for field in TYPES[entry.kind].fields:
            value = self.plain(entry.values.get(field.key))
            if field.link and value and not value.startswith(self.root):
                value = self.link(value)
            elif isinstance(value, str) and self._anonymous:
                value = _ADDRESS.sub("<email address hidden>", value)
                value = value.replace("<<email address hidden>>", "<email address hidden>")
            data[field.key] = value
        return data

    def plain(self, value: Any) -> Any:
        """A value with its addresses made absolute."""
        if isinstance(value, str) and value.startswith("web:/"):
            return self.root + value.removeprefix("web:/")
        if isinstance(value, Entry):
            return self.represent(value)
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if isinstance(value, dict):
            return {key: self.plain(one) for key, one in value.items()}
        return value

    def page(
        self, entries: list[Entry], target: str, query: dict[str, str], kind: str = ""
    ) -> Answer:
        """One page of a collection, with the link to the next.

        `kind` is the collection's type; what a named operation returns has none.
        """
        start = int(query.get("ws.start", "0"))
        size = int(query.get("ws.size", str(self.page_size)))
        data: dict[str, Any] = {
            "start": start,
            "total_size": len(entries),
            "entries": [self.represent(entry) for entry in entries[start : start + size]],
        }
        if kind:
            data["resource_type_link"] = f"{self.base}#{kind}"
        if start + size < len(entries):
            more = query | {"ws.start": str(start + size), "ws.size": str(size)}
            data["next_collection_link"] = f"{self.link(target)}?{urlencode(sorted(more.items()))}"
        return Answer(200, json.dumps(data).encode())

    # Requests

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        """Carry out a request."""
        parts = urlsplit(target)
        path = parts.path
        with self.world.lock:
            for change in self.world.before:
                change()
            outside = self._outside(method, parts, headers, body)
            if outside is not None:
                return outside
            inner = "/" + path.removeprefix(f"/{_VERSION}").strip("/")
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self._anonymous = not _token(headers)
            refused = self._refused(method, inner, _token(headers))
            return refused or self._dispatch(method, inner, query, headers, body)

    def _outside(self, method: str, parts: SplitResult, headers: Any, body: bytes) -> Answer | None:
        """The answer for what is not of the web service; None where it is."""
        path = parts.path
        if path in self.world.files:
            zipped = {"Content-Encoding": "gzip"} if path.endswith(".txt.gz") else {}
            kind = "text/plain" if zipped else "application/octet-stream"
            return Answer(200, self.world.files[path], kind, zipped)
        if path in self.world.pages:
            form = _form(headers, body) if method == "POST" else dict(parse_qsl(parts.query))
            return _text(*self.world.pages[path](form))
        if not (path + "/").startswith(f"/{_VERSION}/"):
            return Answer(404, b"<html><body>Lost something?</body></html>", "text/html")
        return None

    def _refused(self, method: str, path: str, token: str) -> Answer | None:
        """What a request without the right login gets; a look at oneself is answered here too."""
        if token and self.world.tokens is not None and token not in self.world.tokens:
            return _text(401, "Unknown access token")
        if path == "/people/+me" and token:
            return Answer(303, headers={"Location": self.link(self.world.me)})
        if path == "/people/+me":
            return _text(401, "You need to be logged in to view this URL.")
        if method not in ("GET", "HEAD") and not token:
            return _text(401, "Anonymous requests cannot change anything.")
        return None

    def _dispatch(
        self, method: str, path: str, query: dict[str, Any], headers: Any, body: bytes
    ) -> Answer:
        if path == "/":
            return self._service_root(headers)
        entry = self.world.entries.get(path)
        if method == "POST":
            query = _form(headers, body)
        if "ws.op" in query and entry is not None:
            return self._operate(method, entry, query)
        if method == "GET" and path in self.world.collections:
            kind, entries = self.world.collections[path]
            return self.page(entries(), path, query, kind)
        if entry is None:
            return _text(404, f"Object: <stand-in>, name: '{path}'")
        return self._patch(entry, headers, body) if method == "PATCH" else self._whole(200, entry)

    def _whole(self, status: int, entry: Entry) -> Answer:
        data = json.dumps(self.represent(entry)).encode()
        return Answer(status, data, headers={"ETag": entry.etag})

    def _service_root(self, headers: Any) -> Answer:
        if wadl.MEDIA_TYPE in (headers.get("Accept") or ""):
            fresh = {"Cache-Control": "max-age=604800"}
            return Answer(200, wadl.document(self.base), wadl.MEDIA_TYPE, fresh)
        data = {"me_link": self.link("/people/+me")}
        data["resource_type_link"] = f"{self.base}#service-root"
        return Answer(200, json.dumps(data).encode())

    def _operate(self, method: str, entry: Entry, query: dict[str, Any]) -> Answer:
        name = query["ws.op"]
        pages = TYPES[entry.kind].operations.get((method, name))
        if pages is None or (entry.kind, name) not in self.world.operations:
            return _text(400, f"No such operation: {name}")
        given = {key: self._argument(value) for key, value in query.items()}
        try:
            result = self.world.operations[entry.kind, name](self.world, entry, given)
        except DeniedError as error:
            return _text(error.status, str(error))
        if isinstance(result, Created):
            return Answer(201, headers={"Location": self.link(result.entry.path)})
        if pages:
            return self.page(result, entry.path, query)
        return Answer(200, json.dumps(self.plain(result)).encode())

    def _argument(self, value: Any) -> Any:
        """A value as launchpadlib means it: JSON, a file, or the path of an entry."""
        if isinstance(value, bytes):
            return value
        with contextlib.suppress(ValueError):
            value = json.loads(value)
        if isinstance(value, str) and value.startswith(self.base):
            value = "/" + value.removeprefix(self.base)
        return value

    def _patch(self, entry: Entry, headers: Any, body: bytes) -> Answer:
        wanted = headers.get("If-Match")
        # As lazr.restful does: only the part of what can be written has to be the same.
        if wanted is not None and wanted.strip('"').split("-")[-1] != entry.hash_of(written=True):
            return _text(412, "")
        changes = json.loads(body)
        written = {field.key for field in TYPES[entry.kind].fields if field.written}
        if wrong := changes.keys() - written:
            return _text(400, f"{wrong.pop()}: You tried to modify a read-only attribute.")
        entry.values.update(changes)
        return self._whole(209, entry)


def _form(headers: Any, body: bytes) -> dict[str, Any]:
    """The fields of a posted form; a file stays as bytes."""
    kind = headers.get("Content-Type") or ""
    if not kind.startswith("multipart/form-data"):
        return {key: one[0] for key, one in parse_qs(body.decode()).items()}
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in email.message_from_bytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            binary = part.get_filename() is not None or name == "data"
            fields[name] = content if binary else content.decode()
    return fields


def _token(headers: Any) -> str:
    """The OAuth token of a request; "" for an anonymous one."""
    match = re.search(r'oauth_token="([^"]*)"', headers.get("Authorization") or "")
    return match[1] if match else ""
