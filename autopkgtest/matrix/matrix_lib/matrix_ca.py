"""The stand-in CA for the matrix: it revokes, and may offer tls-sni-01.

    matrix_ca.py STATE [TLS_SNI_01_PORT]

is it as a process of its own: see ca_process.

Runs under Python 2.7.
"""

import logging
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import acme_ca
import ca_process
from acme import challenges, messages

# python-acme's check of tls-sni-01 would otherwise give the root logger a handler that prints.
logging.getLogger().addHandler(logging.NullHandler())


class CA(acme_ca.Server):
    """The CA in threads of this process; with a port for it, it offers tls-sni-01 alone."""

    def __init__(self, tls_sni_01_port=None):
        acme_ca.Server.__init__(self)
        self._tls_sni_01_port = tls_sni_01_port
        if tls_sni_01_port is not None:
            self.challenge = challenges.TLSSNI01
        self._posts["revoke-cert"] = self._revoke
        self._revoked = set()
        self.requests = 0

    def post(self, path, body):
        """As of the shipped CA, and counted."""
        self.requests += 1
        return acme_ca.Server.post(self, path, body)

    def fetch(self, challenge, response, key):
        """As of the shipped CA, and for tls-sni-01."""
        if self._tls_sni_01_port is None:
            return acme_ca.Server.fetch(self, challenge, response, key)
        return response.simple_verify(
            challenge, "any name", key, host="127.0.0.1", port=self._tls_sni_01_port)

    def handle_error(self, *_):
        """A certbot that was killed is no fault of the CA: nothing is printed."""

    def _revoke(self, _, payload, __):
        serial = messages.Revocation.json_loads(payload).certificate.get_serial_number()
        if serial in self._revoked:
            raise acme_ca.Refused(409, "malformed", "Certificate already revoked")
        self._revoked.add(serial)
        return 200, b"", {}


class _Told(CA):
    """A CA that is told of the age, and tells of what it issued, through files."""

    def __init__(self, state, tls_sni_01_port):
        CA.__init__(self, tls_sni_01_port)
        self._state = state
        self.webroot = os.path.join(state, "webroot")

    def _new_cert(self, *request):
        with open(os.path.join(self._state, "age-days")) as source:
            self.age_days = int(source.read())
        answer = CA._new_cert(self, *request)
        with open(os.path.join(self._state, "issued"), "ab") as target:
            target.write(b".")
        return answer


def main(state, tls_sni_01_port=None):
    """Answer until a signal."""
    ca = _Told(state, tls_sni_01_port and int(tls_sni_01_port))
    ca.start()
    ca_process.write(os.path.join(state, "port"), ca.port)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
