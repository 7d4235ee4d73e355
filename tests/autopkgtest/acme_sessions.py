"""Sessions of certbot 0.10.2's own client with the stand-in CA.

    with_acme.py acme_sessions.py SESSION WEBROOT

Prints what was seen, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import acme_ca
from acme import client, jose, jws, messages
from acme_client import NAME, authorize, issue, new_key, register, registered
from OpenSSL import crypto


def exchanges(ca: Any, webroot: Path) -> dict[str, list[Any]]:
    """What is asked and answered when a certificate is obtained, and when it is renewed."""
    key = new_key()
    exchanged: dict[str, list[Any]] = {"obtain": [], "renew": []}
    for occasion, responses in exchanged.items():
        net = client.ClientNetwork(key)
        net.session.hooks["response"] = lambda got, into=responses, **_: into.append(exchange(got))
        acme = client.Client(ca.url("/directory"), key, net=net)
        if occasion == "obtain":
            register(acme)
        issue(acme, [authorize(acme, webroot)], NAME)
    return exchanged


def exchange(response: Any) -> dict[str, Any]:
    """A request and its answer, in the form of `data/exchanges.json`."""
    body = "DER" if response.content else None
    return {
        "method": response.request.method,
        "path": response.request.path_url,
        "status": response.status_code,
        "content_type": response.headers["Content-Type"],
        "links": sorted([relation, link["url"]] for relation, link in response.links.items()),
        "location": response.headers.get("Location", ""),
        "body": response.json() if response.content.startswith(b"{") else body,
    }


def refusals(ca: Any, _webroot: Path) -> dict[str, tuple[int, str, str]]:
    """What each request is refused with that is one step away from one that is granted."""
    acme, other = (registered(ca.url("/directory")) for _ in range(2))
    stranger = client.Client(ca.url("/directory"), new_key())
    responses: list[Any] = []
    for each in (acme, other, stranger):
        each.net.session.hooks["response"] = lambda got, **_: responses.append(got)
    net, address = acme.net, acme.directory.new_authz
    authorization = acme.request_domain_challenges(NAME)
    (challenge,) = authorization.body.challenges
    wanted = messages.NewAuthorization(identifier=authorization.body.identifier)
    signer = crypto.PKey()
    signer.generate_key(crypto.TYPE_RSA, 2048)

    def envelope(content: Any = wanted, nonce: bytes = b"") -> Any:
        return json.loads(net._wrap_in_jws(content, nonce or net._get_nonce(address)))

    def send(content: Any) -> None:
        net._add_nonce(net._send_request("POST", address, data=json.dumps(content)))

    used = envelope()
    send(used)
    assert responses[-1].status_code == 201
    beside = super(jws.JWS, jws.JWS).sign(
        wanted.json_dumps().encode(), key=acme.key, alg=jose.RS256, nonce=net._get_nonce(address)
    )
    faults: dict[str, Callable[[], object]] = {
        "another signature": lambda: send(envelope() | {"signature": used["signature"]}),
        "another payload": lambda: send(
            envelope() | {"payload": envelope(messages.NewRegistration())["payload"]}
        ),
        "no signature": lambda: send(wanted.to_json()),
        "a nonce that was used": lambda: send(used),
        "a nonce of another CA": lambda: send(envelope(nonce=b"n" * 32)),
        "a nonce that is not signed": lambda: send(beside.to_json()),
        "another resource": lambda: acme.net.post(address, messages.NewRegistration()),
        "no account": lambda: stranger.request_domain_challenges(NAME),
        "another account's challenge": lambda: other.answer_challenge(
            challenge, challenge.response(other.key)
        ),
        "a name without authorization": lambda: issue(acme, [authorization], NAME),
        "a request with another signature": lambda: issue(
            acme, [authorization], NAME, signer=signer
        ),
        "another address": lambda: net.get(ca.url("/acme/other")),
    }
    refused = {}
    for fault, request in faults.items():
        with contextlib.suppress(messages.Error):
            request()
        content_type = responses[-1].headers["Content-Type"]
        refused[fault] = responses[-1].status_code, content_type, responses[-1].json()["type"]
        acme.request_domain_challenges(NAME)
    return refused


def settled(ca: Any, webroot: Path) -> dict[str, tuple[str, str | None]]:
    """How authorizations end, by what is wrong with the answer to the challenge."""
    acme = registered(ca.url("/directory"))
    endings = {
        "nothing": authorize(acme, webroot),
        "another text": authorize(acme, webroot, text="something else"),
        "no file": authorize(acme, webroot / "elsewhere"),
        "another account's text": authorize(acme, webroot, key=new_key()),
    }
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and not listening
        ca.http_01_port = silent.getsockname()[1]
        endings["no server"] = authorize(acme, webroot)
    return {
        fault: (ending.body.status.name, (ending.body.challenges[0].error or messages.Error()).code)
        for fault, ending in endings.items()
    }


def issued(ca: Any, webroot: Path) -> dict[int, list[str]]:
    """A key, its certificate and the issuer's, by the age in days that certificates have."""
    acme = registered(ca.url("/directory"))
    names = [NAME, f"mail.{NAME}"]
    authorizations = [authorize(acme, webroot, name) for name in names]
    by_age = {}
    for ca.age_days in (0, 70):
        by_age[ca.age_days] = [part.decode() for part in issue(acme, authorizations, *names)]
    return by_age


def at_once(ca: Any, webroot: Path) -> int:
    """How many different certificates twenty clients of two accounts get at the same time."""
    keys = [registered(ca.url("/directory")).key for _ in range(2)]

    def certificate(number: int) -> bytes:
        acme, name = client.Client(ca.url("/directory"), keys[number % 2]), f"host{number}.{NAME}"
        return issue(acme, [authorize(acme, webroot, name)], name)[1]

    with ThreadPoolExecutor(20) as pool:
        return len(set(pool.map(certificate, range(20))))


if __name__ == "__main__":
    session, folder = sys.argv[1:]
    server = acme_ca.Server()
    server.webroot = folder
    server.start()
    try:
        print(json.dumps(globals()[session](server, Path(folder))))
    finally:
        server.stop()
