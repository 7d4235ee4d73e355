"""The stand-in CA for the matrix: it revokes, may offer tls-sni-01, and may be a process.

    matrix_ca.py STATE [TLS_SNI_01_PORT]

STATE is a directory with the file ``age-days`` and the directory ``webroot``.  It gets ``port``
when the CA answers, and ``issued``, a byte for each certificate.

Runs under Python 2.7.
"""

import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import acme_ca
import renewals
from acme import challenges, messages

START_SECONDS = 60


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


class Process(object):
    """The CA as a process of its own, from its making until ``stop``; SceneError if it fails.

    For who forks, and therefore must have no threads.  ``state`` is a directory to make.
    """

    def __init__(self, state, tls_sni_01_port=None):
        self._state = state
        self.webroot = os.path.join(state, "webroot")
        os.makedirs(self.webroot)
        open(os.path.join(state, "issued"), "wb").close()
        self.set_age(0)
        output = os.path.join(state, "output")
        with open(output, "wb") as target:
            self.process = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), state] + (
                    [str(tls_sni_01_port)] if tls_sni_01_port else []),
                stdout=target, stderr=subprocess.STDOUT, close_fds=True,
                env=renewals.environment())
        port = os.path.join(state, "port")
        deadline = time.time() + START_SECONDS
        while not os.path.exists(port):
            if self.process.poll() is not None or time.time() > deadline:
                with open(output) as source:
                    raise renewals.SceneError("The stand-in CA did not start: {0}".format(
                        source.read().strip()[-500:]))
            time.sleep(0.02)
        with open(port) as source:
            self.port = int(source.read())

    def url(self, path):
        """The address of a path."""
        return "http://127.0.0.1:{0}{1}".format(self.port, path)

    def stop(self):
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def set_age(self, days):
        """Make the next certificates as if so many days ago."""
        _write(os.path.join(self._state, "age-days"), days)

    def issued(self):
        """How many certificates it has issued."""
        return os.path.getsize(os.path.join(self._state, "issued"))


def _write(path, value):
    with open(path + ".new", "w") as target:
        target.write(str(value))
    os.rename(path + ".new", path)


def main(state, tls_sni_01_port=None):
    """Answer until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ca = _Told(state, tls_sni_01_port and int(tls_sni_01_port))
    ca.start()
    _write(os.path.join(state, "port"), ca.port)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
