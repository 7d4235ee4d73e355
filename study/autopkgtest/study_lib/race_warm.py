"""Certbots from one interpreter that has loaded everything: each is a forked child.

A plain certbot spends most of a second on importing.  Here that is done once;
a child then runs the very ``certbot.main.main`` of the package, in a session
of its own, with its own output files, as ``cron`` would start it.

Where sleeps are shortened, the interpreter's surroundings are made cheaper too:
``pkg_resources`` remembers the plugins that it has found, which certbot has it
look for several times in each run; ``requests`` does not guess the encoding of
a certificate in DER, which is no text; ``logging`` looks for older logs in one
listing instead of by a thousand names; and a child's garbage is not collected.
``SHORTCUTS`` says so in the evidence.  Nothing of certbot is changed.

Runs under Python 2.7.
"""

import atexit
import gc
import os
import random
import signal
import sys
import time
import traceback

SHORT_VARIABLE = "RACE_SLEEP_FACTOR"
# certbot sleeps 3 s before it asks whether a challenge is valid.  Shorter sleeps are polls of a
# lock, or the second that nginx is given to take over a configuration: they stay.
LEAST_SHORTENED_SECONDS = 2.0
AWAKE_SECONDS = 0.0003
SHORTCUTS = ("sleeps from {0:g} s on are shortened".format(LEAST_SHORTENED_SECONDS),
             "pkg_resources remembers the plugins",
             "requests does not guess the encoding of certificates",
             "logging looks for older logs once", "no garbage is collected")
DER = b"\x30\x82"  # how a certificate begins


def load():
    """Import certbot and its plugins."""
    from certbot import main  # noqa: F401
    from certbot.plugins import disco
    _remember_plugins()
    _guess_no_encodings()
    _look_for_logs_once()
    disco.PluginsRegistry.find_all()
    # What requests loads on its first use.
    import encodings.idna  # noqa: F401
    gc.collect()


def _remember_plugins():
    """Let pkg_resources look for each group of entry points, and for what each needs, once."""
    import pkg_resources
    require, iterate = pkg_resources.EntryPoint.require, pkg_resources.iter_entry_points
    known, points = set(), {}

    def require_once(self, *arguments, **named):
        """As the real one; when shortened, once for each entry point."""
        name = str(self)
        if name not in known or not shortened():
            require(self, *arguments, **named)
            known.add(name)

    def iterate_once(group, *name):
        """As the real one; when shortened, it is asked once for each group."""
        if name or not shortened():
            return iterate(group, *name)
        if group not in points:
            points[group] = list(iterate(group))
        return iter(points[group])

    pkg_resources.EntryPoint.require = require_once
    pkg_resources.iter_entry_points = iterate_once


def _guess_no_encodings():
    """Let requests take a certificate for what it is when it is shortened: not text."""
    from requests import models
    plain = models.Response.apparent_encoding

    def guessed(self):
        """As the real one; None for a certificate."""
        return None if shortened() and self.content.startswith(DER) else plain.fget(self)

    models.Response.apparent_encoding = property(guessed)


def _look_for_logs_once():
    """Let logging rename older logs up to the last that is there, when it is shortened."""
    from logging import handlers
    plain = handlers.RotatingFileHandler.doRollover

    def rolled(self):
        """As the real one, which begins at the last number that there may be."""
        most = self.backupCount
        if shortened():
            directory, mine = os.path.split(self.baseFilename + ".")
            numbers = [name[len(mine):] for name in os.listdir(directory)
                       if name.startswith(mine)]
            last = max([0] + [int(one) for one in numbers if one.isdigit()])
            self.backupCount = min(most, last + 1)
        try:
            plain(self)
        finally:
            self.backupCount = most

    handlers.RotatingFileHandler.doRollover = rolled


def shortened():
    """Whether certbot's sleeps, and what surrounds it, are shortened."""
    return sleep_factor() != 1.0


def sleep_factor():
    """By what sleeps of a second and more are multiplied: 1.0 is certbot as it is."""
    return float(os.environ.get(SHORT_VARIABLE, "1"))


def start(arguments, stdout, stderr, moment, prepare=None, finish=None):
    """Fork a certbot; returns its process number.

    ``arguments`` are those after the program's name, ``moment`` (seconds since
    1970) when it begins, ``prepare`` is called in the child before and
    ``finish`` after it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        become(stdout, stderr)
        if prepare is not None:
            prepare()
        wait_until(moment)
        code = run(arguments)
        if finish is not None:
            finish()
    except BaseException:  # whatever it is, the child must not go on as its parent
        traceback.print_exc()
    finally:
        flush()
        os._exit(code)


def become(stdout, stderr):
    """In a forked child: a session, outputs and signals of its own, as of a new process."""
    os.setsid()
    _redirect(stdout, stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    # Else all children draw the same.
    random.seed()
    if shortened():
        gc.disable()
        _shorten_sleeps()


def wait_until(moment):
    """Sleep until a moment; the last part of a millisecond is waited for awake."""
    while True:
        left = moment - time.time()
        if left <= 0:
            return
        if left > AWAKE_SECONDS:
            _SLEEP(left - AWAKE_SECONDS)


_SLEEP = time.sleep


def _shorten_sleeps():
    factor = sleep_factor()
    time.sleep = lambda seconds: _SLEEP(
        seconds * factor if seconds >= LEAST_SHORTENED_SECONDS else seconds)


def _redirect(stdout, stderr):
    for number, path, flags in ((0, os.devnull, os.O_RDONLY),
                                (1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                                (2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)


def run(arguments):
    """What the script of the package and the interpreter's end do; returns the exit code."""
    from certbot import main
    sys.argv = ["certbot"] + list(arguments)
    try:
        # Its default was read from sys.argv when the module was loaded.
        result = main.main(list(arguments))
    except SystemExit as error:
        result = error.code
    except BaseException:
        result = _unhandled()
    if result is not None and not isinstance(result, int):
        sys.stderr.write("{0}\n".format(result))
        result = 1
    atexit._run_exitfuncs()
    return result or 0


def _unhandled():
    """What the interpreter does with what nobody caught: certbot has a hook for it."""
    try:
        sys.excepthook(*sys.exc_info())
    except SystemExit as error:
        return error.code
    return 1


def flush():
    """Write out what is printed, where that still works."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (IOError, ValueError):
            pass
