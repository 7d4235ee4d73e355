"""A certbot as far as concurrent-renew sees one: obtains, renews, locks or does not.

What is tested with it is the driver.  The environment does not reach it (the driver passes on
almost none): how it behaves comes before the command, and `with_acme` runs it:

    fake_certbot.py [locked|unlocked|alone-broken] COMMAND OPTIONS...
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acme import client, jose
from acme_client import authorize, issue, registered


def write_version(options: argparse.Namespace, number: int, acme: Any, authorization: Any) -> None:
    """Ask for a certificate and write it as a version of the lineage."""
    name = authorization.body.identifier.value
    key, certificate, chain = issue(acme, [authorization], name)
    contents = {
        "cert": certificate,
        "privkey": key,
        "chain": chain,
        "fullchain": certificate + chain,
    }
    for kind, content in contents.items():
        # As certbot does: a version that another process has written meanwhile is an error.
        archived = options.config_dir / "archive" / name / f"{kind}{number}.pem"
        with archived.open("xb") as target:
            target.write(content)
        link = options.config_dir / "live" / name / f"{kind}.pem"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/{name}/{archived.name}")


def obtain(options: argparse.Namespace) -> None:
    """Obtain the first version."""
    config, name = options.config_dir, options.domain
    for part in (f"archive/{name}", f"live/{name}", "renewal"):
        (config / part).mkdir(parents=True)
    options.work_dir.mkdir()
    options.logs_dir.mkdir()
    acme = registered(options.server)
    write_version(options, 1, acme, authorize(acme, options.webroot_path, name))
    account = {"server": options.server, "webroot": str(options.webroot_path)}
    account["key"] = acme.key.json_dumps()
    (config / "renewal" / f"{name}.conf").write_text(json.dumps(account))


def peers(config: Path) -> set[str]:
    """The processes that renew in this configuration or are about to."""
    renewing = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"renew" in words and str(config).encode() in words:
                renewing.add(path.parent.name)
    return renewing


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
    """Renew what is due, which the first version is, or all."""
    (conf,) = (options.config_dir / "renewal").glob("*.conf")
    archive = options.config_dir / "archive" / conf.stem
    newest = max(int(path.stem[4:]) for path in archive.glob("cert*"))
    if newest > 1 and not options.force_renewal:
        return
    account = json.loads(conf.read_text())
    acme = client.Client(account["server"], jose.JWKRSA.json_loads(account["key"]))
    authorization = authorize(acme, Path(account["webroot"]), conf.stem)
    if manner == "unlocked":
        meet(options.config_dir)
    write_version(options, newest + 1, acme, authorization)


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
    for option in ("--config-dir", "--work-dir", "--logs-dir", "--webroot-path"):
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
