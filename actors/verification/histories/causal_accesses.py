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
ASIDE = -2  # the source of a read that is left out
MOST_STRAYS = 100

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
        self._last: dict[tuple[int, int], list[int]] | None = None  # per session and key who writes it, when asked
        self._trace(_Flat(units), apart)

    def _trace(self, flat: _Flat, apart: bool) -> None:
        """Find the source of every read, and with it the units of unknown outcome that take part."""
        takes_part = [operation.outcome is Outcome.OK for operation in flat.operations]
        source_of = [INITIAL] * len(flat.reads)
        todo = [index for index, sure in enumerate(takes_part) if sure]
        for index in todo:  # grows while somebody read from a unit of unknown outcome
            for at in range(flat.read_starts[index], flat.read_starts[index + 1]):
                key, value = flat.reads[at], flat.read_values[at]
                source = flat.writers[key].get(value, INITIAL)
                source_of[at] = source
                if value == self.initial:
                    if source != INITIAL:
                        source_of[at] = self._doubt(flat, index, at, source, "is also what the key held at first")
                elif source == INITIAL:
                    source_of[at] = self._strayed(flat, index, at)
                elif flat.twice and (key, value) in flat.twice:
                    other = flat.operations[flat.twice[key, value]]
                    source_of[at] = self._doubt(flat, index, at, source, f"was also written by {other.describe()}")
                elif not takes_part[source]:
                    takes_part[source] = True
                    todo.append(source)
        self._number(flat, takes_part, source_of, apart)

    def _doubt(self, flat: _Flat, index: int, at: int, source: int, why: str) -> int:
        """Set a read aside, and say why once."""
        if not self.ambiguous:
            key, value = flat.keys[flat.reads[at]], flat.value_read(index, at)
            name = "" if key is None else f" of {show(key)}"
            self.ambiguous = (
                f"where a read came from is not known: {flat.operations[index].describe()} read {show(value)}{name}, "
                f"which {flat.operations[source].describe()} wrote, and which {why}; write each value once per key"
            )
        return ASIDE

    def _strayed(self, flat: _Flat, index: int, at: int) -> int:
        """Set a read aside that has no source, and keep it as the evidence that it is."""
        if len(self.strays) < MOST_STRAYS:
            key = flat.keys[flat.reads[at]]
            writers = flat.lost().get((flat.reads[at], flat.read_values[at]), [])
            self.strays.append(_stray(flat.operations[index], key, flat.value_read(index, at), writers))
        return ASIDE

    def _number(self, flat: _Flat, takes_part: list[bool], source_of: list[int], apart: bool) -> None:
        """Number what takes part, session by session."""
        sessions: dict[Any, list[int]] = {}
        for index, operation in enumerate(flat.operations):
            if takes_part[index]:
                sessions.setdefault(index if apart else operation.process, []).append(index)
        order: list[int] = []
        self.starts = [0]
        for members in sessions.values():
            order += members
            self.starts.append(len(order))
        node_of = [INITIAL] * (len(flat.operations) + 1)  # the last place is that of INITIAL, index -1
        for node, index in enumerate(order):
            node_of[index] = node
        self.operations = [flat.operations[index] for index in order]
        self.keys: list[Key] = flat.keys
        self.read_starts, self.write_starts = [0], [0]
        self.reads: list[int] = []
        self.sources: list[int] = []
        self.writes: list[int] = []
        for index in order:
            for at in range(flat.read_starts[index], flat.read_starts[index + 1]):
                if source_of[at] != ASIDE:
                    self.reads.append(flat.reads[at])
                    self.sources.append(node_of[source_of[at]])
            self.read_starts.append(len(self.reads))
            self.writes += flat.writes[flat.write_starts[index] : flat.write_starts[index + 1]]
            self.write_starts.append(len(self.writes))

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


class _Flat:
    """All units as flat lists of numbers: a hundred thousand small objects would cost more than the judging."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.operations: list[Operation] = []
        self.keys: list[Key] = []
        self.read_starts, self.write_starts = [0], [0]
        self.reads: list[int] = []  # keys by number
        self.read_values: list[Hashable] = []
        self.writes: list[int] = []
        self.writers: list[dict[Hashable, int]] = []  # per key who wrote each value, failed units left out
        self.twice: dict[tuple[int, Hashable], int] = {}  # the second unit that wrote a value
        self._numbers: dict[Key, int] = {}
        self._forbidden: list[Unit] = []  # units with writes that nobody may read
        self._lost: dict[tuple[int, Hashable], list[tuple[Operation, str]]] | None = None
        for unit in units:
            self._add(unit)

    def _number(self, key: Key) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.keys)
            self.keys.append(key)
            self.writers.append({})
        return number

    def _add(self, unit: Unit) -> None:
        operation, reads, writes, hidden = unit
        index = len(self.operations)
        self.operations.append(operation)
        for key, value in reads:
            self.reads.append(self._number(key))
            self.read_values.append(identity(value))
        self.read_starts.append(len(self.reads))
        failed = operation.outcome is Outcome.FAIL
        for key, value in writes:
            number = self._number(key)
            self.writes.append(number)
            if not failed:
                mark = identity(value)
                if self.writers[number].setdefault(mark, index) != index:
                    self.twice.setdefault((number, mark), index)
        self.write_starts.append(len(self.writes))
        if hidden or failed:
            self._forbidden.append(unit)

    def value_read(self, index: int, at: int) -> Any:
        """The value of a read as the history has it."""
        operation = self.operations[index]
        if operation.f != "txn":
            return operation.value[0] if operation.f == "cas" else operation.result
        wanted = (self.keys[self.reads[at]], self.read_values[at])
        steps = operation.result or ()
        return next((step[2] for step in steps if step[0] == "r" and (step[1], identity(step[2])) == wanted), None)

    def lost(self) -> dict[tuple[int, Hashable], list[tuple[Operation, str]]]:
        """Values that were written so that nobody may read them, by whom, and why."""
        if self._lost is None:
            self._lost = {}
            for unit in self._forbidden:
                failed = unit.operation.outcome is Outcome.FAIL
                for key, value in (*unit.writes, *unit.hidden) if failed else unit.hidden:
                    why = "failed" if failed else "overwrote it itself"
                    mark = (self._number(key), identity(value))
                    self._lost.setdefault(mark, []).append((unit.operation, why))
        return self._lost


def _stray(operation: Operation, key: Key, value: Any, writers: list[tuple[Operation, str]]) -> Stray:
    name = "" if key is None else f" of {show(key)}"
    text = f"{operation.describe()} read {show(value)}{name}, "
    if not writers:
        return Stray(operation, None, key, value, text + "which nobody ever wrote")
    writer, why = writers[0]
    text += f"which only {writer.describe()} wrote, and {why}"
    return Stray(operation, writer, key, value, text)
