"""A stand-in for a CA that speaks ACME version 1, the protocol of certbot 0.10.2.

For tests only, and on 127.0.0.1 only: nothing trusts its certificates.  It checks signatures,
nonces, accounts and certificate requests.  The only challenge that it offers is http-01, which
it fetches; every name is taken to be this machine's.
"""

import binascii
import json
import logging
import os
import threading
import warnings

# Later versions of cryptography warn of Python 2, and of what python-acme calls.
warnings.simplefilter("ignore")

from acme import challenges, crypto_util, jose, jws, messages
from OpenSSL import crypto
from six.moves import BaseHTTPServer, socketserver

logging.getLogger("acme").addHandler(logging.NullHandler())

DAY = 24 * 60 * 60


class Refused(Exception):
    """A request that is answered with an HTTP status and a problem document."""

    def __init__(self, status, kind, detail):
        self.problem = {"type": "urn:acme:error:" + kind, "detail": detail, "status": status}


class Handler(BaseHTTPServer.BaseHTTPRequestHandler):
    """Sends what the server answers: a status, bytes or JSON, and where links lead."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in-CA-for-tests-only"
    wbufsize = -1  # head and body in one packet: no wait for a delayed acknowledgement

    def do_GET(self):
        """Answer a GET or a HEAD."""
        self._answer(self.server.get)

    do_HEAD = do_GET

    def do_POST(self):
        """Answer a POST."""
        self._answer(self.server.post, self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        """Print nothing: certbot's log has each request with its answer."""

    def _answer(self, method, *body):
        content_type, links = "application/json", {}
        try:
            status, answer, links = method(self.path.replace("/acme/", "/"), *body)
        except Refused as refused:
            status, answer = refused.problem["status"], refused.problem
            content_type = "application/problem+json"
        if isinstance(answer, bytes):
            content_type = "application/pkix-cert"
        else:
            answer = json.dumps(answer, default=lambda part: part.to_partial_json()).encode("ascii")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(answer)))
        nonce = _random_text()
        self.server.nonces.add(nonce)
        self.send_header("Replay-Nonce", nonce)
        for relation, path in sorted(links.items()):
            url = self.server.url(path)
            self.send_header(*("Location", url) if relation == "location" else (
                "Link", '<{0}>;rel="{1}"'.format(url, relation)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The CA, from ``start`` to ``stop``.

    It fetches http-01 from ``http_01_port``: its own, where it serves the files below the
    directory ``webroot``, or another one.  A certificate is valid for 90 days, as if from
    ``age_days`` ago; ``issued`` has the names of each.
    """

    challenge = challenges.HTTP01
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        socketserver.TCPServer.__init__(self, ("127.0.0.1", 0), Handler)
        self.port = self.http_01_port = self.server_address[1]
        self.webroot = ""
        self.age_days = 0
        self.issued = []
        self._posts = {"new-reg": self._new_reg, "reg": self._reg, "new-authz": self._new_authz,
                       "challenge": self._challenge, "new-cert": self._new_cert}
        self._lock = threading.Lock()
        self.nonces = set()
        self._accounts = {}  # numbers, as text, by key
        self._authorizations = {}  # pairs of a key and the resource, by label
        self._key = crypto.PKey()
        self._key.generate_key(crypto.TYPE_RSA, 2048)
        self._certificate = None
        self._certificate = self._sign(["stand-in-ca.invalid"], self._key)

    def start(self):
        """Answer requests, each in a thread."""
        threading.Thread(target=self.serve_forever, args=(0.05,)).start()

    def stop(self):
        """Answer no more."""
        self.shutdown()
        self.server_close()

    def url(self, path):
        """The address of a path here."""
        return "http://127.0.0.1:{0}{1}".format(self.port, path)

    def get(self, path):
        """The answer to a GET: a status, bytes or what JSON is made of, and paths by relation."""
        _, kind, label = (path + "/").split("/", 2)
        if kind == "directory":
            return 200, dict((name, self.url("/acme/" + name)) for name in (
                "new-reg", "new-authz", "new-cert", "revoke-cert")), {}
        if kind == "issuer-cert":
            return 200, crypto.dump_certificate(crypto.FILETYPE_ASN1, self._certificate), {}
        if kind == "authz" and label[:-1] in self._authorizations:
            return 200, self._authorizations[label[:-1]][1], {"next": "/acme/new-cert"}
        wanted = self.webroot + "/.well-known/acme-challenge/" + os.path.basename(path)
        if kind == ".well-known" and os.path.isfile(wanted):
            with open(wanted, "rb") as source:
                return 200, source.read(), {}
        raise Refused(405 if kind in self._posts else 404, "malformed", "No such resource")

    def post(self, path, body):
        """The answer to a POST that is signed, with a nonce that was not used yet."""
        _, kind, label = (path + "/").split("/", 2)
        try:
            signed = jws.JWS.json_loads(body.decode("ascii"))
            key = signed.signature.combined.find_key()
            # A nonce beside the protected header would not be covered by the signature.
            nonce = json.loads(signed.signature.protected)["nonce"]
            if not signed.verify():
                raise ValueError("the signature is wrong")
            with self._lock:
                if nonce not in self.nonces:
                    raise Refused(400, "badNonce", "JWS has invalid anti-replay nonce " + nonce)
                self.nonces.remove(nonce)
                return self._posts[kind](key, signed.payload.decode("ascii"), label[:-1])
        except (jose.Error, crypto.Error, KeyError, TypeError, ValueError) as error:
            raise Refused(400, "malformed", "The request cannot be read: {0!r}".format(error))

    def _new_reg(self, key, payload, _):
        self._accounts.setdefault(key, str(len(self._accounts) + 1))
        return self._registration(201, key, messages.NewRegistration.json_loads(payload))

    def _reg(self, key, payload, _):
        return self._registration(202, key, messages.UpdateRegistration.json_loads(payload))

    def _registration(self, status, key, asked):
        return status, messages.Registration(
            key=key, contact=asked.contact, agreement=asked.agreement), {
                "location": "/acme/reg/" + self._accounts[key], "next": "/acme/new-authz",
                "terms-of-service": "/terms/v1"}

    def _new_authz(self, key, payload, _):
        if key not in self._accounts:
            raise Refused(403, "unauthorized", "No registration exists matching provided key")
        label = _random_text()
        challenge = messages.ChallengeBody(
            chall=self.challenge(token=os.urandom(32)), status=messages.STATUS_PENDING,
            uri=self.url("/acme/challenge/" + label))
        authorization = messages.Authorization(
            identifier=messages.NewAuthorization.json_loads(payload).identifier,
            status=messages.STATUS_PENDING, challenges=(challenge,), combinations=((0,),))
        self._authorizations[label] = key, authorization
        return 201, authorization, {"location": "/acme/authz/" + label, "next": "/acme/new-cert"}

    def _challenge(self, key, payload, label):
        owner, authorization = self._authorizations[label]
        if owner != key:
            raise Refused(403, "unauthorized", "The key does not own the authorization")
        response = self.challenge.response_cls.json_loads(payload)
        threading.Thread(target=self._validate, args=(key, label, response)).start()
        return 202, authorization.challenges[0], {
            "location": "/acme/challenge/" + label, "up": "/acme/authz/" + label}

    def _validate(self, key, label, response):
        authorization = self._authorizations[label][1]
        challenge = authorization.challenges[0]
        if self.fetch(challenge.chall, response, key):
            status, error = messages.STATUS_VALID, None
        else:
            status = messages.STATUS_INVALID
            error = Refused(403, "unauthorized", "No right answer to the challenge").problem
        self._authorizations[label] = key, authorization.update(
            status=status, challenges=(challenge.update(status=status, error=error),))

    def fetch(self, challenge, response, key):
        """Whether the challenge is answered as the response says that it will be."""
        return response.simple_verify(challenge, "127.0.0.1", key, self.http_01_port)

    def _new_cert(self, key, payload, _):
        request = messages.CertificateRequest.json_loads(payload).csr.wrapped
        request.verify(request.get_pubkey())
        names = crypto_util._pyopenssl_cert_or_req_san(request)
        valid = [one.identifier.value for owner, one in self._authorizations.values()
                 if owner == key and one.status == messages.STATUS_VALID]
        if not names or set(names) - set(valid):
            raise Refused(403, "unauthorized", "Not authorized for all of {0}".format(names))
        certificate = self._sign(names, request.get_pubkey())
        self.issued.append(names)
        return 201, crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate), {
            "location": "/acme/cert/{0:032x}".format(certificate.get_serial_number()),
            "up": "/acme/issuer-cert"}

    def _sign(self, names, key):
        """A certificate from this CA, or, while there is none, its own."""
        certificate = crypto.X509()
        certificate.set_version(2)
        certificate.set_serial_number(int(binascii.hexlify(os.urandom(16)), 16))
        certificate.get_subject().CN = names[0]
        certificate.set_issuer((self._certificate or certificate).get_subject())
        certificate.set_pubkey(key)
        certificate.gmtime_adj_notBefore(-self.age_days * DAY)
        certificate.gmtime_adj_notAfter((90 - self.age_days) * DAY)
        certificate.add_extensions([
            crypto.X509Extension(
                b"basicConstraints", True, b"CA:FALSE" if self._certificate else b"CA:TRUE"),
            crypto.X509Extension(
                b"subjectAltName", False, ", ".join("DNS:" + name for name in names).encode())])
        certificate.sign(self._key, "sha256")
        return certificate


def _random_text():
    return jose.b64encode(os.urandom(32)).decode("ascii")
