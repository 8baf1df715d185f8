"""Errors of a model: each names the model, the function, the state and the field, and says what to do.

Knows no engine. Both ways of running a model, recorded and plain, complain here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actors.verification.errors import ModelError
from core_ext.explore_values import Encoder, Unsuitable, explain

LONGEST_TEXT = 600   # characters of a state in a message


def shown(value: Any) -> str:
    """A value for a message, cut when it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}... ({len(text)} characters)"


class Blame:
    """Makes the errors of one model; ``name`` is the model's, with its arguments."""

    def __init__(self, name: str) -> None:
        self.name = name

    def raised(self, function: str, state: Any, error: Exception) -> ModelError:
        """A function of the model raised."""
        if isinstance(error, ModelError):
            return error
        return ModelError(
            f"{self.name}: {function} raised {type(error).__name__}: {error}; in the state {shown(state)}"
        )

    def not_deterministic(self, function: str, state: Any, what: str) -> ModelError:
        """A function read other parts, or gave another answer, than before."""
        return ModelError(
            f"{self.name}: {function} is not a function of its arguments: {what}; in the state {shown(state)}. It "
            f"must use no clock, no randomness, no attribute that changes, and iterate no set of text outside of the "
            f"state"
        )

    def changed_its_mind(self, function: str, state: Any, known: Any, found: Any) -> ModelError:
        """An audit failed."""
        return ModelError(
            f"{self.name}: {function} gave {shown(known)} in a state that agrees with {shown(state)} in all "
            f"that it read, and gives {shown(found)} there now. It must use no clock, no randomness and no attribute "
            f"that changes"
        )

    def drifting(self, state: Any, first: Any, second: Any) -> ModelError:
        """A representative that is not its own."""
        return ModelError(
            f"{self.name}: representative gives {shown(first)} for {shown(state)}, but {shown(second)} for the former; "
            f"the one that stands for a class of symmetric states must stand for itself"
        )

    def lost(self, action: Any, state: Any, found: Any) -> ModelError:
        """A run that was found cannot be repeated."""
        return ModelError(
            f"{self.name}: next_state({shown(state)}, {shown(action)}) gives {shown(found)} now, and gave another "
            f"state during the search. It must use no clock, no randomness and no attribute that changes"
        )

    def wrong_type(self, result: Any, expected: type) -> ModelError:
        """A state of another type than the initial ones."""
        return ModelError(
            f"{self.name}: a state of type {type(result).__name__} came of a state of type {expected.__name__}; all "
            f"states of a model with a State type have that type"
        )

    def unsuitable(self, encoder: Encoder, value: Any, where: str, path: str = "") -> ModelError:
        """A value that is mutable or unknown."""
        found = explain(encoder, value, path)
        if found is None:
            return ModelError(f"{self.name}: {where} cannot be compared: {shown(value)}")
        return ModelError(
            f"{self.name}: {where} must be immutable, but {found.path or 'it'} is a {found.found}: use {found.advice}; "
            f"in {shown(value)}"
        )

    def encoded(self, encoder: Encoder, value: Any, where: str) -> bytes:
        """The bytes of a value.

        Raises:
            ModelError: it is mutable or unknown.
        """
        try:
            return encoder.encode(value)
        except Unsuitable:
            raise self.unsuitable(encoder, value, where) from None

    @contextmanager
    def field(self, name: str, value: Any) -> Iterator[None]:
        """While a field of a state is taken over."""
        try:
            yield
        except Unsuitable:
            raise self.unsuitable(Encoder(), value, "a state", f"state.{name}") from None

    @contextmanager
    def state(self, state: Any) -> Iterator[None]:
        """While a whole state is taken over."""
        try:
            yield
        except Unsuitable:
            raise self.unsuitable(Encoder(), state, "a state", "state") from None
