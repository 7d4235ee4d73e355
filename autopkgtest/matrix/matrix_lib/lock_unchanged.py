"""One command alone: unpatched and patched certbot give the same output, exit code and files.

Both versions are there at once: the patched one is the package, the unpatched
one upstream's own, from the package certbot-upstream-0.10 or the directory
that the environment variable CERTBOT_PLAIN names.  Each works in a scene of
its own, with its own CA, and each command begins with one certificate.  What
differs from run to run (times, ports, keys, temporary names) is made equal
before the comparison, nothing else.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import argparse
import os
import re
import shlex
import shutil
import sys
import tempfile
import time

import lock_check
import lock_place
import lock_variant
import matrix_test
import renewal_race
import renewals

NAME = "lock-unchanged"
VARIABLE = "CERTBOT_PLAIN"
DIRECTORY = "/opt/certbot-0.10.2"
# As setuptools' script does, without a file of its own.
START = "import sys; sys.argv[0] = 'certbot'; from certbot.main import main; sys.exit(main())"
COMMAND = (lock_variant.INTERPRETER, "-W", "ignore", "-c", START)
LIMIT_SECONDS = 120
WEB = ("--webroot", "-w", "{webroot}", "--server", "{server}")
HOST = renewals.NAME
LIVE = "{config}/live/" + HOST
# Scene ("due" or "forced": nothing due) and words; {..} are filled in for each side.
COMMANDS = (
    ("forced", ("--help",)),
    ("forced", ("--help", "all")),
    ("forced", ("--help", "renew")),
    ("forced", ("--version",)),
    ("forced", ("plugins",)),
    ("forced", ("plugins", "--init", "--prepare")),
    ("forced", ("certificates",)),
    ("forced", ("config_changes",)),
    ("forced", ("config_changes", "--num", "1")),
    ("due", ("renew",)),
    ("due", ("-q", "renew")),
    ("due", ("renew", "--cert-name", HOST)),
    ("forced", ("renew",)),
    ("forced", ("-q", "renew")),
    ("forced", ("renew", "--force-renewal")),
    ("forced", ("-q", "renew", "--force-renewal")),
    ("forced", ("renew", "--cert-name", "nobody.example.org")),
    ("forced", ("renew", "-d", HOST)),
    ("forced", ("renew", "--force-renewal", "--pre-hook", "echo before", "--post-hook",
                "echo after >&2; exit 3", "--renew-hook", "echo $RENEWED_DOMAINS")),
    ("forced", ("renew", "--pre-hook", "no-such-command")),
    ("forced", ("renew", "--force-renewal", "--server", "http://127.0.0.1:1/directory")),
    ("due", ("certonly", "-n", "-d", HOST) + WEB),
    ("forced", ("certonly", "-n", "-d", HOST) + WEB),
    ("forced", ("certonly", "-n", "-d", "second.example.org") + WEB),
    ("forced", ("certonly", "-n", "-d", HOST + ",second.example.org", "--expand") + WEB),
    ("forced", ("certonly", "-n", "-d", HOST, "--force-renewal", "--quiet") + WEB),
    ("forced", ("certonly", "-n")),
    ("forced", ("certonly", "-n", "-d", "third.example.org", "--webroot", "-w", "/nowhere",
                "--server", "{server}")),
    ("forced", ("run", "-n")),
    ("forced", ("install", "-n", "-i", "null", "--cert-path", LIVE + "/cert.pem", "--key-path",
                LIVE + "/privkey.pem", "-d", HOST)),
    ("forced", ("register", "-n", "--server", "{server}")),
    ("forced", ("register", "-n", "--agree-tos", "-m", "new@example.org", "--server",
                "{server}")),
    ("forced", ("register", "-n", "--update-registration", "-m", "new@example.org", "--server",
                "{server}")),
    ("forced", ("unregister", "-n", "--server", "{server}")),
    ("forced", ("rollback", "-n")),
    ("forced", ("update_symlinks",)),
    ("forced", ("delete", "-n", "--cert-name", HOST)),
    ("forced", ("delete", "-n", "--cert-name", "nobody.example.org")),
    ("forced", ("revoke", "-n")),
    ("forced", ("revoke", "-n", "--cert-path", LIVE + "/cert.pem", "--server", "{server}")),
    ("forced", ("--no-such-option",)),
    ("forced", ("no-such-command",)),
)
MUTATIONS = (
    (lock_check.Mutation("one more line of output", "main.py",
                         "        return _run(config, plugins, cli_args)\n",
                         "        return print(\"locked\") or _run(config, plugins, cli_args)\n"),
     "output", ("forced", ("renew",))),
    (lock_check.Mutation("another exit code", "main.py",
                         "        return _run(config, plugins, cli_args)\n",
                         "        return _run(config, plugins, cli_args) or 3\n"),
     "exit", ("forced", ("-q", "renew"))),
    (lock_check.Mutation("the lock file stays", "lock.py",
                         "            os.remove(self._lock_file)\n",
                         "            os.stat(self._lock_file)\n"),
     "files", ("forced", ("-q", "renew"))),
    (lock_check.Mutation("a line in the log file", "main.py",
                         "    lock_messages = lock.enter(config)\n",
                         "    lock_messages = lock.enter(config) + [(10, \"locked\")]\n"),
     "log", ("forced", ("-q", "renew"))),
)
# What differs between two runs of one and the same certbot.
CHANGES = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?(Z|\+00:00)?", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]{8} GMT", "TIME"),
    (r"struct_time\([^)]*\)", "TIME"),
    (r"CSR: CSR\(.*", "CSR"),
    (r'(HTTP/1\.[01]" \d{3}) \d+', r"\1 N"),
    # A traceback's way through the modules is not what a command says.
    (r"(?m)^  File .*\n(    .*\n)?", ""),
    (r"0x[0-9a-f]{4,}", "ADDRESS"),
    (r"\b[0-9a-f]{32}\b", "HASH"),
    (r"(?s)-----BEGIN (\w+( \w+)*)-----.*?-----END \1-----", "PEM"),
    # Nonces, tokens, keys and signatures; and a certificate in a log, folded or not.
    (r"[A-Za-z0-9_+/-]{43,}=*(\s[A-Za-z0-9_+/-]+=*(?=\n))?", "BASE64"),
    (r"in \d+(\.\d+)? (seconds|minutes|hours|days)", "in SPAN"),
    (r"/tmp/tmp\w{6,}", "TEMPORARY"),
    (r"Content-Length: \d+", "Content-Length: N"),
)


class Side(object):
    """One certbot: its command, its scenes by name, and where its modules are."""

    def __init__(self, name, certbot, modules, base):
        self.name = name
        self.certbot = certbot
        self.modules = modules
        self._base = base
        self._places = {}
        self._environment = {}

    def mutate(self, environment):
        """Let all that follows run with these variables."""
        self._environment = environment

    def run(self, scene, words):
        """Run one command from the beginning; returns what was seen, made comparable."""
        place = self._place(scene)
        place.reset()
        place.environment = dict(self._environment)
        fill = {"config": place.config, "webroot": place.webroot,
                "server": place.scene.ca.url("/directory")}
        words = [word.format(**fill) if "{" in word else word for word in words]
        only_words = words[0] in ("--version",)
        command = self.certbot + words if only_words else place.certbot + words + [
            "--config-dir", place.config, "--work-dir", place.work, "--logs-dir", place.logs]
        before = set(os.listdir(place.logs))
        result = place.run(command)
        return {
            "exit": result.returncode,
            "late": result.timed_out,
            "output": self._even(place, "{0}\0{1}".format(result.stdout, result.stderr)),
            "files": self._tree(place),
            "log": self._log(place, before),
        }

    def close(self):
        """End the scenes."""
        for place in self._places.values():
            place.close()
            place.scene.__exit__()
        self._places = {}

    def _place(self, scene):
        if scene not in self._places:
            entered = renewal_race.Scene(
                renewals.Case(scene, "webroot", "own"), self._base, self.certbot,
                LIMIT_SECONDS).__enter__()
            self._places[scene] = lock_place.Place(entered, LIMIT_SECONDS)
        return self._places[scene]

    def _even(self, place, text):
        for path, name in ((place.base, "BASE"), (self.modules, "MODULES"),
                           (self._environment.get("PYTHONPATH", self.modules), "MODULES"),
                           (os.path.basename(place.base), "SCENE")):
            text = text.replace(path, name)
        text = re.sub(r"\b{0}\b".format(place.scene.ca.port), "PORT", text)
        for pattern, instead in CHANGES:
            text = re.sub(pattern, instead, text)
        return text

    def _tree(self, place):
        """Every file, directory and link: mode, owner, and what texts of settings hold."""
        found = []
        for top in place.directories:
            for parent, directories, files in os.walk(top):
                for name in directories + files:
                    path = os.path.join(parent, name)
                    info = os.lstat(path)
                    held = ""
                    if os.path.islink(path):
                        held = os.readlink(path)
                    elif name.endswith((".conf", ".json", "README")) and os.path.isfile(path):
                        with open(path, "rb") as source:
                            held = source.read().decode("utf-8", "replace")
                    found.append(self._even(place, "{0} {1:o} {2} {3} {4}".format(
                        path, info.st_mode, info.st_uid, info.st_gid, held)))
        return sorted(found)

    def _log(self, place, before):
        """The lines of the command's log; none where it did not come to write one."""
        grown = os.path.join(place.logs, "letsencrypt.log")
        if not os.path.exists(grown) or len(os.listdir(place.logs)) == len(before):
            return []
        with open(grown, "rb") as source:
            text = self._even(place, source.read().decode("utf-8", "replace"))
        # The CA offers its challenges in any order, and is asked until it has an answer.
        return sorted(set(text.splitlines()))


def differences(plain, patched):
    """Findings about what the two sides of one command do not have in common."""
    found = []
    for kind in ("exit", "late", "output", "files", "log"):
        if plain[kind] != patched[kind]:
            found.append(lock_check.Finding(kind, "{0}: {1} (unpatched) and {2} (patched)".format(
                kind, *_apart(plain[kind], patched[kind]))))
    return found


def _apart(first, second):
    """Two values without what they have in common, for people."""
    if not isinstance(first, list):
        return repr(first)[-700:], repr(second)[-700:]
    if set(first) == set(second):
        return "{0} lines".format(len(first)), "{0} in another order".format(len(second))
    return tuple(repr([one for one in mine if one not in other][:2])[:700]
                 for mine, other in ((first, second), (second, first)))


def plain_command():
    """The unpatched certbot's command and its directory; PlaceError when it is not there."""
    directory = os.path.abspath(os.environ.get(VARIABLE) or DIRECTORY)
    if not os.path.isdir(os.path.join(directory, "certbot")):
        raise lock_place.PlaceError(
            "There is no unpatched certbot in {0}: install certbot-upstream-0.10, or set {1} to a "
            "directory that holds it.".format(directory, VARIABLE))
    if lock_variant.variant_of(os.path.join(directory, "certbot")) != lock_check.UNPATCHED:
        raise lock_place.PlaceError("The certbot in {0} is not without patches.".format(directory))
    return ["env", "PYTHONPATH=" + directory] + list(COMMAND), directory


def main(description, arguments, control=False):
    """Compare all commands, or see that the comparison finds each mutation; the exit code."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    # Started in the same way as the other: what starts it is in tracebacks.
    parser.add_argument("--certbot", type=shlex.split, default=list(COMMAND),
                        help="the patched certbot command (default: that of the package)")
    parser.add_argument("--only", default="", metavar="TEXT",
                        help="only the commands with this text in them")
    parser.add_argument("--artifacts", default=(
        os.environ.get("AUTOPKGTEST_ARTIFACTS") or os.environ.get("ADT_ARTIFACTS")),
                        help="directory for the results")
    options = matrix_test.read_arguments(parser, arguments)
    started = time.time()
    result = {"test": NAME + ("-control" if control else ""), "outcome": lock_check.BROKEN,
              "packages": matrix_test.package_versions(), "checks": []}
    base = tempfile.mkdtemp(prefix="same.", dir=os.environ.get("AUTOPKGTEST_TMP"))
    sides = []
    try:
        command, directory = plain_command()
        package = lock_variant.package_directory()
        result["variant"] = lock_variant.variant_of(package)
        if result["variant"] != lock_check.PATCHED:
            raise lock_place.PlaceError("The installed certbot is not the patched one.")
        sides = [Side("unpatched", command, directory, base),
                 Side("patched", options.certbot, os.path.dirname(package), base)]
        (_controls if control else _compare)(sides, package, base, result, options.only)
    except (renewals.SceneError, lock_variant.VariantError) as error:
        result["outcome"] = lock_check.BROKEN
        result["error"] = str(error)
        print("Broken: {0}".format(error))
    finally:
        for side in sides:
            side.close()
        shutil.rmtree(base, ignore_errors=True)
    result["seconds"] = round(time.time() - started, 1)
    matrix_test.write_json(
        options.artifacts, "control.json" if control else "result.json", result)
    print("{0}: {1}, {2} comparisons, {3} s".format(
        result["test"], result["outcome"], len(result["checks"]), result["seconds"]))
    return {lock_check.PASSED: 0, lock_check.SEEN: 0, lock_check.FAILED: 1,
            lock_check.NOT_SEEN: 1}.get(result["outcome"], 2)


def _seen(sides, scene, words):
    plain, patched = [side.run(scene, words) for side in sides]
    return differences(plain, patched), plain["exit"]


def _report(result, name, outcome, findings, **more):
    result["checks"].append(dict(
        more, check=name, outcome=outcome, findings=lock_check.described(findings)))
    print("{0}: {1}".format(name, outcome))
    for finding in findings:
        print("  - " + finding.sentence[:2000])
    sys.stdout.flush()


def _compare(sides, _package, _base, result, only):
    codes = set()
    for scene, words in COMMANDS:
        if only not in " ".join(words):
            continue
        findings, code = _seen(sides, scene, words)
        codes.add(code)
        _report(result, " ".join((scene + ":",) + words), lock_check.outcome_of(findings),
                findings, exit=code)
    result["failed_checks"] = sum(
        1 for one in result["checks"] if one["outcome"] == lock_check.FAILED)
    result["outcome"] = lock_check.overall([one["outcome"] for one in result["checks"]])
    if not only and not codes >= set([0, 1, 2]):
        raise lock_place.PlaceError("The commands ended only with {0}: that is too little.".format(
            sorted(codes)))


def _controls(sides, package, base, result, only):
    for number, (mutation, kind, (scene, words)) in enumerate(MUTATIONS):
        if only not in mutation.name:
            continue
        target = os.path.join(base, "mutated.{0}".format(number))
        os.mkdir(target)
        sides[1].mutate({"PYTHONPATH": lock_variant.mutated_copy(package, mutation, target)})
        findings, _ = _seen(sides, scene, words)
        outcome = lock_check.control_outcome(
            lock_check.Control(lock_check.PATCHED, (kind,), mutation), findings)
        _report(result, mutation.name, outcome, findings, command=" ".join(words))
    result["rounds"] = len(result["checks"])
    result["outcome"] = lock_check.overall_control([one["outcome"] for one in result["checks"]])
