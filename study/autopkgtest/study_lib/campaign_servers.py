"""The web servers of the campaign: Apache and nginx of a scene, with a site for each lineage.

They run in server roots of their own, on an address of their own of the
loopback network, so that several scenes work side by side; ``certbot install``
is told of the roots.  Apache's sites are plain HTTP: certbot makes the TLS
site.  nginx's have a certificate that is replaced.

Runs under Python 2.7, as root, in a testbed only.
"""

import os
import shutil
import socket
import ssl
import subprocess
import time

import race_scene
import renewals
import tls_servers

KINDS = ("apache", "nginx")
PORT = 443
# The system's own server listens on port 80 of all addresses.
PLAIN_PORT = 8080
OTHER = "other.example.org"
# A reload ends a moment after the command that asks for it.
RELOAD_SECONDS = 10
POLL_SECONDS = 0.05
LOADED = ("certbot_apache.configurator", "augeas", "certbot_nginx.configurator")

# The other site is in nginx.conf itself; those of the lineages have a file each.
NGINX_CONF = tls_servers.NGINX_CONF.replace("http {{\n", """http {{
    server_names_hash_bucket_size 64;
    include {root}/sites/*;
""")
NGINX_SITE = """\
server {{
    listen {address}:{port} ssl;
    server_name {name};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
}}
"""
APACHE_SITE = """\
<VirtualHost *:{port}>
    ServerName {name}
    DocumentRoot /var/www/html
</VirtualHost>
"""


def load():
    """Import the plugins and what they load; SceneError where one is not installed."""
    for name in LOADED:
        try:
            __import__(name)
        except ImportError as error:
            raise renewals.SceneError(
                "{0} is not there for a server of the campaign: {1}".format(name, error))


def address(kind):
    """An address on loopback for a server, which no other living process chooses."""
    number = os.getpid()
    return "127.{0}.{1}.{2}".format(
        1 + number // 250 % 250, 1 + number % 250, 1 + KINDS.index(kind))


class Sites(object):
    """What both servers do here besides what ``tls_servers`` has."""

    def make(self, names):
        """Start it with a site for each name, and keep this state."""
        self.names = list(names)
        self.start()
        shutil.copytree(self.root, self.saved, symlinks=True)

    @property
    def saved(self):
        """Where the state is kept."""
        return os.path.join(self.base, "saved")

    def put_back(self):
        """Its configuration as at first; it reloads it, or starts where it has ended."""
        shutil.rmtree(self.root)
        shutil.copytree(self.saved, self.root, symlinks=True)
        self._run(self._reload_command() if self.pid() else self._start_command())
        if not self.pid():
            self._await_answer()

    def served(self, name=OTHER):
        """The certificate in DER that it hands out for a name; the handshake proves the key."""
        context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((self.address, PORT), tls_servers.ANSWER_SECONDS)
        try:
            secure = context.wrap_socket(plain, server_hostname=name)
            try:
                return secure.getpeercert(True)
            finally:
                secure.close()
        finally:
            plain.close()

    def wrong(self, config, installed):
        """(kind, sentence) of all that is wrong after installs for some names."""
        found = []
        if not self.pid():
            found.append(("server-gone", "{0} has ended.".format(self.kind)))
        said = self.refused()
        if said:
            found.append(("server-config", "{0} refuses its configuration: {1}".format(
                self.kind, said)))
        for name in self.names:
            mine = "live/{0}/".format(name) in self.site(name)
            if mine != (name in installed):
                found.append(("not-installed" if name in installed else "other-site",
                              "The site {0} of {1} {2} the lineage's certificate.".format(
                                  name, self.kind, "has" if mine else "has not")))
        if not found:
            found = [("served", sentence) for name in installed
                     for sentence in [self._wrongly_served(config, name)] if sentence]
        return found + [("left", one.sentence) for one in self._left_over()]

    def _wrongly_served(self, config, name):
        """Whether a name is not served with a version of its lineage; "" when it is."""
        known = set()
        for number in renewals.versions(config, name):
            path = os.path.join(config, "archive", name, "cert{0}.pem".format(number))
            with open(path) as source:
                known.add(ssl.PEM_cert_to_DER_cert(source.read()))
        deadline = time.time() + RELOAD_SECONDS
        while True:
            try:
                if self.served(name) in known:
                    return ""
                why = "serves another certificate for {0}".format(name)
            except (socket.error, ssl.SSLError) as error:
                why = "does not answer for {0}: {1}".format(name, error)
            if time.time() > deadline:
                return "{0} {1}.".format(self.kind, why)
            time.sleep(POLL_SECONDS)

    def refused(self):
        """What its own check says of its configuration; empty when it is well."""
        full = dict(os.environ)
        full.update(self.environment)
        with open(os.devnull) as null:
            process = subprocess.Popen(self.checking, env=full, stdin=null, close_fds=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said = process.communicate()[0].decode("utf-8", "replace").strip()
        return said[-300:] or "no reason" if process.returncode else ""


class Nginx(Sites, tls_servers.Nginx):
    """nginx with a file for each site."""

    kind = "nginx"

    def __init__(self, base, where):
        tls_servers.Nginx.__init__(self, base, OTHER, PORT)
        self.address = where
        self.options = ["--nginx"] + self.options
        self.checking = ["nginx", "-t", "-q", "-c", self._conf]

    def _make_root(self):
        os.makedirs(os.path.join(self.root, "sites"))

    def _configure(self, certificate, key):
        _write(self._conf, NGINX_CONF.format(
            base=self.base, root=self.root, port="{0}:{1}".format(self.address, PORT),
            name=OTHER, certificate=certificate, key=key))
        for name in self.names:
            _write(self._site(name), NGINX_SITE.format(
                address=self.address, port=PORT, name=name, certificate=certificate, key=key))

    def _site(self, name):
        return os.path.join(self.root, "sites", name)

    def site(self, name):
        """The text of a site."""
        return _read(self._site(name))


class Apache(Sites, tls_servers.Apache):
    """Apache with Debian's and Ubuntu's layout, and a file for each site."""

    kind = "apache"
    checking = ["apache2ctl", "configtest"]

    def __init__(self, base, where):
        tls_servers.Apache.__init__(self, base, OTHER, PORT)
        self.address = where
        self.options = ["--apache"] + self.options

    def _make_root(self):
        tls_servers.Apache._make_root(self)
        _write(os.path.join(self.root, "ports.conf"), "Listen {0}:{1}\nListen {0}:{2}\n".format(
            self.address, PLAIN_PORT, PORT))
        for name in self.names:
            _write(os.path.join(self.root, "sites-available", name + ".conf"),
                   APACHE_SITE.format(name=name, port=PLAIN_PORT))
            os.symlink("../sites-available/{0}.conf".format(name),
                       os.path.join(self.root, "sites-enabled", name + ".conf"))

    def site(self, name):
        """The text of the TLS site that certbot has made and enabled; empty without one."""
        return _read(os.path.join(self.root, "sites-enabled", name + "-le-ssl.conf"))


class Scene(race_scene.RaceScene):
    """A race scene with servers: ``servers`` by kind, empty where none are wanted."""

    def __init__(self, base, names, certbot, kinds):
        race_scene.RaceScene.__init__(self, base, names, certbot)
        self._kinds = kinds
        self.servers = {}

    def __enter__(self):
        race_scene.RaceScene.__enter__(self)
        try:
            for kind in self._kinds:
                base = os.path.join(self.base, kind)
                os.mkdir(base)
                server = {"apache": Apache, "nginx": Nginx}[kind](base, address(kind))
                server.make(self.names)
                self.servers[kind] = server
                # apache2ctl reads where its root is from the environment; nginx has nothing there.
                os.environ.update(server.environment)
        except tls_servers.ServerError as error:
            self.__exit__()
            raise renewals.SceneError(str(error))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.stop()
        race_scene.RaceScene.__exit__(self)


def _write(path, text):
    with open(path, "w") as target:
        target.write(text)


def _read(path):
    try:
        with open(path) as source:
            return source.read()
    except IOError:
        return ""
