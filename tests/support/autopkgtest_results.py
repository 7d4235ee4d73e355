"""Results of Ubuntu's autopkgtest service, as the stand-in serves them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

from tests.support.launchpad_server import World


def result_tar(
    exit_code: int, version: str, summary: str, *, source: str = "app", **more: bytes
) -> bytes:
    """A run's result.tar; `more` replaces its members, and an empty one is left out."""
    members = {
        "exitcode": f"{exit_code}\n".encode(),
        "testpkg-version": f"{source} {version}\n".encode(),
        "testinfo.json": json.dumps(
            {"custom_environment": [f"ADT_TEST_TRIGGERS={source}/{version}"]}
        ).encode(),
        "summary": summary.encode(),
    } | more
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            if content:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def log_gz(summary: str, before: str = "") -> bytes:
    """A log that ends in a summary; each line of it begins with `before`."""
    text = f"the tests' output\n{before}@@@@@@@@@@@@@@@@@@@@ summary\n"
    return gzip.compress(
        (text + "".join(f"{before}{word}\n" for word in summary.split("\n"))).encode()
    )


def put(
    world: World,
    stamp: str,
    tar: bytes,
    *,
    ppa: str = "me-sru",
    where: str = "xenial/amd64/a/app",
    log: bytes | None = None,
) -> None:
    """Let the service have a result of a PPA, and list it."""
    series = where.partition("/")[0]
    base = f"/results/autopkgtest-{series}-{ppa}"
    for name, content in (("result.tar", tar), ("log.gz", log)):
        path = f"{where}/{stamp}@/{name}"
        if content is not None:
            world.files[f"{base}/{path}"] = content
            listing = world.files.get(f"{base}/", b"")
            world.files[f"{base}/"] = listing + f"{path}\n".encode()
