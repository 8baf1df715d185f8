"""What a class must be like before its actors may enter the checked world. Knows classes and their source, no world."""

from __future__ import annotations

import functools
import typing
from typing import Any

from actors.errors import ContractError
from actors.verification.errors import ModelError
from actors.verification.unordered import in_class


def check_class(actor: str, actor_class: type[Any]) -> None:
    """Refuse actors of which one run says nothing about another.

    Args:
        actor: its name, for the message.
        actor_class: its class.

    Raises:
        ModelError: it has async handlers, or iterates a set, whose order would be explored in one way of many. A set is
            recognised as ``unordered`` says; what functions outside of the class do is not seen.
    """
    if actor_class.is_async:
        raise ModelError(
            f"actor {actor} ({actor_class.__qualname__}) has async handlers; those live in the real world only, since "
            f"what they wait for is not under the checker's control"
        )
    found = _iterations(actor_class)  # type: ignore[arg-type]  # a class that mypy does not know to be hashable
    if found:
        raise ModelError(f"actor {actor} ({actor_class.__qualname__}): {found[0]}")


@functools.lru_cache(maxsize=1024)
def _iterations(actor_class: type[Any]) -> tuple[str, ...]:
    attributes = {name for handled in actor_class.handlers for name in _set_fields(handled)}
    return tuple(in_class(actor_class, attributes))


def _set_fields(message_type: type[Any]) -> list[str]:
    """Fields of a message that hold sets."""
    try:
        hints = typing.get_type_hints(message_type)
    except NameError as error:
        raise ContractError(f"message {message_type.__qualname__}: a field has an unknown type: {error}") from error
    return [name for name, hint in hints.items() if frozenset in (hint, typing.get_origin(hint))]
