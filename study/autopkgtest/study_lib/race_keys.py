"""Keys that are made beforehand, since making one is near half of what a renewal costs.

A run is handed one, and gets it when it asks pyOpenSSL for a key of that kind;
all further ones it makes.  Nothing of certbot is changed.

Runs under Python 2.7.
"""

from OpenSSL import crypto

SHORTCUT = "each run's key is made beforehand"
NUMBER = 32
BITS = 2048  # what certbot asks for by default


def make(number=NUMBER):
    """So many RSA keys in PEM."""
    found = []
    for _ in range(number):
        key = crypto.PKey()
        key.generate_key(crypto.TYPE_RSA, BITS)
        found.append(crypto.dump_privatekey(crypto.FILETYPE_PEM, key))
    return found


def hand_out(pem):
    """In a run's process: let the first key of that kind that is made be this one."""
    plain = crypto.PKey.generate_key
    left = [pem]

    def generate_key(self, kind, bits):
        """Take the key, else make one."""
        if left and (kind, bits) == (crypto.TYPE_RSA, BITS):
            self.__dict__.update(crypto.load_privatekey(crypto.FILETYPE_PEM, left.pop()).__dict__)
        else:
            plain(self, kind, bits)

    crypto.PKey.generate_key = generate_key
