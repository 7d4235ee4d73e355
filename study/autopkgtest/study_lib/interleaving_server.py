"""What the two writers of a web server have in common, whichever server it is.

Both are ``certbot -n install`` with a plugin, one for each of two sites.  The
program under test is ``certbot.main.main`` with the plugin, up to its exit
code; no CA is asked.  A reload is left out, since no server runs.

Steps are the calls on the server root, on the checkpoints in the work directory
and on the lock files, and what the server's own module adds.

Runs under Python 2.7 and 3.
"""

import io
import os

import interleaving_lineage

SYMMETRIC = False
FINE = "fine"
LOST, BROKEN, LEFT_OVER, CHECKPOINT = "lost", "unreadable", "left-over", "checkpoint"
ERROR, DEADLOCK = "error", "deadlock"
BAD = (LOST, BROKEN, LEFT_OVER, CHECKPOINT, ERROR, DEADLOCK)
GROUPS = ()
HARM = (LOST, ERROR)
REASONS = ("install",)
SITES = ("one.example.org", "two.example.org")
BACKUPS, TEMPORARY = "backups", "temp_checkpoint"
# Neither is there after a run that has ended.
UNFINISHED = (TEMPORARY, os.path.join(BACKUPS, "IN_PROGRESS"))


def prepare(certbot, base, _):
    """The certificates, from a CA; returns a Template."""
    return interleaving_lineage.prepare(certbot, base)


def new_place(template, base, path, certificates):
    """An empty server root, certbot's directories, and the certificates of a Template.

    Parameters:
        template: from ``prepare``.
        base: an existing directory, best on a tmpfs.
        path: of a copy of certbot to import instead of the installed one.
        certificates: the name of a directory and the number of the answer that it gets, in pairs.
    """
    interleaving_lineage.make_alike(base, ("logs", "config", "work", "server"))
    for part, number in certificates:
        os.mkdir(os.path.join(base, part))
        for kind in ("cert", "privkey", "chain", "fullchain"):
            write_text(os.path.join(base, part, kind + ".pem"), template.answers[number][kind])
    return {"base": base, "path": path}


def watched(place):
    """The server root, the checkpoints and the lock files."""
    base = place["base"]
    return ([os.path.join(base, "server")]
            + [os.path.join(base, "work", part) for part in (BACKUPS, TEMPORARY)]
            + [os.path.join(base, part, interleaving_lineage.LOCK_FILE)
               for part in ("config", "work", "logs")])


def arguments(place, role, plugin):
    """The options of the command; ``plugin`` are those of the server's plugin."""
    base = place["base"]
    words = ["-n", "install", "-d", SITES[role]] + plugin
    for option, kind in (("cert", "cert"), ("key", "privkey"), ("chain", "chain"),
                         ("fullchain", "fullchain")):
        words += ["--{0}-path".format(option),
                  os.path.join(base, str(role), kind + ".pem")]
    for part in ("config", "work", "logs"):
        words += ["--{0}-dir".format(part), os.path.join(base, part)]
    return words + ["--no-redirect"]


def warm_up(place, words, *modules):
    """Import certbot as the command with these words would, and the plugin's modules."""
    interleaving_lineage.import_certbot(place, words)
    for name in modules:
        __import__(name)


def run(words):
    """The command, in this process."""
    from certbot import main
    return main.main(words)


def empty(place):
    """No server's files, no checkpoints, no logs, no locks."""
    for part in ("server", "work", "logs", "config"):
        interleaving_lineage.empty(os.path.join(place["base"], part))


def lead(execution):
    """How many steps a writer alone makes before it begins to write the server's files."""
    steps = execution.steps(execution.order.first)
    for number, step in enumerate(steps):
        if step[0] == "open" and step[3] and "/server/" in step[1]:
            return number
    return len(steps)


def roles(execution):
    """The writers whose sites are looked at: of a writer alone only its own."""
    return range(len(execution.codes)) if len(execution.codes) > 1 else [execution.order.first]


def outcome(place, execution, server, finished):
    """What came of an execution, for any server.

    Parameters:
        place: from ``new_place``.
        execution: of the engine.
        server: words for what the server's own module found; "lost" if a site has not got its
            certificate.
        finished: the file that every checkpoint of this plugin has, one for each writer.
    """
    words = set(server)
    work = os.path.join(place["base"], "work")
    if any(os.path.lexists(os.path.join(work, part)) for part in UNFINISHED):
        words.add(LEFT_OVER)
    backups = os.path.join(work, BACKUPS)
    whole = [name for name in os.listdir(backups) if os.path.isfile(
        os.path.join(backups, name, finished))] if os.path.isdir(backups) else []
    if len(whole) != len(roles(execution)):
        words.add(CHECKPOINT)
    if any(execution.codes):
        words.add(ERROR)
    if execution.deadlock:
        words.add(DEADLOCK)
    return tuple(sorted(words)) or (FINE,)


def write_program(path, text):
    """Write a script that can be run."""
    write_text(path, text)
    os.chmod(path, 0o755)


def read_text(path):
    """The text of a file; empty where there is none."""
    try:
        with io.open(path, encoding="utf-8") as source:
            return source.read()
    except IOError:
        return u""


def write_text(path, text):
    """Write a file."""
    with io.open(path, "w", encoding="ascii") as target:
        target.write(text if isinstance(text, type(u"")) else text.decode("ascii"))
