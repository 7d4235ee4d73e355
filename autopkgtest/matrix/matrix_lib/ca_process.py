"""The stand-in CA as a process of its own, for who forks, and therefore must have no threads.

Its directory has the file ``age-days`` and the directory ``webroot``.  It gets ``port`` when the CA
answers, and ``issued``, a byte for each certificate.

Runs under Python 2.7 and 3.
"""

import os
import subprocess
import sys
import time

import renewals

START_SECONDS = 60
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "matrix_ca.py")


class Process(object):
    """The CA, from its making until ``stop``; SceneError if it fails.

    ``state`` is a directory to make, ``tls_sni_01_port`` where that is to be offered.
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
                [sys.executable, SCRIPT, state] + (
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
        write(os.path.join(self._state, "age-days"), days)

    def issued(self):
        """How many certificates it has issued."""
        return os.path.getsize(os.path.join(self._state, "issued"))


def write(path, value):
    """Write a file that is whole whenever it is read."""
    with open(path + ".new", "w") as target:
        target.write(str(value))
    os.rename(path + ".new", path)
