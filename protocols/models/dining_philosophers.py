"""Dining philosophers (Dijkstra, 1971): each needs the fork to the left and the one to the right to eat.

If all take the left one first, all can end with one fork each: a deadlock. If forks are numbered and everybody takes
the lower one first, there is none; but a neighbour can starve, unless taking a fork is strongly fair.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from enum import Enum
from typing import NamedTuple

from actors.verification import Model, Property, State, always, deadlock_free, leads_to, put

FREE = -1


class Table(State):
    """Who holds each fork: the number of a philosopher, or FREE. Fork ``n`` is to the left of philosopher ``n``."""

    forks: tuple[int, ...]
    eating: tuple[bool, ...]
    hungry: tuple[bool, ...]


class Does(Enum):
    """What a philosopher does."""

    GET_HUNGRY = "gets hungry"
    TAKE_FIRST = "takes the first fork"
    TAKE_SECOND = "takes the second fork and eats"
    FINISH = "puts both forks down"


class Action(NamedTuple):
    """A philosopher does something."""

    philosopher: int
    does: Does

    def __repr__(self) -> str:
        return f"{self.philosopher} {self.does.value}"


class DiningPhilosophers(Model[Table, Action]):
    """Everybody takes the left fork first.

    Args:
        philosophers: how many, at least two.
        strong: taking a fork that is free again and again happens at last (strong fairness); otherwise only what stays
            possible does (weak).
    """

    def __init__(self, philosophers: int = 3, strong: bool = False) -> None:
        self.philosophers = philosophers
        self.strong = strong

    def initial_states(self) -> Iterable[Table]:
        nobody = (False,) * self.philosophers
        yield Table((FREE,) * self.philosophers, nobody, nobody)

    def actions(self, state: Table) -> Iterable[Action]:
        return [Action(philosopher, does) for philosopher in range(self.philosophers) for does in Does]

    def forks(self, philosopher: int) -> tuple[int, int]:
        """The numbers of the forks, in the order in which they are taken."""
        return philosopher, (philosopher + 1) % self.philosophers

    def next_state(self, state: Table, action: Action) -> Table | None:
        me = action.philosopher
        first, second = self.forks(me)
        match action.does:
            case Does.GET_HUNGRY if not state.hungry[me] and not state.eating[me]:
                return state.replace(hungry=put(state.hungry, me, True))
            case Does.TAKE_FIRST if state.hungry[me] and state.forks[first] == FREE:
                return state.replace(forks=put(state.forks, first, me))
            case Does.TAKE_SECOND if state.hungry[me] and state.forks[first] == me and state.forks[second] == FREE:
                return state.replace(
                    forks=put(state.forks, second, me), eating=put(state.eating, me, True),
                    hungry=put(state.hungry, me, False),
                )
            case Does.FINISH if state.eating[me]:
                return state.replace(
                    forks=put(put(state.forks, first, FREE), second, FREE), eating=put(state.eating, me, False)
                )
        return None

    def weakly_fair(self, action: Action) -> Hashable | None:
        """Everybody who can go on does at last; nobody has to get hungry."""
        return None if self.strong or action.does is Does.GET_HUNGRY else action

    def strongly_fair(self, action: Action) -> Hashable | None:
        """The same for what becomes possible again and again."""
        return action if self.strong and action.does is not Does.GET_HUNGRY else None

    def properties(self) -> Iterable[Property]:
        return [
            deadlock_free("nobody waits for ever for all"),
            always("neighbours never eat together", self.apart),
            *map(self.eats_when_hungry, range(self.philosophers)),
        ]

    @staticmethod
    def eats_when_hungry(me: int) -> Property:
        """Nobody starves."""
        return leads_to(
            f"philosopher {me} eats when hungry", lambda state: state.hungry[me], lambda state: state.eating[me]
        )

    def apart(self, state: Table) -> bool:
        """No two neighbours eat."""
        return not any(state.eating[me - 1] and state.eating[me] for me in range(self.philosophers))


class OrderedPhilosophers(DiningPhilosophers):
    """Everybody takes the fork with the lower number first."""

    def forks(self, philosopher: int) -> tuple[int, int]:
        """The lower one first."""
        low, high = sorted(super().forks(philosopher))
        return low, high
