"""What a history of list-append transactions says of itself: who saw what, and in which order each list grew.

A list that is read tells the whole order of what was appended to it; with elements that are appended once, every read
is traced to its writers. Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental observations",
VLDB 2020, section 4. Finds what is wrong with single reads; cycles are looked for by ``transactions_graph``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import msgspec

from actors.verification.histories.history import HistoryError, Key, Operation, Outcome, identity, show
from actors.verification.histories.report import Witness

Element = tuple[Key, Hashable]
MAX_ANOMALIES = 100  # of single reads; the first ones in the file


class Read(NamedTuple):
    """A list as a transaction found it, without what it had appended itself before.

    Attributes:
        transaction: index of the reader.
        found: the elements' identities.
    """

    transaction: int
    key: Key
    found: tuple[Hashable, ...]


class Anomaly(NamedTuple):
    """One thing that is wrong.

    Attributes:
        name: as Adya (1999) and Elle name it.
        witness: the evidence.
    """

    name: str
    witness: Witness


class AppendedTwice(Exception):
    """An element that two appends brought to the same list: reads of it cannot be traced."""


class Lists(msgspec.Struct):
    """A list-append history, read.

    Attributes:
        operations: that happened: the completed ones, and those of unknown outcome of which something was seen.
        reads: from outside, by transaction.
        orders: per key its elements in the order in which they were appended, as far as somebody read them.
        writer: per element the index of its transaction, or -1 when that one failed.
        unseen: per key the transactions that appended something that nobody read.
        anomalies: of single reads, and of lists that are no beginning of one another.
    """

    operations: list[Operation]
    reads: list[Read]
    orders: dict[Key, tuple[Hashable, ...]]
    writer: dict[Element, int]
    unseen: dict[Key, list[int]]
    anomalies: list[Anomaly]


def steps_of(operation: Operation) -> list[list[Any]]:
    """The micro-operations of a transaction, or of a single append or read.

    Raises:
        HistoryError: there are others than "r" and "append".
    """
    f, known = operation.f, operation.outcome is Outcome.OK
    if f == "txn":
        steps: list[list[Any]] = operation.result if known else operation.value
    elif f in ("read", "get"):
        steps = [["r", operation.key, operation.result]]
    else:
        steps = [[f, operation.key, operation.value]]
    for step in steps:
        if step[0] not in ("r", "append"):
            raise HistoryError(
                f"line {operation.invoked}: a list-append history has \"r\" and \"append\", and no {show(step[0])}"
            )
        if step[0] == "r" and known and step[2] is not None and not isinstance(step[2], list):
            raise HistoryError(
                f"line {operation.completed}: a list was read as {show(step[2])}, which is neither a list nor null"
            )
    return steps


def read_lists(operations: Iterable[Operation]) -> Lists:
    """Trace every read.

    Raises:
        HistoryError: an operation that list-append does not have.
        AppendedTwice: an element was appended twice to one list.
    """
    return _Reading(list(operations)).result()


class _Reading:
    def __init__(self, operations: list[Operation]) -> None:
        self._all = operations
        self._steps = [steps_of(operation) for operation in operations]
        self._appended: dict[Element, int] = {}  # index into _all
        self._own: dict[tuple[int, Key], list[Hashable]] = {}  # what one appended to a key, in order
        self._anomalies: list[Anomaly] = []
        self._index_appends()

    def _index_appends(self) -> None:
        for index, steps in enumerate(self._steps):
            for f, key, value in steps:
                if f == "append":
                    element = (key, identity(value))
                    if element in self._appended:
                        raise AppendedTwice(
                            f"{show(value)} was appended to {show(key)} by "
                            f"{self._all[self._appended[element]].describe()} and by {self._all[index].describe()}; "
                            f"append each element once per key"
                        )
                    self._appended[element] = index
                    self._own.setdefault((index, key), []).append(element[1])

    def result(self) -> Lists:
        reads: list[Read] = []  # transaction: index into _all
        longest: dict[Key, Read] = {}
        for index, operation in enumerate(self._all):
            if operation.outcome is Outcome.OK:
                for whole, outside in self._reads_of(index):
                    reads.append(outside)
                    if whole.key not in longest or len(whole.found) > len(longest[whole.key].found):
                        longest[whole.key] = whole
        for read in reads:
            self._check(read, longest[read.key])
        orders = {key: read.found for key, read in longest.items()}
        for key, order in orders.items():
            self._check_elements(key, order, longest[key].transaction)
        return self._numbered(reads, orders)

    def _reads_of(self, index: int) -> Iterable[tuple[Read, Read]]:
        """Each read as it was, and as found outside; checked against what the transaction did itself."""
        own: dict[Key, tuple[Hashable, ...]] = {}
        base: dict[Key, tuple[Hashable, ...]] = {}
        for f, key, value in self._steps[index]:
            mine = own.get(key, ())
            if f == "append":
                own[key] = (*mine, identity(value))
                continue
            found = tuple(map(identity, value or ()))
            outside = found[: len(found) - len(mine)] if mine else found
            early = (index, key) in self._own and any(self._appended.get((key, one)) == index for one in outside)
            if early or found[len(outside) :] != mine or base.get(key, outside) != outside:
                self._report(
                    "internal", f"{self._all[index].describe()} read {show(value)} in {show(key)}, which is not what "
                    f"it had read there before, followed by what it had appended itself by then.", index,
                )
                continue
            base[key] = outside
            yield Read(index, key, found), Read(index, key, outside)

    def _check(self, read: Read, longest: Read) -> None:
        """One read from outside: a beginning of the list, and nothing intermediate."""
        found = read.found
        if longest.found[: len(found)] != found:
            self._report(
                "incompatible order", f"The list of {show(read.key)} was read as {_listed(found)} and as "
                f"{_listed(longest.found)}; neither is a beginning of the other, so that it did not only grow.",
                read.transaction, longest.transaction,
            )
            self._check_elements(read.key, found, read.transaction)
        if found:
            writer = self._appended.get((read.key, found[-1]))
            if writer is not None and writer != read.transaction and self._own[writer, read.key][-1] != found[-1]:
                self._report(
                    "G1b", f"Intermediate read: {self._all[read.transaction].describe()} saw a list that ends in the "
                    f"middle of {self._all[writer].describe()}.", writer, read.transaction,
                )

    def _check_elements(self, key: Key, found: tuple[Hashable, ...], reader: int) -> None:
        """Of a list as it was read: every element once, and each by somebody who did not fail."""
        if len(set(found)) < len(found):
            self._report(
                "duplicate elements", f"The list of {show(key)} holds an element twice that was appended once: "
                f"{_listed(found)}.", reader,
            )
        placed: dict[int, int] = {}  # how many of a transaction's appends stand in the list so far
        for element in found:
            writer = self._appended.get((key, element))
            if writer is not None:
                place = placed.get(writer, 0)
                placed[writer] = place + 1
                own = self._own[writer, key]
                if place < len(own) and own[place] != element:
                    self._report(
                        "incompatible order", f"{self._all[writer].describe()} appended to {show(key)} in another "
                        f"order than {_listed(found)} shows.", writer, reader,
                    )
            if writer is None:
                self._report(
                    "garbage read", f"{self._all[reader].describe()} read {show(element)} in {show(key)}, which nobody "
                    f"appended.", reader,
                )
            elif self._all[writer].outcome is Outcome.FAIL:
                self._report(
                    "G1a", f"Aborted read: {self._all[reader].describe()} read {show(element)}, which only "
                    f"{self._all[writer].describe()} appended, and failed.", writer, reader,
                )

    def _report(self, name: str, text: str, *involved: int) -> None:
        if len(self._anomalies) >= MAX_ANOMALIES:
            return
        operations = tuple(self._all[index] for index in sorted(set(involved)))
        self._anomalies.append(Anomaly(name, Witness(name, text, operations)))

    def _numbered(self, reads: list[Read], orders: dict[Key, tuple[Hashable, ...]]) -> Lists:
        """Leave out what did not happen, and number what did."""
        seen = {
            self._appended[key, element] for key, order in orders.items() for element in order
            if (key, element) in self._appended
        }
        number: dict[int, int] = {}
        for index, operation in enumerate(self._all):
            if operation.outcome is Outcome.OK or (operation.outcome is Outcome.INFO and index in seen):
                number[index] = len(number)
        observed = {(key, element) for key, order in orders.items() for element in order}
        unseen: dict[Key, dict[int, None]] = {}
        for element, index in self._appended.items():
            if index in number and element not in observed:
                unseen.setdefault(element[0], {})[number[index]] = None
        return Lists(
            [self._all[index] for index in number],
            [Read(number[read.transaction], read.key, read.found) for read in reads],
            orders,
            {element: number.get(index, -1) for element, index in self._appended.items()},
            {key: list(indices) for key, indices in unseen.items()},
            self._anomalies,
        )


def _listed(found: tuple[Hashable, ...]) -> str:
    return show(list(found))
