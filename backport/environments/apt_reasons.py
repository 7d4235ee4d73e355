"""Why apt failed, told from what it printed."""

from __future__ import annotations

import re
from collections.abc import Collection

from backport.engine import system_errors
from backport.errors import BackportError, HashMismatchError, InputError, RemoteError

_BROKEN = re.compile(r"Hash Sum mismatch|has unexpected size|does not match")
_SIGNATURE = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|EXPSIG|REVKEYSIG|is not signed|not valid: |no valid OpenPGP|"
    r"NODATA|Clearsigned file isn't valid|signatures were invalid|weak digest|weak algorithm|"
    r"Signing key on|collision resistance"
)
# apt 3 checks by sqv, which wants a key's signature on itself to be sound too.
_OLD_KEY = re.compile(r"Signing key on ([0-9A-F]{40}) is not bound:.*SHA1 is not considered secure")
_SILENT = re.compile(
    r"Could not (connect|resolve)|Unable to connect|Connection (refused|reset|timed out|failed)|"
    r"Temporary failure|timed out|SSL|certificate",
    re.IGNORECASE,
)
_NO_SUITE = re.compile(r"The repository '\S+ (\S+) Release' does(?: not|n't) have a Release file")
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


def old_keys(output: str, among: Collection[str]) -> list[str]:
    """Which of some keys apt refused because their own signature is made with SHA1.

    Parameters:
        output: what apt printed, in the locale C.
        among: the keys' fingerprints.
    """
    return [key for key in dict.fromkeys(_OLD_KEY.findall(output)) if key in among]


def why(output: str, *, exit_code: int, doing: str, where: str, folder: str) -> BackportError:
    """The error that a failed run of apt means.

    Parameters:
        output: all that apt printed, in the locale C.
        exit_code: what it ended with.
        doing: what it was to do, such as "reading the archive's indices".
        where: the archives that it read.
        folder: where it wrote.
    """
    system_errors.refuse_full(output, folder)
    if _BROKEN.search(output):
        return HashMismatchError(
            "the archive gave a file that does not have the hash in its index",
            where=where,
            advice="try again later, or use another mirror",
        )
    lines = [line.strip().rstrip(".") for line in output.splitlines() if line.strip()]
    if signature := [line for line in lines if _SIGNATURE.search(line)]:
        return InputError(
            f"the archive's signature does not verify with the given keyring ({signature[0]})",
            where=where,
            advice="use another mirror, or a newer keyring",
        )
    if lacking := _LACKING.findall(output):
        return UnmetError(", ".join(dict.fromkeys("".join(names) for names in lacking)), where)
    return _of_answer(lines, exit_code, doing, where)


def _of_answer(lines: list[str], exit_code: int, doing: str, where: str) -> BackportError:
    output = "\n".join(lines)
    suites = ", ".join(dict.fromkeys(_NO_SUITE.findall(output)))
    if suites and not _SILENT.search(output):
        return RemoteError(
            f"the archive has no {suites}",
            where=where,
            advice="correct the mirror: that of a series that has ended may have moved",
        )
    errors = [line[2:].strip() for line in lines if line.startswith("E:")]
    fetch = [line for line in errors if line.startswith("Failed to fetch")]
    what = (
        f"{doing} failed: {(fetch or errors or lines[-1:] or [f'apt ended with {exit_code}'])[0]}"
    )
    if suites or fetch or _SILENT.search(output):
        return RemoteError(what, where=where, advice="check the network; try again")
    return InputError(what, where=where)
