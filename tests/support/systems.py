"""Small systems of Debian's, made by mmdebstrap once and kept below BACKPORT_TEST_CACHE."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from backport.engine.process import as_root, run
from backport.environments.standin import debian_suites
from backport.system_packages import require


def home() -> Path:
    """Where work folders and downloads are kept from one run of the tests to the next."""
    place = os.environ.get("BACKPORT_TEST_CACHE", "~/.cache/backport-tests")
    return Path(place).expanduser().resolve()


def made_once(place: Path, suite: str, *options: str) -> Path:
    """The root directory or tarball of a system with mmdebstrap's options, if it is not there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = place.with_name(f"new-{place.name}")
            run(as_root(["rm", "-rf", fresh]))
            suites = debian_suites(suite)[: 1 if suite == "sid" else 2]  # sid has no -security
            lines = [source.line([str(source.keyring)]) for source in suites]
            words = [require("mmdebstrap"), *options, suite, fresh, *lines]
            done = run(as_root(words), timeout=1800)
            assert done.exit_code == 0, done.tail(20)
            fresh.rename(place)
    return place
