"""The certificates of the stand-in CA: its own chain, reading a request, issuing.

Uses only what cryptography 1.2.3 already has.  Runs under Python 2.7 and 3.
"""

import binascii
import collections
import datetime
import os
import time

from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import (
    AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID)

import acme_jws

KEY_BITS = 2048
CHAIN_DAYS = 7300
ROOT_NAME = u"stand-in test root, trust it nowhere"
ISSUER_NAME = u"stand-in test issuer, trust it nowhere"


class Signer(collections.namedtuple("Signer", "certificate key")):
    """A certificate that issues others, with its private key."""


class SigningRequest(collections.namedtuple("SigningRequest", "names public_key")):
    """What a certificate signing request asks for: the names, lower case, and the key."""


class Issued(collections.namedtuple("Issued", "serial der names not_before not_after")):
    """An issued certificate: serial in hexadecimal, DER, names, validity in naive UTC."""


def utc_now():
    """The time as a naive datetime in UTC, as cryptography's builder takes it."""
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time.time())


def new_key():
    """A fresh RSA key of 2048 bits."""
    return rsa.generate_private_key(
        public_exponent=65537, key_size=KEY_BITS, backend=default_backend())


def new_chain():
    """A root and an issuer that it signed: a pair of Signers."""
    root_key = new_key()
    issuer_key = new_key()
    root = _authority_certificate(ROOT_NAME, root_key, ROOT_NAME, root_key, None)
    issuer = _authority_certificate(ISSUER_NAME, issuer_key, ROOT_NAME, root_key, 0)
    return Signer(root, root_key), Signer(issuer, issuer_key)


def read_request(der):
    """Read a certificate signing request and check that its key signed it.

    ``der`` is PKCS #10 in DER.  Raises acme_jws.Problem when it cannot be
    read, is not signed by its own RSA key, or asks for no name.
    """
    try:
        request = x509.load_der_x509_csr(der, default_backend())
        key = request.public_key()
        names = _names_of(request)
    except (ValueError, TypeError):
        raise acme_jws.Problem(400, u"malformed", u"Error parsing certificate request")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < KEY_BITS:
        raise acme_jws.Problem(
            400, u"malformed",
            u"The key of the certificate request must be RSA of 2048 bits or more")
    if not acme_jws.signature_is_valid(
            key, request.signature, request.tbs_certrequest_bytes,
            request.signature_hash_algorithm):
        raise acme_jws.Problem(400, u"malformed", u"The certificate request is signed wrongly")
    if not names:
        raise acme_jws.Problem(400, u"malformed", u"The certificate request asks for no name")
    return SigningRequest(names, key)


def issue(signer, request, not_before, lifetime, base_url):
    """Issue a certificate for a SigningRequest.

    ``not_before`` is a naive UTC datetime, ``lifetime`` a timedelta counted
    from it, ``base_url`` the CA's address, named in the certificate.  Who may
    have the names is for the caller to decide.
    """
    random = bytearray(b"\xff") + bytearray(os.urandom(17))
    serial = binascii.hexlify(bytes(random)).decode("ascii")
    not_before = not_before.replace(microsecond=0)
    not_after = not_before + lifetime
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(request.names[0]))
        .issuer_name(signer.certificate.subject)
        .public_key(request.public_key)
        .serial_number(int(serial, 16))
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False)
        .add_extension(x509.AuthorityInformationAccess([x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS,
            x509.UniformResourceIdentifier(base_url + u"/acme/issuer-cert"))]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in request.names]),
            critical=False))
    certificate = builder.sign(signer.key, hashes.SHA256(), default_backend())
    return Issued(serial, to_der(certificate), request.names, not_before, not_after)


def to_der(certificate):
    """A certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def to_pem(thing):
    """A certificate or a private key (not encrypted) in PEM."""
    if hasattr(thing, "private_bytes"):
        return thing.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption())
    return thing.public_bytes(serialization.Encoding.PEM)


def read_certificate(der):
    """The certificate in DER; ValueError when it is none."""
    return x509.load_der_x509_certificate(der, default_backend())


def same_key(first, second):
    """Whether two public keys are one."""
    return first.public_numbers() == second.public_numbers()


def names_of(certificate):
    """The DNS names in a certificate's or a request's alternative names."""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            return extension.value.get_values_for_type(x509.DNSName)
    return []


def read_signer(certificate_pem, key_pem):
    """A Signer from the two PEM texts; ValueError when one cannot be read."""
    return Signer(
        x509.load_pem_x509_certificate(certificate_pem, default_backend()),
        serialization.load_pem_private_key(key_pem, None, default_backend()))


def _authority_certificate(name, key, issuer_name, issuer_key, path_length):
    now = utc_now().replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer_name))
        .public_key(key.public_key())
        .serial_number(int(binascii.hexlify(os.urandom(8)), 16) + 1)
        .not_valid_before(now - datetime.timedelta(days=365))
        .not_valid_after(now + datetime.timedelta(days=CHAIN_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False))
    return builder.sign(issuer_key, hashes.SHA256(), default_backend())


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(ca):
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not ca,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
        encipher_only=False, decipher_only=False)


def _names_of(request):
    names = [part.value for part in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    names.extend(names_of(request))
    found = []
    for name in names:
        if name.lower() not in found:
            found.append(name.lower())
    return found
