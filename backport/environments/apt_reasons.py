"""Why apt failed, told from what it printed."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from backport.engine import system_errors
from backport.errors import BackportError, HashMismatchError, InputError, RemoteError

# What apt's words mean: the first that fit.
_MEANINGS: tuple[tuple[re.Pattern[str], type[BackportError], str], ...] = (
    (
        re.compile(r"Hash Sum mismatch|has unexpected size|does not match"),
        HashMismatchError,
        "try again later, or use another mirror",
    ),
    (
        re.compile(
            r"NO_PUBKEY|BADSIG|EXPKEYSIG|EXPSIG|REVKEYSIG|is not signed|not valid: |"
            r"no valid OpenPGP|NODATA|Clearsigned file isn't valid|signatures were invalid|"
            r"weak digest|weak algorithm|Signing key on|collision resistance"
        ),
        InputError,
        "the archive's signature does not verify: use another mirror, or a newer keyring",
    ),
    (
        re.compile(
            r"Could not (connect|resolve)|Unable to connect|Connection (refused|reset|timed out|"
            r"failed)|Temporary failure|timed out|SSL|certificate",
            re.IGNORECASE,
        ),
        RemoteError,
        "check the network; try again",
    ),
    (
        re.compile(r"does(?: not|n't) have a Release file"),
        RemoteError,
        "correct the mirror: that of a series that has ended may have moved",
    ),
    (re.compile(r"E: Failed to fetch"), RemoteError, "check the network; try again"),
)
# apt 3 checks by sqv, which wants a key's signature on itself to be sound too.
_OLD_KEY = re.compile(r"Signing key on ([0-9A-F]{40}) is not bound:.*SHA1 is not considered secure")
_PREFIX = re.compile(r"^[EWN]: ")
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


def why(output: str, doing: str, where: str, folder: Path) -> BackportError:
    """The error that a failed run of apt means.

    Parameters:
        output: all that apt printed, in the locale C.
        doing: what it was to do, such as "reading the archive's indices".
        where: the archives that it read.
        folder: where it wrote.
    """
    system_errors.refuse_full(output, folder)
    if lacking := _LACKING.findall(output):
        return UnmetError(", ".join(dict.fromkeys("".join(names) for names in lacking)), where)
    lines = [line.strip().rstrip(".") for line in output.splitlines() if line.strip()]
    for pattern, kind, advice in _MEANINGS:
        if telling := [line for line in lines if pattern.search(line)]:
            # apt says it more than once; the longest line has the file and the reason.
            reason = max(telling, key=len)
            return kind(f"{doing} failed: {_PREFIX.sub('', reason)}", where=where, advice=advice)
    errors = [line for line in lines if line.startswith("E:")]
    reason = (errors or lines[-1:] or ["apt printed nothing"])[0]
    return InputError(f"{doing} failed: {_PREFIX.sub('', reason)}", where=where)
