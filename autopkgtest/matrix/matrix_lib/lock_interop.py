"""This certbot and certbot 0.14.2 exclude each other, whoever comes first.

0.14.2 is where ``newer_certbot`` finds it.  Without it nothing can be tested:
the outcome is broken.

The first certbot registers with a server on loopback that takes the connection
and says nothing: as long as that lasts, it is at work and holds its locks.
The second one meets it for certain; then the connection is closed.

Runs under Python 2.7 and 3.
"""

import socket

import lock_check
import lock_place
import lock_probe
import newer_certbot

NAME = "lock-interop"
ROUNDS = 50
# Which directories both use in a round, the one that is watched first; otherwise the second has
# its own.
SHARED = (("config", "work", "logs"), ("logs",), ("config",), ("work",))


def add_options(parser):
    """The options of this test."""
    parser.add_argument("--rounds", type=int, default=ROUNDS,
                        help="how many rounds, half of them each way (default {0})".format(ROUNDS))


def _this_first(place):
    newer = newer_certbot.command()
    place.nothing_due()
    return _rounds(place, lambda number: _meet(place, newer, number, newer_is_first=False))


def _newer_first(place):
    newer = newer_certbot.command()
    # 0.10.2 warns of what 0.14.2 has renewed, lock or no lock: here that one finds nothing due.
    place.nothing_due()
    return _rounds(place, lambda number: _meet(place, newer, number, newer_is_first=True))


def _rounds(place, once):
    place.details["rounds"] = 0
    found = []
    for number in range(max(1, place.options.rounds // 2)):
        place.close()
        found.extend(lock_check.Finding(one.kind, "Round {0}: {1}".format(number, one.sentence))
                     for one in once(number))
        place.details["rounds"] += 1
        if found and place.control:
            break
    return found


class Silent(object):
    """A server that takes one connection and says nothing until it is closed."""

    def __init__(self):
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(1)
        self._connection = None
        self.directory = "http://127.0.0.1:{0}/directory".format(
            self._listening.getsockname()[1])

    def await_client(self, running, limit_seconds):
        """Wait until a process has connected; returns whether it has."""
        self._listening.settimeout(0.05)

        def connected():
            """Whether somebody is there."""
            try:
                self._connection = self._listening.accept()[0]
            except socket.timeout:
                return not running.alive()
            return True

        lock_place.wait_until(connected, limit_seconds)
        return self._connection is not None

    def close(self):
        """Hang up."""
        for one in (self._connection, self._listening):
            if one is not None:
                one.close()


def _command(place, certbot, *words, **directories):
    place.certbot, own = certbot, place.certbot
    try:
        return place.command(*words, **directories)
    finally:
        place.certbot = own


def _meet(place, newer, number, newer_is_first):
    """Let the first hold its locks, start the second; returns findings."""
    shared = SHARED[number % len(SHARED)]
    directories = dict((name, getattr(place, name) if name in shared else place.spare(name))
                       for name in SHARED[0])
    path = place.lock_file(getattr(place, shared[0]))
    certbots = [place.certbot, newer]
    if newer_is_first:
        certbots.reverse()
    server = Silent()
    try:
        first = place.start(_command(
            place, certbots[0], "-q", "register", "-n", "--agree-tos", "-m", "a@example.org",
            "--server", server.directory))
        if not server.await_client(first, place.limit):
            raise lock_place.PlaceError("The first certbot did not come to work: {0}".format(
                lock_place.said(first.wait(place.limit))))
        found = []
        if first.pid not in lock_probe.lockers_of(path):
            found.append(lock_check.Finding(
                "no-lock", "The first certbot is at work and does not hold {0}.".format(path)))
        second = place.start(_command(place, certbots[1], "-q", "renew", **directories))
        judge = _waits if newer_is_first else _refuses
        return found + judge(place, first, second, server, path)
    finally:
        server.close()


def _refuses(place, first, second, server, path):
    """Certbot 0.14.2 comes second: it ends at once and says why."""
    result = second.wait(place.limit)
    server.close()
    found = []
    if result.returncode != 1 or newer_certbot.REFUSES not in result.stdout + result.stderr:
        found.append(lock_check.Finding("not-excluded", (
            "Certbot 0.14.2 ended with {0} while this one worked on {1}, and said: {2}").format(
                result.returncode, path, lock_place.said(result))))
    if first.wait(place.limit).timed_out:
        found.append(lock_check.Finding("blocked", "The first certbot did not end."))
    return found


def _waits(place, first, second, server, path):
    """This certbot comes second: it waits until 0.14.2 has ended, then goes on, silently."""
    lock_place.wait_until(
        lambda: not second.alive() or lock_probe.waits(second.pid), place.limit)
    waited = second.alive() and first.alive() and lock_probe.waits(second.pid)
    server.close()
    if first.wait(place.limit).timed_out:
        return [lock_check.Finding("blocked", "The first certbot did not end.")]
    result = second.wait(place.limit)
    found = lock_place.renewed(place, result)
    if not waited:
        found.append(lock_check.Finding("not-waited", (
            "This certbot went on while 0.14.2 worked on {0}, ended with {1} and said: {2}"
        ).format(path, result.returncode, lock_place.said(result))))
    return found


CHECKS = (
    lock_check.Check("this-first", lock_check.on_naive("not-excluded"), _this_first),
    lock_check.Check("newer-first", lock_check.on_naive("not-waited"), _newer_first),
)
