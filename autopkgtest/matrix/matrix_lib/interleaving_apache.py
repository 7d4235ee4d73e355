"""The two writers of a web server: two ``certbot -n install --apache``, one for each site.

Each site is plain HTTP at first, in a file of its own below the server root;
the command makes a TLS site beside it, enables it, and has Apache listen on
port 443, for which both change one file.  The program under test is
``certbot.main.main`` with the Apache plugin, up to its exit code; no CA is
asked.  Apache's own checks are the real ones; a reload is left out, since no
server runs.

Steps are the calls on the server root, on the checkpoints in the work directory
and on the lock files, each run of Apache, and each time the augeas library
reads or writes.  It replaces a file by a rename; what another process sees
between two files of one save is not tried.

Runs under Python 2.7 and 3.
"""

import io
import os
import re
import subprocess

import interleaving_gate
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
PROGRAM = "apache2ctl"
MODULES = ("mpm_event", "authz_core", "socache_shmcb", "ssl")
MODULE_DIRECTORY = "/usr/lib/apache2/modules"
MAIN = """\
ServerRoot BASE/server
DefaultRuntimeDir BASE
PidFile BASE/apache2.pid
ErrorLog /dev/null
ServerName localhost
User www-data
Group www-data
LOADS
Include ports.conf
IncludeOptional sites-enabled/*.conf
"""
PORTS = "Listen 80\n"
SITE = """\
<VirtualHost *:80>
    ServerName NAME
    DocumentRoot /
</VirtualHost>
"""
# A reload would start a server where none runs.
CONTROL = """\
#!/bin/sh
case "$1" in
    graceful) exit 0 ;;
    configtest) shift; set -- -t "$@" ;;
esac
exec apache2 -f BASE/server/apache2.conf "$@"
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
    for part in ("0", "1", "bin"):
        os.mkdir(os.path.join(base, part))
    for number, part in enumerate(("0", "1")):
        for kind in ("cert", "privkey", "chain", "fullchain"):
            _write(os.path.join(base, part, kind + ".pem"), template.answers[number][kind])
    control = os.path.join(base, "bin", PROGRAM)
    _write(control, CONTROL.replace("BASE", base))
    os.chmod(control, 0o755)
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
    root = os.path.join(base, "server")
    words = ["-n", "install", "--apache", "-d", SITES[role], "--apache-server-root", root,
             "--apache-vhost-root", os.path.join(root, "sites-available"),
             "--apache-challenge-location", root]
    for option, kind in (("cert", "cert"), ("key", "privkey"), ("chain", "chain"),
                         ("fullchain", "fullchain")):
        words += ["--{0}-path".format(option),
                  os.path.join(base, str(role), kind + ".pem")]
    for part in ("config", "work", "logs"):
        words += ["--{0}-dir".format(part), os.path.join(base, part)]
    return words + ["--no-redirect"]


def warm_up(place, role):
    """Import certbot and its plugin; this place's apache2ctl is the first that is found."""
    interleaving_lineage.import_certbot(place, arguments(place, role))
    __import__("certbot_apache.configurator")
    __import__("augeas")
    os.environ["PATH"] = os.path.join(place["base"], "bin") + ":" + os.environ["PATH"]


def extend(gate, place):
    """What are steps besides calls on watched paths: Apache's checks, and augeas' reads and writes.

    Each may read and change anything in the server root.
    """
    import augeas
    root = os.path.join(place["base"], "server")

    def anything():
        """What is touched."""
        return [interleaving_gate.ANYTHING], [interleaving_gate.ANYTHING]

    def stepped(name, plain):
        """A call that is a step."""
        def call(*arguments, **named):
            """The real call, after the gate."""
            gate.step(name, root, anything)
            return plain(*arguments, **named)
        return call

    augeas.Augeas.load = stepped("augeas load", augeas.Augeas.load)
    augeas.Augeas.save = stepped("augeas save", augeas.Augeas.save)
    real = subprocess.Popen

    class Popen(real):  # pylint: disable=too-few-public-methods
        """Apache reads all of its configuration."""

        def __init__(self, args, *others, **named):
            if args and args[0] == PROGRAM:
                gate.step("run", root, anything)
            real.__init__(self, args, *others, **named)
    subprocess.Popen = Popen


def write(place, role):
    """The command, in this process."""
    from certbot import main
    return main.main(arguments(place, role))


def reset(place):
    """The server as it was, no checkpoints, no logs, no locks."""
    base = place["base"]
    for part in ("server", "work", "logs", "config"):
        interleaving_lineage.empty(os.path.join(base, part))
    root = os.path.join(base, "server")
    for part in ("sites-available", "sites-enabled"):
        os.mkdir(os.path.join(root, part))
    loads = "".join("LoadModule {0}_module {1}/mod_{0}.so\n".format(name, MODULE_DIRECTORY)
                    for name in MODULES)
    _write(os.path.join(root, "apache2.conf"),
           MAIN.replace("BASE", base).replace("LOADS\n", loads))
    _write(os.path.join(root, "ports.conf"), PORTS)
    for name in SITES:
        _write(os.path.join(root, "sites-available", name + ".conf"), SITE.replace("NAME", name))
        os.symlink("../sites-available/{0}.conf".format(name),
                   os.path.join(root, "sites-enabled", name + ".conf"))


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
    base = place["base"]
    roles = range(len(execution.codes)) if len(execution.codes) > 1 else [execution.order.first]
    for role in roles:
        text = _read(os.path.join(
            base, "server", "sites-enabled", SITES[role] + "-le-ssl.conf"))
        if "SSLCertificateFile {0}/{1}/".format(base, role) not in text:
            words.add(LOST)
    listening = re.findall(r"(?m)^\s*Listen 443\b", _read(
        os.path.join(base, "server", "ports.conf")))
    # Twice, and Apache does not start.
    if len(listening) != 1 or _refused(place):
        words.add(BROKEN)
    work = os.path.join(base, "work")
    if any(os.path.lexists(path) for path in (
            os.path.join(work, "temp_checkpoint"), os.path.join(work, "backups", "IN_PROGRESS"))):
        words.add(LEFT_OVER)
    backups = os.path.join(work, "backups")
    whole = [name for name in os.listdir(backups) if os.path.isfile(
        os.path.join(backups, name, "CHANGES_SINCE"))] if os.path.isdir(backups) else []
    if len(whole) != len(roles):
        words.add(CHECKPOINT)
    if any(execution.codes):
        words.add(ERROR)
    if execution.deadlock:
        words.add(DEADLOCK)
    return tuple(sorted(words)) or (FINE,)


def _refused(place):
    """Whether Apache refuses the configuration."""
    with open(os.devnull, "r+b") as null:
        return subprocess.call(
            [os.path.join(place["base"], "bin", PROGRAM), "configtest"],
            stdin=null, stdout=null, stderr=null, close_fds=True) != 0


def _read(path):
    try:
        with io.open(path, encoding="utf-8") as source:
            return source.read()
    except IOError:
        return u""


def _write(path, text):
    with io.open(path, "w", encoding="ascii") as target:
        target.write(text if isinstance(text, type(u"")) else text.decode("ascii"))
