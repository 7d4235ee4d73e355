"""Real web servers for a race: Apache or nginx, in a server root of their own.

The server serves one name over TLS on loopback, in the end with the files in
certbot's live directory, so that what a renewal reloads can be seen from
outside.  Nothing of the system's own server is touched: server root, ports,
process and logs are below one directory.

Runs under Python 2.7 and 3.
"""

import errno
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import renewals

ADDRESS = "127.0.0.1"
START_SECONDS = 30
# A graceful reload ends a moment after the command that asks for it.
RELOAD_SECONDS = 20
ANSWER_SECONDS = 10
POLL_SECONDS = 0.1
KINDS = ("apache", "nginx")

NGINX_CONF = """\
pid {base}/nginx.pid;
error_log {base}/error.log;
events {{
    worker_connections 128;
}}
http {{
    access_log off;
    server {{
        listen {port} ssl;
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
    }}
}}
"""
APACHE_SITE = """\
ServerName localhost
<VirtualHost *:{port}>
    ServerName {name}
    SSLEngine on
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
</VirtualHost>
"""
APACHE_VARIABLES = """
export APACHE_RUN_DIR={base}/run
export APACHE_PID_FILE={base}/run/apache2.pid
export APACHE_LOCK_DIR={base}/run
export APACHE_LOG_DIR={base}/log
"""


class ServerError(Exception):
    """The server cannot be set up; one sentence."""


class TlsServer(object):
    """One server that serves ``name`` on ``port``, from ``start`` to ``stop``.

    ``base`` is an existing directory for all of it.  ``environment`` has the
    variables that certbot needs to find the server, ``options`` the options.
    """

    def __init__(self, base, name, port):
        self.base = base
        self.name = name
        self.port = port
        self.root = os.path.join(base, "root")
        self.environment = {}
        self.options = []
        self._pid = None

    def start(self):
        """Configure it with a certificate of its own and start it; ServerError when it fails."""
        self._make_root()
        files = [os.path.join(self.base, part) for part in ("own.pem", "own.key")]
        self._run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                   "-subj", "/CN=" + self.name, "-out", files[0], "-keyout", files[1]])
        self._configure(*files)
        self._run(self._start_command())
        self._await_answer()
        self._pid = self.pid()

    def use(self, config_dir):
        """Serve the files in certbot's live directory from now on."""
        live = os.path.join(config_dir, "live", self.name)
        self._configure(os.path.join(live, "fullchain.pem"), os.path.join(live, "privkey.pem"))
        self._run(self._reload_command())
        found = self.findings(config_dir)
        if found:
            raise ServerError(found[0].sentence)
        shutil.copytree(self.root, os.path.join(self.base, "saved"), symlinks=True)

    def reset(self):
        """Put the configuration back to how it was after ``use``, and start it anew."""
        self.stop()
        shutil.rmtree(self.root)
        shutil.copytree(os.path.join(self.base, "saved"), self.root, symlinks=True)
        self._run(self._start_command())
        self._await_answer()
        self._pid = self.pid()

    def stop(self):
        """End the server's processes."""
        pid = self.pid()
        if pid:
            for number in (signal.SIGTERM, signal.SIGKILL):
                _kill(pid, number)
                deadline = time.time() + ANSWER_SECONDS
                while _lives(pid) and time.time() < deadline:
                    time.sleep(POLL_SECONDS)

    def pid(self):
        """The id of the server's first process, 0 when there is none."""
        try:
            with open(self.pid_file) as source:
                pid = int(source.read())
        except (IOError, OSError, ValueError):
            return 0
        return pid if _lives(pid) else 0

    def findings(self, config_dir):
        """What is wrong with what is served: not what lies in live, or by another process."""
        path = os.path.join(config_dir, "live", self.name, "cert.pem")
        deadline = time.time() + RELOAD_SECONDS
        found = self._served_findings(path)
        while found and time.time() < deadline:
            time.sleep(POLL_SECONDS)
            found = self._served_findings(path)
        if self.pid() != self._pid:
            found.append(renewals.Finding(
                "server-ended", "{0} was not reloaded: process {1} is now {2}.".format(
                    type(self).__name__, self._pid, self.pid() or "gone")))
        return found + self._left_over()

    def _served_findings(self, path):
        try:
            served = self.served()
        except (socket.error, ssl.SSLError) as error:
            return [renewals.Finding("not-served", "{0} does not answer: {1}".format(
                type(self).__name__, error))]
        try:
            with open(path) as source:
                wanted = ssl.PEM_cert_to_DER_cert(source.read())
        except (IOError, OSError, ValueError) as error:
            return [renewals.Finding("not-served", "{0} cannot be read: {1}".format(
                path, error))]
        if served != wanted:
            return [renewals.Finding(
                "served", path, "{0} serves a certificate that is not {1}.".format(
                    type(self).__name__, path))]
        return []

    def served(self):
        """The certificate in DER that the server hands out for the name, over TLS.

        The handshake proves that it has the key for it.
        """
        context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((ADDRESS, self.port), ANSWER_SECONDS)
        try:
            secure = context.wrap_socket(plain, server_hostname=self.name)
            try:
                return secure.getpeercert(True)
            finally:
                secure.close()
        finally:
            plain.close()

    def _left_over(self):
        """What certbot put there for a challenge and did not take away."""
        found = []
        for parent, _, names in os.walk(self.root):
            for name in names:
                if "le_tls_sni" in name or name == ".certbot.lock":
                    path = os.path.join(parent, name)
                    found.append(renewals.Finding(
                        "left-over", "{0} is left in the server root.".format(path)))
        return found

    def _await_answer(self):
        deadline = time.time() + START_SECONDS
        while True:
            try:
                self.served()
                return
            except (socket.error, ssl.SSLError) as error:
                if time.time() > deadline:
                    raise ServerError("{0} does not answer on port {1}: {2}".format(
                        type(self).__name__, self.port, error))
            time.sleep(POLL_SECONDS)

    def _run(self, command):
        full = dict(os.environ)
        full.update(self.environment)
        # A server keeps its terminal's descriptors: a file, so that nobody waits for its end.
        with open(os.path.join(self.base, "said"), "wb") as said:
            with open(os.devnull, "rb") as null:
                try:
                    code = subprocess.call(command, env=full, stdin=null, stdout=said,
                                           stderr=subprocess.STDOUT, close_fds=True)
                except OSError as error:
                    raise ServerError("{0} cannot be run: {1}".format(command[0], error))
        if code != 0:
            with open(os.path.join(self.base, "said"), "rb") as source:
                raise ServerError("{0} ended with {1}: {2}".format(
                    " ".join(command), code,
                    source.read().decode("utf-8", "replace").strip()[-500:]))


class Nginx(TlsServer):
    """nginx with one configuration file."""

    def __init__(self, base, name, port):
        TlsServer.__init__(self, base, name, port)
        self.options = ["--nginx-server-root", self.root]
        self.pid_file = os.path.join(base, "nginx.pid")
        self._conf = os.path.join(self.root, "nginx.conf")

    def _make_root(self):
        os.mkdir(self.root)

    def _configure(self, certificate, key):
        _write(self._conf, NGINX_CONF.format(
            base=self.base, port=self.port, name=self.name, certificate=certificate, key=key))

    def _start_command(self):
        return ["nginx", "-c", self._conf]

    def _reload_command(self):
        return ["nginx", "-c", self._conf, "-s", "reload"]


class Apache(TlsServer):
    """Apache with a copy of the package's configuration, in which one site is enabled."""

    system = "/etc/apache2"
    modules = ("ssl", "socache_shmcb")

    def __init__(self, base, name, port):
        TlsServer.__init__(self, base, name, port)
        self.options = ["--apache-server-root", self.root,
                        "--apache-vhost-root", os.path.join(self.root, "sites-available"),
                        "--apache-challenge-location", self.root]
        # The second one: apache2ctl is to start it itself, and not through systemd.
        self.environment = {"APACHE_CONFDIR": self.root, "APACHE_STARTED_BY_SYSTEMD": "true"}
        self.pid_file = os.path.join(base, "run", "apache2.pid")

    def _make_root(self):
        if not os.path.isdir(self.system):
            raise ServerError("There is no {0}: Apache is not installed.".format(self.system))
        shutil.copytree(self.system, self.root, symlinks=True)
        for part in ("run", "log"):
            os.mkdir(os.path.join(self.base, part))
        with open(os.path.join(self.root, "envvars"), "a") as target:
            target.write(APACHE_VARIABLES.format(base=self.base))
        _write(os.path.join(self.root, "ports.conf"), "Listen {0}\n".format(self.port))
        enabled = os.path.join(self.root, "sites-enabled")
        for name in os.listdir(enabled):
            os.unlink(os.path.join(enabled, name))
        os.symlink("../sites-available/race.conf", os.path.join(enabled, "race.conf"))
        for module in self.modules:
            for suffix in (".load", ".conf"):
                source = os.path.join(self.root, "mods-available", module + suffix)
                link = os.path.join(self.root, "mods-enabled", module + suffix)
                if os.path.exists(source) and not os.path.lexists(link):
                    os.symlink("../mods-available/" + module + suffix, link)

    def _configure(self, certificate, key):
        _write(os.path.join(self.root, "sites-available", "race.conf"), APACHE_SITE.format(
            port=self.port, name=self.name, certificate=certificate, key=key))

    def _start_command(self):
        return ["apache2ctl", "start"]

    def _reload_command(self):
        return ["apache2ctl", "graceful"]


def make(kind, base, name, port):
    """The server of a kind, "apache" or "nginx"."""
    return {"apache": Apache, "nginx": Nginx}[kind](base, name, port)


def _write(path, text):
    with open(path, "w") as target:
        target.write(text)


def _kill(pid, number):
    try:
        os.kill(pid, number)
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise


def _lives(pid):
    """Whether a process is there and has not ended: one that nobody waited for has."""
    try:
        with open("/proc/{0}/stat".format(pid)) as source:
            return source.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (IOError, OSError):
        return False
