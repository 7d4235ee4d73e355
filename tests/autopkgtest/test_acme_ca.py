"""The stand-in CA: it answers as a real one did, and refuses what a real one would refuse.

`data/exchanges.json` has the facts of what a real CA of ACME version 1 answered certbot 0.10.2:
statuses, links, types, and the members of every JSON body.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from tests.autopkgtest.conftest import Ca
from tests.autopkgtest.support import (
    NAME,
    Answer,
    Client,
    b64,
    data,
    new_key,
    one_challenge,
    place,
    signing_request,
    valid_days,
)

# What certbot 0.10.2 does not read, and the CA leaves out.
LEFT_OUT = {
    "Status",
    "createdAt",
    "expires",
    "id",
    "initialIp",
    "keyAuthorization",
    "validationRecord",
}


def shape(value: Any) -> Any:
    """The names and types in a JSON value; what is in it already is a shape stays as it is."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if name not in LEFT_OUT}
    if isinstance(value, list):
        shapes = {json.dumps(shape(part), sort_keys=True) for part in value}
        return [json.loads(text) for text in sorted(shapes)]
    return "number" if isinstance(value, int) or value == "number" else "text"


def general(address: str) -> str:
    path = re.sub(r"^http://127\.0\.0\.1:\d+", "", address)
    path = re.sub(r"/acme/authz/[^/]+$", "/acme/authz/ID", path)
    path = re.sub(r"/acme/challenge/.+$", "/acme/challenge/ID/NUMBER", path)
    path = re.sub(r"/acme/reg/\d+$", "/acme/reg/NUMBER", path)
    return re.sub(r"/acme/cert/[0-9a-f]+$", "/acme/cert/SERIAL", path)


def facts(answer: Answer) -> dict[str, Any]:
    """What has to be as in the recorded answer."""
    found: dict[str, Any] = {
        "status": answer.status,
        "content_type": answer.headers["Content-Type"],
        "links": sorted(
            [relation, general(address)]
            for address, relation in re.findall(
                r'<([^>]+)>;rel="([^"]+)"', answer.headers.get("Link", "")
            )
        ),
    }
    # The recorded CA sent no place with the agreement; clients keep the one that they have.
    if answer.status != 202 or "/challenge/" in answer.headers["Location"]:
        found["location"] = general(answer.headers.get("Location", ""))
    found["body"] = None
    if answer.body.startswith(b"{"):
        found["body"] = shape(answer.json)
        found["statuses"] = [answer.json.get("status")]
        if "challenges" in answer.json:
            found["statuses"] += [[one["type"], one["status"]] for one in answer.json["challenges"]]
    elif answer.body:
        assert x509.load_der_x509_certificate(answer.body)
        found["body"] = "DER"
    assert answer.headers["Replay-Nonce"]
    return found


def recorded_facts(recorded: dict[str, Any]) -> dict[str, Any]:
    found = {"links": [], "location": "", **recorded}
    body = recorded["body"]
    found["body"] = shape(body) if isinstance(body, dict) else body
    if isinstance(body, dict):
        # Of the challenges only http-01 is offered here.
        found["statuses"] = [
            one
            for one in recorded.get("statuses", [None])
            if not isinstance(one, list) or one[0] == "http-01"
        ]
    if recorded.get("resource") == "reg":
        del found["location"]
    return {name: found[name] for name in found if name not in ("method", "path", "resource")}


class Replay:
    """Sends the requests of a recorded exchange anew, and knows what they refer to."""

    def __init__(self, client: Client, ca: Ca) -> None:
        self.client = client
        self.ca = ca
        self.authorization = Answer(0, {}, b"{}")

    def send(self, recorded: dict[str, Any]) -> Answer:
        if recorded["path"] == "/acme/authz/ID":
            return self.client.settled(self.authorization.headers["Location"])
        if recorded["method"] != "POST":
            return self.client.ask(recorded["method"], recorded["path"])
        answers: dict[str, Callable[[], Answer]] = {
            "new-reg": self.client.new_registration,
            "reg": self.client.agree,
            "new-authz": self.new_authorization,
            "challenge": self.challenge,
            "new-cert": lambda: self.client.certificate(NAME),
        }
        return answers[recorded["resource"]]()

    def new_authorization(self) -> Answer:
        self.authorization = self.client.new_authorization()
        return self.authorization

    def challenge(self) -> Answer:
        challenge = one_challenge(self.authorization, "http-01")
        place(self.ca.webroot, challenge["token"], self.client.key_authorization(challenge))
        return self.client.answer(challenge)


@pytest.mark.parametrize("recording", ["obtain", "renew"])
def test_every_recorded_exchange_has_the_same_facts_here(recording: str, ca: Ca) -> None:
    client = ca.client()
    if recording == "renew":
        client.register()
    replay = Replay(client, ca)
    exchanges = data("exchanges.json")[recording]

    assert [facts(replay.send(exchange)) for exchange in exchanges] == [
        recorded_facts(exchange) for exchange in exchanges
    ]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda answer: answer.headers.update({"Content-Type": "text/html"}), "content_type"),
        (lambda answer: answer.headers.update({"Link": '</elsewhere>;rel="next"'}), "links"),
        (lambda answer: answer.headers.update({"Location": "/elsewhere"}), "location"),
    ],
)
def test_a_changed_answer_has_other_facts(
    change: Callable[[Answer], Any], difference: str, ca: Ca
) -> None:
    answer = registered(ca).new_authorization()
    whole = facts(answer)
    change(answer)

    changed = facts(answer)
    assert [name for name in whole if whole[name] != changed[name]] == [difference]


# What is refused. Each fault is one step away from a request that is granted.
GOOD = {"resource": "new-authz", "identifier": {"type": "dns", "value": NAME}}


def registered(ca: Ca) -> Client:
    client = ca.client()
    assert client.register().status == 202
    return client


def wrong_signature(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    envelope["signature"] = client.signed({"resource": "other"})["signature"]
    return client.send("/acme/new-authz", envelope)


def other_payload(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    envelope["payload"] = client.signed({**GOOD, "more": "text"})["payload"]
    return client.send("/acme/new-authz", envelope)


def used_nonce(client: Client) -> Answer:
    nonce = client.nonce()
    client.post("/acme/new-authz", GOOD, nonce)
    return client.post("/acme/new-authz", GOOD, nonce)


def foreign_nonce(client: Client) -> Answer:
    return client.post("/acme/new-authz", GOOD, b64(b"n" * 32))


def nonce_not_signed(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    protected = b64(b"{}")
    raw = f"{protected}.{envelope['payload']}".encode()
    envelope["signature"] = b64(client.key.sign(raw, padding.PKCS1v15(), SHA256()))
    envelope["protected"] = protected
    envelope["header"]["nonce"] = client.nonce()
    return client.send("/acme/new-authz", envelope)


def no_signature_at_all(client: Client) -> Answer:
    return client.ask("POST", "/acme/new-authz", json.dumps(GOOD).encode())


def other_resource(client: Client) -> Answer:
    return client.post("/acme/new-authz", {**GOOD, "resource": "new-cert"})


def unknown_account(client: Client) -> Answer:
    return Client(client.port).new_authorization()


def foreign_authorization(client: Client) -> Answer:
    challenge = one_challenge(client.new_authorization(), "http-01")
    other = Client(client.port)
    other.register()
    return other.answer(challenge)


def name_not_authorized(client: Client) -> Answer:
    return client.certificate(NAME)


def request_signed_wrongly(client: Client) -> Answer:
    der = bytearray(signing_request(NAME))
    der[-1] ^= 1
    return client.post("/acme/new-cert", {"resource": "new-cert", "csr": b64(bytes(der))})


def no_request(client: Client) -> Answer:
    return client.post("/acme/new-cert", {"resource": "new-cert", "csr": b64(b"no request")})


def unknown_path(client: Client) -> Answer:
    return client.ask("GET", "/acme/other")


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (wrong_signature, (400, "malformed")),
        (other_payload, (400, "malformed")),
        (used_nonce, (400, "badNonce")),
        (foreign_nonce, (400, "badNonce")),
        (nonce_not_signed, (400, "malformed")),
        (no_signature_at_all, (400, "malformed")),
        (other_resource, (400, "malformed")),
        (unknown_account, (403, "unauthorized")),
        (foreign_authorization, (403, "unauthorized")),
        (name_not_authorized, (403, "unauthorized")),
        (request_signed_wrongly, (400, "malformed")),
        (no_request, (400, "malformed")),
        (unknown_path, (404, "malformed")),
    ],
)
def test_a_faulty_request_gets_its_problem_document(
    fault: Callable[[Client], Answer], problem: tuple[int, str], ca: Ca
) -> None:
    client = registered(ca)

    answer = fault(client)

    assert answer.problem == problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.post("/acme/new-authz", GOOD).status == 201


@pytest.mark.parametrize("text", ["something else", None])
def test_http_01_with_another_answer_makes_the_authorization_invalid(
    text: str | None, ca: Ca
) -> None:
    client = registered(ca)
    made = client.new_authorization()
    challenge = one_challenge(made, "http-01")
    if text is not None:
        place(ca.webroot, challenge["token"], text)
    client.answer(challenge)

    found = client.settled(made.headers["Location"])

    assert found.json["status"] == "invalid"
    error = one_challenge(found, "http-01")["error"]
    assert error == {
        "type": "urn:acme:error:unauthorized",
        "detail": "No right answer to the challenge",
        "status": 403,
    }
    assert client.certificate(NAME).problem == (403, "unauthorized")


def test_http_01_without_a_server_makes_the_authorization_invalid(
    start_ca: Callable[..., Ca],
) -> None:
    with socket.socket() as probe:
        # Bound and not listening: nobody answers there.
        probe.bind(("127.0.0.1", 0))
        ca = start_ca(http_01_port=probe.getsockname()[1])

        assert registered(ca).authorize(ca.webroot).json["status"] == "invalid"


def test_the_key_authorization_of_another_account_makes_the_authorization_invalid(ca: Ca) -> None:
    client = registered(ca)
    made = client.new_authorization()
    challenge = one_challenge(made, "http-01")
    text = f"{challenge['token']}.{b64(b't' * 32)}"
    place(ca.webroot, challenge["token"], text)
    payload = {"resource": "challenge", "type": "http-01", "keyAuthorization": text}
    assert client.post(client.path_of(challenge["uri"]), payload).status == 202

    assert client.settled(made.headers["Location"]).json["status"] == "invalid"


def test_a_certificate_is_for_the_names_and_key_of_the_request_and_from_the_issuer(ca: Ca) -> None:
    client = registered(ca)
    for name in (NAME, "mail.example.org"):
        assert client.authorize(ca.webroot, name).json["status"] == "valid"
    key = new_key()

    answer = client.certificate(NAME, "mail.example.org", key=key)

    found = x509.load_der_x509_certificate(answer.body)
    issuer = x509.load_der_x509_certificate(client.ask("GET", "/acme/issuer-cert").body)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME, "mail.example.org"]
    assert found.public_key() == key.public_key()
    found.verify_directly_issued_by(issuer)
    assert client.certificate(NAME, "www.example.com").problem == (403, "unauthorized")
    assert registered(ca).certificate(NAME).problem == (403, "unauthorized")


@pytest.mark.parametrize(("age", "left"), [(0, 90), (70, 20)])
def test_the_age_of_certificates_can_be_chosen(
    start_ca: Callable[..., Ca], age: int, left: int
) -> None:
    ca = start_ca(age_days=age)
    client = registered(ca)
    client.authorize(ca.webroot)

    found = x509.load_der_x509_certificate(client.certificate(NAME).body)

    assert round(valid_days(found), 1) == left
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 90


def test_it_says_that_it_is_a_stand_in(ca: Ca) -> None:
    assert "stand-in" in ca.client().ask("GET", "/directory").headers["Server"]
    issuer = x509.load_der_x509_certificate(ca.client().ask("GET", "/acme/issuer-cert").body)
    assert "stand-in" in issuer.subject.rfc4514_string()


def test_twenty_clients_at_once_each_get_their_own_certificate(ca: Ca) -> None:
    keys = [new_key() for _ in range(2)]

    def one(number: int) -> bytes:
        client = Client(ca.port, keys[number % 2])
        name = f"host{number}.example.org"
        client.authorize(ca.webroot, name)
        return client.certificate(name).body

    for key in keys:
        Client(ca.port, key).register()
    with ThreadPoolExecutor(20) as pool:
        issued = list(pool.map(one, range(20)))

    assert len({x509.load_der_x509_certificate(der).serial_number for der in issued}) == 20
