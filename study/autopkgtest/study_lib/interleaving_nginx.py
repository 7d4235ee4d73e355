"""The two writers of nginx: two ``certbot -n install --nginx``, one for each site.

Each site has a file of its own below nginx's server root, with a certificate
that the command is to replace.  ``nginx -t`` and ``nginx -V`` are the real
ones; each run of nginx is a step.  See ``interleaving_server`` for the rest.

Runs under Python 2.7 and 3.
"""

import os

import interleaving_server
from interleaving_server import (  # noqa: F401 - what the engine asks for
    BAD, GROUPS, HARM, REASONS, SYMMETRIC, lead, prepare, watched)

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


def make_place(template, base, _, path=None):
    """A server with two sites in a directory; see ``interleaving_server.new_place``."""
    place = interleaving_server.new_place(
        template, base, path, (("0", 0), ("1", 1), ("first", 0)))
    interleaving_server.write_program(os.path.join(base, "ctl"), CONTROL.replace("BASE", base))
    return place


def arguments(place, role):
    """The options of the command."""
    base = place["base"]
    return interleaving_server.arguments(place, role, [
        "--nginx", "--nginx-server-root", os.path.join(base, "server"),
        "--nginx-ctl", os.path.join(base, "ctl")])


def warm_up(place, role):
    """Import certbot and its plugin."""
    interleaving_server.warm_up(place, arguments(place, role), "certbot_nginx.configurator")


def write(place, role):
    """The command, in this process."""
    return interleaving_server.run(arguments(place, role))


def reset(place):
    """The server as it was, no checkpoints, no logs, no locks."""
    interleaving_server.empty(place)
    base = place["base"]
    os.mkdir(os.path.join(base, "server", "sites"))
    interleaving_server.write_text(
        os.path.join(base, "server", "nginx.conf"), MAIN.replace("BASE", base))
    for name in interleaving_server.SITES:
        interleaving_server.write_text(
            _site(place, name), SITE.replace("BASE", base).replace("NAME", name))


def outcome(place, execution):
    """What came of an execution."""
    words = set()
    for role in interleaving_server.roles(execution):
        text = interleaving_server.read_text(_site(place, interleaving_server.SITES[role]))
        if text.count("{") != text.count("}") or "server_name" not in text:
            words.add(interleaving_server.BROKEN)
        elif os.path.join(place["base"], str(role)) + "/" not in text:
            words.add(interleaving_server.LOST)
    return interleaving_server.outcome(place, execution, words, "FILEPATHS")


def _site(place, name):
    return os.path.join(place["base"], "server", "sites", name)
