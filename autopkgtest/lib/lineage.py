"""Checks of a lineage: the versions of one certificate in certbot's configuration directory.

A lineage NAME is the directory ``archive/NAME`` with four files per version
(``cert1.pem``, ``privkey1.pem``, ``chain1.pem``, ``fullchain1.pem``) and the
directory ``live/NAME`` with four symbolic links to the files of one version.
A check returns findings: data, each with one sentence.  No finding means that
a web server that reads the links gets a certificate, its key and its chain
that belong together.

    lineage.py CONFIG_DIR [NAME]

prints the findings and exits 1 when there are any, 2 when there is nothing to check.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import collections
import os
import re
import sys

from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import serialization

try:
    import acme_jws
except ImportError:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import acme_jws

KINDS = ("cert", "privkey", "chain", "fullchain")
ARCHIVE_NAME = re.compile(r"^(cert|privkey|chain|fullchain)([1-9][0-9]*)\.pem\Z")


class Finding(collections.namedtuple("Finding", "kind place sentence")):
    """One thing that is wrong: ``kind`` for machines, ``place`` a path, ``sentence`` for people."""

    def __str__(self):
        return self.sentence


def names(config_dir):
    """The names of all lineages that have a live or an archive directory, sorted."""
    found = set()
    for part in ("live", "archive"):
        path = os.path.join(config_dir, part)
        if os.path.isdir(path):
            found.update(name for name in os.listdir(path)
                         if os.path.isdir(os.path.join(path, name)))
    return sorted(found)


def versions(config_dir, name):
    """The version numbers of which the archive has at least one file, sorted."""
    return sorted(set(number for _, number in _archive_files(config_dir, name)[0]))


def check(config_dir, name):
    """All findings about one lineage, in the order links, files, contents."""
    directory = os.path.join(config_dir, "archive", name)
    if not os.path.isdir(directory):
        return [_finding("no-archive", directory, "There is no directory {0}.", directory)]
    findings = _check_links(config_dir, name)
    findings.extend(_check_files(config_dir, name))
    known = {}
    for number in versions(config_dir, name):
        findings.extend(_check_version(directory, number))
        path = os.path.join(directory, "cert{0}.pem".format(number))
        if os.path.isfile(path):
            known.setdefault(_read(path), []).append(number)
    for numbers in sorted(known.values()):
        if len(numbers) > 1:
            findings.append(_finding(
                "same-certificate", directory, "The versions {0} of {1} are one certificate.",
                ", ".join(str(number) for number in numbers), name))
    return findings


def check_all(config_dir):
    """The findings about every lineage, as a dictionary by name."""
    return dict((name, check(config_dir, name)) for name in names(config_dir))


def _archive_files(config_dir, name):
    """The (kind, number) pairs in the archive, and the names that do not belong there."""
    pairs = []
    strange = []
    directory = os.path.join(config_dir, "archive", name)
    for entry in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        match = ARCHIVE_NAME.match(entry)
        if match:
            pairs.append((match.group(1), int(match.group(2))))
        else:
            strange.append(entry)
    return pairs, strange


def _check_links(config_dir, name):
    findings = []
    pointed = {}
    archive = os.path.realpath(os.path.join(config_dir, "archive", name))
    for kind in KINDS:
        link = os.path.join(config_dir, "live", name, kind + ".pem")
        if not os.path.islink(link):
            findings.append(_finding("no-link", link, "{0} is no symbolic link.", link))
            continue
        target = os.path.join(os.path.dirname(link), os.readlink(link))
        match = ARCHIVE_NAME.match(os.path.basename(target))
        if os.path.realpath(os.path.dirname(target)) != archive or not match:
            findings.append(_finding(
                "foreign-link", link, "{0} points to {1}, which is no version of this lineage.",
                link, target))
            continue
        if match.group(1) != kind:
            findings.append(_finding(
                "wrong-link", link, "{0} points to {1}, a file of another kind.",
                link, os.path.basename(target)))
        if not os.path.isfile(target):
            findings.append(_finding(
                "dangling-link", link, "{0} points to {1}, which does not exist.", link, target))
        pointed[kind] = int(match.group(2))
    if len(set(pointed.values())) > 1:
        findings.append(_finding(
            "mixed-links", os.path.join(config_dir, "live", name),
            "The links in live/{0} point to different versions: {1}.", name,
            ", ".join("{0} to {1}".format(kind, pointed[kind])
                      for kind in KINDS if kind in pointed)))
    found = versions(config_dir, name)
    if found and pointed and set(pointed.values()) != set([found[-1]]):
        findings.append(_finding(
            "old-links", os.path.join(config_dir, "live", name),
            "Not every link in live/{0} points to the newest version, {1}.", name, found[-1]))
    return findings


def _check_files(config_dir, name):
    findings = []
    directory = os.path.join(config_dir, "archive", name)
    pairs, strange = _archive_files(config_dir, name)
    for entry in strange:
        findings.append(_finding(
            "strange-file", os.path.join(directory, entry),
            "archive/{0} holds {1}, which is no file of a version.", name, entry))
    found = versions(config_dir, name)
    for number in found:
        missing = [kind for kind in KINDS if (kind, number) not in pairs]
        if missing:
            findings.append(_finding(
                "missing-file", directory, "Version {0} of {1} lacks {2}.", number, name,
                ", ".join(missing)))
    if not found:
        findings.append(_finding("no-version", directory, "archive/{0} holds no version.", name))
    elif found != list(range(found[0], found[0] + len(found))):
        findings.append(_finding(
            "gap", directory, "The versions of {0} are not consecutive: {1}.", name,
            ", ".join(str(number) for number in found)))
    renewal = os.path.join(config_dir, "renewal", name + ".conf")
    if not os.path.isfile(renewal):
        findings.append(_finding("no-renewal", renewal, "There is no file {0}.", renewal))
    elif os.path.getsize(renewal) == 0:
        findings.append(_finding("no-renewal", renewal, "The file {0} is empty.", renewal))
    if os.path.lexists(renewal + ".new"):
        findings.append(_finding(
            "left-over", renewal + ".new", "{0} was left behind.", renewal + ".new"))
    return findings


def _check_version(directory, number):
    findings = []
    data = {}
    for kind in KINDS:
        path = os.path.join(directory, "{0}{1}.pem".format(kind, number))
        if os.path.isfile(path):
            data[kind] = _read(path)
    certificate = _parse(data, "cert", directory, number, findings, _certificate)
    key = _parse(data, "privkey", directory, number, findings, _private_key)
    issuer = _parse(data, "chain", directory, number, findings, _certificate)
    if certificate and key and (
            certificate.public_key().public_numbers() != key.public_key().public_numbers()):
        findings.append(_finding(
            "mismatch", directory,
            "The certificate and the private key of version {0} do not match.", number))
    if "fullchain" in data and "cert" in data and "chain" in data and (
            data["fullchain"] != data["cert"] + data["chain"]):
        findings.append(_finding(
            "fullchain", directory,
            "fullchain{0}.pem is not cert{0}.pem followed by chain{0}.pem.", number))
    if certificate and issuer and not _issued_by(certificate, issuer):
        findings.append(_finding(
            "chain", directory,
            "The first certificate of chain{0}.pem did not issue cert{0}.pem.", number))
    return findings


def _read(path):
    with open(path, "rb") as source:
        return source.read()


def _parse(data, kind, directory, number, findings, reader):
    if kind not in data:
        return None
    try:
        return reader(data[kind])
    except (ValueError, TypeError, IndexError) as error:
        path = os.path.join(directory, "{0}{1}.pem".format(kind, number))
        findings.append(_finding("unreadable", path, "{0} cannot be read: {1}.", path, error))
        return None


def _certificate(data):
    begin = data.index(b"-----BEGIN CERTIFICATE-----")
    return x509.load_pem_x509_certificate(data[begin:], default_backend())


def _private_key(data):
    return serialization.load_pem_private_key(data, None, default_backend())


def _issued_by(certificate, issuer):
    return certificate.issuer == issuer.subject and acme_jws.signature_is_valid(
        issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes,
        certificate.signature_hash_algorithm)


def _finding(kind, place, sentence, *values):
    return Finding(kind, place, sentence.format(*values))


def main(arguments):
    """Print the findings about one or all lineages of a configuration directory."""
    if len(arguments) not in (1, 2):
        print("usage: lineage.py CONFIG_DIR [NAME]", file=sys.stderr)
        return 2
    wanted = arguments[1:] or names(arguments[0])
    if not wanted:
        print("{0} holds no lineage: name another directory.".format(arguments[0]), file=sys.stderr)
        return 2
    findings = [finding for name in wanted for finding in check(arguments[0], name)]
    for finding in findings:
        print(finding.sentence)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
