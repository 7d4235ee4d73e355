"""Archive keys from the time of SHA1, with an apt that no longer takes SHA1.

apt 3 checks signatures by sqv, which wants a key's signature on itself to be sound too. Its policy
(/usr/share/apt/default-sequoia.config) takes none with SHA1 since 2026-02-01, and the only key
that signed zesty has no other. apt 2 checks by gpgv, which does not look at it.

What a caller names is taken all the same: these keys alone, and only where apt refused them for
that reason. A signature of an archive with SHA1 stays refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

POLICY_VARIABLE = "APT_SEQUOIA_CRYPTO_POLICY"
"""The environment variable that names apt's policy for sqv."""

# A key's signature on itself needs resistance against a second preimage; one on a file, against
# collisions, and for that SHA1 stays as it is.
_POLICY = '[hash_algorithms]\nsha1.second_preimage_resistance = "always"\n'
_REFUSED = re.compile(r"Signing key on ([0-9A-F]{40}) is not bound:.*SHA1 is not considered secure")


def refused(output: str, among: Collection[str] | None = None) -> list[str]:
    """The fingerprints of the keys that apt refused for their own signature with SHA1.

    Parameters:
        output: what apt printed, in the locale C.
        among: the only ones that count; None for all.
    """
    found = dict.fromkeys(_REFUSED.findall(output))
    return [key for key in found if among is None or key in among]


def write_policy(file: Path) -> Path:
    """Write sqv's policy that takes a key's own signature with SHA1; returns the file."""
    file.write_text(_POLICY)
    return file


def note(keys: Iterable[str]) -> str:
    """What the record of a run says of keys that were taken."""
    return (
        f"apt took the archive's key {', '.join(keys)}, and no other, although the key's own "
        "signature is made with SHA1, which sqv refuses since 2026-02-01"
    )
