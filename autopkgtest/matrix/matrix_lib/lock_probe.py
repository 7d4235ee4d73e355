"""Says of directories whether certbot's lock on them is held, without ever taking it.

    lock_probe.py REPORT DIRECTORY...

writes, as JSON, a list with one dictionary for each directory: ``exists``,
``mode`` and ``links`` of the lock file, and the id of the process that holds
it by lockf (F_GETLK, as certbot 0.14 locks), else 0.  It is the hook of a
running certbot, so it also lists the descriptors of lock files that it was
handed down.

Runs under Python 2.7 and 3.
"""

import fcntl
import json
import os
import signal
import struct
import sys

LOCK_FILE = ".certbot.lock"
# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid
FLOCK = "hhqqi0q"


def holder_of(directory):
    """The id of the process that has locked the directory's lock file by lockf, else 0.

    Never creates the file; opening and closing it is harmless, because this
    process holds no lock on it.
    """
    try:
        descriptor = os.open(
            os.path.join(directory, LOCK_FILE), os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        found = struct.unpack(FLOCK, fcntl.fcntl(
            descriptor, fcntl.F_GETLK,
            struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)))
    except (OSError, IOError):
        return 0
    finally:
        os.close(descriptor)
    return 0 if found[0] == fcntl.F_UNLCK else found[4]


def state_of(directory):
    """What can be seen of one directory's lock."""
    try:
        info = os.lstat(os.path.join(directory, LOCK_FILE))
    except OSError:
        return {"directory": directory, "exists": False, "holder": 0}
    return {"directory": directory, "exists": True, "mode": info.st_mode & 0o7777,
            "links": info.st_nlink, "holder": holder_of(directory)}


def descriptors_of(pid, name=LOCK_FILE):
    """The descriptors of a process that are open files with this name, deleted ones too."""
    found = []
    directory = "/proc/{0}/fd".format(pid)
    try:
        numbers = os.listdir(directory)
    except OSError:
        return found
    for number in numbers:
        try:
            target = os.readlink(os.path.join(directory, number))
        except OSError:
            continue
        if os.path.basename(target.replace(" (deleted)", "")) == name:
            found.append(int(number))
    return sorted(found)


def waits(pid):
    """Whether a certbot waits for a lock: then, and not before it has one, it catches SIGTERM."""
    try:
        with open("/proc/{0}/status".format(pid)) as source:
            caught = [line.split()[1] for line in source if line.startswith("SigCgt:")]
    except IOError:
        return False
    return bool(caught) and bool(int(caught[0], 16) & 1 << signal.SIGTERM - 1)


def lockers_of(path, table="/proc/locks"):
    """The processes that hold a lock of any kind on a file, from the kernel's table."""
    try:
        inode = os.stat(path).st_ino
    except OSError:
        return []
    with open(table) as source:
        return pids_in(source.read(), inode)


def pids_in(table, inode):
    """The ids of the holders, not of the waiting, of locks on an inode in a table of locks.

    A line of the table is, see proc(5): number, kind, mode, access, process,
    device and inode, range; one that waits has "->" after its number.
    """
    found = []
    for line in table.splitlines():
        words = line.split()
        if len(words) >= 6 and words[1] != "->" and words[5].split(":")[-1] == str(inode):
            found.append(int(words[4]))
    return found


def write(path, value):
    """Write JSON so that who sees the file sees all of it."""
    with open(path + ".new", "w") as target:
        json.dump(value, target)
    os.rename(path + ".new", path)


if __name__ == "__main__":
    write(sys.argv[1], {"locks": [state_of(path) for path in sys.argv[2:]],
                        "inherited": descriptors_of("self")})
