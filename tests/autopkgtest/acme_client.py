"""What certbot 0.10.2 does with the client of python-acme; for scripts that `with_acme` runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acme import client, jose, messages
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import crypto

NAME = "www.example.org"


def new_key() -> Any:
    """A key for an account."""
    return jose.JWKRSA(key=rsa.generate_private_key(65537, 2048, default_backend()))


def register(acme: Any) -> Any:
    """Register the client's key and agree to the terms; returns the client."""
    contact = messages.NewRegistration.from_data(email="a@example.org")
    acme.agree_to_tos(acme.register(contact))
    return acme


def registered(directory: str) -> Any:
    """A client with an account of its own."""
    return register(client.Client(directory, new_key()))


def authorize(acme: Any, webroot: Path, name: str = NAME, text: str = "", key: Any = None) -> Any:
    """The authorization for a name, when the CA has looked at http-01 below a webroot.

    `text` and `key` put a wrong text there, or answer as another account would.
    """
    authorization = acme.request_domain_challenges(name)
    (challenge,) = authorization.body.challenges
    response, right_text = challenge.response_and_validation(key or acme.key)
    path = webroot / challenge.path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or right_text)
    acme.answer_challenge(challenge, response)
    while authorization.body.status == messages.STATUS_PENDING:
        time.sleep(0.02)
        authorization, _ = acme.poll(authorization)
    return authorization


def issue(
    acme: Any, authorizations: Sequence[Any], *names: str, signer: Any = None
) -> tuple[bytes, bytes, bytes]:
    """A new certificate for the names: its key, itself and its issuer, in PEM.

    `signer` signs the request in place of the key that is in it.
    """
    key, request = crypto.PKey(), crypto.X509Req()
    key.generate_key(crypto.TYPE_RSA, 2048)
    alternatives = ", ".join(f"DNS:{name}" for name in names).encode()
    request.add_extensions([crypto.X509Extension(b"subjectAltName", False, alternatives)])
    request.set_pubkey(key)
    request.sign(signer or key, "sha256")
    issued = acme.request_issuance(jose.ComparableX509(request), authorizations)
    (issuer,) = acme.fetch_chain(issued)
    certificate, chain = (
        crypto.dump_certificate(crypto.FILETYPE_PEM, part.wrapped) for part in (issued.body, issuer)
    )
    return crypto.dump_privatekey(crypto.FILETYPE_PEM, key), certificate, chain
