"""Stops a process before each of its file system calls below given directories.

``Gate.install`` replaces the functions of ``os``, ``fcntl``, ``time.sleep`` and
``open`` in this process by ones that first ask the gate, if the call is about
a watched path, and then make the real call.  The program under test stays as
it is.  A call that is not about a watched path goes through at once.

Each call is noted with what it reads and what it changes: a path, or ``path/``
for the list of a directory's names.  Two calls of which neither changes what
the other reads or changes can be swapped without a difference.

A file of up to ``BUFFER`` bytes is written when it is closed or flushed, by one
call, as with the buffers of C's standard library; so writing is one step, and
opening (which empties the file) is another.  The stepped process never sleeps:
a sleep after a lock that was refused is a report that it is blocked, any other
is left out.

Runs under Python 2.7 and 3.
"""

import errno
import fcntl
import os
import subprocess
import time

try:
    import __builtin__ as builtins
except ImportError:
    import builtins

BUFFER = 4096
REFUSED = (errno.EACCES, errno.EAGAIN)
# name: (which arguments are paths, whether a last link is followed, what is changed).
# "names" means that the path itself and the list of its directory change.
CALLS = {
    "stat": (1, True, None), "lstat": (1, False, None), "readlink": (1, False, None),
    "access": (1, True, None), "listdir": (1, True, "list"), "statvfs": (1, True, None),
    "symlink": (2, False, "names"), "link": (2, False, "names"), "rename": (2, False, "names"),
    "unlink": (1, False, "names"), "remove": (1, False, "names"), "mkdir": (1, False, "names"),
    "rmdir": (1, False, "names"), "mkfifo": (1, False, "names"),
    "chmod": (1, True, "path"), "chown": (1, True, "path"), "lchown": (1, False, "path"),
    "utime": (1, True, "path"), "truncate": (1, True, "path"),
}
ON_DESCRIPTORS = ("read", "write", "fstat", "fchmod", "fchown", "ftruncate", "fsync")
# What a program that is run may read and change.
ANYTHING = "*"
CHANGING = ("write", "fchmod", "fchown", "ftruncate")


class Gate(object):
    """Counts the calls of one process on watched paths and asks before each.

    Parameters:
        watched: absolute paths; calls on them and below them are steps.
        ask: called without arguments before each step.
        blocked: called instead of a sleep when the last lock was refused.
    """

    def __init__(self, watched, ask, blocked):
        self._watched = tuple(os.path.abspath(path) for path in watched)
        self._below = tuple(path + "/" for path in self._watched)
        self._ask = ask
        self._blocked = blocked
        self._descriptors = {}
        self._refused = False
        self._raw = {}
        self.steps = []

    def watches(self, path):
        """Whether a call on this path is a step."""
        try:
            path = os.path.abspath(path)
        except (AttributeError, TypeError):
            return False
        return path in self._watched or path.startswith(self._below)

    def step(self, name, path, touches):
        """Ask, then note a step; the caller makes the call.

        Parameters:
            name: of the call.
            path: that it is about.
            touches: called after the answer, since others may have moved links meanwhile;
                gives what is read and what is changed.
        """
        self._ask()
        reads, changes = touches()
        self.steps.append((name, os.path.abspath(path), tuple(reads), tuple(changes)))

    def install(self):
        """Put the gate in front of this process's calls."""
        for name in CALLS:
            if hasattr(os, name):
                self._raw[name] = getattr(os, name)
                setattr(os, name, self._on_path(name, *CALLS[name]))
        for name in ON_DESCRIPTORS:
            self._raw[name] = getattr(os, name)
            setattr(os, name, self._on_descriptor(name))
        for name in ("open", "close", "fdopen"):
            self._raw[name] = getattr(os, name)
            setattr(os, name, getattr(self, "_os_" + name))
        self._raw["file"] = builtins.open
        builtins.open = self._open
        self._raw["lockf"] = fcntl.lockf
        fcntl.lockf = self._lock("lockf")
        self._raw["flock"] = fcntl.flock
        fcntl.flock = self._lock("flock")
        self._raw["fcntl"] = fcntl.fcntl
        fcntl.fcntl = self._fcntl
        time.sleep = self._sleep
        subprocess.Popen = self._program(subprocess.Popen)

    def touched(self, path, follow):
        """The path, and where its links lead if the call follows them."""
        path = os.path.abspath(path)
        found = [path]
        while follow and len(found) < 9:
            try:
                path = os.path.join(os.path.dirname(path), self._raw["readlink"](path))
            except OSError:
                break
            path = os.path.abspath(path)
            found.append(path)
        return found

    def _on_path(self, name, paths, follow, change):
        raw = self._raw[name]
        # The first path of a symbolic link is its text.
        first = 1 if name == "symlink" else 0

        def call(*arguments, **others):
            """The real call, after the gate."""
            mine = [path for path in arguments[first:paths] if self.watches(path)]
            if mine:
                self.step(name, mine[-1], lambda: self._touches(mine, follow, change))
            return raw(*arguments, **others)
        return call

    def _touches(self, paths, follow, change):
        reads, changes = [], []
        for path in paths:
            touched = self.touched(path, follow)
            reads.extend(touched)
            if change == "list":
                reads.append(touched[-1] + "/")
            elif change:
                changes.append(touched[-1])
            if change == "names":
                changes.append(os.path.dirname(touched[-1]) + "/")
        return reads, changes

    def _on_descriptor(self, name):
        raw = self._raw[name]

        def call(descriptor, *arguments):
            """The real call, after the gate."""
            path = self._descriptors.get(descriptor)
            if path is not None:
                self.step(name, path, lambda: (
                    [path], [path] if name in CHANGING else []))
            return raw(descriptor, *arguments)
        return call

    def _os_open(self, path, flags, *mode, **others):
        # A path below a descriptor (dir_fd) is not below the current directory.
        if others or not self.watches(path):
            return self._raw["open"](path, flags, *mode, **others)
        follow = not flags & (os.O_NOFOLLOW | os.O_EXCL)
        self._opening(path, flags & (os.O_CREAT | os.O_TRUNC), flags & os.O_CREAT, follow)
        descriptor = self._raw["open"](path, flags, *mode)
        self._descriptors[descriptor] = self.touched(path, follow)[-1]
        return descriptor

    def _opening(self, path, changing, creating, follow=True):
        def touches():
            """A file that is there already does not change the list of names."""
            touched = self.touched(path, follow)
            changes = [touched[-1]] if changing else []
            if creating and not self._exists(touched[-1]):
                changes.append(os.path.dirname(touched[-1]) + "/")
            return touched, changes
        self.step("open", path, touches)

    def _exists(self, path):
        try:
            self._raw["lstat"](path)
        except OSError:
            return False
        return True

    def _os_close(self, descriptor):
        path = self._descriptors.pop(descriptor, None)
        if path is not None:
            # Closing any descriptor of a file drops this process's lock on it.
            self.step("close", path, lambda: ([], [path + "#lock"]))
        return self._raw["close"](descriptor)

    def _os_fdopen(self, descriptor, *arguments):
        opened = self._raw["fdopen"](descriptor, *arguments)
        path = self._descriptors.pop(descriptor, None)
        return opened if path is None else GatedFile(self, opened, path)

    def _open(self, path, mode="r", *arguments, **others):
        if not self.watches(path):
            return self._raw["file"](path, mode, *arguments, **others)
        writing = mode[:1] in ("w", "a", "x")
        self._opening(path, mode[:1] in ("w", "x"), writing)
        opened = self._raw["file"](path, mode, *arguments, **others)
        return GatedFile(self, opened, self.touched(path, True)[-1])

    def _lock(self, name):
        raw = self._raw[name]

        def call(descriptor, operation, *arguments):
            """The real call, after the gate; a lock that would be waited for is not."""
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = self._descriptors.get(number)
            if path is None:
                return raw(descriptor, operation, *arguments)
            while True:
                self.step(name, path, lambda: ([path + "#lock"], [path + "#lock"]))
                try:
                    raw(descriptor, operation | fcntl.LOCK_NB, *arguments)
                    self._refused = False
                    return None
                except EnvironmentError as error:
                    self._refused = error.errno in REFUSED
                    if not self._refused or operation & fcntl.LOCK_NB:
                        raise
                    self._sleep(0)
        return call

    def _fcntl(self, descriptor, operation, *argument):
        path = self._descriptors.get(descriptor)
        if path is not None and operation == fcntl.F_GETLK:
            self.step("getlk", path, lambda: ([path + "#lock"], []))
        return self._raw["fcntl"](descriptor, operation, *argument)

    def _program(self, real):
        gate = self

        class Popen(real):  # pylint: disable=too-few-public-methods
            """A program that is told of a watched path is one step: it may do anything there."""

            def __init__(self, args, *others, **named):
                words = [args] if isinstance(args, str) else list(args)
                mine = [word for word in words if gate.watches(word)]
                if mine:
                    gate.step("run", mine[0], lambda: ([ANYTHING], [ANYTHING]))
                real.__init__(self, args, *others, **named)
        return Popen

    def _sleep(self, _):
        if self._refused:
            self._blocked()


class GatedFile(object):
    """A file object whose first read and whose writing to the disk are steps.

    Parameters:
        gate: the gate to ask.
        opened: the real file object.
        path: what is read and changed.
    """

    def __init__(self, gate, opened, path):
        self._gate = gate
        self._opened = opened
        self._path = path
        self._pending = 0
        self._was_read = False

    def __getattr__(self, name):
        return getattr(self._opened, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        self._reading()
        return iter(self._opened)

    def read(self, *arguments):
        """As of a file."""
        self._reading()
        return self._opened.read(*arguments)

    def readline(self, *arguments):
        """As of a file."""
        self._reading()
        return self._opened.readline(*arguments)

    def readlines(self, *arguments):
        """As of a file."""
        self._reading()
        return self._opened.readlines(*arguments)

    def write(self, data):
        """As of a file."""
        self._pending += len(data)
        if self._pending > BUFFER:
            self._writing()
        return self._opened.write(data)

    def writelines(self, lines):
        """As of a file."""
        for line in lines:
            self.write(line)

    def flush(self):
        """As of a file."""
        self._writing()
        self._opened.flush()

    def close(self):
        """As of a file."""
        if not self._opened.closed:
            self._writing()
        self._opened.close()

    def _reading(self):
        if not self._was_read:
            self._was_read = True
            self._gate.step("read", self._path, lambda: ([self._path], []))

    def _writing(self):
        if self._pending:
            self._pending = 0
            self._gate.step("write", self._path, lambda: ([self._path], [self._path]))


def conflict(one, other):
    """Whether two steps touch the same thing and one of them changes it."""
    changed, others = set(one[3]), set(other[3])
    if ANYTHING in changed or ANYTHING in others:
        return True
    return bool(changed & others or changed.intersection(other[2]) or others.intersection(one[2]))

