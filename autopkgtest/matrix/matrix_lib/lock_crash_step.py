"""How far certbot had written a new version when it was killed, from what lies on the disk.

certbot 0.10.2 writes a version in steps: four files in the archive, four
links in live, the renewal configuration.  A kill between two of them leaves a
lineage that no lock can make whole: such a window is certbot's, and is
reported with its step.  Pure functions of two snapshots.

Runs under Python 2.7 and 3.
"""

import collections
import os

from renewals import KINDS

BEFORE, WITHIN, AFTER = "before", "within", "after"


class Snapshot(collections.namedtuple("Snapshot", "archive live renewal")):
    """``archive``: size by file name; ``live``: the target's name by link name; ``renewal``:
    (size, modification time, inode) by file name."""


class Step(collections.namedtuple("Step", "place sentence")):
    """``place``: BEFORE, WITHIN or AFTER the writing; ``sentence`` says what was there."""


def snapshot(config, name):
    """Look at a lineage as it lies there now."""
    archive = os.path.join(config, "archive", name)
    live = os.path.join(config, "live", name)
    renewal = os.path.join(config, "renewal")
    facts = {}
    for entry in os.listdir(renewal):
        info = os.stat(os.path.join(renewal, entry))
        facts[entry] = (info.st_size, info.st_mtime, info.st_ino)
    return Snapshot(
        dict((entry, os.path.getsize(os.path.join(archive, entry)))
             for entry in os.listdir(archive)),
        dict((entry, os.path.basename(os.readlink(os.path.join(live, entry))))
             for entry in os.listdir(live) if os.path.islink(os.path.join(live, entry))),
        facts)


def step_of(before, after, name):
    """The Step at which a renewal from ``before`` to the next version had come at ``after``."""
    written = sorted(set(after.archive) - set(before.archive))
    empty = [entry for entry in written if after.archive[entry] == 0]
    moved = sorted(entry for entry in after.live if after.live[entry] != before.live.get(entry))
    missing = sorted(set(before.live) - set(after.live))
    strange = sorted(set(after.live) - set(before.live))
    conf = name + ".conf"
    changed = after.renewal.get(conf) != before.renewal.get(conf)
    new = sorted(set(after.renewal) - set(before.renewal))
    if not (written or moved or missing or strange or changed or new):
        return Step(BEFORE, "nothing of the new version was written")
    complete = (len(written) == len(KINDS) and not empty and len(moved) == len(KINDS) and
                not missing and not strange and changed and not new)
    parts = ["archive: {0}".format(", ".join(written) or "nothing")]
    if empty:
        parts.append("empty: {0}".format(", ".join(empty)))
    parts.append("links moved: {0}".format(", ".join(moved) or "none"))
    if missing:
        parts.append("links missing: {0}".format(", ".join(missing)))
    if strange:
        parts.append("other links: {0}".format(", ".join(strange)))
    parts.append("renewal configuration {0}".format("written" if changed else "not written"))
    if new:
        parts.append("besides it: {0}".format(", ".join(new)))
    return Step(AFTER if complete else WITHIN, "; ".join(parts))
