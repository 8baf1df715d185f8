"""The dependency graph of list-append transactions, and its cycles by name.

Adya, "Weak consistency: a generalized theory and optimistic implementations for distributed transactions", 1999,
section 3: ww (the next to append to a list), wr (read from), rw (read a list that the other appended to next). A cycle
of ww alone is G0, of ww and wr G1c, with one rw G-single, with several G2. With real time (completed before the other
was invoked) the names end in "-realtime", as Elle has them. Knows lists, and no report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from actors.verification.histories.cycles import VISITS, Arrow, components, rotated, shortest_cycle, shortest_path
from actors.verification.histories.history import show
from actors.verification.histories.report import Edge, Witness
from actors.verification.histories.transactions_lists import Anomaly, Lists

TIME = frozenset({"time"})
MAX_ARROWS = 20_000_000


class TooManyArrows(Exception):
    """The dependencies of a history would need too much memory."""


class Graph:
    """Dependencies between the transactions of a history.

    Args:
        lists: the history, read; its lists are beginnings of one another.

    Raises:
        TooManyArrows: more than MAX_ARROWS.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._count = len(lists.operations)
        self._out: list[list[Arrow]] = [[] for _ in lists.operations]
        self._keys: dict[Arrow, object] = {}
        self._arrows = 0
        for key, order in lists.orders.items():
            writers = [writer for element in order if (writer := lists.writer.get((key, element), -1)) >= 0]
            for before, after in pairwise(writers):
                self._add(before, after, "ww", key)
            for after in lists.unseen.get(key, ()):
                if writers:
                    self._add(writers[-1], after, "ww", key)
        for read in lists.reads:
            order = lists.orders[read.key]
            if read.found:
                self._add(lists.writer.get((read.key, read.found[-1]), -1), read.transaction, "wr", read.key)
            if len(read.found) < len(order):
                following = lists.writer.get((read.key, order[len(read.found)]), -1)
                self._add(read.transaction, following, "rw", read.key)
            else:
                for following in lists.unseen.get(read.key, ()):
                    self._add(read.transaction, following, "rw", read.key)
        self._time: dict[int, list[Arrow]] = {}
        self._nodes = self._count  # and the points in time

    def _add(self, before: int, after: int, kind: str, key: object) -> None:
        if before < 0 or after < 0 or before == after:
            return
        arrow = Arrow(before, after, kind)
        if arrow not in self._keys:
            self._arrows += 1
            if self._arrows > MAX_ARROWS:
                raise TooManyArrows(f"more than {MAX_ARROWS:,} dependencies between transactions")
            self._keys[arrow] = key
            self._out[before].append(arrow)

    def add_real_time(self) -> None:
        """Let what completed come before what was invoked later.

        A chain of points in time, one per completion, stands between: so the arrows stay linear in the history. The
        points are nodes beyond the transactions.
        """
        events: list[tuple[int, bool, int]] = []
        for index, operation in enumerate(self._lists.operations):
            events.append((operation.invoked, False, index))
            if operation.completed is not None:
                events.append((operation.completed, True, index))
        events.sort()
        point = self._count - 1  # the newest point in time, if there is one
        for _, completes, index in events:
            if completes:
                if point >= self._count:
                    self._time.setdefault(point, []).append(Arrow(point, point + 1, "time"))
                point += 1
                self._time.setdefault(index, []).append(Arrow(index, point, "time"))
            elif point >= self._count:
                self._time.setdefault(point, []).append(Arrow(point, index, "time"))
        self._nodes = point + 1

    def _only(self, *kinds: str) -> Callable[[int], Iterable[Arrow]]:
        def arrows(node: int) -> Iterable[Arrow]:
            found = [arrow for arrow in self._out[node] if arrow.kind in kinds] if node < self._count else []
            return found + self._time.get(node, []) if "time" in kinds else found

        return arrows

    def cycle(self) -> Anomaly | None:
        """A cycle of the name that breaks the weakest level, or None."""
        time = ("time",) if self._time else ()
        nodes = range(self._nodes)
        for name, kinds in (("G0", ("ww",)), ("G1c", ("ww", "wr"))):
            cycle = shortest_cycle(nodes, self._only(*kinds, *time), TIME)
            if cycle:
                return self._anomaly(name, cycle)
        inside = components(nodes, lambda node: [arrow.target for arrow in self._only("ww", "wr", "rw", *time)(node)])
        single = self._single(inside, time)
        if single:
            return self._anomaly("G-single", single)
        if inside:
            members = (node for component in inside for node in component)
            cycle = shortest_cycle(members, self._only("ww", "wr", "rw", *time), TIME)
            return self._anomaly("G2" if sum(arrow.kind == "rw" for arrow in cycle) > 1 else "G-single", cycle)
        return None

    def _single(self, inside: list[list[int]], time: tuple[str, ...]) -> list[Arrow]:
        """The shortest cycle with one rw that the budget finds."""
        best = self._overtaken() if time else []
        if best:
            return rotated(best)
        visits = VISITS
        for component in sorted(inside, key=len):
            members = frozenset(component)
            for node in component:
                for arrow in self._only("rw")(node):
                    if arrow.target in members:
                        back, looked = shortest_path(
                            arrow.target, node, self._only("ww", "wr", *time), TIME, members,
                            len(best) - 2 if best else None, visits,
                        )
                        visits -= looked
                        if back:
                            best = [arrow, *back]
                        if visits <= 0 or len(best) == 2:
                            return rotated(best)
        return rotated(best)

    def _overtaken(self) -> list[Arrow]:
        """An rw to a transaction that was complete before the reader was invoked: the usual stale read."""
        operations = self._lists.operations
        for arrows in self._out:
            for arrow in arrows:
                done = operations[arrow.target].completed
                if arrow.kind == "rw" and done is not None and done < operations[arrow.source].invoked:
                    return [arrow, Arrow(arrow.target, arrow.source, "time")]
        return []

    def acyclic(self) -> bool:
        """Whether there is no cycle of any name, by one walk over everything."""
        targets = [[arrow.target for arrow in arrows] for arrows in self._out]
        targets += [[] for _ in range(self._nodes - self._count)]
        for node, arrows in self._time.items():
            targets[node] += [arrow.target for arrow in arrows]
        waiting = [0] * self._nodes
        for following in targets:
            for node in following:
                waiting[node] += 1
        ready = [node for node, count in enumerate(waiting) if count == 0]
        placed = 0
        while ready:
            placed += 1
            for node in targets[ready.pop()]:
                waiting[node] -= 1
                if waiting[node] == 0:
                    ready.append(node)
        return placed == self._nodes

    def _anomaly(self, name: str, cycle: list[Arrow]) -> Anomaly:
        operations = self._lists.operations
        if any(arrow.kind == "time" for arrow in cycle):
            name += "-realtime"
        edges = tuple(Edge(operations[a.source], self._why(a), operations[a.target]) for a in cycle)
        involved = tuple(operations[index] for index in sorted({arrow.source for arrow in cycle}))
        text = f"{name}: each of these transactions must come before the next, and the last before the first."
        return Anomaly(name, Witness(name, text, involved, (), edges))

    def _why(self, arrow: Arrow) -> str:
        key = show(self._keys.get(arrow))
        return {
            "ww": f"ww: the latter appended to {key} after the former",
            "wr": f"wr: the latter read what the former appended to {key}",
            "rw": f"rw: the former read {key} before the latter appended to it",
            "time": "real time: the former completed before the latter was invoked",
        }[arrow.kind]
