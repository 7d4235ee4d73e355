"""The stand-in CA answers as a real CA of ACME version 1 answered certbot 0.10.2.

`data/` holds the shapes of recorded exchanges: methods, paths, statuses, header names, links,
and the members and types of every JSON body.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.autopkgtest.conftest import Ca
from tests.autopkgtest.support import (
    NAME,
    Answer,
    Client,
    b64,
    data,
    library,
    one_challenge,
    place,
    signing_request,
)

acme_jws: Any = library("acme_jws")

# The CA's own name is the one header that the recorded CA did not send.
OWN_HEADERS = {"Server"}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        shapes = {json.dumps(shape(part), sort_keys=True) for part in value}
        return [json.loads(text) for text in sorted(shapes)]
    return {str: "text", int: "number", float: "number", bool: "boolean"}[type(value)]


def general(address: str) -> str:
    path = re.sub(r"^http://127\.0\.0\.1:\d+", "", address)
    path = re.sub(r"/acme/authz/[^/]+$", "/acme/authz/ID", path)
    path = re.sub(r"/acme/challenge/[^/]+/\d+$", "/acme/challenge/ID/NUMBER", path)
    path = re.sub(r"/acme/reg/\d+$", "/acme/reg/NUMBER", path)
    return re.sub(r"/acme/cert/[0-9a-f]+$", "/acme/cert/SERIAL", path)


def shape_of_answer(answer: Answer) -> dict[str, Any]:
    headers = answer.headers
    found: dict[str, Any] = {
        "status": answer.status,
        "headers": sorted(set(headers) - OWN_HEADERS),
        "content_type": headers["Content-Type"],
    }
    if "Link" in headers:
        links = re.findall(r'<([^>]+)>;rel="([^"]+)"', headers["Link"])
        found["links"] = sorted([relation, general(address)] for address, relation in links)
    if "Location" in headers:
        found["location"] = general(headers["Location"])
    if "Allow" in headers:
        found["allow"] = headers["Allow"]
    if not answer.body:
        found["body"] = None
    elif answer.body.startswith(b"{"):
        body = answer.json
        found["body"] = shape(body)
        if "challenges" in body:
            kinds = sorted([one["type"], one["status"]] for one in body["challenges"])
            found["statuses"] = [body["status"], *kinds]
        elif "status" in body:
            found["statuses"] = [body["status"]]
    else:
        assert answer.body[0] == 0x30, "a certificate in DER is a SEQUENCE"
        found["body"] = "DER"
    return found


class Replay:
    """Sends the requests of a recorded exchange anew and keeps the shapes of what happens."""

    def __init__(self, client: Client, ca: Ca) -> None:
        self.client = client
        self.ca = ca
        self.authorization = Answer(0, {}, b"{}")
        self.registration = ""

    def run(self, recorded: dict[str, Any]) -> dict[str, Any]:
        method, path = recorded["method"], recorded["path"]
        if method != "POST":
            return self.exchange(method, path, self.get(method, path))
        return self.exchange(method, path, *self.post(path, recorded["request"]["resource"]))

    def exchange(
        self, method: str, path: str, answer: Answer, payload: Any = None, envelope: Any = None
    ) -> dict[str, Any]:
        found = {"method": method, "path": path, "answer": shape_of_answer(answer)}
        if envelope is not None:
            found["request"] = {
                "envelope": shape(envelope),
                "payload": shape(payload),
                "resource": payload["resource"],
            }
        return found

    def get(self, method: str, path: str) -> Answer:
        if path == "/acme/authz/ID":
            return self.client.settled(self.authorization.headers["Location"])
        return self.client.ask(method, path)

    def post(self, path: str, resource: str) -> tuple[Answer, Any, Any]:
        place_to, payload = {
            "new-reg": self.new_reg,
            "reg": self.reg,
            "new-authz": self.new_authz,
            "challenge": self.challenge,
            "new-cert": self.new_cert,
        }[resource]()
        payload["resource"] = resource
        envelope = self.client.signed(payload)
        answer = self.client.send(place_to, envelope)
        assert general(place_to) == path
        if resource == "new-authz":
            self.authorization = answer
        if resource == "new-reg":
            self.registration = self.client.path_of(answer.headers["Location"])
        return answer, payload, envelope

    def new_reg(self) -> tuple[str, dict[str, Any]]:
        return "/acme/new-reg", {"contact": ["mailto:a@example.org"]}

    def reg(self) -> tuple[str, dict[str, Any]]:
        return self.registration, {
            "agreement": f"http://127.0.0.1:{self.client.port}/terms/v1",
            "contact": ["mailto:a@example.org"],
            "key": self.client.jwk,
        }

    def new_authz(self) -> tuple[str, dict[str, Any]]:
        return "/acme/new-authz", {"identifier": {"type": "dns", "value": NAME}}

    def challenge(self) -> tuple[str, dict[str, Any]]:
        challenge = one_challenge(self.authorization, "http-01")
        text = self.client.key_authorization(challenge)
        place(self.ca.webroot, challenge["token"], text)
        path = self.client.path_of(challenge["uri"])
        return path, {"type": "http-01", "keyAuthorization": text}

    def new_cert(self) -> tuple[str, dict[str, Any]]:
        return "/acme/new-cert", {"csr": b64(signing_request(NAME))}


@pytest.mark.parametrize("recording", ["obtain", "renew"])
def test_every_recorded_exchange_has_the_same_shape_here(recording: str, ca: Ca) -> None:
    client = ca.client()
    if recording == "renew":
        client.register()
    replay = Replay(client, ca)
    exchanges = data(f"{recording}.json")["exchanges"]

    assert [replay.run(one) for one in exchanges] == exchanges


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda answer: answer.headers.pop("Replay-Nonce"), "headers"),
        (lambda answer: answer.headers.update({"Content-Type": "text/html"}), "content_type"),
        (lambda answer: answer.headers.update({"Link": '</elsewhere>;rel="next"'}), "links"),
    ],
)
def test_a_changed_answer_has_another_shape(
    change: Callable[[Answer], Any], difference: str, ca: Ca
) -> None:
    client = ca.client()
    client.register()
    answer = client.new_authorization()
    whole = shape_of_answer(answer)
    change(answer)

    changed = shape_of_answer(answer)
    assert difference in {name for name in whole if whole[name] != changed.get(name)}


def test_a_request_that_a_real_certbot_signed_is_accepted() -> None:
    recorded = data("signed-request.json")

    request = acme_jws.read(json.dumps(recorded["body"]).encode())

    assert (request.nonce, request.thumbprint) == (recorded["nonce"], recorded["thumbprint"])
    assert request.payload["resource"] == "new-reg"


@pytest.mark.parametrize("member", ["protected", "payload", "signature"])
def test_one_changed_byte_in_a_recorded_request_is_refused(member: str) -> None:
    body = data("signed-request.json")["body"]
    raw = bytearray(base64.urlsafe_b64decode(body[member] + "=="))
    # Inside a value, so that JSON stays JSON.
    inside = {"protected": b"mBm8", "payload": b"ops@", "signature": bytes(raw[5:9])}[member]
    raw[raw.index(inside)] ^= 1
    body[member] = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()

    with pytest.raises(acme_jws.Problem) as refused:
        acme_jws.read(json.dumps(body).encode())

    assert refused.value.detail == "JWS verification error"
