"""Runs that a search found, as states and actions: the model runs again along the path. Knows no property."""

from __future__ import annotations

from typing import Any

from actors.verification.blame import Blame
from actors.verification.liveness import Path
from actors.verification.result import Step
from actors.verification.space import Space


class Replay:
    """Turns paths of a space into steps.

    Args:
        model: anything with the methods of ``Model``.
        space: that was searched.
        initial: the initial states, in the order of the search.
        symmetry: the space holds representatives only; the run that is returned is one of real states.
        blame: makes the errors.
    """

    def __init__(self, model: Any, space: Space, initial: list[Any], symmetry: bool, blame: Blame) -> None:
        self._model = model
        self._space = space
        self._initial = initial
        self._symmetry = symmetry
        self._blame = blame

    def to(self, index: int) -> Path:
        """The path on which a state was reached first; its first action is the ordinal of an initial state."""
        return [(action, at) for at, action in self._space.store.path(index)]

    def steps(self, path: Path) -> tuple[Step, ...]:
        """The states along a path.

        Args:
            path: as of ``to``.

        Raises:
            ModelError: the model does something else now than during the search.
        """
        (ordinal, _), *rest = path
        state = self._initial[ordinal or 0]
        steps = [Step(None, state)]
        for number, index in rest:
            action = self._space.action_values[number or 0]
            action, state = self._step(state, action, index)
            steps.append(Step(action, state))
        return tuple(steps)

    def _step(self, state: Any, action: Any, index: int) -> tuple[Any, Any]:
        """The action that leads to the state (or, with symmetry, to one that it stands for), and what it leads to."""
        after = self._model.next_state(state, action)
        if after is not None and self._index(after) == index:
            return action, after
        if self._symmetry:
            for other in self._model.actions(state):
                after = self._model.next_state(state, other)
                if after is not None and self._index(after) == index:
                    return other, after
        raise self._blame.lost(action, state, after)

    def _index(self, state: Any) -> int | None:
        return self._space.identify(self._model.representative(state) if self._symmetry else state)
