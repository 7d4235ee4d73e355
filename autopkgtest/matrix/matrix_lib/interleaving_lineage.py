"""The two writers of a lineage: two ``certbot -q renew`` of one due certificate.

The program under test is ``certbot.main.main`` of the installed package, from
its options to its exit code.  What the CA would answer comes from two real
renewals against the stand-in CA; two functions of ``certbot.client`` that talk
to it are replaced, and nothing else.  ``pkg_resources`` remembers the plugins
that it has found, because certbot makes it look for them a hundred times.

Steps are the calls on the lineage (archive, live, renewal) and on the lock
files of the three directories.  Log files and accounts are no steps.

Runs under Python 2.7 and 3.
"""

import collections
import io
import itertools
import os
import shutil
import sys

import interleaving_engine
import renewal_race
import renewals

SYMMETRIC = True
# The certificate is due, or it is renewed because the command says so.
REASONS = ("due", "forced")
NAME = renewals.NAME
KINDS = renewals.KINDS
LOCK_FILE = ".certbot.lock"
SPARES = 40
FINE = "fine"
# What a web server gets, and what an administrator would notice.
MISMATCH, INCONSISTENT, ERROR, DEADLOCK = "mismatch", "inconsistent", "error", "deadlock"
TWICE = "renewed-twice"
# Key, certificate and chain of one version are not all of one process.
MIXED = "mixed"
BAD = (MISMATCH, INCONSISTENT, ERROR, DEADLOCK, TWICE, MIXED)
# Which of the executions are compared with each other.
BOTH_WROTE, SAME_VERSION = "both-wrote", "same-version"
GROUPS = (BOTH_WROTE, SAME_VERSION)
# What must be seen where there is no lock.
HARM = (MISMATCH, INCONSISTENT, ERROR)

_SAVED = {}
_JUDGED = {}


class Template(collections.namedtuple("Template", "config answers")):
    """A directory with a lineage that is due, and what the CA answers to each role."""


def prepare(certbot, base, reason="due"):
    """Obtain the certificate and two successors with the real certbot; returns a Template.

    Raises renewals.SceneError where that does not work.
    """
    case = renewals.Case(reason, "webroot", "own")
    with renewal_race.Scene(case, base, certbot) as scene:
        saved = os.path.join(base, "template")
        shutil.copytree(scene.config, saved, symlinks=True)
        conf = os.path.join(saved, "renewal", NAME + ".conf")
        text = _read(conf).replace(scene.config, saved)
        with io.open(conf, "w") as target:
            target.write(text)
        answers = []
        for _ in (0, 1):
            observation = scene.race(processes=1)
            findings = renewals.judge(observation)
            if findings:
                raise renewals.SceneError(
                    "A renewal alone goes wrong: {0}".format(findings[0].sentence))
            newest = observation.after[-1]
            answers.append(dict(
                (kind, _read(os.path.join(scene.config, "archive", NAME, "{0}{1}.pem".format(
                    kind, newest)))) for kind in KINDS))
            scene.reset()
    return Template(saved, answers)


def make_place(template, base, reason, path=None):
    """A place of its own for a pair of writers.

    Parameters:
        template: from ``prepare``.
        base: an existing directory, best on a tmpfs.
        reason: one of REASONS.
        path: of a copy of certbot to import instead of the installed one.
    """
    place = {"base": base, "path": path, "forced": reason == "forced",
             "answers": template.answers}
    for part in ("config", "work", "logs"):
        place[part] = os.path.join(base, part)
    shutil.copytree(template.config, place["config"], symlinks=True)
    conf = os.path.join(place["config"], "renewal", NAME + ".conf")
    text = _read(conf).replace(template.config, place["config"])
    with io.open(conf, "w") as target:
        target.write(text)
    make_alike(base, ("logs", "config", "work"))
    return place


def make_alike(base, names):
    """Make directories so that locks on them are released in the same order in every place.

    The patched certbot releases its locks in the order of a Python 2 dictionary by device and
    inode, which is another one in another place: the steps of two places could not be compared.

    Parameters:
        base: where they are made.
        names: in the order in which they are locked; what is in one already stays in it.
    """
    spare = [os.path.join(base, "spare.{0}".format(number)) for number in range(SPARES)]
    for path in spare:
        os.mkdir(path)
    for chosen in itertools.permutations(spare, len(names)):
        released = {}
        for path in chosen:
            info = os.stat(path)
            released[(info.st_dev, info.st_ino)] = path
        if tuple(released.values()) == chosen:
            break
    else:
        raise interleaving_engine.EngineError("No directories were found with the wanted inodes.")
    for name, path in zip(names, chosen):
        target = os.path.join(base, name)
        if os.path.isdir(target):
            for entry in os.listdir(target):
                os.rename(os.path.join(target, entry), os.path.join(path, entry))
            os.rmdir(target)
        os.rename(path, target)
    for path in spare:
        if os.path.isdir(path):
            os.rmdir(path)


def watched(place):
    """The lineage's directories and the lock files."""
    return [os.path.join(place["config"], part, *name) for part, name in (
        ("archive", [NAME]), ("live", [NAME]), ("renewal", []))] + [
            os.path.join(place[part], LOCK_FILE) for part in ("config", "work", "logs")]


def arguments(place):
    """The options of the command."""
    words = ["-q", "renew"]
    for part in ("config", "work", "logs"):
        words += ["--{0}-dir".format(part), place[part]]
    return words + (["--force-renewal"] if place["forced"] else [])


def import_certbot(place, words):
    """Import certbot as the command of the package would, in its environment.

    Parameters:
        place: with ``base`` and ``path``.
        words: the command's arguments.
    """
    os.environ.clear()
    os.environ.update({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                       "HOME": place["base"]})
    os.chdir("/")
    if place["path"]:
        sys.path.insert(0, place["path"])
    # The command of the package is a script that runs certbot.main.
    sys.argv = ["certbot"] + words
    __import__("certbot.main")
    import pkg_resources
    from certbot.plugins import disco

    require = pkg_resources.EntryPoint.require
    known = set()

    def require_once(self, *arguments, **others):
        """As the real one, once for each entry point."""
        if str(self) not in known:
            require(self, *arguments, **others)
            known.add(str(self))
    pkg_resources.EntryPoint.require = require_once
    iterate = pkg_resources.iter_entry_points
    points = {}

    def iterate_once(group):
        """As the real one, which is asked once for each group."""
        if group not in points:
            points[group] = list(iterate(group))
        return iter(points[group])
    pkg_resources.iter_entry_points = iterate_once
    disco.PluginsRegistry.find_all()


def warm_up(place, role):
    """Import certbot, and let the answers stand in for the CA."""
    import_certbot(place, arguments(place))
    import OpenSSL
    from acme import jose
    from certbot import client

    def certificate(text):
        """The certificate in a file's text."""
        return jose.ComparableX509(OpenSSL.crypto.load_certificate(
            OpenSSL.crypto.FILETYPE_PEM, text.encode("ascii")))
    answer = place["answers"][role]
    resource = collections.namedtuple("Resource", "body")(certificate(answer["cert"]))
    key = collections.namedtuple("Key", "file pem")(None, answer["privkey"].encode("ascii"))
    chain = [certificate(answer["chain"])]
    client.acme_from_config_key = lambda *_: None
    client.Client.obtain_certificate = lambda self, domains: (resource, chain, key, None)


def write(place, role):  # pylint: disable=unused-argument
    """The command, in this process."""
    from certbot import main
    return main.main(arguments(place))


def reset(place):
    """The lineage as it was, no lock files, no logs, nothing in the work directory."""
    if place["base"] not in _SAVED:
        _SAVED[place["base"]] = snapshot(place)
    for directory in _directories(place):
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
    for path, (kind, content) in _SAVED[place["base"]].items():
        if kind == "link":
            os.symlink(content, path)
        else:
            with open(path, "wb") as target:
                target.write(content)
    for part in ("work", "logs"):
        empty(place[part])
    lock = os.path.join(place["config"], LOCK_FILE)
    if os.path.lexists(lock):
        os.unlink(lock)


def empty(directory):
    """Remove all in a directory; it stays the same one, which its lock is about."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def snapshot(place):
    """All files and links of the lineage, by path, as (kind, content)."""
    found = {}
    for directory in _directories(place):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            try:
                found[path] = ("link", os.readlink(path))
            except OSError:
                with open(path, "rb") as source:
                    found[path] = ("file", source.read())
    return found


def outcome(place, execution):
    """What came of an execution: words, "fine" alone if nothing is wrong.

    A certificate that does not match the key is one that a web server gets
    from the links, or that is so in any version.
    """
    words = set()
    now = snapshot(place)
    key = tuple(sorted((path[len(place["base"]):], value) for path, value in now.items()))
    if key not in _JUDGED:
        _JUDGED[key] = _lineage_words(place, now)
    words.update(_JUDGED[key])
    if any(execution.codes) or any(execution.outputs):
        words.add(ERROR)
    if execution.deadlock:
        words.add(DEADLOCK)
    written = [set(os.path.basename(step[1]) for step in execution.steps(role)
                   if step[0] == "open" and step[3] and "/archive/" in step[1])
               for role in (0, 1)]
    if all(written) and not place["forced"]:
        words.add(TWICE)
    if not words:
        words.add(FINE)
    if all(written):
        words.add(BOTH_WROTE)
    if any(name.startswith("privkey") for name in written[0] & written[1]):
        words.add(SAME_VERSION)
    return tuple(sorted(words))


def lead(execution):
    """How many steps a writer alone makes before it begins to write the lineage."""
    for number, step in enumerate(execution.steps(execution.order.first)):
        if step[0] == "open" and step[3] and "/archive/" in step[1]:
            return number
    return len(execution.steps(execution.order.first))


def _lineage_words(place, now):
    words = set()
    findings = renewals.check_lineage(place["config"], NAME)
    kinds = set(finding.kind for finding in findings)
    if "mismatch" in kinds or served(place, now) == "mismatch":
        words.add(MISMATCH)
    if kinds - set(["mismatch"]):
        words.add(INCONSISTENT)
    for version in renewals.versions(place["config"], NAME):
        paths = [os.path.join(place["config"], "archive", NAME, "{0}{1}.pem".format(
            kind, version)) for kind in ("privkey", "cert", "fullchain")]
        if len(set(_owner(place, kind, now.get(path, ("", None))[1]) for kind, path in zip(
                ("privkey", "cert", "fullchain"), paths))) > 1:
            words.add(MIXED)
    return words


def served(place, now):
    """What a web server gets from the links: "match", "mismatch" or "unreadable"."""
    owners = []
    for kind in ("cert", "privkey"):
        link = os.path.join(place["config"], "live", NAME, kind + ".pem")
        target = now.get(link, ("", ""))
        if target[0] != "link":
            return "unreadable"
        path = os.path.normpath(os.path.join(os.path.dirname(link), target[1]))
        content = now.get(path, ("", None))[1]
        owners.append(_owner(place, kind, content))
    if None in owners:
        return "unreadable"
    return "match" if owners[0] == owners[1] else "mismatch"


def _owner(place, kind, content):
    first = _SAVED[place["base"]].get(
        os.path.join(place["config"], "archive", NAME, kind + "1.pem"))
    if first and content == first[1]:
        return "first"
    for role, answer in enumerate(place["answers"]):
        if content == answer[kind].encode("ascii"):
            return role
    return None


def _directories(place):
    return [os.path.join(place["config"], "archive", NAME),
            os.path.join(place["config"], "live", NAME),
            os.path.join(place["config"], "renewal")]


def _read(path):
    with io.open(path, encoding="ascii") as source:
        return source.read()
