"""Time-outs of asks, and the chain of actors that a late answer waited on. Knows cells; knows no transport."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from actors.errors import AskTimeout
from core_ext.asks import Ask, AskQueue

if TYPE_CHECKING:
    from actors.runtime.world import World

CHAIN_LIMIT = 8
SEARCH_LIMIT = 10_000


def arm(world: World, queue: AskQueue, deadline: float) -> None:
    """Look at the queue's oldest ask when its deadline comes."""
    if world.closed:
        return
    world.timers.call_later(deadline - time.monotonic(), partial(_expire, world, queue))


def _expire(world: World, queue: AskQueue) -> None:
    expired = world.asks.expire(queue)
    # The words first: the chain runs through asks that may expire in the same moment.
    made = {
        (other.owner, other.cause): other for other in islice(world.asks.pending.values(), SEARCH_LIMIT)
        if other.owner is not None and other.cause
    }
    failures = [AskTimeout(_explain(world, made, ask, queue.seconds)) for ask in expired]
    for ask, failure in zip(expired, failures, strict=True):
        ask.settle(None, failure)


def _explain(world: World, made: dict[tuple[Any, int], Ask], ask: Ask, seconds: float) -> str:
    """What an ask waited on; ``made``: which request an actor made while it handled which."""
    links: list[str] = []
    current: Ask | None = ask
    while current is not None and len(links) < CHAIN_LIMIT:
        links.append(f"{current.target.node}/{current.target.name} ({current.request_type.__qualname__})")
        last = current
        current = made.get((world.find(current.target), current.correlation))
    return f"no answer within {seconds:g} s from {' -> waited on '.join(links)}{_end(world, last)}"


def _end(world: World, ask: Ask) -> str:
    cell = world.find(ask.target)
    if cell is None:
        return ", which runs on another node" if ask.target.node != world.node else ", which has stopped"
    if cell._waiting:
        return f", which has {cell._waiting} messages waiting"
    return ", which holds a ticket for it" if cell._state == "running" else f", which is {cell._state}"
