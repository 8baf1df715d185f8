"""A system on a page: where it starts, what can happen, what comes of it, what is claimed. Knows no engine."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from actors.verification.properties import Property
from actors.verification.result import Options, ProgressCallback, Result

S = TypeVar("S")
A = TypeVar("A", bound=Hashable)


class Model(ABC, Generic[S, A]):
    """A transition system.

    States and actions are plain immutable values: numbers, text, tuples, frozensets, enums, named tuples, frozen
    structs. All methods are functions of their arguments and of what the constructor set: no clock, no randomness, no
    changed attribute. With a state type derived from ``State`` the check is fastest when ``actions`` gives everything
    that might ever happen and ``next_state`` says None to what is not enabled: a step is then remembered by the few
    parts of the state that it reads.
    """

    @abstractmethod
    def initial_states(self) -> Iterable[S]:
        """Where a run can begin."""

    @abstractmethod
    def actions(self, state: S) -> Iterable[A]:
        """What may be tried in this state; may hold actions that are not enabled."""

    @abstractmethod
    def next_state(self, state: S, action: A) -> S | None:
        """What comes of an action, or None when it is not enabled."""

    @abstractmethod
    def properties(self) -> Iterable[Property]:
        """What is claimed; see ``always``, ``sometimes``, ``eventually``, ``leads_to`` and ``deadlock_free``."""

    def boundary(self, state: S) -> bool:
        """Whether the state is explored; others count for nothing, and what holds then holds within the boundary."""
        return True

    def weakly_fair(self, action: A) -> Hashable | None:
        """The group of the action under weak fairness, or None (the default) for none.

        A run that for ever could do something of a group (some action of it is enabled in every state from some point
        on) does something of it sometimes. A step that changes nothing counts neither as enabled nor as done.
        """
        return None

    def strongly_fair(self, action: A) -> Hashable | None:
        """The group of the action under strong fairness, or None (the default) for none.

        As ``weakly_fair``, and already when something of the group is enabled again and again.
        """
        return None

    def representative(self, state: S) -> S:
        """The one state that stands for all states that are symmetric to this one; used with ``symmetry=True``.

        Must be the same for all of them: sort the replicas by everything that concerns each (its whole column), not by
        the order in which they were met. The properties must not tell symmetric states apart.
        """
        return state

    def describe(self) -> str:
        """The model's name with the constructor's arguments, as far as attributes of these names hold them."""
        names = inspect.signature(type(self).__init__).parameters
        known = [f"{name}={getattr(self, name)!r}" for name in names if name != "self" and hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(known)})"

    def check_with(self, options: Options, progress: ProgressCallback | None = None) -> Result:
        """See ``Checkable``."""
        from actors.verification.plain_check import check_model

        return check_model(self, options, progress)
