"""The machine that upgrades happen on: a throw-away testbed with apt, dpkg and systemd.

It knows the states that an upgrade starts from, puts the machine back to none
of them, and says what schedules are active.  Everything is done as the
administrator would, through apt and systemctl.

Runs under Python 2.7 and 3.
"""

import glob
import os
import re
import shutil
import subprocess

from upgrade_check import Broken

OLD, CRON, BOTH = "letsencrypt-0.4.1", "certbot-0.8.1", "certbot-0.10.2"
BASELINE = {
    OLD: (("letsencrypt", "python-letsencrypt", "python-letsencrypt-doc", "python-acme"),
          "0.4.1-1~baseline1"),
    CRON: (("certbot", "python-certbot", "python-acme"), "0.8.1-2~baseline1"),
    BOTH: (("certbot", "python-certbot", "python-acme"), "0.10.2-0baseline1"),
}
NAMES = ("certbot", "python-certbot", "python-acme", "python-certbot-apache",
         "python-certbot-nginx", "python-certbot-doc", "letsencrypt", "python-letsencrypt",
         "python-letsencrypt-apache", "python-letsencrypt-doc", "python-filelock")
DIRECTORIES = ("/etc/letsencrypt", "/var/lib/letsencrypt", "/var/log/letsencrypt")
CRON_FILE = "/etc/cron.d/certbot"
STAMP = "/var/lib/systemd/timers/stamp-certbot.timer"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
KEEP = ("-o", "Dpkg::Options::=--force-confold")
APT = ("apt-get", "-y", "-q", "--no-install-recommends", "--allow-downgrades",
       "-o", "Dpkg::Use-Pty=0")
_LEFT = ("/etc/cron.d/certbot*", "/etc/systemd/system/certbot*", STAMP,
         "/etc/systemd/system/timers.target.wants/certbot.timer",
         "/var/lib/systemd/deb-systemd-helper-enabled/certbot*",
         "/var/lib/systemd/deb-systemd-helper-enabled/timers.target.wants/certbot*",
         "/var/lib/systemd/deb-systemd-helper-masked/certbot*",
         "/run/systemd/system/certbot*", "/var/spool/cron/crontabs/*", "/etc/cron.d/own-*",
         "/etc/cron.*/own-*", "/usr/local/sbin/own-*", "/etc/systemd/system/own-*")


class Result(object):
    """What a program did: its exit code and all that it wrote."""

    def __init__(self, command, code, text):
        self.command, self.code, self.text = command, code, text


def run(command, timeout=600, environment=None, text=None):
    """Run a program to its end and return the Result; ``text`` goes to its input."""
    full = dict(ENVIRONMENT)
    full.update(environment or {})
    process = subprocess.Popen(
        ["timeout", "--kill-after=10", str(timeout)] + list(command), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=full, close_fds=True)
    output = process.communicate((text or "").encode("utf-8"))[0].decode("utf-8", "replace")
    return Result(list(command), process.returncode, output)


def must(command, **options):
    """Run a program that has to succeed; raises Broken otherwise."""
    result = run(command, **options)
    if result.code != 0:
        raise Broken("{0} ended with {1}: {2}".format(
            " ".join(command), result.code, result.text.strip()[-1500:]))
    return result


def write(path, text, mode=0o644):
    """Write a file, with its folder."""
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with open(path, "w") as target:
        target.write(text)
    os.chmod(path, mode)


def read(path):
    """The text of a file."""
    with open(path) as source:
        return source.read()


def without_systemd(command, **options):
    """Run a program in a mount namespace in which no systemd is to be seen; the Result."""
    return run(["unshare", "--mount", "sh", "-c", (
        "mount -t tmpfs tmpfs /run && mkdir -p /run/lock && exec \"$@\""), "sh"] + list(command),
               **options)


class Machine(object):
    """The testbed.  ``target`` is what it is upgraded to: "update", or an old state's name.

    ``certificate`` makes certificates, and says whether they were renewed.
    """

    def __init__(self, certificate, target="update"):
        self.certificate, self.target = certificate, target
        self.details = {}
        self._crontab = read("/etc/crontab") if os.path.exists("/etc/crontab") else None

    def facts(self):
        """What a report says of the machine."""
        systemd = run(["systemctl", "--version"]).text.split()
        return {"systemd": systemd[1] if len(systemd) > 1 else "", "target": self.target,
                "packages": dict((name, newest(name)) for name in NAMES)}

    def clean(self):
        """Put the machine back to before any of the packages, as far as upgrades can see."""
        run(["systemctl", "stop", "certbot.timer", "certbot.service"])
        there = [name for name in NAMES if state(name) not in ("", "un")]
        if there:
            must(["dpkg", "--purge", "--force-depends", "--force-remove-reinstreq"] + there)
        for pattern in _LEFT:
            for path in glob.glob(pattern):
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
        for path in DIRECTORIES:
            shutil.rmtree(path, ignore_errors=True)
        if self._crontab is not None:
            write("/etc/crontab", self._crontab)
        must(["systemctl", "daemon-reload"])
        run(["systemctl", "reset-failed", "certbot.timer", "certbot.service"])

    def apt(self, *words):
        """apt-get with these words; returns the Result."""
        return run(APT + tuple(words))

    def install(self, *packages, **options):
        """Install packages through apt; raises Broken when it fails.  ``keep`` keeps conffiles."""
        words = list(KEEP if options.get("keep", True) else ()) + ["install"] + list(packages)
        result = self.apt(*words)
        if result.code != 0:
            raise Broken("apt-get {0} failed: {1}".format(
                " ".join(words), result.text.strip()[-2500:]))
        return result

    def baseline(self, name, certificate=True):
        """Install what an upgrade starts from, with a certificate that its own client obtained."""
        packages, version = BASELINE[name]
        self.install(*["{0}={1}".format(package, version) for package in packages])
        if certificate:
            self.certificate.put(name)

    def wanted(self, *more):
        """What apt has to be asked for, to upgrade what is installed to the target."""
        if self.target == "update":
            return ["certbot"] + list(more)
        packages, version = BASELINE[self.target]
        return ["{0}={1}".format(name, version) for name in packages + ("letsencrypt",)]

    def upgrade(self, *more, **options):
        """Upgrade what is installed to the target, as ``apt-get install certbot`` does."""
        result = self.install(*self.wanted(*more), **options)
        self.details["apt"] = result.text[-6000:]
        return result

    def schedules(self):
        """The schedules of the package that are active: of "timer" and "cron"."""
        found = []
        enabled = run(["systemctl", "is-enabled", "certbot.timer"]).text.strip()
        active = run(["systemctl", "is-active", "certbot.timer"]).text.strip()
        self.details["timer"] = [enabled, active]
        if enabled == "enabled" and active == "active":
            found.append("timer")
        if self.cron_runs():
            found.append("cron")
        return found

    def cron_runs(self):
        """Whether a job in the package's cron file, run as cron would, gets to run certbot."""
        if not os.path.isfile(CRON_FILE):
            return False
        for command in jobs_in(read(CRON_FILE)):
            before = self.certificate.runs()
            with no_sleep():
                run(["/bin/sh", "-c", command], timeout=300)
            if self.certificate.runs() != before:
                return True
        return False


def jobs_in(crontab):
    """The commands of a system crontab (crontab(5): five fields of time, the user, the command)."""
    commands = []
    for line in crontab.splitlines():
        if line.strip().startswith("#") or not line.strip() or re.match(r"\s*\w+\s*=", line):
            continue
        parts = line.split(None, 6)
        if len(parts) == 7:
            commands.append(parts[6])
    return commands


class no_sleep(object):
    """While it lasts, perl's sleep returns at once and is written down in ``path``.

    A perl in /usr/local/sbin, which is first in the cron file's PATH, loads the
    module that does so; what the cron file says is run as it stands.
    """

    PERL, MODULES = "/usr/local/sbin/perl", "/usr/local/lib/no-sleep"
    # Neither in /run nor in /var/tmp: a job may have these for itself.
    path = "/var/lib/no-sleep"

    def __enter__(self):
        write(os.path.join(self.MODULES, "NoSleep.pm"), (
            "package NoSleep;\n"
            "BEGIN { *CORE::GLOBAL::sleep = sub { open my $log, '>>', '%s' or die; "
            "print $log \"$_[0]\\n\"; return $_[0] } }\n1;\n") % self.path)
        write(self.PERL, "#!/bin/sh\nexec /usr/bin/perl -I{0} -MNoSleep \"$@\"\n".format(
            self.MODULES), 0o755)
        write(self.path, "")
        return self

    def seconds(self):
        """All that was not slept, in seconds."""
        return [int(line) for line in read(self.path).split()]

    def __exit__(self, *_):
        os.unlink(self.PERL)


def state(package):
    """dpkg's state of a package in two letters, such as "ii"; "" where it is not known."""
    result = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package])
    return result.text.strip() if result.code == 0 else ""


def version(package):
    """The installed version of a package; "" where it is not installed."""
    result = run(["dpkg-query", "-W", "-f", "${Version}", package])
    return result.text.strip() if result.code == 0 and state(package)[1:] == "i" else ""


def newest(package):
    """The version that apt would install."""
    found = re.search(r"Candidate: (\S+)", run(["apt-cache", "policy", package]).text)
    return found.group(1) if found else ""
