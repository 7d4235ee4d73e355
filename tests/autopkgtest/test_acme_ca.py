"""The stand-in CA: it answers as a real one did, and refuses what a real one would refuse.

`data/exchanges.json` has the facts of what a real CA of ACME version 1 answered certbot 0.10.2:
statuses, links, types, and the members of every JSON body.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.autopkgtest.support import HERE, session

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
NAMES = ["www.example.org", "mail.www.example.org"]


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


def facts(exchange: dict[str, Any]) -> dict[str, Any]:
    """What has to be the same of a recorded exchange and of one with the stand-in."""
    body, path = exchange["body"], general(exchange["path"])
    statuses: list[Any] = []
    if isinstance(body, dict):
        states = [[one["type"], one["status"]] for one in body.get("challenges", ())]
        statuses = exchange.get("statuses", [body.get("status"), *states])
    return {
        **{name: exchange[name] for name in ("method", "status", "content_type")},
        "path": path,
        "links": [[relation, general(to)] for relation, to in exchange.get("links", ())],
        # The recorded CA sent no place with the agreement; clients keep the one that they have.
        "location": "" if "/reg/" in path else general(exchange.get("location", "")),
        "body": shape(body) if isinstance(body, dict) else body,
        # Of the challenges only http-01 is offered here.
        "statuses": [one for one in statuses if not isinstance(one, list) or one[0] == "http-01"],
    }


def test_certbots_own_client_exchanges_with_it_what_was_recorded(tmp_path: Path) -> None:
    recorded = json.loads((HERE / "data" / "exchanges.json").read_text())
    for occasion, exchanges in session("exchanges", tmp_path).items():
        seen = [facts(exchange) for exchange in exchanges]
        # How often it asks until the challenge was looked at is chance.
        seen = [one for one in seen if (one["method"], one["statuses"][:1]) != ("GET", ["pending"])]
        assert seen == [facts(exchange) for exchange in recorded[occasion]]


def test_a_faulty_request_gets_its_problem_document(tmp_path: Path) -> None:
    refused = session("refusals", tmp_path)

    assert {content_type for _, content_type, _ in refused.values()} == {"application/problem+json"}
    assert {
        fault: [status, kind.split(":")[-1]] for fault, (status, _, kind) in refused.items()
    } == {
        "another signature": [400, "malformed"],
        "another payload": [400, "malformed"],
        "no signature": [400, "malformed"],
        "a nonce that was used": [400, "badNonce"],
        "a nonce of another CA": [400, "badNonce"],
        "a nonce that is not signed": [400, "malformed"],
        "another resource": [400, "malformed"],
        "no account": [403, "unauthorized"],
        "another account's challenge": [403, "unauthorized"],
        "a name without authorization": [403, "unauthorized"],
        "a request with another signature": [400, "malformed"],
        "another address": [404, "malformed"],
    }


def test_only_the_right_answer_to_http_01_makes_an_authorization_valid(tmp_path: Path) -> None:
    assert session("settled", tmp_path) == {
        "nothing": ["valid", None],
        "another text": ["invalid", "unauthorized"],
        "no file": ["invalid", "unauthorized"],
        "another account's text": ["invalid", "unauthorized"],
        "no server": ["invalid", "unauthorized"],
    }


def test_a_certificate_is_for_the_names_and_key_of_the_request_and_as_old_as_chosen(
    tmp_path: Path,
) -> None:
    for age, parts in session("issued", tmp_path).items():
        key, certificate, issuer = (part.encode() for part in parts)
        issued, by = (x509.load_pem_x509_certificate(part) for part in (certificate, issuer))
        names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == NAMES
        assert issued.public_key() == load_pem_private_key(key, None).public_key()
        issued.verify_directly_issued_by(by)
        assert "stand-in" in by.subject.rfc4514_string()
        left = issued.not_valid_after_utc - datetime.now(UTC)
        assert round(left.total_seconds() / 86400, 1) == 90 - int(age)
        assert (issued.not_valid_after_utc - issued.not_valid_before_utc).days == 90


def test_twenty_clients_at_once_each_get_their_own_certificate(tmp_path: Path) -> None:
    assert session("at_once", tmp_path) == 20
