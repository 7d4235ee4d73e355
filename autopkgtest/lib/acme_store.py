"""Where the stand-in CA keeps its keys, accounts and certificates.

In memory, and in a directory when one is given: a CA that is started again
on the same directory knows its accounts and certificates.  Authorizations
and nonces are not kept; clients get new ones.

Runs under Python 2.7 and 3.
"""

import binascii
import errno
import glob
import json
import os
import threading
import time

import acme_x509
from acme_authority import Policy


class StoreError(Exception):
    """The state directory cannot be used; one sentence that says why and what to do."""


class Store(object):
    """The CA's lasting state.

    ``directory`` is made when missing; None keeps all in memory.  Raises
    StoreError when it cannot be read or written.
    """

    def __init__(self, directory=None):
        self.directory = directory
        self.accounts = {}
        self.certificates = {}
        self.events = []
        self._revoked = set()
        self._policy = None
        self._log_lock = threading.Lock()
        if directory is None:
            self.root, self.issuer = acme_x509.new_chain()
            return
        try:
            self._open()
        except (OSError, IOError, ValueError) as error:
            raise StoreError(
                "The state directory {0} cannot be used ({1}): give an empty or a new one.".format(
                    directory, error))

    def save_account(self, thumbprint, account):
        """Keep an account under its key's thumbprint."""
        accounts = dict(self.accounts)
        accounts[thumbprint] = account
        self._write("accounts.json", _json(accounts))
        self.accounts = accounts

    def save_certificate(self, serial, der):
        """Keep an issued certificate."""
        self._write(os.path.join("certificates", serial + ".der"), der)
        self.certificates[serial] = der

    def serial_of(self, der):
        """The serial of a certificate that was issued here, else None."""
        for serial, known in list(self.certificates.items()):
            if known == der:
                return serial
        return None

    def revoke(self, serial):
        """Mark a certificate as revoked; False when it was already."""
        if serial in self._revoked:
            return False
        self._write(os.path.join("certificates", serial + ".revoked"), b"")
        self._revoked.add(serial)
        return True

    def write_policy(self, policy):
        """Set how certificates are made from now on."""
        self._policy = policy
        if self.directory is not None:
            write_policy(self.directory, policy)

    def read_policy(self):
        """The policy; from ``policy.json``, which may be changed while the CA runs."""
        if self.directory is None:
            return self._policy
        with open(os.path.join(self.directory, "policy.json"), "rb") as source:
            return Policy(**json.loads(source.read().decode("utf-8")))

    def log(self, **fields):
        """Add an event to the log: ``events``, and one JSON line in ``log.jsonl``."""
        fields["time"] = time.time()
        with self._log_lock:
            self.events.append(fields)
            if self.directory is not None:
                with open(os.path.join(self.directory, "log.jsonl"), "ab") as target:
                    target.write(_json(fields, None) + b"\n")

    def _open(self):
        for path in (self.directory, os.path.join(self.directory, "certificates")):
            try:
                os.mkdir(path, 0o755)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
        if os.path.exists(self._path("accounts.json")):
            self.accounts = json.loads(self._read("accounts.json").decode("utf-8"))
        if os.path.exists(self._path("issuer.key")):
            self.root = acme_x509.read_signer(self._read("root.pem"), self._read("root.key"))
            self.issuer = acme_x509.read_signer(
                self._read("issuer.pem"), self._read("issuer.key"))
        else:
            self.root, self.issuer = acme_x509.new_chain()
            # issuer.key comes last: its presence says that the chain is whole.
            for name, signer in (("root", self.root), ("issuer", self.issuer)):
                self._write(name + ".pem", acme_x509.to_pem(signer.certificate))
                self._write(name + ".key", acme_x509.to_pem(signer.key), 0o600)
        for path in glob.glob(self._path("certificates", "*.der")):
            with open(path, "rb") as source:
                self.certificates[os.path.basename(path)[:-len(".der")]] = source.read()
        for path in glob.glob(self._path("certificates", "*.revoked")):
            self._revoked.add(os.path.basename(path)[:-len(".revoked")])

    def _path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _read(self, name):
        with open(self._path(name), "rb") as source:
            return source.read()

    def _write(self, name, data, mode=0o644):
        if self.directory is None:
            return
        _replace(self._path(name), data, mode)


def write_policy(directory, policy):
    """Set the policy of the CA that runs on a state directory, from outside it."""
    _replace(os.path.join(directory, "policy.json"), _json(policy.as_dict()), 0o644)


def read_events(directory):
    """The events in the log of a state directory, oldest first."""
    with open(os.path.join(directory, "log.jsonl"), "rb") as source:
        return [json.loads(line.decode("utf-8")) for line in source]


def _replace(path, data, mode):
    temporary = "{0}.{1}.new".format(path, binascii.hexlify(os.urandom(4)).decode("ascii"))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as target:
        target.write(data)
    os.rename(temporary, path)


def _json(value, indent=1):
    return json.dumps(value, indent=indent, sort_keys=True).encode("utf-8")
