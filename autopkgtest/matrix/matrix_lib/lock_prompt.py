"""A question that is left open on a terminal: nobody waits for the answer.

Runs under Python 2.7 and 3.
"""

import errno
import os
import pty
import re
import select
import time

import lock_check
import lock_place
import renewals

NAME = "lock-prompt"
QUESTION = re.compile(r"Select the appropriate number \[1-2\]|\(press 'c' to cancel\): ?\Z")
REPLACE = "2"


class Terminal(object):
    """A certbot on a terminal of its own, as a person would run it."""

    def __init__(self, place, command):
        self.text = ""
        master, slave = pty.openpty()
        self._master = master

        def attach():
            """Run in the child: the terminal becomes all three standard files."""
            for number in (0, 1, 2):
                os.dup2(slave, number)
            os.close(master)

        self.running = place.start(command, preexec=attach)
        os.close(slave)

    def read_until(self, wanted, limit_seconds):
        """Read until the text matches, the process ends or the limit is reached: matched?"""
        deadline = time.time() + limit_seconds
        while not (wanted and wanted.search(self.text)):
            if time.time() > deadline:
                return False
            if not select.select([self._master], [], [], 0.1)[0]:
                if not self.running.alive():
                    return False
                continue
            try:
                data = os.read(self._master, 4096)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return False  # nobody has the terminal open any more
            if not data:
                return False
            self.text += data.decode("utf-8", "replace")
        return True

    def answer(self, text):
        """Type an answer and the return key."""
        os.write(self._master, (text + "\n").encode("ascii"))

    def finish(self, limit_seconds):
        """Read to the end and return the renewals.Result, the terminal's text as its stdout."""
        self.read_until(None, limit_seconds)
        result = self.running.wait(5)
        os.close(self._master)
        return result._replace(stdout=self.text)


def _ask(place, *words):
    """Renew, so that nothing is due, then ask for the same certificate: certbot has a question."""
    place.nothing_due()
    terminal = Terminal(place, place.command(
        "certonly", "--webroot", "-w", place.webroot, "-d", renewals.NAME,
        "--server", place.scene.ca.url("/directory"), "--preferred-challenges", "http",
        "--http-01-port", str(place.scene.ca.http_01_port), *words))
    if not terminal.read_until(QUESTION, place.limit):
        raise lock_place.PlaceError("certbot asked nothing: {0}".format(terminal.text[-500:]))
    return terminal


def _open_question(place):
    """While the question is open the timer's renewal goes on, silently, and with the lock."""
    terminal = _ask(place)
    found = lock_place.renewed(place, place.run(place.renewal("--force-renewal")), (1, 2, 3))
    if not terminal.running.alive():
        raise lock_place.PlaceError("The question was no longer open: that proves nothing.")
    return found


def _answer(place):
    """Nothing has changed meanwhile: the answer is carried out, under the lock again."""
    report = os.path.join(place.spare("hook"), "report")
    terminal = _ask(place, "--pre-hook", place.probe_hook(report))
    found = lock_place.ended_well(place.run(place.renewal()))
    terminal.answer(REPLACE)
    result = terminal.finish(place.limit)
    if result.returncode != 0 or place.versions() != [1, 2, 3]:
        found.append(lock_check.Finding(
            "refused", "The answer was not carried out ({0}): {1}".format(
                result.returncode, result.stdout[-500:])))
    elif os.path.exists(report):
        found.extend(lock_place.held_findings(place, report))
    else:
        raise lock_place.PlaceError("The hook did not run.")
    return found + _whole(place)


def _waits_aloud(place):
    """An interactive certbot says at once for whom it waits."""
    holder = place.hold(place.config)
    terminal = Terminal(place, place.command("renew"))
    said = terminal.read_until(re.compile(r"Waiting for the lock on \S+, held by process\s+{0}\.".format(holder.pid)), 30)
    holder.kill()
    result = terminal.finish(place.limit)
    if not said or result.returncode != 0:
        return [lock_check.Finding("unsaid", "certbot ended with {0} and said: {1}".format(
            result.returncode, result.stdout[-500:]))]
    return _whole(place)


def _whole(place):
    found = [lock_check.Finding("lineage", wrong.sentence)
             for wrong in renewals.check_lineage(place.config, renewals.NAME)]
    following = place.run(place.renewal())
    return found + lock_place.ended_well(following)


CHECKS = (
    lock_check.Check("open-question", lock_check.on_naive("blocked"), _open_question),
    lock_check.Check("answer-retakes-lock", lock_check.mutated(
        "after the question nothing is locked again",
        "for level, message in _take():", "for level, message in []:", "not-held"), _answer),
    lock_check.Check("waits-aloud", lock_check.on_naive("unsaid"), _waits_aloud),
)
