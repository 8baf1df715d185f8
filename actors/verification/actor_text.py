"""A global state of the checked world in words: every actor's fields, and the messages in flight. For reading only.

Knows frozen values and envelopes; neither a search nor a terminal.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections import Counter, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from actors.verification.actor_local import Life, Local
from actors.verification.actor_network import Envelope
from actors.verification.actor_state import Frozen, Shared, plain_value
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.verification.actor_world import World


def name_of(reference: Reference | None) -> str:
    """An actor by its name alone when its node has the same; ``the world`` for None."""
    if reference is None:
        return "the world"
    return reference.name if reference.name == reference.node else f"{reference.node}/{reference.name}"


def message_text(envelope: Envelope) -> str:
    """A message on its way, in one line."""
    return f"{name_of(envelope.source)} -> {name_of(envelope.target)}: {envelope.text()}"


def value_text(value: Any) -> str:
    """A frozen value as the actor's author would write it."""
    if isinstance(value, Reference):
        return name_of(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, Shared):
        return "(the same object again)"
    if isinstance(value, Frozen):
        return _frozen_text(value)
    if type(value) is tuple:
        inner = ", ".join(map(value_text, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(plain_value(value))


def _frozen_text(value: Frozen) -> str:
    kind, items = value.kind, value.items
    if value.names:
        inner = ", ".join(f"{name}={value_text(item)}" for name, item in zip(value.names, items, strict=True))
        return f"{kind.__name__}({inner})"
    if value.model is None and kind is list:
        return f"[{', '.join(map(value_text, items))}]"
    if value.model is None and kind is deque:
        return f"deque([{', '.join(map(value_text, items[1]))}])"
    if value.model is None and kind is dict:
        return f"{{{', '.join(f'{value_text(key)}: {value_text(item)}' for key, item in items)}}}"
    return f"{kind.__name__}({value_text(items) if items != () else ''})"


def text_of(value: Any) -> str:
    """A value as text that is the same in every world.

    Sets come in one order, and moments in UTC, as which they arrive from a wire.
    """
    if isinstance(value, Frozen):
        return f"{getattr(value.kind, '__name__', value.kind)}{value.names}{text_of(value.items)}"
    if isinstance(value, msgspec.Struct):
        return f"{type(value).__name__}{text_of(msgspec.structs.astuple(value))}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
        return f"{type(value).__name__}{text_of(fields)}"
    if isinstance(value, tuple):
        return f"{type(value).__name__}({', '.join(map(text_of, value))})"
    if isinstance(value, frozenset):
        return f"frozenset({', '.join(sorted(map(text_of, value)))})"
    value = plain_value(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC)
    return repr(value)


def parts_of(world: World, vector: tuple[int, ...], messages: tuple[int, ...], history: int | None) -> dict[str, Any]:
    """What there is in a state, by name: a line for people each.

    Args:
        world: whose numbers they are.
        vector: local states, in the order of the actors.
        messages: events of the messages in flight.
        history: number of what was recorded of clients; None when nothing is.

    Returns:
        Text by ``actor.field``; under ``in flight`` the messages, each with how often it is there.
    """
    found: dict[str, Any] = {}
    for slot, number in zip(world.slots, vector, strict=False):
        found.update(_actor(world, slot.text, world.locals[number]))
    found["in flight"] = Counter(message_text(world.events[event].payload) for event in messages)
    if history is not None:
        found["history"] = str(world.histories[history])
    return found


def _actor(world: World, name: str, local: Local) -> Iterator[tuple[str, str]]:
    if local.fields is None:
        if local.life is not Life.ABSENT:
            yield name, local.life.value
    elif local.fields.names:
        for field, item in zip(local.fields.names, local.fields.items, strict=True):
            yield f"{name}.{field}", value_text(item)
    elif local.fields.items != ():
        yield name, value_text(local.fields)
    if world.timers and local.life is Life.UP:
        yield f"{name}'s timers", ", ".join(repr(world.timers[timer][1]) for timer in local.timers) or "none"
    if local.stream is not None:
        records = (*local.stream.chunks, *local.stream.records)
        yield f"{name}'s disk", ", ".join(map(repr, records)) or "empty"
        if local.pending or local.life is Life.UP:
            waiting = [operation for batch in local.pending for operation in batch.operations]
            yield f"{name}'s writes under way", ", ".join(map(repr, waiting)) or "none"
