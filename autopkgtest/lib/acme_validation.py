"""How the stand-in CA checks that a client controls a name.

Both checks are real: http-01 fetches the token over HTTP, tls-sni-01 opens a
TLS connection and reads the certificate.  Every name resolves to 127.0.0.1,
by the CA itself: no resolver is asked and nothing leaves the machine.

Runs under Python 2.7 and 3.
"""

import hashlib
import socket
import ssl

import acme_x509
from acme_jws import Problem

try:
    from http import client as http_client
except ImportError:  # Python 2
    import httplib as http_client

ADDRESS = "127.0.0.1"
TIMEOUT_SECONDS = 10
LARGEST_ANSWER = 4096


def http_01(name, port, token, key_authorization):
    """Fetch the token of ``name`` over HTTP on ``port`` and compare it.

    Returns the validation record.  Raises Problem: ``connection`` when nobody
    answers, ``unauthorized`` when the answer is another one.
    """
    path = "/.well-known/acme-challenge/" + str(token)
    url = u"http://{0}:{1}{2}".format(name, port, path)
    connection = http_client.HTTPConnection(ADDRESS, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={
            "Host": "{0}:{1}".format(name, port),
            "User-Agent": "stand-in ACME v1 CA (validation)",
            "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(LARGEST_ANSWER)
    except (socket.error, http_client.HTTPException) as error:
        raise Problem(400, u"connection", u"Could not fetch {0}: {1}".format(url, error))
    finally:
        connection.close()
    if answer.status != 200:
        raise Problem(
            403, u"unauthorized",
            u"Invalid response from {0}: status {1}".format(url, answer.status))
    if body.rstrip().decode("utf-8", "replace") != key_authorization:
        raise Problem(
            403, u"unauthorized",
            u"The key authorization at {0} is not the expected one".format(url))
    record = _record(name, port)
    record[u"url"] = url
    return record


def tls_sni_01(name, port, key_authorization):
    """Connect to ``name`` on ``port`` over TLS and look for the challenge's name.

    The name that is asked for, and that the certificate must carry, is made
    from the key authorization's SHA-256 (draft-ietf-acme-acme-03, section
    7.3).  Returns the validation record; raises Problem as http_01 does.
    """
    digest = hashlib.sha256(key_authorization.encode("ascii")).hexdigest()
    wanted = u"{0}.{1}.acme.invalid".format(digest[:32], digest[32:])
    context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        plain = socket.create_connection((ADDRESS, port), TIMEOUT_SECONDS)
        try:
            secure = context.wrap_socket(plain, server_hostname=str(wanted))
            der = secure.getpeercert(True)
            secure.close()
        finally:
            plain.close()
    except (socket.error, ssl.SSLError) as error:
        raise Problem(
            400, u"connection",
            u"Could not connect to {0}:{1} over TLS: {2}".format(name, port, error))
    if wanted not in _certificate_names(der):
        raise Problem(
            403, u"unauthorized",
            u"The certificate at {0}:{1} does not carry {2}".format(name, port, wanted))
    return _record(name, port)


def _record(name, port):
    return {
        u"hostname": name,
        u"port": u"{0}".format(port),
        u"addressesResolved": [u"127.0.0.1"],
        u"addressUsed": u"127.0.0.1",
    }


def _certificate_names(der):
    try:
        return acme_x509.names_of(acme_x509.read_certificate(der))
    except ValueError:
        return []
