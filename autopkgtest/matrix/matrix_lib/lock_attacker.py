"""An ordinary user who opens and locks all that he can of certbot's directories.

    lock_attacker.py READY SECONDS DIRECTORY...

opens every file and directory below that he may read or write, again and
again, and keeps it locked, by flock and by lockf, for himself alone where
that is allowed and else shared: either keeps others from locking it for
themselves alone.  What he holds he writes to READY.held, one path a line.

Runs under Python 2.7 and 3.
"""

import fcntl
import os
import sys
import time

PAUSE_SECONDS = 0.002


def open_any(path):
    """Open a path as well as is allowed; None where it is not."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            pass
    return None


def take(descriptor, wanted):
    """Try to lock a descriptor by the calls in ``wanted``; those that worked leave the list."""
    for lock in list(wanted):
        for how in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                lock(descriptor, how | fcntl.LOCK_NB)
            except (IOError, OSError):
                continue
            wanted.remove(lock)
            break


def all_below(directories):
    """Every path in the directories that this user can see, the directories themselves too."""
    for top in directories:
        yield top
        for parent, names, files in os.walk(top):
            for name in names + files:
                yield os.path.join(parent, name)


def main(arguments):
    """Take and hold until the time is over."""
    ready, until = arguments[0], time.time() + float(arguments[1])
    known = {}
    while time.time() < until:
        for path in all_below(arguments[2:]):
            try:
                info = os.lstat(path)
            except OSError:
                continue
            key = (info.st_dev, info.st_ino)
            if key not in known:
                descriptor = open_any(path)
                if descriptor is None:
                    continue
                known[key] = (descriptor, [fcntl.flock, fcntl.lockf])
                with open(ready + ".held", "a") as target:
                    target.write(path + "\n")
            # What somebody else has locked now may be free at the next look.
            take(*known[key])
        if not os.path.exists(ready):
            os.close(os.open(ready, os.O_WRONLY | os.O_CREAT, 0o644))
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
