"""The update's certbot with one thing changed in it: what a check has to find, for its control.

Runs under Python 2.7 and 3.
"""

import glob
import os
import shutil

import upgrade_machine
from upgrade_check import Broken
from upgrade_machine import must, read, write

PLACE = "/var/lib/own-mutant"


def edited(name, old, new):
    """An edit for ``mutant``: one text for another in a file of the package."""
    def edit(tree):
        path = os.path.join(tree, name)
        text = read(path)
        if old not in text:
            raise Broken("{0} of the package lacks {1!r}.".format(name, old))
        write(path, text.replace(old, new), 0o755)
    return edit


def mutant(edit, package="certbot", suffix="+mutant1"):
    """The path of a .deb: the update's package, after ``edit(tree)``, with a higher version."""
    shutil.rmtree(PLACE, ignore_errors=True)
    tree = os.path.join(PLACE, "tree")
    must(["mkdir", "-p", PLACE])
    version = upgrade_machine.newest(package)
    must(["sh", "-c", "cd {0} && apt-get -q download {1}={2}".format(PLACE, package, version)])
    (fetched,) = glob.glob(os.path.join(PLACE, package + "_*.deb"))
    must(["dpkg-deb", "-R", fetched, tree])
    os.unlink(fetched)
    control = os.path.join(tree, "DEBIAN", "control")
    write(control, read(control).replace(
        "Version: {0}\n".format(version), "Version: {0}{1}\n".format(version, suffix)))
    edit(tree)
    made = os.path.join(PLACE, package + "_mutant.deb")
    must(["dpkg-deb", "-b", tree, made])
    return made


class published(object):
    """While it lasts, apt offers the mutant of certbot, above all other versions."""

    _SOURCES = "/etc/apt/sources.list.d/own-mutant.list"
    _PINS = "/etc/apt/preferences.d/00own-mutant"

    def __init__(self, edit):
        self._edit = edit

    def __enter__(self):
        mutant(self._edit)
        must(["rm", "-rf", os.path.join(PLACE, "tree")])
        must(["sh", "-c", "cd {0} && dpkg-scanpackages -m . >Packages 2>/dev/null".format(PLACE)])
        write(self._SOURCES, "deb [trusted=yes] file:{0} ./\n".format(PLACE))
        write(self._PINS, "Package: certbot\nPin: version *\nPin-Priority: 1002\n")
        must(["apt-get", "-q", "update"])

    def __exit__(self, *_):
        os.unlink(self._SOURCES)
        os.unlink(self._PINS)
        must(["apt-get", "-q", "update"])


def wanted(machine, edit):
    """What apt has to be asked for: the update itself, or in the control the mutant."""
    return machine.wanted() if machine.target == "update" else [mutant(edit)]
