"""What a handler may hand to its context: checked at the call, with the same words in every world. Knows no world.

What went wrong later, when effects are released, would be an error of the runtime and not of the handler that made it.
"""

from __future__ import annotations

from typing import Any

from actors.errors import ContractError
from actors.message import Message
from core_ext.mailbox import Reference

LONGEST_DELAY_SECONDS = 1e9


def check_target(owner: object, what: str, target: Any) -> None:
    """Refuse what is no reference.

    Args:
        owner: the actor, as errors name it.
        what: the call.
        target: its argument.

    Raises:
        ContractError: it is no reference.
    """
    if not isinstance(target, Reference):
        raise ContractError(
            f"{owner}: {what}({target!r:.80}): not a reference; an actor is named by what spawn, context.ref or a "
            f"message gave"
        )


def check_key(owner: object, what: str, key: Any) -> None:
    """Refuse a timer's key that cannot be looked up.

    Raises:
        ContractError: it cannot be hashed.
    """
    try:
        hash(key)
    except TypeError:
        raise ContractError(
            f"{owner}: {what} with the key {key!r:.80}, which cannot be hashed; use text, a number, a tuple of those "
            f"or a message"
        ) from None


def check_record(owner: object, record: Any) -> None:
    """Refuse what is no message and cannot be a journal record.

    Raises:
        ContractError: it is no message.
    """
    if not isinstance(record, Message):
        raise ContractError(
            f"{owner}: a record is an instance of a class Name(Message, wire='...'), this is {record!r:.80}"
        )


def check_numbers(owner: object, what: str, *numbers: Any) -> None:
    """Refuse positions and limits that are no whole numbers.

    Raises:
        ContractError: one is not.
    """
    if not all(isinstance(number, int) for number in numbers):
        raise ContractError(f"{owner}: {what}{numbers!r:.80}: positions and limits are whole numbers")


def check_delay(owner: object, delay_seconds: Any) -> None:
    """Refuse a delay that is no time, or whose bounds are not in order.

    Raises:
        ContractError: it is not 0 to 1e9 seconds, or (low, high) of such.
    """
    low, high = delay_seconds if isinstance(delay_seconds, tuple) and len(delay_seconds) == 2 else [delay_seconds] * 2
    try:
        fits = 0 <= low <= high < LONGEST_DELAY_SECONDS
    except TypeError:
        fits = False
    if not fits:
        raise ContractError(
            f"{owner}: set_timer with a delay of {delay_seconds!r} seconds; it takes 0 or more and less than 1e9, or "
            f"(low, high) to draw from"
        )
