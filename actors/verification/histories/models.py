"""What the object is that clients used: sequential models. Knows operations, and no judge.

A model is a state machine that says which answers are right when operations come one at a time. One of your own::

    class Counter(Model):
        name = "counter"

        def initial(self):
            return 0

        def step(self, state, operation):
            if operation.f == "write":
                return True, state + operation.value
            return operation.result == state, state
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.verification.histories.history import Operation, Outcome


class Model:
    """A sequential object. Subclasses define ``initial`` and ``step``; states are hashable and never changed.

    Attributes:
        name: for reports; the class's name when empty.
    """

    name: str = ""

    def initial(self) -> Hashable:
        """The state before the first operation."""
        raise NotImplementedError

    def step(self, state: Hashable, operation: Operation) -> tuple[bool, Hashable]:
        """Run one operation alone.

        Args:
            state: before it.
            operation: OK ones must return what they did return; of INFO ones (no result) any return is right.

        Returns:
            Whether the operation may happen in this state with this result, and the state after it.
        """
        raise NotImplementedError

    def partition(self, operation: Operation) -> Hashable:
        """Operations of different partitions share no state, and are judged apart. By default all are one."""
        return None


def unanswered(operation: Operation) -> bool:
    """Whether nothing is known of what the operation returned."""
    return operation.outcome is not Outcome.OK


Step = tuple[bool, Any]
