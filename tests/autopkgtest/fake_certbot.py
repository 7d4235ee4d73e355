"""A certbot as far as concurrent-renew sees one: obtains, renews, locks or does not.

What is tested with it is the driver, under the toolkit's own Python.  The environment does not
reach it (the driver passes on almost none): how it behaves comes before the command:

    fake_certbot.py [locked|unlocked|alone-broken] COMMAND OPTIONS...
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.autopkgtest import support

KINDS = ("cert", "privkey", "chain", "fullchain")
PEM = serialization.Encoding.PEM


def write_version(config: Path, name: str, number: int, client: support.Client) -> None:
    """Ask for a certificate and write it as a version of the lineage."""
    key = support.new_key()
    der = client.certificate(name, key=key).body
    cert = x509.load_der_x509_certificate(der).public_bytes(PEM)
    issuer = client.ask("GET", "/acme/issuer-cert").body
    chain = x509.load_der_x509_certificate(issuer).public_bytes(PEM)
    private = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    contents = zip(KINDS, (cert, private, chain, cert + chain), strict=True)
    for kind, content in contents:
        # As certbot does: a version that another process has written meanwhile is an error.
        with (config / "archive" / name / f"{kind}{number}.pem").open("xb") as target:
            target.write(content)
        link = config / "live" / name / f"{kind}.pem"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/{name}/{kind}{number}.pem")


def obtain(options: argparse.Namespace) -> None:
    """Obtain the first version."""
    config: Path = options.config_dir
    port = int(options.server.split(":")[2].split("/")[0])
    client = support.Client(port)
    client.register()
    client.authorize(options.webroot_path, options.domain)
    for part in ("accounts", f"archive/{options.domain}", f"live/{options.domain}", "renewal"):
        (config / part).mkdir(parents=True)
    options.work_dir.mkdir()
    options.logs_dir.mkdir()
    private = client.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (config / "accounts" / "key.pem").write_bytes(private)
    write_version(config, options.domain, 1, client)
    known = {"port": port, "webroot": str(options.webroot_path)}
    (config / "renewal" / f"{options.domain}.conf").write_text(json.dumps(known))


def peers(config: Path) -> set[str]:
    """The processes that renew in this configuration or are about to."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"renew" in words and str(config).encode() in words:
                found.add(path.parent.name)
    return found


def meet(config: Path) -> None:
    """Wait until every process that left the barrier with this one has come as far.

    So all have read the same newest version, whatever the machine's load.
    """
    markers = config.parent / "racers"
    markers.mkdir(exist_ok=True)
    (markers / str(os.getpid())).touch()
    expected = peers(config)
    while not expected <= {path.name for path in markers.iterdir()}:
        time.sleep(0.02)


def renew(options: argparse.Namespace, manner: str) -> None:
    """Renew what is due, or all."""
    config: Path = options.config_dir
    [conf] = (config / "renewal").glob("*.conf")
    name = conf.stem
    newest = max(int(path.stem[4:]) for path in (config / "archive" / name).glob("cert*"))
    certificate = x509.load_pem_x509_certificate(
        (config / "archive" / name / f"cert{newest}.pem").read_bytes()
    )
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if left > datetime.timedelta(days=30) and not options.force_renewal:
        return
    known = json.loads(conf.read_text())
    private = (config / "accounts" / "key.pem").read_bytes()
    key = serialization.load_pem_private_key(private, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    client = support.Client(known["port"], key)
    client.authorize(Path(known["webroot"]), name)
    if manner == "unlocked":
        meet(config)
    write_version(config, name, newest + 1, client)


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Keep other processes out."""
    with (directory / ".lock").open("w") as target:
        fcntl.lockf(target, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Behave as told; returns the exit code."""
    manner, *rest = arguments
    if "--version" in rest:
        print("certbot 0.10.2 (fake)")
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    for flag in ("-q", "-n", "--agree-tos", "--webroot", "--force-renewal"):
        parser.add_argument(flag, action="store_true")
    for option in ("-m", "--server", "--http-01-port"):
        parser.add_argument(option)
    parser.add_argument("-d", dest="domain")
    parser.add_argument("--webroot-path", type=Path)
    for option in ("--config-dir", "--work-dir", "--logs-dir"):
        parser.add_argument(option, type=Path)
    options = parser.parse_args(rest)
    if "certonly" in options.words:
        obtain(options)
        return 0
    if manner == "alone-broken":
        print("this one never works", file=sys.stderr)
        return 1
    try:
        with lock(options.config_dir) if manner == "locked" else contextlib.nullcontext():
            renew(options, manner)
    except FileExistsError as error:
        print(f"[Errno 17] File exists: {error.filename}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
