"""All orders of two writers up to a number of switches, each run or known from one that was.

An order is asked for by who begins and by the numbers of steps before each
switch; the numbers go up to what that writer has left when it is alone.  It is

* run, or equal to a run: it differs from it only by swaps of neighbouring steps
  of different processes that touch nothing in common which one of them changes;
* blocked: a process has to wait for a lock; the rest of the steps before its
  switch are not made before the other goes on;
* infeasible: a process ends before its last switch, so there is nothing to switch.

Two kinds of orders are known without a run.  *Shifted*: the last step before a
switch has nothing in common with all that the other process does until the
next switch; it can as well be the first one after that.  *Same*: the step that
one more would be made before a switch has nothing in common with all that the
other then does until it ends or has to wait.

Runs under Python 2.7 and 3.
"""

import array
import collections

import interleaving_engine
from interleaving_gate import conflict

SHIFTED = "shifted"


class Known(collections.namedtuple("Known", "outcome asked made why")):
    """A run: the number of its outcome, and of the process that runs last in it before the
    other may be told to go on: how many steps could be asked of it, how many it made in one
    go, and why it stopped."""


class Explorer(object):
    """Runs the orders that begin with one process, and answers for all.

    Parameters:
        run: takes an Order, returns (Execution, outcome as a tuple of words).
        alone: how many steps each process makes alone, by role.
        switches: how many switches at most.
        first: the role that begins.
        symmetric: whether the orders of the other process are the same.
        reduce: leave out what is known without a run.
    """

    def __init__(self, run, alone, switches, first=0, symmetric=True, reduce=True):
        self._run = run
        self._alone = alone
        self._switches = switches
        self.first = first
        self._symmetric = symmetric
        self._reduce = reduce
        self.outcomes = []
        self._known = {}
        self._alias = {}
        self._rows = {}
        self.runs = 0

    def explore(self, part=0, parts=1):
        """Run what has to be run; with several parts, those whose first number is this part's."""
        self._node((), self._execute(()), part, parts)

    def _execute(self, points):
        execution, outcome = self._run(interleaving_engine.Order(self.first, points))
        self.runs += 1
        if outcome not in self.outcomes:
            self.outcomes.append(outcome)
        made, why, asked = 0, interleaving_engine.ENDED, 0
        if execution.feasible and len(execution.segments) > len(points):
            tail = execution.segments[len(points)]
            made, why = len(tail.steps), tail.why
            taken = sum(len(part.steps) for part in execution.segments[:len(points)]
                        if part.role == tail.role)
            asked = max(self._alone[tail.role] - taken, made) - 1
        self._known[points] = Known(self.outcomes.index(outcome), asked, made, why)
        return execution

    def _node(self, points, execution, part=0, parts=1):
        known = self._known[points]
        if len(points) == self._switches or not known.asked:
            return
        level = len(points)
        tail = execution.segments[level].steps
        before = execution.segments[level - 1] if level else None
        movable = self._reduce and before is not None and (
            before.why == interleaving_engine.STOPPED) and before.steps[-1]
        if points == (1,) and not self._symmetric:
            # Without its one step the other process would begin: that is another explorer's.
            movable = None
        answer = None
        for number in range(1, min(known.made, known.asked) + 1):
            child = points + (number,)
            refused = number == known.made and known.why == interleaving_engine.BLOCKED
            if number == known.made and not refused:
                break
            if movable and conflict(movable, tail[number - 1]):
                movable = None
            if not level and (number - 1) * parts // max(known.asked, 1) != part:
                continue
            if movable:
                self._alias[child] = SHIFTED
            elif answer and not refused and not any(
                    conflict(tail[number - 1], step) for step in answer[1]):
                self._alias[child] = answer[0]
            else:
                done = self._execute(child)
                if self._reduce and len(done.segments) > level + 1:
                    answer = number, done.segments[level + 1].steps
                self._node(child, done)

    def take(self, other):
        """Add what another explorer, of other parts, has found (as from ``found``)."""
        outcomes, known, alias, runs = other
        for outcome in outcomes:
            if outcome not in self.outcomes:
                self.outcomes.append(outcome)
        numbers = [self.outcomes.index(outcome) for outcome in outcomes]
        for points, one in known.items():
            self._known[points] = Known(numbers[one[0]], *one[1:])
        self._alias.update(alias)
        self.runs += runs

    def found(self):
        """All that was found, as data."""
        return (self.outcomes, dict((points, tuple(one)) for points, one in self._known.items()),
                self._alias, self.runs)

    def distinct(self):
        """How many orders were run."""
        return len(self._known)

    def left_out(self, points):
        """Whether an order is known without a run."""
        return points not in self._known

    def known(self, points):
        """The Known of any order that was asked for, run or not."""
        source, shorter = self._source(points)
        one = self._known[source]
        if not shorter:
            return one
        return one._replace(asked=one.asked - shorter, made=one.made - shorter)

    def outcome(self, points):
        """What came of an order that was asked for, run or not."""
        row, index = self._rows.setdefault(points[:-1], array.array("H")), points[-1:]
        index = index[0] if index else 0
        if index < len(row) and row[index]:
            return self.outcomes[row[index] - 1]
        number = self._known[self._source(points)[0]].outcome
        row.extend([0] * (index + 1 - len(row)))
        row[index] = number + 1
        return self.outcomes[number]

    def _source(self, points):
        """The order that was run in place of this one, and by how much its last part is longer."""
        shorter = 0
        level = 1
        while level <= len(points):
            alias = self._alias.get(points[:level])
            if alias is None:
                level += 1
                continue
            rest = points[level:]
            if alias == SHIFTED:
                start, before, number = points[:level - 2], points[level - 2], points[level - 1]
                if rest:
                    rest = (rest[0] + 1,) + rest[1:]
                else:
                    shorter += 1
                if before > 1:
                    points = start + (before - 1, number) + rest
                elif start:
                    points = start[:-1] + (start[-1] + number,) + rest
                else:
                    # The other process begins: the same with the roles exchanged.
                    points = (number,) + rest
            else:
                moved = points[level - 1] - alias
                if len(rest) > 1:
                    rest = (rest[0], rest[1] + moved) + rest[2:]
                elif len(rest) == 1:
                    shorter += moved
                points = points[:level - 1] + (alias,) + rest
            level = 1
        return points, shorter

    def orders(self, switches):
        """All orders with so many switches that have an outcome: (points, how many).

        An order that is cut short by a lock stands for all that are cut short there.
        """
        stack = [((), 1)]
        while stack:
            points, many = stack.pop()
            if len(points) == switches:
                yield points, many
                continue
            known = self.known(points)
            for number in range(1, min(known.made, known.asked) + 1):
                if number < known.made:
                    stack.append((points + (number,), many))
                elif known.why == interleaving_engine.BLOCKED:
                    stack.append((points + (number,), many * (known.asked - number + 1)))

    def infeasible(self, switches):
        """How many orders cannot be continued as asked at the last of so many switches."""
        count = 0
        for points, many in self.orders(switches - 1) if switches else ():
            known = self.known(points)
            if known.why == interleaving_engine.ENDED:
                count += many * max(0, known.asked - known.made + 1)
        return count
