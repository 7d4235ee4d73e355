"""Runs all orders of a pair of writers in several processes, and counts what came of them.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import collections
import marshal
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback

import interleaving_engine
import interleaving_orders

# Parts of the orders that a process takes one after the other, for each process.
PARTS = 8
# Beyond so many switches asked for at random, a process runs to its end.
MOST_RANDOM_SWITCHES = 600
# A process had to wait for a lock.
BLOCKED = interleaving_engine.BLOCKED
INFEASIBLE = "infeasible"


class Plan(collections.namedtuple("Plan", "switches sample checked random chances seed jobs")):
    """What to run.

    ``switches``: every order with up to so many; ``sample``: how many with one more, chosen at
    random; ``checked``: how many of those known without a run are run nevertheless; ``random``:
    how many with a switch after each step with each probability of ``chances``; ``seed`` of all
    choices; ``jobs`` processes at once.
    """


def measure(pair, make_place, base, plan):
    """Run the plan; returns a dictionary for JSON.

    Parameters:
        pair: as in interleaving_engine.
        make_place: gets an empty directory, returns a place in it.
        base: an existing directory, best on a tmpfs.

    Raises interleaving_engine.EngineError where nothing could be measured.
    """
    started = time.time()
    used = _used()
    explorers, alone = _explore(pair, make_place, base, plan)
    result = {"alone": alone, "seed": plan.seed, "jobs": plan.jobs, "switches": []}
    for switches in range(plan.switches + 1):
        counts = Counts(pair)
        for explorer in explorers:
            for points, many in explorer.orders(switches):
                counts.add(explorer.outcome(points), many)
            counts.infeasible += explorer.infeasible(switches)
        result["switches"].append(dict(counts.data(), switches=switches, how="every order"))
    result["runs"] = sum(explorer.runs for explorer in explorers)
    extra = _extra(explorers, alone, plan)
    infeasible = sum(1 for one in extra if one[0] == INFEASIBLE)
    extra = [one for one in extra if one[0] != INFEASIBLE]
    done = _in_parallel(plan.jobs, base, pair, make_place, _run_given,
                        [extra[number::plan.jobs] for number in range(plan.jobs)])
    _count_extra(pair, result, [one for part in done for one in part], infeasible)
    result["runs"] += len(extra)
    result["seconds"] = round(time.time() - started, 1)
    result["processor_seconds"] = round(_used() - used, 1)
    result["runs_per_second"] = round(result["runs"] / result["seconds"], 1)
    result["runs_per_processor_second"] = round(
        result["runs"] / max(result["processor_seconds"], 0.1), 1)
    return result


class Counts(object):
    """How many orders had which outcome."""

    def __init__(self, pair):
        self._bad = pair.BAD
        self._groups = pair.GROUPS
        self._outcomes = collections.Counter()
        self.infeasible = 0

    def add(self, outcome, many=1):
        """Count an order, or several with the same outcome."""
        self._outcomes[tuple(outcome)] += many

    def data(self):
        """All counts: orders that were run or are known, and of groups of them."""
        result = self._count(lambda _: True)
        result.update(infeasible=self.infeasible)
        result["of"] = dict((group, self._count(lambda words, one=group: one in words))
                            for group in self._groups)
        return result

    def _count(self, wanted):
        chosen = [(words, many) for words, many in self._outcomes.items() if wanted(words)]
        result = dict((word, sum(many for words, many in chosen if word in words))
                      for word in self._bad + (BLOCKED,))
        result["orders"] = sum(many for _, many in chosen)
        result["bad"] = sum(many for words, many in chosen if set(words).intersection(self._bad))
        return result


def _explore(pair, make_place, base, plan):
    firsts = (0,) if pair.SYMMETRIC else (0, 1)
    tasks = [(first, part, plan.jobs * PARTS, plan.switches)
             for first in firsts for part in range(plan.jobs * PARTS)]
    done = _in_parallel(plan.jobs, base, pair, make_place, _run_parts,
                        [tasks[number::plan.jobs] for number in range(plan.jobs)])
    alone = done[0][0]
    explorers = [interleaving_orders.Explorer(
        None, alone["steps"], plan.switches, first, pair.SYMMETRIC)
                 for first in firsts]
    for _, found in done:
        for first, one in found:
            explorers[firsts.index(first)].take(one)
    for explorer in explorers:
        # Each process begins with the one order without a switch.
        explorer.runs = explorer.distinct()
    return explorers, alone


def _run_parts(pair, writers, place, tasks):
    alone = [len(one.steps(one.order.first)) for one in writers.alone]
    firsts = collections.OrderedDict()
    for first, part, parts, switches in tasks:
        if first not in firsts:
            firsts[first] = interleaving_orders.Explorer(
                lambda order: _run_one(pair, writers, place, order), alone, switches, first,
                pair.SYMMETRIC)
        firsts[first].explore(part, parts)
    return ({"steps": alone, "lead": [pair.lead(one) for one in writers.alone],
             "outcomes": writers.alone_outcomes},
            [(first, explorer.found()) for first, explorer in firsts.items()])


def _run_given(pair, writers, place, orders):
    return [(kind, points, expected,
             _run_one(pair, writers, place, interleaving_engine.Order(first, points))[1])
            for kind, first, points, expected in orders]


def _run_one(pair, writers, place, order):
    execution = writers.run(order)
    words = pair.outcome(place, execution)
    return execution, words + (BLOCKED,) if execution.blocked else words


def _extra(explorers, alone, plan):
    """Orders to run besides, as (kind, first, points, what is expected or None)."""
    chooser = random.Random(plan.seed)
    found = []
    for explorer in explorers:
        left_out = [points for switches in range(1, plan.switches + 1)
                    for points, _ in explorer.orders(switches) if explorer.left_out(points)]
        for points in chooser.sample(left_out, min(len(left_out), plan.checked)):
            found.append(("checked", explorer.first, points, explorer.outcome(points)))
        found.extend(_sample(explorer, plan, chooser))
    for chance in plan.chances:
        for _ in range(plan.random):
            first = chooser.randrange(2)
            points = [alone["lead"][first], alone["lead"][1 - first]]
            while len(points) < MOST_RANDOM_SWITCHES:
                length = 1
                while chooser.random() >= chance:
                    length += 1
                points.append(length)
            found.append(("random {0}".format(chance), first,
                          tuple(number for number in points if number), None))
    return found


def _sample(explorer, plan, chooser):
    """Orders with one switch more than all were run with, each as likely as the others."""
    prefixes = [(points, many, explorer.known(points))
                for points, many in explorer.orders(plan.switches)]
    ends, total = [], 0
    for _, many, known in prefixes:
        total += many * max(0, known.asked)
        ends.append(total)
    found = []
    for number in chooser.sample(_range(total), min(total, plan.sample)):
        place = _index(ends, number)
        points, _, known = prefixes[place]
        length = (ends[place] - number - 1) % known.asked + 1
        if length >= known.made and known.why == interleaving_engine.ENDED:
            found.append((INFEASIBLE, explorer.first, (), None))
        else:
            found.append(("sample", explorer.first, points + (length,), None))
    return found


def _count_extra(pair, result, done, infeasible):
    kinds = collections.OrderedDict()
    for kind, points, expected, outcome in done:
        counts = kinds.setdefault(kind, Counts(pair))
        if kind == "checked" and tuple(expected) != tuple(outcome):
            result.setdefault("wrongly_known", []).append([points, expected, outcome])
        counts.add(outcome)
    result["checked"] = 0
    result["random"] = []
    for kind, counts in sorted(kinds.items()):
        data = counts.data()
        if kind == "checked":
            result["checked"] = data["orders"]
        elif kind == "sample":
            result["switches"].append(dict(
                data, switches=len(result["switches"]), how="a sample", infeasible=infeasible))
        else:
            result["random"].append(dict(data, chance=float(kind.split()[1])))


def _in_parallel(jobs, base, pair, make_place, work, tasks):
    """Do each list of tasks in a process with writers of its own; returns their results."""
    sys.stdout.flush()
    processes = []
    for number in range(jobs):
        directory = tempfile.mkdtemp(prefix="place.", dir=base)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                place = make_place(directory)
                with interleaving_engine.Writers(pair, place) as writers:
                    data = marshal.dumps(_plain(work(pair, writers, place, tasks[number])), 2)
                with open(directory + ".result", "wb") as target:
                    target.write(data)
                status = 0
            except BaseException as error:  # pylint: disable=broad-except
                if not isinstance(error, interleaving_engine.EngineError):
                    traceback.print_exc()
                with open(directory + ".error", "w") as target:
                    target.write(str(error))
            finally:
                os._exit(status)
        processes.append((pid, directory))
    ends = [os.waitpid(pid, 0)[1] for pid, _ in processes]
    results = []
    for end, (_, directory) in zip(ends, processes):
        shutil.rmtree(directory, ignore_errors=True)
        if end:
            reason = "a process ended with {0}".format(end)
            if os.path.exists(directory + ".error"):
                with open(directory + ".error") as source:
                    reason = source.read()
            raise interleaving_engine.EngineError(reason)
        with open(directory + ".result", "rb") as source:
            results.append(marshal.loads(source.read()))
    return results


def _plain(value):
    """Named tuples as tuples, which marshal can write."""
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return dict((_plain(key), _plain(one)) for key, one in value.items())
    return value


def _used():
    return sum(sum(resource.getrusage(who)[:2])
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _range(total):
    try:
        return xrange(total)
    except NameError:
        return range(total)


def _index(ends, number):
    """The first place whose end is beyond a number."""
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if ends[middle] > number:
            high = middle
        else:
            low = middle + 1
    return low
