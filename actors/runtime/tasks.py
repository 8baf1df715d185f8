"""Application actors with ``async def`` handlers: one task serves the mailbox while it holds anything.

Handlers still run one at a time, and their effects are released when the coroutine returned. Knows cells; knows no
supervision rule and no transport.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell

HANDLERS_PER_BATCH = 64  # after_batch, and the event loop's turn


def serve(cell: ActorCell) -> None:
    """Give the cell a task until its mailbox is empty."""
    rare = cell._rarely()
    cell._set_busy(True)
    rare.task = cell._world.loop.create_task(_serve(cell), name=f"actor {cell._label}", context=cell._world.context)


async def run_hook(cell: ActorCell, function: Any) -> bool:
    """Call start, after_batch or stopped; False when it raised and the supervisor was told."""
    cell._begin_hook()
    return await _run(cell, function, None)


async def _serve(cell: ActorCell) -> None:
    try:
        rare = cell._rarely()
        if not rare.started:
            rare.started = True
            if not await run_hook(cell, cell._behaviour.actor_class.start):
                cell._not_started()
                return
        while cell._state == "running":
            handled = await _serve_batch(cell)
            if handled and cell._state == "running" and cell._behaviour.after_batch is not None:
                await run_hook(cell, cell._behaviour.after_batch)
            if handled < HANDLERS_PER_BATCH:
                return
            await asyncio.sleep(0)
    finally:
        cell._rarely().task = None
        cell._set_busy(False)


async def _serve_batch(cell: ActorCell) -> int:
    for handled in range(HANDLERS_PER_BATCH):
        found = cell._take_handler()
        if found is None:
            return handled
        if not await _run(cell, found[0], found[1]):
            return handled
    return HANDLERS_PER_BATCH


async def _run(cell: ActorCell, function: Any, message: Any) -> bool:
    world = cell._world
    try:
        result = function(cell._actor, cell) if message is None else function(cell._actor, message, cell)
        if inspect.isawaitable(result):
            await result
    except (KeyboardInterrupt, SystemExit):
        cell._raised()
        raise
    except BaseException as error:
        world.failed(cell, _reason(cell, error), message, cell._raised())
        return False
    cell._returned(message)
    return True


def _reason(cell: ActorCell, error: BaseException) -> BaseException:
    """Why a handler did not return: what it raised, or what the runtime cancelled it for."""
    rare = cell._rarely()
    if not isinstance(error, asyncio.CancelledError) or rare.task is None or not rare.task.cancelling():
        return error
    failure, rare.failure = rare.failure, None
    return failure or asyncio.CancelledError("the runtime cancelled the handler")
