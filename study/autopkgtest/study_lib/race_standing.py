"""A certbot that has read its options and waits there; each copy of it goes on and is a run.

What it has done until then it does once for all runs: it has looked for its
plugins and read its options, and touched none of its directories.  It stops at
the first thing that ``certbot.main.main`` does after that, which is to make its
configuration known to ``zope.component``.

From a first run it can learn: it then loads the modules and compiles the
patterns that this one has needed, which else each copy does again.

Runs under Python 2.7.
"""

import marshal
import os
import re
import select
import socket
import sys
import time
import traceback

import race_warm

PACKET = 1 << 16
SHORTCUT = "the options are read once"
LEARNT = "modules and patterns that a run needs are loaded beforehand"


class StandingError(Exception):
    """The certbot did not get to where it waits; one sentence."""


class Cold(object):
    """Runs from the beginning, each a child of this process; ``prepare`` as for Standing."""

    def __init__(self, prepare):
        self._prepare = prepare

    def start(self, runs):
        """Start certbots; returns their process numbers.

        ``runs`` are dictionaries with ``arguments``, ``stdout``, ``stderr`` and
        ``moment``, and what ``prepare`` reads.
        """
        pids = []
        for one in runs:
            finish = []
            pids.append(race_warm.start(
                one["arguments"], one["stdout"], one["stderr"], one["moment"],
                lambda one=one, finish=finish: finish.append(self._prepare(one)),
                lambda finish=finish: finish[0]()))
        return pids

    def ended(self):
        """The (process number, status, moment) of runs that have ended, after a short wait."""
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            return [(pid, status, time.time())]
        time.sleep(0.002)
        return []


class Standing(object):
    """Runs with the same arguments from where the options are read; a context manager.

    ``prepare`` is called in each copy with its dictionary and returns what is
    to be called at its end.  ``pid`` is its process.  Raises StandingError.
    """

    def __init__(self, arguments, prepare):
        self._channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                self._channel.close()
                code = _stand(arguments, its, prepare)
            except BaseException:  # whatever it is, the child must not go on as its parent
                traceback.print_exc()
            finally:
                race_warm.flush()
                os._exit(code)
        its.close()
        if self._channel.recv(PACKET) != b"ready":
            self.close()
            raise StandingError("certbot ended before it had read its options.")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End it."""
        self._channel.close()
        os.waitpid(self.pid, 0)

    def start(self, runs):
        """As of Cold; the arguments are those that it stands with."""
        self._channel.send(marshal.dumps((None, list(runs))))
        return marshal.loads(self._receive())

    def learn(self, path, one):
        """Let a copy run to its end, and load what that has needed; ``path`` is for its notes.

        Raises StandingError where it does not end with 0.
        """
        self._channel.send(marshal.dumps((path, [one])))
        self._receive()
        if marshal.loads(self._receive())[1] != 0 or self._receive() != b"learnt":
            raise StandingError("The run that was to be learnt from goes wrong.")

    def ended(self):
        """As of Cold."""
        if not select.select([self._channel], [], [], 0.02)[0]:
            return []
        return [marshal.loads(self._receive())]

    def _receive(self):
        said = self._channel.recv(PACKET)
        if not said:
            raise StandingError("The waiting certbot is gone.")
        return said


def _stand(arguments, channel, prepare):
    """Run certbot to where it waits; only its copies come back from there, to their ends."""
    import zope.component
    plain = zope.component.provideUtility
    finish = []

    def arrived(*given, **named):
        """Wait; in a copy, go on."""
        zope.component.provideUtility = plain
        finish.append(_serve(channel, prepare))
        return plain(*given, **named)

    zope.component.provideUtility = arrived
    code = race_warm.run(arguments)
    if not finish:
        raise StandingError("certbot did not come to where it was to wait.")
    finish[0]()
    return code


def _serve(channel, prepare):
    """Make copies as asked, and tell how they end; in a copy, return what ends it."""
    _tell(channel, b"ready")
    while True:
        asked = channel.recv(PACKET)
        if not asked:
            os._exit(0)
        pids = []
        notes, runs = marshal.loads(asked)
        for one in runs:
            pid = os.fork()
            if pid == 0:
                channel.close()
                race_warm.become(one["stdout"], one["stderr"])
                finish = prepare(one)
                race_warm.wait_until(one["moment"])
                return finish if notes is None else _noting(notes, finish)
            pids.append(pid)
        _tell(channel, marshal.dumps(pids))
        for _ in pids:
            pid, status = os.waitpid(-1, 0)
            _tell(channel, marshal.dumps((pid, status, time.time())))
        if notes is not None:
            _learn(notes)
            _tell(channel, b"learnt")


def _noting(path, finish):
    """As ``finish``, and then write down which modules and patterns are there besides."""
    modules, patterns = set(sys.modules), set(re._cache)

    def noted():
        """Write them down."""
        finish()
        new = sorted(name for name in set(sys.modules) - modules if sys.modules[name])
        with open(path, "wb") as target:
            marshal.dump((new, [key[1:3] for key in set(re._cache) - patterns]), target)

    return noted


def _learn(path):
    """Load what is written down there."""
    # Else what is compiled now may be thrown out again at once.
    re._MAXCACHE = max(re._MAXCACHE, 1000)
    with open(path, "rb") as source:
        modules, patterns = marshal.load(source)
    for name in modules:
        __import__(name)
    for pattern, flags in patterns:
        re.compile(pattern, flags)


def _tell(channel, what):
    try:
        channel.send(what)
    except socket.error:  # who asked is gone
        os._exit(1)
