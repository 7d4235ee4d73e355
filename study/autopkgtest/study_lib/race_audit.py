"""What a certbot writes below its configuration directory, when, and from which line of code.

Wraps the functions of Python through which certbot writes: ``open``, ``os.open``,
``os.rename``, ``os.symlink``, ``os.unlink``, ``os.mkdir`` and ``os.rmdir``.  The
wrapped ones do what they did; a delay after each stands for a slow disk.  To be
installed in a process that is about to become certbot.

Runs under Python 2.7.
"""

import collections
import json
import os
import sys
import time

try:
    import __builtin__ as builtins
except ImportError:  # Python 3
    import builtins

WRITING_MODES = "wax+"
TWO_PATHS = ("rename", "link", "symlink")
ONE_PATH = ("unlink", "remove", "mkdir", "rmdir", "chmod", "chown")


class Write(collections.namedtuple("Write", "seconds operation path place")):
    """One write: time since 1970, what was called, on which path, from which line."""


class Audit(object):
    """Records the writes below one of some directories.

    ``delay_seconds`` passes after each of them; ``places`` says whether the
    calling lines are wanted (that costs time).
    """

    def __init__(self, roots, delay_seconds=0, places=False):
        self.roots = tuple(os.path.abspath(root).rstrip("/") + "/" for root in roots)
        self.delay_seconds = delay_seconds
        self.places = places
        self.writes = []
        self._sleep = time.sleep
        self._clock = time.time

    def install(self):
        """Wrap the functions, for the rest of this process."""
        audit = self
        plain_open = builtins.open

        class AuditedFile(file):  # noqa: F821 - Python 2
            """A file that tells when its content is written: at the latest when it is closed."""

            def close(self):
                """Close it and tell."""
                if not self.closed:
                    file.close(self)  # noqa: F821 - Python 2
                    audit.note("close", self.name)

            def __exit__(self, *_):
                self.close()

        def opened(name, mode="r", *rest):
            """Open as ever; a file of ours that is written is an audited one."""
            if any(letter in mode for letter in WRITING_MODES) and audit.is_ours(name):
                found = AuditedFile(name, mode, *rest)
                audit.note("open", name)
                return found
            return plain_open(name, mode, *rest)

        builtins.open = opened
        plain_os_open = os.open

        def os_opened(name, flags, *rest):
            """Open as ever, and tell when it can be written."""
            found = plain_os_open(name, flags, *rest)
            if flags & (os.O_WRONLY | os.O_RDWR) and audit.is_ours(name):
                audit.note("open", name)
            return found

        os.open = os_opened
        for name in TWO_PATHS + ONE_PATH:
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name, plain):
        def call(*arguments, **named):
            """Call as ever, and tell."""
            try:
                return plain(*arguments, **named)
            finally:
                path = arguments[1] if name in TWO_PATHS else arguments[0]
                if self.is_ours(path):
                    self.note(name, path)
        return call

    def is_ours(self, path):
        """Whether a path is below one of the directories, lock files aside."""
        try:
            full = os.path.abspath(path)
        except (TypeError, AttributeError):
            return False
        return full.startswith(self.roots) and not full.endswith(".certbot.lock")

    def note(self, operation, path):
        """Record one write, and let the slow disk take its time."""
        self.writes.append(Write(
            self._clock(), operation, os.path.abspath(path), self._place() if self.places else ""))
        if self.delay_seconds:
            self._sleep(self.delay_seconds)

    def _place(self):
        """The innermost line of certbot, or of what it uses, that led here."""
        frame = sys._getframe(2)
        inner = None
        while frame is not None:
            name = frame.f_code.co_filename
            if os.path.basename(name) != os.path.basename(__file__).replace(".pyc", ".py"):
                inner = inner or frame
                if "/certbot" in name:
                    inner = frame
                    break
            frame = frame.f_back
        if inner is None:
            return ""
        return "{0}:{1} {2}".format(
            "/".join(inner.f_code.co_filename.split("/")[-2:]), inner.f_lineno,
            inner.f_code.co_name)

    def save(self, path):
        """Write the record as JSON."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump([list(write) for write in self.writes], target)


def window(writes, config_dir):
    """The seconds of the first and the last write to lineages, or None without any."""
    parts = tuple(os.path.join(config_dir, part) + "/" for part in ("archive", "live", "renewal"))
    times = [write[0] for write in writes if write[2].startswith(parts)]
    return (min(times), max(times)) if times else None
