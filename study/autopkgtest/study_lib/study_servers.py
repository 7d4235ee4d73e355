"""The two web servers, as the packages install them, with sites that certbot can serve.

Their configuration directory is put back to how it was before.  As root, in a
testbed only.

Runs under Python 2.7.
"""

import os
import renewals
import shutil
import subprocess
import time


START_SECONDS = 20
# certbot 0.10.2 gives nginx a key of 1024 bits for the challenge; xenial's OpenSSL takes it, a
# later one only at this level.
OPENSSL = """openssl_conf = conf
[conf]
ssl_conf = ssl
[ssl]
system_default = default
[default]
CipherString = DEFAULT@SECLEVEL=0
MinProtocol = TLSv1
"""


def allow_small_keys(directory):
    """Let this process' OpenSSL, and its children's, take what xenial's takes."""
    path = os.path.join(directory, "openssl.cnf")
    with open(path, "w") as target:
        target.write(OPENSSL)
    os.environ["OPENSSL_CONF"] = path


class Server(object):
    """A web server: ``root`` is its configuration directory, ``options`` choose its plugin."""

    def __init__(self, base):
        self.found = os.path.join(base, self.name + ".found")
        self.saved = os.path.join(base, self.name + ".saved")

    def save(self, sites):
        """Keep what is there, add the sites, and keep this state too."""
        shutil.copytree(self.root, self.found, symlinks=True)
        for site in sites:
            self.add(site)
        shutil.copytree(self.root, self.saved, symlinks=True)

    def reset(self):
        """Put the configuration with the sites back, in place."""
        self._put_back(self.saved)

    def restore(self):
        """Put back what was there before the study."""
        self._put_back(self.found)

    def _put_back(self, saved):
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            (shutil.rmtree if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)
        for name in os.listdir(saved):
            source, path = os.path.join(saved, name), os.path.join(self.root, name)
            if os.path.islink(source):
                os.symlink(os.readlink(source), path)
            elif os.path.isdir(source):
                shutil.copytree(source, path, symlinks=True)
            else:
                shutil.copy2(source, path)

    def _call(self, command):
        with open(os.devnull) as null:
            process = subprocess.Popen(command, stdin=null, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, close_fds=True)
            return process.communicate()[0].decode("utf-8", "replace"), process.returncode

    def start(self):
        """Start it; SceneError when it does not."""
        said, code = self._call(self.starting)
        if code != 0:
            raise renewals.SceneError("{0} did not start: {1}".format(
                self.name, said.strip()[-400:]))
        time.sleep(0.5)

    def stop(self):
        """Stop it and wait until it is gone."""
        self._call(self.stopping)
        deadline = time.time() + START_SECONDS
        while os.path.exists(self.pid_file) and time.time() < deadline:
            time.sleep(0.05)

    def broken(self):
        """What its own check of the configuration says; empty when it is well."""
        said, code = self._call(self.checking)
        return said.strip()[-400:] if code else ""


class Apache(Server):
    """Debian's and Ubuntu's apache2."""

    name, root = "apache", "/etc/apache2"
    options = ["--apache"]
    starting = ["apache2ctl", "start"]
    stopping = ["apache2ctl", "stop"]
    checking = ["apache2ctl", "configtest"]
    pid_file = "/var/run/apache2/apache2.pid"

    def add(self, site):
        """A virtual host for a name."""
        path = os.path.join(self.root, "sites-available", site + ".conf")
        with open(path, "w") as target:
            target.write("<VirtualHost *:80>\n    ServerName {0}\n    DocumentRoot /var/www/html\n"
                         "</VirtualHost>\n".format(site))
        os.symlink("../sites-available/{0}.conf".format(site),
                   os.path.join(self.root, "sites-enabled", site + ".conf"))

    def serves(self, site):
        """Whether the configuration has HTTPS for the site, with its own lineage."""
        path = os.path.join(self.root, "sites-enabled", site + "-le-ssl.conf")
        return os.path.exists(path) and "live/{0}/".format(site) in _read(path)


class Nginx(Server):
    """Debian's and Ubuntu's nginx."""

    name, root = "nginx", "/etc/nginx"
    options = ["--nginx"]
    starting = ["nginx"]
    stopping = ["nginx", "-s", "stop"]
    checking = ["nginx", "-t", "-q"]
    pid_file = "/run/nginx.pid"

    def add(self, site):
        """A server block for a name."""
        path = os.path.join(self.root, "sites-available", site)
        with open(path, "w") as target:
            target.write("server {{\n    listen 80;\n    server_name {0};\n"
                         "    root /var/www/html;\n}}\n".format(site))
        os.symlink("../sites-available/" + site, os.path.join(self.root, "sites-enabled", site))

    def serves(self, site):
        """Whether the configuration has HTTPS for the site, with its own lineage."""
        return "live/{0}/".format(site) in _read(os.path.join(self.root, "sites-available", site))


def _read(path):
    with open(path) as source:
        return source.read()
