"""What the tests of the package tests share: their library, and a client that speaks ACME."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.client
import importlib
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]
AUTOPKGTEST = ROOT / "autopkgtest"
LIBRARY = AUTOPKGTEST / "lib"
MATRIX_LIBRARY = AUTOPKGTEST / "matrix" / "matrix_lib"
DATA = Path(__file__).resolve().parent / "data"
NAME = "www.example.org"


def library(name: str) -> Any:
    """Import a module of the tests, or of the matrix: untyped, since it is Python 2.7 too."""
    for folder in (str(LIBRARY), str(MATRIX_LIBRARY)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return importlib.import_module(name)


def data(name: str) -> Any:
    """Read a recorded exchange."""
    return json.loads((DATA / name).read_text())


def b64(raw: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_key() -> rsa.RSAPrivateKey:
    """Make a key for an account or a certificate."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signing_request(*names: str, key: rsa.RSAPrivateKey | None = None) -> bytes:
    """Make a certificate signing request in DER for the names."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )
    request = builder.sign(key or new_key(), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names keep their case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the last part of the problem's type."""
        return self.status, self.json["type"].removeprefix("urn:acme:error:")


@dataclass
class Client:
    """An ACME client that signs with its own key and can sign wrongly on request."""

    port: int
    key: rsa.RSAPrivateKey = field(default_factory=new_key)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key."""
        numbers = self.key.public_key().public_numbers()
        return {
            "e": b64(numbers.e.to_bytes(3, "big")),
            "kty": "RSA",
            "n": b64(numbers.n.to_bytes(256, "big")),
        }

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the key."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            headers: dict[str, str] = {}
            for name, value in reply.getheaders():
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            return Answer(reply.status, headers, reply.read())
        finally:
            connection.close()

    def nonce(self) -> str:
        """Fetch a nonce."""
        return self.ask("HEAD", "/acme/new-reg").headers["Replay-Nonce"]

    def signed(self, payload: object, nonce: str | None = None) -> dict[str, Any]:
        """Sign a payload as certbot 0.10.2 does: key and algorithm beside, nonce protected."""
        protected = b64(json.dumps({"nonce": nonce or self.nonce()}).encode())
        text = b64(json.dumps(payload).encode())
        signature = self.key.sign(
            f"{protected}.{text}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        return {
            "header": {"alg": "RS256", "jwk": self.jwk},
            "protected": protected,
            "payload": text,
            "signature": b64(signature),
        }

    def send(self, path: str, envelope: object) -> Answer:
        """POST an envelope."""
        return self.ask("POST", path, json.dumps(envelope).encode())

    def post(self, path: str, payload: object, nonce: str | None = None) -> Answer:
        """Sign and POST a payload."""
        return self.send(path, self.signed(payload, nonce))

    def new_registration(self) -> Answer:
        """Register the key."""
        payload = {"resource": "new-reg", "contact": ["mailto:a@example.org"]}
        return self.post("/acme/new-reg", payload)

    def agree(self, path: str = "/acme/reg/1") -> Answer:
        """Agree to the terms."""
        payload = {
            "resource": "reg",
            "agreement": f"http://127.0.0.1:{self.port}/terms/v1",
            "contact": ["mailto:a@example.org"],
            "key": self.jwk,
        }
        return self.post(path, payload)

    def register(self) -> Answer:
        """Register the key and agree to the terms; the answer is that of the agreement."""
        made = self.new_registration()
        assert made.status == 201, made.body
        return self.agree(self.path_of(made.headers["Location"]))

    def new_authorization(self, name: str = NAME) -> Answer:
        """Begin an authorization."""
        identifier = {"type": "dns", "value": name}
        return self.post("/acme/new-authz", {"resource": "new-authz", "identifier": identifier})

    def key_authorization(self, challenge: dict[str, str]) -> str:
        """The text that answers a challenge."""
        return f"{challenge['token']}.{self.thumbprint}"

    def answer(self, challenge: dict[str, str]) -> Answer:
        """Tell the CA that a challenge may be checked."""
        payload = {
            "resource": "challenge",
            "type": challenge["type"],
            "keyAuthorization": self.key_authorization(challenge),
        }
        return self.post(self.path_of(challenge["uri"]), payload)

    def path_of(self, address: str) -> str:
        """The path of an address of this CA."""
        return address.split(f":{self.port}", 1)[1]

    def settled(self, address: str) -> Answer:
        """Wait until an authorization is no longer pending."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.ask("GET", self.path_of(address))
            if found.json["status"] != "pending":
                return found
            time.sleep(0.02)
        raise AssertionError(f"{address} is still pending")

    def authorize(self, webroot: Path, name: str = NAME) -> Answer:
        """Obtain an authorization through http-01 with files below a webroot."""
        made = self.new_authorization(name)
        assert made.status == 201, made.body
        challenge = one_challenge(made, "http-01")
        place(webroot, challenge["token"], self.key_authorization(challenge))
        assert self.answer(challenge).status == 202
        return self.settled(made.headers["Location"])

    def certificate(self, *names: str, key: rsa.RSAPrivateKey | None = None) -> Answer:
        """Ask for a certificate."""
        csr = b64(signing_request(*names, key=key))
        return self.post("/acme/new-cert", {"resource": "new-cert", "csr": csr})


def one_challenge(authorization: Answer, kind: str) -> dict[str, str]:
    """The challenge of one kind in an authorization."""
    [found] = [one for one in authorization.json["challenges"] if one["type"] == kind]
    result: dict[str, str] = found
    return result


def place(webroot: Path, token: str, text: str) -> None:
    """Put the answer to an http-01 challenge below a webroot."""
    directory = webroot / ".well-known" / "acme-challenge"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / token).write_text(text)


def valid_days(certificate: x509.Certificate) -> float:
    """How many days a certificate is still valid."""
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left.total_seconds() / 86400
