"""What clients invoked and saw, as a part of the global state, and small exhaustive judges of it. Knows no actor.

A history keeps per client its completed operations and the one that is open, and with each operation how many
operations of every other client had completed when it was invoked: that is all the real-time order there is. (Large
histories of real runs have their own judges, in ``histories``; these here see a handful of operations, many times.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from actors.verification.actor_network import Envelope
from actors.verification.errors import ModelError

S = TypeVar("S")

Seen = tuple[tuple[str, int], ...]


class History(Protocol, Generic[S]):
    """What is recorded along a run, as a value that is part of the global state."""

    @property
    def initial(self) -> S:
        """Before the first message."""

    def sent(self, envelope: Envelope) -> Hashable | None:
        """What the sending of a message adds; None when nothing."""

    def received(self, envelope: Envelope) -> Hashable | None:
        """What the delivery of a message adds; None when nothing."""

    def observed(self, name: str, actor: Any) -> Hashable | None:
        """What an actor's state after one of its handlers adds; None when nothing."""

    def after(self, history: S, addition: Any) -> S:
        """The history with the addition."""


class Recorded:
    """A history that starts empty and records nothing; derive from it what records something."""

    initial: tuple[Any, ...] = ()

    def sent(self, envelope: Envelope) -> Any:
        """See ``History``."""
        return None

    def received(self, envelope: Envelope) -> Any:
        """See ``History``."""
        return None

    def observed(self, name: str, actor: Any) -> Any:
        """See ``History``."""
        return None


class Invoke(NamedTuple):
    """A client begins an operation: ``call`` is whatever the specification understands."""

    client: str
    call: Hashable


class Complete(NamedTuple):
    """A client's open operation ends with a result."""

    client: str
    result: Hashable


class Operation(NamedTuple):
    """A completed operation, and how many of each other client had completed when it was invoked (none: left out)."""

    seen: Seen
    call: Any
    result: Any


class Calls(NamedTuple):
    """What one client did.

    Attributes:
        done: its completed operations, in order.
        open: (seen, call) of the one that has not completed; None when there is none.
    """

    done: tuple[Operation, ...] = ()
    open: tuple[Seen, Any] | None = None


ClientCalls = tuple[tuple[str, Calls], ...]


class ClientHistory(Recorded):
    """Records the operations of clients.

    Args:
        invoked: for a message that is sent, the operation that it begins; None when it begins none.
        completed: for a message that is delivered, the operation that it ends; None when it ends none.
    """

    def __init__(
        self, invoked: Callable[[Envelope], Invoke | None], completed: Callable[[Envelope], Complete | None]
    ) -> None:
        self._invoked = invoked
        self._completed = completed

    def sent(self, envelope: Envelope) -> Invoke | None:
        """A request may begin an operation."""
        return self._invoked(envelope)

    def received(self, envelope: Envelope) -> Complete | None:
        """An answer may end one."""
        return self._completed(envelope)

    def after(self, history: ClientCalls, addition: Invoke | Complete) -> ClientCalls:
        """One more invocation or completion.

        Raises:
            ModelError: a client invokes while an operation of it is open, or completes what it has not invoked.
        """
        clients = dict(history)
        calls = clients.get(addition.client, Calls())
        if isinstance(addition, Invoke):
            if calls.open is not None:
                raise ModelError(
                    f"history: client {addition.client} invokes {addition.call!r} while its {calls.open[1]!r} is open; "
                    f"a client does one operation at a time: give concurrent ones names of their own"
                )
            seen = tuple((other, len(its.done)) for other, its in history if other != addition.client and its.done)
            clients[addition.client] = calls._replace(open=(seen, addition.call))
        else:
            if calls.open is None:
                raise ModelError(
                    f"history: client {addition.client} completes an operation with {addition.result!r} without having "
                    f"invoked one"
                )
            done = Operation(calls.open[0], calls.open[1], addition.result)
            clients[addition.client] = Calls((*calls.done, done), None)
        return tuple(sorted(clients.items()))


class Specification(Protocol):
    """A sequential object: what calls return, one after the other."""

    @property
    def initial(self) -> Hashable:
        """Its state before the first call."""

    def apply(self, state: Any, call: Any) -> tuple[Hashable, Hashable]:
        """The state after a call, and its result."""


class RegisterObject:
    """A register: ``("write", value)`` returns None, ``("read",)`` the newest value.

    Args:
        initial: its value before the first write.
    """

    def __init__(self, initial: Hashable = None) -> None:
        self.initial = initial

    def apply(self, state: Hashable, call: tuple[Any, ...]) -> tuple[Hashable, Hashable]:
        """One call."""
        return (call[1], None) if call[0] == "write" else (state, state)


def linearizable(history: ClientCalls, specification: Specification | None = None) -> bool:
    """Some order of the operations explains every result and keeps the real-time order (Herlihy and Wing 1990).

    Operations that have not completed may have happened or not.
    """
    return _explainable(history, specification or RegisterObject(), real_time=True)


def sequential(history: ClientCalls, specification: Specification | None = None) -> bool:
    """Some order of the operations explains every result and keeps each client's own order (Lamport 1979)."""
    return _explainable(history, specification or RegisterObject(), real_time=False)


def _explainable(history: ClientCalls, specification: Specification, real_time: bool) -> bool:
    clients = [name for name, _ in history]
    calls = [its for _, its in history]
    place = {name: index for index, name in enumerate(clients)}
    tried: set[tuple[tuple[int, ...], Hashable]] = set()
    # per client how many of its operations are in the order; one more than it completed: the open one, too
    waiting: list[tuple[tuple[int, ...], Hashable]] = [((0,) * len(calls), specification.initial)]
    while waiting:
        taken, state = waiting.pop()
        if all(taken[index] >= len(its.done) for index, its in enumerate(calls)):
            return True
        if (taken, state) in tried:
            continue
        tried.add((taken, state))
        for index, its in enumerate(calls):
            if taken[index] < len(its.done):
                seen, call, result = its.done[taken[index]]
            elif its.open is not None and taken[index] == len(its.done):
                seen, call = its.open
                result = None
            else:
                continue
            if real_time and any(taken[place[other]] < count for other, count in seen):
                continue
            after, found = specification.apply(state, call)
            if taken[index] < len(its.done) and found != result:
                continue
            waiting.append(((*taken[:index], taken[index] + 1, *taken[index + 1 :]), after))
    return False


def causal(history: ClientCalls, initial: Hashable = None) -> bool:
    """Causal memory of one register (Ahamad et al. 1995): for each client, some order of all writes and its own reads
    explains its reads and keeps the causal order (each client's own order, and a write before whoever read it).

    Raises:
        ModelError: a value is written twice, so that nobody can say which write a read saw.
    """
    operations: list[tuple[int, str, Any]] = []  # (client, kind, value), in each client's order
    before: list[int] = []  # bit masks: what is causally before
    writes: dict[Any, int] = {}
    own: list[list[int]] = []
    for client, (_, calls) in enumerate(history):
        numbers: list[int] = []
        done = [(op.call, op.result) for op in calls.done]
        if calls.open is not None and calls.open[1][0] == "write":
            done.append((calls.open[1], None))
        for call, result in done:
            number = len(operations)
            if call[0] == "write":
                if call[1] in writes or call[1] == initial:
                    raise ModelError(f"causal: {call[1]!r} is written twice; let every write have a value of its own")
                writes[call[1]] = number
            operations.append((client, call[0], call[1] if call[0] == "write" else result))
            before.append(1 << numbers[-1] if numbers else 0)
            numbers.append(number)
        own.append(numbers)
    for number, (_, kind, value) in enumerate(operations):
        if kind == "read" and value != initial:
            if value not in writes:
                return False
            before[number] |= 1 << writes[value]
    for _ in operations:  # transitive closure
        for number in range(len(operations)):
            for other in range(len(operations)):
                if before[number] >> other & 1:
                    before[number] |= before[other]
    if any(before[number] >> number & 1 for number in range(len(operations))):
        return False
    return all(_causal_view(operations, before, client, initial) for client in range(len(own)))


def _causal_view(operations: list[tuple[int, str, Any]], before: list[int], client: int, initial: Hashable) -> bool:
    wanted = [n for n, (who, kind, _) in enumerate(operations) if kind == "write" or who == client]
    mask = sum(1 << number for number in wanted)
    tried: set[tuple[int, Any]] = set()
    waiting: list[tuple[int, Any]] = [(0, initial)]
    while waiting:
        taken, value = waiting.pop()
        if taken == mask:
            return True
        if (taken, value) in tried:
            continue
        tried.add((taken, value))
        for number in wanted:
            if taken >> number & 1 or before[number] & mask & ~taken:
                continue
            _, kind, its = operations[number]
            if kind == "read" and its != value:
                continue
            waiting.append((taken | 1 << number, its if kind == "write" else value))
    return False
