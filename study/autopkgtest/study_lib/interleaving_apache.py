"""The two writers of Apache: two ``certbot -n install --apache``, one for each site.

Each site is plain HTTP at first, in a file of its own below the server root;
the command makes a TLS site beside it, enables it, and has Apache listen on
port 443, for which both change one file.  Apache's own checks are the real
ones.  See ``interleaving_server`` for the rest.

Steps besides the calls are each run of Apache, and each time the augeas library
reads or writes.  It replaces a file by a rename; what another process sees
between two files of one save is not tried.

Runs under Python 2.7 and 3.
"""

import os
import re
import subprocess

import interleaving_gate
import interleaving_server
from interleaving_server import (  # noqa: F401 - what the engine asks for
    BAD, GROUPS, HARM, REASONS, SYMMETRIC, lead, prepare, watched)

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


def make_place(template, base, _, path=None):
    """A server with two sites in a directory; see ``interleaving_server.new_place``."""
    place = interleaving_server.new_place(template, base, path, (("0", 0), ("1", 1)))
    os.mkdir(os.path.join(base, "bin"))
    interleaving_server.write_program(
        os.path.join(base, "bin", PROGRAM), CONTROL.replace("BASE", base))
    return place


def arguments(place, role):
    """The options of the command."""
    root = os.path.join(place["base"], "server")
    return interleaving_server.arguments(place, role, [
        "--apache", "--apache-server-root", root,
        "--apache-vhost-root", os.path.join(root, "sites-available"),
        "--apache-challenge-location", root])


def warm_up(place, role):
    """Import certbot and its plugin; this place's apache2ctl is the first that is found."""
    interleaving_server.warm_up(
        place, arguments(place, role), "certbot_apache.configurator", "augeas")
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
    return interleaving_server.run(arguments(place, role))


def reset(place):
    """The server as it was, no checkpoints, no logs, no locks."""
    interleaving_server.empty(place)
    base = place["base"]
    root = os.path.join(base, "server")
    for part in ("sites-available", "sites-enabled"):
        os.mkdir(os.path.join(root, part))
    loads = "".join("LoadModule {0}_module {1}/mod_{0}.so\n".format(name, MODULE_DIRECTORY)
                    for name in MODULES)
    interleaving_server.write_text(
        os.path.join(root, "apache2.conf"),
        MAIN.replace("BASE", base).replace("LOADS\n", loads))
    interleaving_server.write_text(os.path.join(root, "ports.conf"), PORTS)
    for name in interleaving_server.SITES:
        interleaving_server.write_text(
            os.path.join(root, "sites-available", name + ".conf"), SITE.replace("NAME", name))
        os.symlink("../sites-available/{0}.conf".format(name),
                   os.path.join(root, "sites-enabled", name + ".conf"))


def outcome(place, execution):
    """What came of an execution; "unreadable" if Apache would not start."""
    words = set()
    base = place["base"]
    for role in interleaving_server.roles(execution):
        text = interleaving_server.read_text(os.path.join(
            base, "server", "sites-enabled", interleaving_server.SITES[role] + "-le-ssl.conf"))
        if "SSLCertificateFile {0}/{1}/".format(base, role) not in text:
            words.add(interleaving_server.LOST)
    listening = re.findall(r"(?m)^\s*Listen 443\b", interleaving_server.read_text(
        os.path.join(base, "server", "ports.conf")))
    # Twice, and Apache does not start.
    if len(listening) != 1 or _refused(place):
        words.add(interleaving_server.BROKEN)
    return interleaving_server.outcome(place, execution, words, "CHANGES_SINCE")


def _refused(place):
    """Whether Apache refuses the configuration."""
    with open(os.devnull, "r+b") as null:
        return subprocess.call(
            [os.path.join(place["base"], "bin", PROGRAM), "configtest"],
            stdin=null, stdout=null, stderr=null, close_fds=True) != 0
