"""From operations to reads and writes: who wrote what was read. Knows operations, and no level.

Every judge of weak levels asks first where a value came from. That has an answer when each value is written once per
key; a value that was written twice, and read, has none, and the read is set aside with a reason for UNKNOWN.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from actors.verification.histories.history import Key, Operation, Outcome, identity, show
from core_ext.causal import Causality

MEMORY_BYTES = 1 << 30  # of the clocks of one history
INITIAL = -1

Value = tuple[Key, Any]


class Unit(NamedTuple):
    """One operation or transaction, as reads and writes.

    Attributes:
        operation: whose they are; its outcome says whether it happened for sure.
        reads: key and value of each read from outside: not what a transaction reads of its own writes. Of a unit whose
            outcome is unknown: what it read if it happened at all.
        writes: key and value of the last write of each key.
        hidden: writes of a transaction that it overwrote itself, which nobody else may see.
    """

    operation: Operation
    reads: Sequence[Value]
    writes: Sequence[Value]
    hidden: Sequence[Value] = ()


class Stray(NamedTuple):
    """A read of a value that no committed write left behind.

    Attributes:
        operation: the reader.
        writer: a failed operation that tried to write it, or the transaction that overwrote it itself; None: nobody.
        text: what is wrong, in a sentence.
    """

    operation: Operation
    writer: Operation | None
    key: Key
    value: Any
    text: str


class Accesses:
    """A history as nodes, session by session, with every read traced to its write.

    A unit of unknown outcome takes part when somebody read from it; otherwise it may as well never have happened. The
    same goes for failed ones, of which nobody may read.

    Args:
        units: in the order of their invocations.
        initial: what a key holds that was never written.
        apart: whether every unit is a session of its own, so that no session order counts.

    Attributes:
        operations: by node.
        strays: reads that come from nowhere.
        ambiguous: why some reads were set aside, in a sentence; empty when none was.
    """

    def __init__(self, units: Iterable[Unit], initial: Any, apart: bool = False) -> None:
        self.initial = identity(initial)
        self.strays: list[Stray] = []
        self.ambiguous = ""
        self.operations: list[Operation] = []
        self._keys: dict[Key, int] = {}
        self._last: dict[tuple[int, int], list[int]] | None = None  # per session and key who writes it, when asked
        units = list(units)
        writers, twice = self._writers(units)
        traced = self._trace(units, writers, twice)
        self._number(units, traced, apart)

    def _writers(self, units: list[Unit]) -> tuple[dict[tuple[Key, Hashable], int], dict[tuple[Key, Hashable], int]]:
        """Who may have written each value, and the values with a second writer."""
        writers: dict[tuple[Key, Hashable], int] = {}
        twice: dict[tuple[Key, Hashable], int] = {}
        for index, unit in enumerate(units):
            if unit.operation.outcome is not Outcome.FAIL:
                for key, value in unit.writes:
                    found = (key, identity(value))
                    if writers.setdefault(found, index) != index:
                        twice.setdefault(found, index)
        return writers, twice

    def _trace(
        self, units: list[Unit], writers: dict[tuple[Key, Hashable], int], twice: dict[tuple[Key, Hashable], int]
    ) -> list[list[tuple[Key, int]] | None]:
        """Per unit that takes part its reads as (key, index of the unit that wrote it); None of the others."""
        traced: list[list[tuple[Key, int]] | None] = [None] * len(units)
        lost: dict[tuple[Key, Hashable], list[tuple[Unit, str]]] | None = None
        todo = [index for index, unit in enumerate(units) if unit.operation.outcome is Outcome.OK]
        todo.reverse()
        while todo:
            index = todo.pop()
            if traced[index] is not None:
                continue
            unit = units[index]
            sources: list[tuple[Key, int]] = []
            traced[index] = sources
            for key, value in unit.reads:
                wanted = (key, identity(value))
                source = writers.get(wanted, INITIAL)
                if wanted[1] == self.initial:
                    if source == INITIAL:
                        sources.append((key, INITIAL))
                    else:
                        self._doubt(unit, key, value, "is also what the key held at first", units[source])
                elif wanted in twice:
                    other = f"was also written by {units[twice[wanted]].operation.describe()}"
                    self._doubt(unit, key, value, other, units[source])
                elif source == INITIAL:
                    lost = _lost(units) if lost is None else lost
                    self.strays.append(_stray(unit, key, value, lost.get(wanted, [])))
                else:
                    sources.append((key, source))
                    if traced[source] is None:
                        todo.append(source)
        return traced

    def _doubt(self, unit: Unit, key: Key, value: Any, why: str, writer: Unit) -> None:
        if not self.ambiguous:
            name = "" if key is None else f" of {show(key)}"
            self.ambiguous = (
                f"where a read came from is not known: {unit.operation.describe()} read {show(value)}{name}, which "
                f"{writer.operation.describe()} wrote, and which {why}; write each value once per key"
            )

    def _number(self, units: list[Unit], traced: list[list[tuple[Key, int]] | None], apart: bool) -> None:
        sessions: dict[Any, list[int]] = {}
        for index, sources in enumerate(traced):
            if sources is not None:
                sessions.setdefault(index if apart else units[index].operation.process, []).append(index)
        node_of = [INITIAL] * (len(units) + 1)  # the last one stands for the initial writer, index -1
        self.starts = [0]
        order: list[int] = []
        for members in sessions.values():
            order += members
            self.starts.append(len(order))
        for node, index in enumerate(order):
            node_of[index] = node
        self.read_starts, self.write_starts = [0], [0]
        self.reads: list[int] = []
        self.sources: list[int] = []
        self.writes: list[int] = []
        keys = self._keys
        for index in order:
            unit = units[index]
            self.operations.append(unit.operation)
            for key, source in traced[index] or ():
                self.reads.append(keys.setdefault(key, len(keys)))
                self.sources.append(node_of[source])
            for key, _ in unit.writes:
                self.writes.append(keys.setdefault(key, len(keys)))
            self.read_starts.append(len(self.reads))
            self.write_starts.append(len(self.writes))
        self.keys: list[Key] = list(keys)

    def causality(self) -> Causality:
        """The native judge of this history's causal order.

        Raises:
            CausalLimit: too many operations in too many sessions.
        """
        return Causality(
            self.starts, self.read_starts, self.reads, self.sources, self.write_starts, self.writes, len(self.keys),
            MEMORY_BYTES,
        )

    def reads_of(self, node: int) -> list[tuple[int, int]]:
        """Key number and source of each read of a node."""
        first, last = self.read_starts[node], self.read_starts[node + 1]
        return list(zip(self.reads[first:last], self.sources[first:last], strict=True))

    def last_in_session(self, node: int, key: int) -> int:
        """The last node before this one in its session that writes a key, or INITIAL."""
        if self._last is None:
            self._last = {}
            for session, first in enumerate(self.starts[:-1]):
                for writer in range(first, self.starts[session + 1]):
                    for written in self.writes_of(writer):
                        self._last.setdefault((session, written), []).append(writer)
        mine = self._last.get((bisect_right(self.starts, node) - 1, key), [])
        at = bisect_left(mine, node)
        return mine[at - 1] if at else INITIAL

    def writes_of(self, node: int) -> list[int]:
        """The key numbers that a node writes."""
        return self.writes[self.write_starts[node] : self.write_starts[node + 1]]


def _lost(units: list[Unit]) -> dict[tuple[Key, Hashable], list[tuple[Unit, str]]]:
    """Values that were written so that nobody may read them, by whom, and why."""
    found: dict[tuple[Key, Hashable], list[tuple[Unit, str]]] = {}
    for unit in units:
        failed = unit.operation.outcome is Outcome.FAIL
        for key, value in (*unit.writes, *unit.hidden) if failed else unit.hidden:
            found.setdefault((key, identity(value)), []).append((unit, "failed" if failed else "overwrote it itself"))
    return found


def _stray(unit: Unit, key: Key, value: Any, writers: list[tuple[Unit, str]]) -> Stray:
    name = "" if key is None else f" of {show(key)}"
    text = f"{unit.operation.describe()} read {show(value)}{name}, "
    if not writers:
        return Stray(unit.operation, None, key, value, text + "which nobody ever wrote")
    writer, why = writers[0]
    other = writer.operation.describe()
    text += f"which only {other} wrote, and {why}" if why == "failed" else f"which {other} wrote, and {why}"
    return Stray(unit.operation, writer.operation, key, value, text)
