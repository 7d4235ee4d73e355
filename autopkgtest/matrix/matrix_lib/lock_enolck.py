"""Makes every lock call of the Python programs that a check starts fail with ENOLCK.

There is no compiler in a testbed, so the error is injected where Python calls
the system: a sitecustomize module replaces fcntl.lockf and fcntl.flock before
the program begins.  A mark in a file proves that it was in force.

Runs under Python 2.7 and 3.
"""

import os

MODULE = '''\
import errno
import fcntl
import os


def _refuse(*_):
    with open({mark!r}, "a") as target:
        target.write(str(os.getpid()) + "\\n")
    raise IOError(errno.ENOLCK, os.strerror(errno.ENOLCK))


fcntl.lockf = fcntl.flock = _refuse
'''


def inject(directory, environment):
    """Put the module into a directory and that into PYTHONPATH; returns the mark's path."""
    mark = os.path.join(directory, "refused")
    with open(os.path.join(directory, "sitecustomize.py"), "w") as target:
        target.write(MODULE.format(mark=mark))
    environment["PYTHONPATH"] = ":".join(
        part for part in (directory, environment.get("PYTHONPATH")) if part)
    return mark
