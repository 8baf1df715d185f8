"""Two-phase commit: resource managers decide together, through a coordinator, whether a transaction commits.

The system of Gray and Lamport, "Consensus on Transaction Commit" (2006), section 3, as its published TLA+ specification
has it: messages are never lost and never removed, managers prepare unasked, and the coordinator may abort at any time.
3 managers: 288 states; 5: 8,832; 7: 296,448.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from actors.verification import Model, Property, State, always, put, sometimes


class Manager(Enum):
    """Where a resource manager stands."""

    WORKING = auto()
    PREPARED = auto()
    COMMITTED = auto()
    ABORTED = auto()


class Coordinator(Enum):
    """Where the coordinator stands."""

    WAITING = auto()
    COMMITTED = auto()
    ABORTED = auto()


class Prepared(NamedTuple):
    """A message to the coordinator."""

    manager: int


class Order(Enum):
    """A message from the coordinator to everybody."""

    COMMIT = auto()
    ABORT = auto()


class Transaction(State):
    """The whole system.

    Attributes:
        managers: by number.
        coordinator: its state.
        heard: managers whose message the coordinator has received.
        messages: everything that was ever sent.
    """

    managers: tuple[Manager, ...]
    coordinator: Coordinator
    heard: frozenset[int]
    messages: frozenset[Prepared | Order]


class Does(Enum):
    """What can happen."""

    COMMIT = "coordinator commits"
    ABORT = "coordinator aborts"
    HEAR = "coordinator hears of"
    PREPARE = "manager prepares"
    GIVE_UP = "manager gives up"
    OBEY_COMMIT = "manager obeys commit"
    OBEY_ABORT = "manager obeys abort"


class Action(NamedTuple):
    """One step; ``manager`` is -1 for the coordinator's own decisions."""

    does: Does
    manager: int = -1

    def __repr__(self) -> str:
        return self.does.value if self.manager < 0 else f"{self.does.value} {self.manager}"


class TwoPhaseCommit(Model[Transaction, Action]):
    """Two-phase commit.

    Args:
        managers: how many resource managers take part.
    """

    def __init__(self, managers: int = 3) -> None:
        self.managers = managers
        self._everybody = frozenset(range(managers))
        everything = [Does.HEAR, Does.PREPARE, Does.GIVE_UP, Does.OBEY_COMMIT, Does.OBEY_ABORT]
        self._actions = [
            Action(Does.COMMIT), Action(Does.ABORT),
            *(Action(does, manager) for manager in range(managers) for does in everything),
        ]
        self._messages = frozenset([Order.COMMIT, Order.ABORT, *map(Prepared, range(managers))])

    def initial_states(self) -> Iterable[Transaction]:
        yield Transaction((Manager.WORKING,) * self.managers, Coordinator.WAITING, frozenset(), frozenset())

    def actions(self, state: Transaction) -> Iterable[Action]:
        return self._actions

    def next_state(self, state: Transaction, action: Action) -> Transaction | None:
        manager = action.manager
        match action.does:
            case Does.COMMIT if self.may_commit(state):
                return state.replace(coordinator=Coordinator.COMMITTED, messages=state.messages | {Order.COMMIT})
            case Does.ABORT if state.coordinator is Coordinator.WAITING:
                return state.replace(coordinator=Coordinator.ABORTED, messages=state.messages | {Order.ABORT})
            case Does.HEAR if state.coordinator is Coordinator.WAITING and Prepared(manager) in state.messages:
                return state.replace(heard=state.heard | {manager})
            case Does.PREPARE if state.managers[manager] is Manager.WORKING:
                return self._moved(state, manager, Manager.PREPARED).replace(
                    messages=state.messages | {Prepared(manager)}
                )
            case Does.GIVE_UP if state.managers[manager] is Manager.WORKING:
                return self._moved(state, manager, Manager.ABORTED)
            case Does.OBEY_COMMIT if Order.COMMIT in state.messages:
                return self._moved(state, manager, Manager.COMMITTED)
            case Does.OBEY_ABORT if Order.ABORT in state.messages:
                return self._moved(state, manager, Manager.ABORTED)
        return None

    def may_commit(self, state: Transaction) -> bool:
        """The rule that the protocol stands on: everybody has prepared."""
        return state.coordinator is Coordinator.WAITING and state.heard >= self._everybody

    @staticmethod
    def _moved(state: Transaction, manager: int, to: Manager) -> Transaction:
        return state.replace(managers=put(state.managers, manager, to))

    def properties(self) -> Iterable[Property]:
        return [
            always("consistent", lambda state: not {Manager.ABORTED, Manager.COMMITTED} <= set(state.managers)),
            always(
                "well-typed", lambda state: all(isinstance(manager, Manager) for manager in state.managers),
                lambda state: isinstance(state.coordinator, Coordinator),
                lambda state: state.heard <= self._everybody, lambda state: state.messages <= self._messages,
            ),
            sometimes("commits", lambda state: all(manager is Manager.COMMITTED for manager in state.managers)),
            sometimes("aborts", lambda state: all(manager is Manager.ABORTED for manager in state.managers)),
        ]

    def representative(self, state: Transaction) -> Transaction:
        """Managers in the order of all that concerns each."""
        columns = sorted(
            (state.managers[manager].value, manager in state.heard, Prepared(manager) in state.messages)
            for manager in range(self.managers)
        )
        orders = state.messages & {Order.COMMIT, Order.ABORT}
        return Transaction(
            tuple(Manager(where) for where, _, _ in columns),
            state.coordinator,
            frozenset(manager for manager, (_, heard, _) in enumerate(columns) if heard),
            orders | {Prepared(manager) for manager, (_, _, sent) in enumerate(columns) if sent},
        )


class HastyTwoPhaseCommit(TwoPhaseCommit):
    """The broken twin: the coordinator decides alone, as soon as it has heard of anybody."""

    def may_commit(self, state: Transaction) -> bool:
        """Wrong on purpose."""
        return state.coordinator is Coordinator.WAITING and len(state.heard) > 0
