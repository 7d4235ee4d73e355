"""Pairs of writes of two runs that no lock orders: each is a finding.

Two runs do the same as the one that was traced.  Two of their writes are
ordered if both are made under the lock on one and the same directory.

Runs under Python 2.7 and 3.
"""

import re

CHANGING = re.compile(r"\d+(\.\d+)?")
# What can go wrong, by what a path is; the first that fits.
CONSEQUENCES = (
    (r"/IN_PROGRESS(/|$)", "the checkpoints of both runs mix: a rollback of one takes back, or "
     "leaves, changes of the other"),
    (r"/temp_checkpoint(/|$)", "the end of one run's challenge removes, or restores over, the "
     "other's temporary configuration"),
    (r"/backups(/|$)", "both take the same name for a checkpoint, and one ends with an error"),
    (r"tls_sni_01|le_http_01", "one run's challenge configuration replaces or removes the "
     "other's, whose validation then fails"),
    (r"\.certbot\.lock$", "a lock file, not content"),
    (r"/letsencrypt\.log|/logs/", "log files change places or lines mix; no harm to the service"),
    (r"/(archive|live|renewal)(/|$)", "a lineage of mixed files or links"),
    (r"/(accounts|csr|keys)(/|$)", "an order fails because a directory or number is taken"),
    (r"options-ssl|ssl-dhparams", "both install the same file; a reader may see half of it"),
    (r"-le-ssl\.conf|sites-(available|enabled)|/conf\.d/|nginx\.conf|apache2\.conf|ports\.conf",
     "the last one to write wins: the virtual host or port of the other is lost, or the server's "
     "configuration is broken"),
    (r"mods-enabled", "both enable the same module; one may find it half done"),
    (r"", "the last one to write wins"),
)


def consequence(path):
    """What can go wrong when two runs write a path without an order."""
    return next(text for pattern, text in CONSEQUENCES if re.search(pattern, path))


def findings(rows, only_below=None):
    """All unordered pairs, by path and the two places, as dictionaries.

    ``rows`` are those of a trace; with ``only_below`` only locks on and below
    that directory count, as for two certbots with other directories of their
    own on one server.
    """
    by_path = {}
    for row in rows:
        path = row["path"]
        if only_below is not None and not (path + "/").startswith(only_below.rstrip("/") + "/"):
            continue
        held = set(row["held"])
        if only_below is not None:
            held = set(one for one in held if (one + "/").startswith(only_below.rstrip("/") + "/"))
        by_path.setdefault(path, []).append((row["place"], row["operation"], frozenset(held)))
    found = {}
    for path, writes in by_path.items():
        for one in writes:
            for other in writes:
                if not one[2] & other[2]:
                    key = (path,) + tuple(sorted([one[0], other[0]]))
                    entry = found.setdefault(key, {"path": path, "places": list(key[1:]),
                                                   "operations": set(), "times": 0,
                                                   "what": consequence(path)})
                    entry["operations"] |= set([one[1], other[1]])
                    entry["times"] += 1
    result = [found[key] for key in sorted(found)]
    for entry in result:
        entry["operations"] = sorted(entry["operations"])
    return result


def order(rows):
    """The writes in order, repeats of one path from one line together."""
    result = []
    for row in rows:
        if result and (result[-1]["path"], result[-1]["place"]) == (row["path"], row["place"]):
            result[-1]["operations"].append(row["operation"])
            continue
        result.append({"path": row["path"], "place": row["place"],
                       "operations": [row["operation"]], "held": row["held"]})
    return result
