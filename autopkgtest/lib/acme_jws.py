"""The signed requests of ACME version 1: reading, and checking the signature.

Every POST body of the draft protocol is a JSON Web Signature in the JSON
serialization: ``header``, ``protected``, ``payload`` and ``signature``
(RFC 7515, section 7.2.2), signed with RS256 (RFC 7518, section 3.3) by the
key that the header itself carries as ``jwk``.  Accounts are told apart by the
thumbprint of that key (RFC 7638).

Runs under Python 2.7 and 3.
"""

import base64
import binascii
import collections
import hashlib
import json
import re
import warnings

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PROBLEM_PREFIX = u"urn:acme:error:"
SMALLEST_KEY_BITS = 2048

# ``verifier`` is the only way before cryptography 1.4 and warns from 2.0 on.
warnings.filterwarnings("ignore", message=".*verifier have been deprecated.*")


class Problem(Exception):
    """A request that is refused, as the problem document that answers it.

    ``status`` is the HTTP status, ``kind`` the last part of the URN
    ``urn:acme:error:KIND``, ``detail`` one sentence, ``headers`` more headers
    of the answer.
    """

    def __init__(self, status, kind, detail, headers=None):
        Exception.__init__(self, detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self):
        """The problem document as a dictionary."""
        return {
            u"type": PROBLEM_PREFIX + self.kind,
            u"detail": self.detail,
            u"status": self.status,
        }


class Request(collections.namedtuple("Request", "payload nonce jwk thumbprint key")):
    """A POST whose signature is right.

    ``payload`` is the decoded JSON object, ``nonce`` the text of the nonce
    (not yet checked for having been issued), ``jwk`` the public key as it
    came, ``thumbprint`` its RFC 7638 thumbprint and ``key`` the key object.
    """


def encode(data):
    """Bytes to unpadded base64url text (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text):
    """Unpadded base64url text to bytes.

    Raises ValueError for padding, for letters outside the alphabet and for
    what is no text at all.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii")
    if not hasattr(text, "encode") or not re.match(r"^[A-Za-z0-9_-]*\Z", text):
        raise ValueError("not base64url without padding")
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, TypeError) as error:
        raise ValueError("not base64url: {0}".format(error))


def thumbprint(jwk):
    """The RFC 7638 thumbprint of an RSA key, as base64url text."""
    members = {u"e": jwk[u"e"], u"kty": jwk[u"kty"], u"n": jwk[u"n"]}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode("ascii")).digest())


def public_key(jwk):
    """The RSA public key in a ``jwk`` member.

    Raises Problem for another kind of key and for one below 2048 bits.
    """
    if not isinstance(jwk, dict) or jwk.get(u"kty") != u"RSA":
        raise Problem(400, u"malformed", u"The jwk of the request is no RSA key")
    try:
        numbers = rsa.RSAPublicNumbers(_number(jwk[u"e"]), _number(jwk[u"n"]))
        key = numbers.public_key(default_backend())
    except (KeyError, ValueError, TypeError):
        raise Problem(400, u"malformed", u"The jwk of the request cannot be read")
    if key.key_size < SMALLEST_KEY_BITS:
        raise Problem(400, u"malformed", u"The key of the request is too small")
    return key


def signature_is_valid(key, signature, data, algorithm=None):
    """Whether ``signature`` over ``data`` was made by the RSA key (PKCS #1 v1.5).

    Works with cryptography 1.2.3, which has only ``verifier``, and with
    current versions, which have only ``verify``.
    """
    algorithm = algorithm or hashes.SHA256()
    try:
        if hasattr(key, "verifier"):
            verifier = key.verifier(signature, padding.PKCS1v15(), algorithm)
            verifier.update(data)
            verifier.verify()
        else:
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def read(body):
    """Read one signed request and check its signature.

    ``body`` is the POST's body in bytes.  Returns a Request.  Raises Problem
    when the body is no such request, names no nonce, or is signed wrongly.
    """
    try:
        envelope = json.loads(body.decode("utf-8"))
        protected_text = envelope[u"protected"]
        payload_text = envelope[u"payload"]
        protected = json.loads(decode(protected_text).decode("utf-8"))
        signature = decode(envelope[u"signature"])
        unprotected = envelope.get(u"header", {})
        payload = json.loads(decode(payload_text).decode("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Problem(400, u"malformed", u"The body is no JSON Web Signature")
    if not all(isinstance(part, dict) for part in (protected, unprotected, payload)):
        raise Problem(400, u"malformed", u"The parts of the JWS must be JSON objects")
    if set(protected) & set(unprotected):
        raise Problem(400, u"malformed", u"A JWS header member must not appear twice")
    header = dict(unprotected)
    header.update(protected)
    if header.get(u"alg") != u"RS256":
        raise Problem(400, u"malformed", u"The JWS algorithm must be RS256")
    key = public_key(header.get(u"jwk"))
    signed = (protected_text + u"." + payload_text).encode("ascii")
    if not signature_is_valid(key, signature, signed):
        raise Problem(400, u"malformed", u"JWS verification error")
    # The nonce protects only where the signature covers it.
    nonce = protected.get(u"nonce")
    if not nonce:
        raise Problem(400, u"badNonce", u"JWS has no anti-replay nonce")
    jwk = header[u"jwk"]
    return Request(payload, nonce, jwk, thumbprint(jwk), key)


def _number(text):
    return int(binascii.hexlify(decode(text)), 16)
