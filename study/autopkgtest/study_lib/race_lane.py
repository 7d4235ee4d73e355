"""One lane of the measurement: a scene, and pairs of renewals in it, one after the other.

A pair is *warm*, from a standing certbot whose surroundings are made cheaper,
or *plain*: two certbots as cron starts them, of which nothing is changed.

Runs under Python 2.7.
"""

import os
import time

import race_keys
import race_pairs
import race_scene
import race_standing
import race_warm
import renewals

NAME = "race.example.org"
# The fields utime, stime, cutime and cstime of /proc/PID/stat, counted after the name.
TIMES = slice(11, 15)
TICKS = float(os.sysconf("SC_CLK_TCK"))


def shortcuts():
    """What is made cheaper around certbot in warm pairs as they are run now, in words."""
    if not race_warm.shortened():
        return []
    return list(race_warm.SHORTCUTS) + [
        race_standing.SHORTCUT, race_standing.LEARNT, race_keys.SHORTCUT]


class Lane(object):
    """A lane as a context manager.

    ``keys`` are handed out to the runs in turn.  Where sleeps are not shortened there is no
    standing certbot, no shortcut is taken, and each run begins at the beginning.
    """

    def __init__(self, base, certbot, keys):
        self.scene = race_scene.RaceScene(base, [NAME], certbot)
        self.standing = None
        self._keys = keys
        self._handed = 0

    def __enter__(self):
        self.scene.__enter__()
        try:
            if race_warm.shortened():
                self.standing = race_standing.Standing(self._command(), _prepare)
                self.scene.reset()
                self.standing.learn(os.path.join(self.scene.base, "learnt"), race_pairs.wanted(
                    self.scene, 0, self._command(), time.time(), race_pairs.Disk("tmpfs")))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.standing is not None:
            self.standing.close()
        self.scene.__exit__()

    def alone(self, disk):
        """One renewal in a fresh scene, as race_pairs.run has it; SceneError if it goes wrong."""
        self.scene.reset()
        run, = race_pairs.run(self.scene, [self._command()], [0], disk, standing=self.standing,
                              keys=self._next_keys(1))
        if run["code"] != 0 or run["output"] or run["window"] is None:
            raise renewals.SceneError(
                "One renewal alone already goes wrong: exit {0}, {1}".format(
                    run["code"], run["output"].strip()[-300:] or "nothing written"))
        return run

    def pair(self, disk, kind, offset):
        """A warm pair in a fresh scene, "free" or "aimed"; its row."""
        begun = time.time()
        self.scene.reset()
        gate = None
        if kind == "aimed":
            gate = race_pairs.Gate(os.path.join(self.scene.base, "gate"), offset)
            gate.clear()
        runs = race_pairs.run(
            self.scene, [self._command()] * 2, [0, 0 if gate else offset], disk, gate,
            standing=self.standing, keys=self._next_keys(2))
        row = race_pairs.judge(self.scene, NAME, runs)
        row["begun"] = begun
        if row["outcome"] == "fine":
            del row["said"], row["findings"], row["codes"]
        return row

    def plain(self, number):
        """So many plain certbots at once, in a fresh scene; how long the last one took.

        SceneError if one alone goes wrong.
        """
        self.scene.reset()
        command = self.scene.certbot + self._command()
        results = renewals.run_together(
            [command] * number, race_pairs.LIMIT_SECONDS, renewals.environment())
        if number == 1 and results[0].returncode != 0:
            raise renewals.SceneError("One plain renewal goes wrong: {0}".format(
                results[0].stderr.strip()[-500:]))
        return max(result.seconds for result in results)

    def used(self):
        """The processor time of this process, the servers, and all certbots until now."""
        pids = [os.getpid()] + self.scene.pids()
        if self.standing is not None:
            pids.append(self.standing.pid)
        return sum(sum(_times(pid)) for pid in pids)

    def _command(self):
        return ["-q", "renew"] + self.scene.directories()

    def _next_keys(self, number):
        if self.standing is None or not self._keys:
            return None
        self._handed += number
        return [self._keys[(self._handed - one) % len(self._keys)] for one in range(number)]


def _prepare(one):
    """As of race_pairs, and hand out the key."""
    finish = race_pairs.prepare(one)
    if one.get("key"):
        race_keys.hand_out(one["key"])
    return finish


def _times(pid):
    """The seconds of a process and of its ended children, for users and for the system."""
    with open("/proc/{0}/stat".format(pid)) as source:
        return [int(field) / TICKS for field in source.read().rpartition(")")[2].split()[TIMES]]
