"""What the stand-in CA knows and decides: accounts, authorizations, certificates.

No HTTP here: ``acme_v1_ca`` puts this behind a server.  The rules are those
of the draft that certbot 0.10.2 speaks, as a real server of that draft
applied them.  All methods may be called from many threads.

Runs under Python 2.7 and 3.
"""

import datetime
import json
import os
import random
import threading
import time

import acme_jws
import acme_validation
import acme_x509
from acme_jws import Problem

PENDING_DAYS = 7
VALID_DAYS = 60
CHALLENGE_TYPES = (u"http-01", u"dns-01", u"tls-sni-01")
KEPT_NONCES = 100000


class Policy(object):
    """How certificates are made.

    ``lifetime_days`` is the validity counted from ``notBefore``, which lies
    ``not_before_days_ago`` days back (default: one hour).
    ``validation_delay_seconds`` passes before a challenge is checked.
    """

    NAMES = ("lifetime_days", "not_before_days_ago", "validation_delay_seconds")

    def __init__(self, lifetime_days=90, not_before_days_ago=1.0 / 24, validation_delay_seconds=0):
        self.lifetime_days = lifetime_days
        self.not_before_days_ago = not_before_days_ago
        self.validation_delay_seconds = validation_delay_seconds

    def as_dict(self):
        """The values by name."""
        return dict((name, getattr(self, name)) for name in self.NAMES)


class Authority(object):
    """One CA.  ``base_url`` must be set before the first request is answered."""

    def __init__(self, state, policy, http_01_port, tls_sni_01_port, log):
        """``state`` is a Store, ``log`` a function that takes an event's fields."""
        self.base_url = None
        self._state = state
        self._http_01_port = http_01_port
        self._tls_sni_01_port = tls_sni_01_port
        self._log = log
        self._lock = threading.Lock()
        self._nonces = {}
        self._authorizations = {}
        self._challenges = 0
        state.write_policy(policy)

    def url(self, path):
        """The full address of a path."""
        return self.base_url + path

    def directory(self):
        """The directory resource."""
        return dict((name, self.url(u"/acme/" + name))
                    for name in (u"new-authz", u"new-cert", u"new-reg", u"revoke-cert"))

    def terms(self):
        """The address of the terms of service."""
        return self.url(u"/terms/v1")

    def fresh_nonce(self):
        """A nonce that may be used once."""
        nonce = acme_jws.encode(os.urandom(32))
        with self._lock:
            if len(self._nonces) >= KEPT_NONCES:
                self._nonces.clear()
            self._nonces[nonce] = True
        return nonce

    def accept(self, body, resource):
        """Check a POST: signature, nonce, and that it is meant for ``resource``."""
        request = acme_jws.read(body)
        with self._lock:
            if self._nonces.pop(request.nonce, None) is None:
                raise Problem(
                    400, u"badNonce",
                    u"JWS has invalid anti-replay nonce {0}".format(request.nonce))
        if request.payload.get(u"resource") != resource:
            raise Problem(
                400, u"malformed",
                u"JWS resource payload does not match the HTTP resource: {0} != {1}".format(
                    request.payload.get(u"resource"), resource))
        return request

    def account_of(self, request, agreed=True):
        """The account whose key signed, which must have agreed to the terms unless told."""
        account = self._state.accounts.get(request.thumbprint)
        if account is None:
            raise Problem(
                403, u"unauthorized", u"No registration exists matching provided key")
        if agreed and not account.get(u"agreement"):
            raise Problem(
                403, u"unauthorized",
                u"Must agree to subscriber agreement before any further actions")
        return account

    def register(self, request):
        """Make an account for the key that signed."""
        with self._lock:
            known = self._state.accounts.get(request.thumbprint)
            if known is not None:
                raise Problem(
                    409, u"malformed", u"Registration key is already in use",
                    {"Location": self.url(u"/acme/reg/{0}".format(known[u"id"]))})
            account = {
                u"id": len(self._state.accounts) + 1,
                u"key": request.jwk,
                u"contact": self._contact(request.payload),
                u"initialIp": acme_validation.ADDRESS,
                u"createdAt": _text_of(acme_x509.utc_now()),
                u"Status": u"",
            }
            self._agree(account, request.payload)
            self._state.save_account(request.thumbprint, account)
            return account

    def update(self, request, number):
        """Change contact or agreement of account ``number``, which the key must own."""
        with self._lock:
            account = dict(self.account_of(request, agreed=False))
            if account[u"id"] != number:
                raise Problem(
                    403, u"unauthorized", u"Request signing key did not match registration key")
            if u"contact" in request.payload:
                account[u"contact"] = self._contact(request.payload)
            self._agree(account, request.payload)
            self._state.save_account(request.thumbprint, account)
            return account

    def authorize(self, request):
        """Start an authorization.  Returns its name and the resource."""
        self.account_of(request)
        identifier = request.payload.get(u"identifier")
        if not isinstance(identifier, dict) or identifier.get(u"type") != u"dns":
            raise Problem(400, u"malformed", u"The identifier must be of type dns")
        name = _host_name(identifier.get(u"value"))
        label = acme_jws.encode(os.urandom(32))
        with self._lock:
            challenges = []
            for kind in random.sample(CHALLENGE_TYPES, len(CHALLENGE_TYPES)):
                self._challenges += 1
                challenges.append({
                    u"type": kind,
                    u"status": u"pending",
                    u"uri": self.url(u"/acme/challenge/{0}/{1}".format(label, self._challenges)),
                    u"token": acme_jws.encode(os.urandom(32)),
                })
            resource = {
                u"identifier": {u"type": u"dns", u"value": name},
                u"status": u"pending",
                u"expires": _text_of(
                    acme_x509.utc_now() + datetime.timedelta(days=PENDING_DAYS)),
                u"challenges": challenges,
                u"combinations": [[number] for number in range(len(challenges))],
            }
            self._authorizations[label] = {"owner": request.thumbprint, "resource": resource}
            return label, _copy(resource)

    def authorization(self, label):
        """The resource of an authorization."""
        with self._lock:
            return _copy(self._authorization(label)["resource"])

    def challenge(self, label, number):
        """The resource of one challenge, as it is now."""
        with self._lock:
            return _copy(self._challenge(label, number))

    def answer(self, request, label, number):
        """Take the client's answer to a challenge and begin to check it."""
        self.account_of(request)
        with self._lock:
            authorization = self._authorization(label)
            challenge = self._challenge(label, number)
            if authorization["owner"] != request.thumbprint:
                raise Problem(
                    403, u"unauthorized", u"User registration ID doesn't match authorization")
            if challenge[u"status"] != u"pending" or u"keyAuthorization" in challenge:
                raise Problem(400, u"malformed", u"The challenge was answered before")
            expected = challenge[u"token"] + u"." + request.thumbprint
            if request.payload.get(u"keyAuthorization") != expected:
                raise Problem(
                    403, u"unauthorized", u"The key authorization does not belong to this account")
            if challenge[u"type"] == u"dns-01":
                raise Problem(400, u"malformed", u"This stand-in does not check dns-01")
            challenge[u"keyAuthorization"] = expected
            answer = _copy(challenge)
        thread = threading.Thread(target=self._validate, args=(authorization, challenge))
        thread.daemon = True
        thread.start()
        return answer

    def issue(self, request):
        """Issue the certificate that a new-cert request asks for."""
        self.account_of(request)
        signing_request = acme_x509.read_request(_bytes_of(request.payload, u"csr"))
        if acme_x509.same_key(signing_request.public_key, request.key):
            raise Problem(
                400, u"malformed", u"Certificate public key must be different than account key")
        missing = sorted(set(signing_request.names) - self._names_of(request.thumbprint))
        if missing:
            raise Problem(
                403, u"unauthorized",
                u"Authorizations for these names not found or expired: " + u", ".join(missing))
        policy = self._state.read_policy()
        issued = acme_x509.issue(
            self._state.issuer, signing_request,
            acme_x509.utc_now() - datetime.timedelta(days=policy.not_before_days_ago),
            datetime.timedelta(days=policy.lifetime_days), self.base_url)
        self._state.save_certificate(issued.serial, issued.der)
        self._log(event="issued", serial=issued.serial, names=list(issued.names),
                  not_after=_text_of(issued.not_after))
        return issued

    def certificate(self, serial):
        """The DER of an issued certificate."""
        der = self._state.certificates.get(serial)
        if der is None:
            raise Problem(404, u"malformed", u"Certificate not found")
        return der

    def issuer(self):
        """The DER of the issuer's certificate."""
        return acme_x509.to_der(self._state.issuer.certificate)

    def revoke(self, request):
        """Revoke a certificate for the account that may have its names, or for its own key."""
        der = _bytes_of(request.payload, u"certificate")
        with self._lock:
            serial = self._state.serial_of(der)
            if serial is None:
                raise Problem(404, u"malformed", u"Certificate not found")
        certificate = acme_x509.read_certificate(der)
        if not acme_x509.same_key(certificate.public_key(), request.key):
            self.account_of(request)
            if not set(acme_x509.names_of(certificate)) <= self._names_of(request.thumbprint):
                raise Problem(
                    403, u"unauthorized",
                    u"The key does not own the certificate nor the authorizations for its names")
        with self._lock:
            if not self._state.revoke(serial):
                raise Problem(409, u"malformed", u"Certificate already revoked")
        self._log(event="revoked", serial=serial)

    def _validate(self, authorization, challenge):
        resource = authorization["resource"]
        name = resource[u"identifier"][u"value"]
        time.sleep(self._state.read_policy().validation_delay_seconds)
        error = None
        record = None
        try:
            if challenge[u"type"] == u"http-01":
                record = acme_validation.http_01(
                    name, self._http_01_port, challenge[u"token"],
                    challenge[u"keyAuthorization"])
            else:
                record = acme_validation.tls_sni_01(
                    name, self._tls_sni_01_port, challenge[u"keyAuthorization"])
        except Problem as problem:
            error = problem
        with self._lock:
            challenge[u"status"] = u"invalid" if error else u"valid"
            resource[u"status"] = challenge[u"status"]
            if error:
                challenge[u"error"] = error.document()
            else:
                challenge[u"validationRecord"] = [record]
                resource[u"expires"] = _text_of(
                    acme_x509.utc_now() + datetime.timedelta(days=VALID_DAYS), fraction=False)
        self._log(event="validation", type=challenge[u"type"], name=name,
                  status=challenge[u"status"], problem=error and error.detail)

    def _names_of(self, owner):
        with self._lock:
            return set(
                entry["resource"][u"identifier"][u"value"]
                for entry in self._authorizations.values()
                if entry["owner"] == owner and entry["resource"][u"status"] == u"valid")

    def _authorization(self, label):
        if label not in self._authorizations:
            raise Problem(404, u"malformed", u"Unable to find authorization")
        return self._authorizations[label]

    def _challenge(self, label, number):
        for challenge in self._authorization(label)["resource"][u"challenges"]:
            if challenge[u"uri"].rsplit(u"/", 1)[1] == number:
                return challenge
        raise Problem(404, u"malformed", u"Unable to find challenge")

    def _contact(self, payload):
        contact = payload.get(u"contact", [])
        if not isinstance(contact, list) or not all(
                hasattr(entry, "startswith") and entry.startswith(u"mailto:")
                for entry in contact):
            raise Problem(400, u"malformed", u"The contact must be a list of mailto: addresses")
        return contact

    def _agree(self, account, payload):
        if u"agreement" not in payload:
            return
        if payload[u"agreement"] != self.terms():
            raise Problem(
                400, u"malformed",
                u"Provided agreement URL {0} does not match current agreement URL {1}".format(
                    payload[u"agreement"], self.terms()))
        account[u"agreement"] = payload[u"agreement"]


def _text_of(moment, fraction=True):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if fraction else "%Y-%m-%dT%H:%M:%SZ")


def _copy(resource):
    return json.loads(json.dumps(resource))


def _bytes_of(payload, member):
    try:
        return acme_jws.decode(payload[member])
    except (KeyError, ValueError):
        raise Problem(
            400, u"malformed", u"The member {0} is missing or no base64url".format(member))


def _host_name(value):
    name = value.lower() if hasattr(value, "lower") else u""
    labels = name.split(u".")
    letters = set(u"abcdefghijklmnopqrstuvwxyz0123456789-")
    if len(labels) < 2 or len(name) > 253 or not all(
            0 < len(label) < 64 and set(label) <= letters
            and label[0] != u"-" and label[-1] != u"-" for label in labels):
        raise Problem(400, u"malformed", u"The name is no fully qualified host name")
    return name
