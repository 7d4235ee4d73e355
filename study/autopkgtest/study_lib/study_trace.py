"""What a run of a plugin writes: every path, in order, from which line, and under which locks.

Beside what goes through Python's own functions, two kinds of writes do not:
those of the augeas library, and those of programs that certbot starts.  The
directories are compared before and after each of these.

Runs under Python 2.7.
"""

import json
import os
import subprocess

import race_audit

LOCK = ".certbot.lock"


class Trace(race_audit.Audit):
    """Records writes below some directories, with the directories that are locked then.

    Only for a run that is alone: a lock file that is there is its own.
    """

    def __init__(self, roots):
        race_audit.Audit.__init__(self, roots, places=True)
        self.held = []

    def install(self):
        """Wrap the functions, augeas and the starting of programs."""
        race_audit.Audit.install(self)
        trace = self
        plain_start, plain_end = subprocess.Popen.__init__, subprocess.Popen.communicate

        def start(process, *arguments, **named):
            """Start as ever; what is there before is kept."""
            process.trace_before = trace.snapshot()
            return plain_start(process, *arguments, **named)

        def communicate(process, *arguments, **named):
            """Wait as ever; what has changed is the program's."""
            try:
                return plain_end(process, *arguments, **named)
            finally:
                trace.compare(process.trace_before, "program")
                process.trace_before = trace.snapshot()

        subprocess.Popen.__init__, subprocess.Popen.communicate = start, communicate
        try:
            import augeas
        except ImportError:
            return
        plain_save = augeas.Augeas.save

        def save(handle):
            """Save as ever; what has changed is the library's."""
            before = trace.snapshot()
            try:
                return plain_save(handle)
            finally:
                trace.compare(before, "augeas")

        augeas.Augeas.save = save

    def note(self, operation, path):
        """Record one write, and the locks of this moment."""
        race_audit.Audit.note(self, operation, path)
        self.held.append([root.rstrip("/") for root in self.roots
                          if os.path.exists(root + LOCK)])

    def snapshot(self):
        """What tells one state of the directories from another."""
        found = {}
        for root in self.roots:
            for parent, directories, files in os.walk(root):
                for name in directories + files:
                    path = os.path.join(parent, name)
                    try:
                        info = os.lstat(path)
                    except OSError:
                        continue
                    stamp = None if name in directories and not os.path.islink(path) else (
                        info.st_mtime, info.st_ino, info.st_size)
                    found[path] = stamp
        return found

    def compare(self, before, operation):
        """Note every path that has changed since."""
        now = self.snapshot()
        for path in sorted(set(before) | set(now)):
            if before.get(path, 0) != now.get(path, 0) and self.is_ours(path):
                self.note(operation, path)

    def save(self, path):
        """Write the record as JSON: dictionaries, in order."""
        rows = [{"operation": write.operation, "path": write.path, "place": write.place,
                 "held": held} for write, held in zip(self.writes, self.held)]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump(rows, target)
