"""Runs two writers in one given order of their steps.

An order says who begins and after how many steps each one is stopped and the
other goes on; at the end each runs to its end.  A process that is refused a
lock gives way at once: the rest of its steps before that switch are not made,
and the order goes on with the next.  If neither can go on, that is a deadlock.

Give it another pair of writers as a module with

* ``watched(place)``: the absolute paths below which a call is a step;
* ``warm_up(place, role)``: run in the writer's process first (imports, what
  stands in for a network);
* ``write(place, role)``: the program under test, up to its end; its return
  value is that of ``sys.exit``;
* ``reset(place)``: everything back to how it was before both writers;
* ``outcome(place, execution)``: what came of it, a tuple of words;
* ``lead(execution)``: how many steps a writer alone makes before its first write;
* ``BAD``: the words that say that something is wrong; ``GROUPS``: those that
  single out executions to be counted apart;
* ``extend(gate, place)``, where there is more: other calls that are steps (those of a
  library in C, say), each announced by ``gate.step``;
* ``SYMMETRIC``: True if role 1 does in all orders what role 0 would do, so that
  it is enough to begin with role 0;

where ``place`` is a dictionary with at least ``base``, a directory of this pair
alone (on a tmpfs, or it is slow), and ``role`` 0 or 1.  Then
``interleaving_measure.measure`` runs its orders.  For a test, whose
``interleaving_run.main`` gets its name, it has besides

* ``REASONS``: names of the ways to run it;
* ``prepare(certbot, base, reason)``: what all its places share, made once;
* ``make_place(template, base, reason, path)``: a place, with ``path`` of a
  changed certbot to import or None;
* ``HARM``: the words of ``BAD`` that a control has to see.

``interleaving_lineage`` is an example.

Runs under Python 2.7 and 3.
"""

import errno
import collections
import marshal
import os
import signal
import socket

import interleaving_writer

LIMIT_SECONDS = 60
STOPPED, BLOCKED, ENDED = "stopped", "blocked", "ended"
# Retries of a lock in turns, without any other step, until it counts as a deadlock.
MOST_RETRIES = 6


class EngineError(Exception):
    """The writers cannot be stepped, so nothing was tested; one sentence."""


class Segment(collections.namedtuple("Segment", "role steps why")):
    """What one process did in one go: its steps, and why it stopped."""


class Execution(collections.namedtuple(
        "Execution", "order segments codes outputs blocked feasible deadlock")):
    """One order that was run.

    ``segments`` are in the order of time, ``codes`` the two exit codes, ``outputs`` what each
    printed, ``blocked`` how often a lock was refused; ``feasible`` is False if a process had
    ended before it was to be switched away.
    """

    def steps(self, role):
        """All steps of one process."""
        return [step for part in self.segments if part.role == role for step in part.steps]


class Order(collections.namedtuple("Order", "first points")):
    """Who begins (0 or 1), and how many steps are made before each switch."""


class Writers(object):
    """Two writers of one place, ready to be run in any order.

    Use it as a context manager.  ``alone`` has the execution of each writer by itself,
    ``alone_outcomes`` what came of it.
    """

    def __init__(self, pair, place):
        self._pair = pair
        self._place = place
        self._channels = []
        self._pids = []
        self._copies = [None, None]
        self._expressions = b""
        self.alone = []
        self.alone_outcomes = []

    def __enter__(self):
        try:
            for role in (0, 1):
                self._pair.reset(self._place)
                channel, pid = interleaving_writer.become(self._pair, self._place, role)
                channel.settimeout(LIMIT_SECONDS)
                self._channels.append(channel)
                self._pids.append(pid)
                # Its way to the first step is made in a place that nobody has touched.
                self.alone.append(self._run_alone(role))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for pid in self._copies + self._pids:
            if pid is not None:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        for pid in self._pids:
            os.waitpid(pid, 0)
        for channel in self._channels:
            channel.close()
        self._channels, self._pids, self._copies = [], [], [None, None]

    def _run_alone(self, role):
        traces = [None, None]
        self._fork(role)
        why, code = self._resume(role, -1, traces)
        if why != ENDED:
            raise EngineError("Writer {0} alone was refused a lock.".format(role))
        self._channels[role].send(b"C" + self._expressions)
        segment = Segment(role, tuple(traces[role] or ()), ENDED)
        execution = Execution(Order(role, ()), (segment,), (code,), (self._output(role),), 0,
                              True, False)
        self.alone_outcomes.append(self._pair.outcome(self._place, execution))
        return execution

    def run(self, order):
        """Run one order from a fresh place; returns the Execution."""
        self._pair.reset(self._place)
        traces = [None, None]
        counts = [0, 0]
        parts = []
        codes = [None, None]
        for role in (0, 1):
            self._fork(role)

        def resume(role, steps):
            """Let one go on; returns why it stopped."""
            why, number = self._resume(role, steps, traces)
            if why == ENDED:
                codes[role] = number
                number = len(traces[role]) if traces[role] is not None else counts[role]
            parts.append((role, counts[role], number, why))
            counts[role] = number
            return why

        current, feasible = order.first, True
        for steps in order.points:
            if codes[current] is not None or resume(current, steps) == ENDED:
                feasible = False
                break
            current = 1 - current
        deadlock = self._finish(current, codes, parts, resume)
        segments = [Segment(role, tuple(traces[role][start:end]) if traces[role] else (), why)
                    for role, start, end, why in parts]
        return Execution(order, tuple(segments), tuple(codes),
                         tuple(self._output(role) for role in (0, 1)),
                         sum(1 for part in segments if part.why == BLOCKED), feasible, deadlock)

    def _finish(self, current, codes, parts, resume):
        retries = 0
        while None in codes:
            if codes[current] is not None:
                current = 1 - current
            why = resume(current, -1)
            idle = why == BLOCKED and parts[-1][2] - parts[-1][1] <= 1
            retries = retries + 1 if idle else 0
            if retries > MOST_RETRIES or (why == BLOCKED and codes[1 - current] is not None
                                          and retries > 1):
                self._kill(codes)
                return True
            if why == BLOCKED:
                current = 1 - current
        return False

    def _kill(self, codes):
        for role in (0, 1):
            if codes[role] is None:
                os.kill(self._copies[role], signal.SIGKILL)
                codes[role] = int(self._receive(role)[2:])
                self._copies[role] = None

    def _fork(self, role):
        self._channels[role].send(b"F")
        said = self._receive(role)
        if not said.startswith(b"P "):
            raise EngineError("Writer {0} did not get to its first step: {1}".format(
                role, said.decode("ascii", "replace")))
        self._copies[role] = int(said[2:])

    def _resume(self, role, steps, traces):
        self._channels[role].send("R {0}".format(steps).encode("ascii"))
        while True:
            said = self._receive(role)
            kind = said[:1]
            if kind == b"C":
                self._expressions = said[1:]
            elif kind == b"T":
                if traces is not None:
                    traces[role] = marshal.loads(said[1:])
            elif kind == b"E":
                self._copies[role] = None
                return ENDED, int(said[2:])
            elif kind in (b"S", b"B"):
                return STOPPED if kind == b"S" else BLOCKED, int(said[2:])
            else:
                raise EngineError("Writer {0} said {1!r}.".format(role, said[:200]))

    def _receive(self, role):
        try:
            said = self._channels[role].recv(interleaving_writer.PACKET)
        except socket.timeout:
            raise EngineError("Writer {0} did not answer for {1} s.".format(role, LIMIT_SECONDS))
        except socket.error as error:
            # It ended before it had read all; the error is told once, before what it had said.
            if error.errno != errno.ECONNRESET:
                raise
            said = self._channels[role].recv(interleaving_writer.PACKET)
        if not said:
            raise EngineError("Writer {0} is gone.".format(role))
        return said

    def _output(self, role):
        with open(os.path.join(self._place["base"], "output.{0}".format(role)), "rb") as source:
            return source.read().decode("utf-8", "replace")
