"""Why apt failed, told from what it printed."""

from __future__ import annotations

import re

from backport.engine import system_errors
from backport.environments import old_keys
from backport.errors import BackportError, HashMismatchError, InputError, RemoteError

_BROKEN = re.compile(r"(Hash Sum mismatch|has unexpected size|does not match)")
_KEY = re.compile(r"NO_PUBKEY (\w+)|(BADSIG|EXPKEYSIG|EXPSIG|REVKEYSIG) (\w+)")
_UNSIGNED = re.compile(
    r"(is not signed|not valid: |no valid OpenPGP|NODATA|Clearsigned file isn't valid)"
)
# A fingerprint without a word before it: a good signature that does not count.
_WEAK = re.compile(
    r"signatures were invalid: [0-9A-F]{40}\b|weak digest|weak algorithm|"
    r"requiring collision resistance"
)
_SILENT = re.compile(
    r"(Could not (connect|resolve)|Unable to connect|Connection (refused|reset|timed out|failed)|"
    r"Temporary failure|timed out|SSL|certificate)",
    re.IGNORECASE,
)
_NO_SUITE = re.compile(r"The repository '\S+ (\S+) Release' does(?: not|n't) have a Release file")
_NO_COMPONENT = re.compile(r"doesn't have the component '(\S+?)'")
_LACKING = re.compile(
    r"Depends: (.+?) but (?:it is not|\S+ is to be|it is not going)|"
    r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate"
)


class UnmetError(InputError):
    """An archive lacks what relations ask for: `names`."""

    def __init__(self, names: str, where: str) -> None:
        advice = "correct the relation, or relax it in the recipe with source.NAME.control"
        super().__init__(f"the archive cannot meet {names}", where=where, advice=advice)
        self.names = names


def why(output: str, *, exit_code: int, doing: str, where: str, folder: str) -> BackportError:
    """The error that a failed run of apt means.

    Parameters:
        output: all that apt printed, in the locale C.
        exit_code: what it ended with.
        doing: what it was to do, such as "reading the archive's indices".
        where: the archives that it read.
        folder: where it wrote.
    """
    if system_errors.lacking(output):
        return system_errors.full(folder)
    if _BROKEN.search(output):
        return HashMismatchError(
            "the archive gave a file that does not have the hash in its index",
            where=where,
            advice="try again later, or use another mirror",
        )
    return (
        _of_signature(output, where)
        or _of_relation(output, where)
        or _of_answer(output, doing, where)
        or InputError(f"{doing} failed: {_first(output, exit_code)}", where=where)
    )


def _of_signature(output: str, where: str) -> BackportError | None:
    if _WEAK.search(output):
        return InputError(
            "the archive's signature is made with an algorithm that apt no longer trusts",
            where=where,
            advice="use another mirror",
        )
    if keys := old_keys.refused(output):
        return InputError(
            f"the archive's key {', '.join(keys)} bears a signature with SHA1, which this "
            "machine's apt no longer takes",
            where=where,
            advice="use another mirror, or a keyring that has the key with a newer signature",
        )
    key = _KEY.search(output)
    if not key and not _UNSIGNED.search(output):
        return None
    name = f" (key {key[1] or key[3]})" if key else ""
    return InputError(
        f"the archive's signature does not verify with the given keyring{name}",
        where=where,
        advice="check the mirror and the keyring",
    )


def _of_relation(output: str, where: str) -> BackportError | None:
    lacking = _LACKING.findall(output)
    if not lacking:
        return None
    names = ", ".join(dict.fromkeys("".join(found) for found in lacking))
    return UnmetError(names, where)


def _of_answer(output: str, doing: str, where: str) -> BackportError | None:
    suites = ", ".join(dict.fromkeys(_NO_SUITE.findall(output)))
    if suites and not _SILENT.search(output):
        return RemoteError(
            f"the archive has no {suites}",
            where=where,
            advice="correct the mirror: that of a series that has ended may have moved",
        )
    if component := _NO_COMPONENT.search(output):
        return InputError(
            f"the archive has no component {component[1]}", where=where, advice="use another mirror"
        )
    if suites or "Failed to fetch" in output or _SILENT.search(output):
        return RemoteError(
            f"{doing} failed: {_first(output)}", where=where, advice="check the network; try again"
        )
    return None


def _first(output: str, exit_code: int = 0) -> str:
    """apt's first error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line[2:].strip() for line in lines if line.startswith("E:")]
    fetch = [line for line in errors if line.startswith("Failed to fetch")]
    return (fetch or errors or lines[-1:] or [f"apt ended with {exit_code}"])[0].rstrip(".")
