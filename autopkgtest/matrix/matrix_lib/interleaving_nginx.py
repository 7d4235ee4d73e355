"""The two writers of a web server: two ``certbot -n install --nginx``, one for each site.

Each site has a file of its own below nginx's server root, with a certificate
that the command is to replace.  The program under test is ``certbot.main.main``
with the nginx plugin, up to its exit code; no CA is asked.  ``nginx -t`` and
``nginx -V`` are the real ones; a reload is left out, since no server runs.

Steps are the calls on the server root, on the checkpoints in the work directory
and on the lock files, and each run of nginx.

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
CHECKPOINTS = ("backups", "temp_checkpoint", "IN_PROGRESS")
MAIN = """\
events {
    worker_connections 64;
}
http {
    access_log off;
    error_log /dev/null;
    include BASE/server/sites/*;
}
"""
SITE = """\
server {
    listen 8443 ssl;
    server_name NAME;
    ssl_certificate BASE/first/cert.pem;
    ssl_certificate_key BASE/first/privkey.pem;
}
"""
# A reload would start a server where none runs.
CONTROL = """\
#!/bin/sh
case " $* " in *" -s "*) exit 0 ;; esac
exec nginx -p BASE/server "$@" -g "pid BASE/nginx.pid;"
"""


def prepare(certbot, base, _):
    """The certificates, from a CA; returns a Template."""
    return interleaving_lineage.prepare(certbot, base)


def make_place(template, base, _, path=None):
    """A server with two sites in a directory; the certificates are those of a Template.

    Parameters:
        template: from ``interleaving_lineage.prepare``.
        base: an existing directory, best on a tmpfs.
        path: of a copy of certbot to import instead of the installed one.
    """
    place = {"base": base, "path": path}
    interleaving_lineage.make_alike(base, ("logs", "config", "work", "server"))
    for part in ("first", "0", "1"):
        os.mkdir(os.path.join(base, part))
    for number, part in enumerate(("0", "1", "first")):
        for kind in ("cert", "privkey", "chain", "fullchain"):
            _write(os.path.join(base, part, kind + ".pem"), template.answers[number % 2][kind])
    _write(os.path.join(base, "ctl"), CONTROL.replace("BASE", base))
    os.chmod(os.path.join(base, "ctl"), 0o755)
    return place


def watched(place):
    """The server root, the checkpoints and the lock files."""
    base = place["base"]
    return ([os.path.join(base, "server")]
            + [os.path.join(base, "work", part) for part in CHECKPOINTS]
            + [os.path.join(base, part, interleaving_lineage.LOCK_FILE)
               for part in ("config", "work", "logs")])


def arguments(place, role):
    """The options of the command."""
    base = place["base"]
    words = ["-n", "install", "--nginx", "-d", SITES[role], "--nginx-server-root",
             os.path.join(base, "server"), "--nginx-ctl", os.path.join(base, "ctl")]
    for option, kind in (("cert", "cert"), ("key", "privkey"), ("chain", "chain"),
                         ("fullchain", "fullchain")):
        words += ["--{0}-path".format(option),
                  os.path.join(base, str(role), kind + ".pem")]
    for part in ("config", "work", "logs"):
        words += ["--{0}-dir".format(part), os.path.join(base, part)]
    return words + ["--no-redirect"]


def warm_up(place, role):
    """Import certbot and its plugin."""
    interleaving_lineage.import_certbot(place, arguments(place, role))
    __import__("certbot_nginx.configurator")


def write(place, role):
    """The command, in this process."""
    from certbot import main
    return main.main(arguments(place, role))


def reset(place):
    """The server as it was, no checkpoints, no logs, no locks."""
    base = place["base"]
    for part in ("server", "work", "logs"):
        interleaving_lineage.empty(os.path.join(base, part))
    os.mkdir(os.path.join(base, "server", "sites"))
    _write(os.path.join(base, "server", "nginx.conf"), MAIN.replace("BASE", base))
    for name in SITES:
        _write(os.path.join(base, "server", "sites", name),
               SITE.replace("BASE", base).replace("NAME", name))
    lock = os.path.join(base, "config", interleaving_lineage.LOCK_FILE)
    if os.path.lexists(lock):
        os.unlink(lock)


def lead(execution):
    """How many steps a writer alone makes before it begins to write the server's files."""
    steps = execution.steps(execution.order.first)
    for number, step in enumerate(steps):
        if step[0] == "open" and step[3] and "/server/" in step[1]:
            return number
    return len(steps)


def outcome(place, execution):
    """What came of an execution; "lost" if a site has not got its certificate.

    Of a writer alone only its own site is looked at.
    """
    words = set()
    roles = range(len(execution.codes)) if len(execution.codes) > 1 else [execution.order.first]
    for role in roles:
        text = _read(os.path.join(place["base"], "server", "sites", SITES[role]))
        if text.count("{") != text.count("}") or "server_name" not in text:
            words.add(BROKEN)
        elif os.path.join(place["base"], str(role)) + "/" not in text:
            words.add(LOST)
    work = os.path.join(place["base"], "work")
    if any(os.path.lexists(os.path.join(work, part)) for part in CHECKPOINTS[1:]):
        words.add(LEFT_OVER)
    backups = os.path.join(work, "backups")
    whole = [name for name in os.listdir(backups) if os.path.isfile(
        os.path.join(backups, name, "FILEPATHS"))] if os.path.isdir(backups) else []
    if len(whole) != len(roles):
        words.add(CHECKPOINT)
    if any(execution.codes):
        words.add(ERROR)
    if execution.deadlock:
        words.add(DEADLOCK)
    return tuple(sorted(words)) or (FINE,)


def _read(path):
    try:
        with io.open(path, encoding="utf-8") as source:
            return source.read()
    except IOError:
        return u""


def _write(path, text):
    with io.open(path, "w", encoding="ascii") as target:
        target.write(text if isinstance(text, type(u"")) else text.decode("ascii"))
