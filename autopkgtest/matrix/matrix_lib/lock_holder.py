"""Holds the lock of directories, in both ways at once: lockf as certbot 0.14, flock as filelock.

    lock_holder.py READY SECONDS DIRECTORY...

makes the file READY when it holds all of them, and ends after so many seconds
at the latest, or when it is killed.  As certbot does, it removes the files
before it lets go.

Runs under Python 2.7 and 3.
"""

import fcntl
import os
import sys
import time

LOCK_FILE = ".certbot.lock"


def hold(path):
    """Open a lock file and lock it; IOError or OSError when somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def main(arguments):
    """Hold the locks until the time is over."""
    ready, seconds = arguments[0], float(arguments[1])
    paths = [os.path.join(directory, LOCK_FILE) for directory in arguments[2:]]
    descriptors = [hold(path) for path in paths]
    os.close(os.open(ready, os.O_WRONLY | os.O_CREAT, 0o600))
    time.sleep(seconds)
    for path in paths:
        os.unlink(path)
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
