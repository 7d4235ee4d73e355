"""A writer that can be run again and again from its first step, one order after another.

The process runs the writer until its first call on a watched path and stays
there.  From then on it makes, for each order, a copy of itself (fork), and the
copy goes on with the calls that it is told to make.  All before the first step
(imports, options, plugins) is done once.

Messages are packets on a socket.  To the writer: ``F`` make a copy, ``R n``
make n steps (-1: all), ``C`` compile these regular expressions (marshal).  From
it: ``P pid`` of the copy, ``S n`` stopped after n steps in all, ``B n`` refused
a lock, ``C`` the expressions that the copy has compiled, ``T`` its steps,
``E status`` the copy has ended, ``X text`` the writer ended without a step.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import atexit
import gc
import marshal
import os
import re
import socket
import sys
import weakref

import interleaving_gate

PACKET = 1 << 20


class Stepped(object):
    """The writer's side of the socket: what the gate asks, and the copies.

    Parameters:
        channel: the connected socket.
        output: the path of the file that gets what a copy prints.
    """

    def __init__(self, channel, output):
        self._channel = channel
        self._output = output
        self._copy = False
        self._left = 0
        self._compiled = False
        self.gate = None

    def ask(self):
        """Called before each step: returns when the step may be made."""
        if not self._copy:
            self._serve()
        if self._left == 0:
            # The first order comes unasked.
            if self.gate.steps:
                self._send("S {0}".format(len(self.gate.steps)))
            self._await()
        self._left -= 1

    def blocked(self):
        """Called when a lock was refused: returns when it may be tried again."""
        self._send("B {0}".format(len(self.gate.steps)))
        self._await()

    def end(self, code):
        """End the copy; without a step ever made, the writer itself."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (IOError, OSError, ValueError):
                pass
        if not self._copy:
            self._send("X it ended with {0}".format(code))
            os._exit(2)
        if not self._compiled:
            self._channel.send(b"C" + marshal.dumps(expressions(), 2))
        self._channel.send(b"T" + marshal.dumps(self.gate.steps, 2))
        os._exit(code)

    def fail(self, error):
        """Say why there are no steps; of a copy, the engine learns it by its end."""
        try:
            if not self._copy:
                # What is unread when a socket is closed takes the answer with it.
                self._channel.recv(PACKET)
            self._send("X {0!r}".format(error)[:PACKET // 2])
        except (EnvironmentError, UnicodeError):
            pass

    def _send(self, text):
        self._channel.send(text.encode("ascii"))

    def _await(self):
        message = self._channel.recv(PACKET)
        if not message.startswith(b"R "):
            os._exit(3)
        self._left = int(message[2:])

    def _serve(self):
        gc.collect()
        gc.disable()
        while True:
            message = self._channel.recv(PACKET)
            if message[:1] == b"C":
                # Compiled once here, they are not compiled again in each copy.
                self._compiled = True
                for pattern, flags in marshal.loads(message[1:]):
                    re.compile(pattern, flags)
                continue
            if message != b"F":
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                self._copy = True
                self.redirect()
                return
            self._send("P {0}".format(pid))
            _, status = os.waitpid(pid, 0)
            self._send("E {0}".format(
                os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)))

    def redirect(self):
        """Let what is printed go to the file of this writer, which is emptied."""
        opened = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(opened, 1)
        os.dup2(opened, 2)
        os.close(opened)


def become(pair, place, role):
    """Start a writer in a process of its own.

    Parameters:
        pair: has ``watched(place)``, ``warm_up(place, role)`` and ``write(place, role)``.
        place: where it works, as data.
        role: 0 or 1.

    Returns the socket and the process id.
    """
    # Else the copies print what is still in these buffers.
    sys.stdout.flush()
    sys.stderr.flush()
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (mine, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET)
    pid = os.fork()
    if pid:
        its.close()
        return mine, pid
    stepped = Stepped(its, os.path.join(place["base"], "output.{0}".format(role)))
    try:
        mine.close()
        os.setsid()
        leave_to_the_caller()
        # Whatever the caller made of them: what is printed belongs to the descriptors.
        stepped.redirect()
        sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
        pair.warm_up(place, role)
        gate = interleaving_gate.Gate(pair.watched(place), stepped.ask, stepped.blocked)
        stepped.gate = gate
        gate.install()
        if hasattr(pair, "extend"):
            pair.extend(gate, place)
        stepped.end(outcome(lambda: pair.write(place, role)))
    except BaseException as error:  # pylint: disable=broad-except
        stepped.fail(error)
    finally:
        os._exit(2)


def leave_to_the_caller():
    """What the caller removes when it ends (its scratch folders) is not this copy's to remove."""
    if hasattr(weakref, "finalize"):
        for finalizer in list(weakref.finalize._registry):  # pylint: disable=protected-access
            finalizer.atexit = False


def expressions():
    """The regular expressions that this process has compiled, as (pattern, flags)."""
    found = []
    for key in re._cache:  # pylint: disable=protected-access
        pattern, flags = key[-2:]
        if isinstance(pattern, (type(u""), type(b""))) and isinstance(flags, int):
            found.append((pattern, int(flags)))
    return found


def outcome(program):
    """Run a program as the interpreter would, to its exit code.

    Exceptions go to ``sys.excepthook``, the functions of ``atexit`` are run.
    """
    try:
        sys.exit(program())
    except SystemExit as error:
        code = _code(error)
    except BaseException:  # pylint: disable=broad-except
        try:
            sys.excepthook(*sys.exc_info())
            code = 1
        except SystemExit as error:
            code = _code(error)
    try:
        atexit._run_exitfuncs()  # pylint: disable=protected-access
    except SystemExit as error:
        code = _code(error)
    except BaseException as error:  # pylint: disable=broad-except
        print(repr(error), file=sys.stderr)
    return code


def _code(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 255
    print(error.code, file=sys.stderr)
    return 1
