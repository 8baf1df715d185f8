"""An actor's life in the real world: created, launched, started, restarted, stopped. Knows no supervision rule.

    created -> new -> running -> suspended (waiting for its children to go) -> new
                         └─────> stopping (children first, then its hook, then its gate) -> stopped

Everything here runs between two batches, when no handler runs and no effect is half released.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from typing import TYPE_CHECKING, Any

from actors.actor import Actor
from actors.context import Directive, Mailbox, Overflow, Supervision
from actors.errors import FAILURES, AskFailed, AskRejected, ContractError, SystemStopped
from actors.message import Reason
from actors.runtime import tasks
from core_ext.asks import Ask
from core_ext.cell import Behaviour

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell
    from actors.runtime.world import World

_name = re.compile(r"[A-Za-z0-9_.\-]{1,200}\Z")
_default_supervision = Supervision()
_overflow_codes = {Overflow.REJECT: 0, Overflow.DROP_OLDEST: 1, Overflow.DROP_NEWEST: 2}
_DEFAULT_BOUND = (Mailbox().capacity, 0)
_ASK = 1


def behaviour_of(actor_class: type[Any]) -> Behaviour:
    """What the dispatch loop needs to know of a class.

    Raises:
        ContractError: not an Actor class, or one that cannot live.
    """
    if not (isinstance(actor_class, type) and issubclass(actor_class, Actor)):
        raise ContractError(
            f"spawn({actor_class!r}): the first argument is an actor class, class Name(Actor); its constructor's "
            f"arguments follow it"
        )
    hooks = [getattr(actor_class, name, None) for name in ("start", "after_batch", "stopped")]
    is_async = actor_class.is_async or any(map(inspect.iscoroutinefunction, hooks))
    if is_async and actor_class.is_durable:
        raise ContractError(f"actor {actor_class.__qualname__} has recover() and an async hook; make it synchronous")
    starts = actor_class.is_durable or actor_class.start is not Actor.start
    return Behaviour(actor_class, actor_class.handlers, actor_class.answer_handlers, hooks[1], is_async, starts)


def create(
    world: World, actor_class: type[Any], args: tuple[Any, ...], name: str | None, supervision: Supervision | None,
    mailbox: Mailbox | None, parent: ActorCell | None,
) -> ActorCell:
    """Build an actor and register its name; it takes messages, and handles them once it is launched.

    Raises:
        ContractError: what cannot be spawned, with the reason.
        SystemStopped: the system is stopping.
    """
    behaviour = world.behaviours.get(actor_class)
    if behaviour is None:
        behaviour = world.behaviours[actor_class] = behaviour_of(actor_class)
    if world.refusing and parent is None:
        raise SystemStopped(f"spawn {actor_class.__qualname__}: system {world.node!r} is stopping or has stopped")
    if name is not None:
        _check_name(world, actor_class, name)
    journal = None
    if actor_class.is_durable:
        journal = _journal(world, actor_class, name, supervision or _default_supervision)
    capacity, overflow = _DEFAULT_BOUND if mailbox is None else _bound(mailbox)
    cell: ActorCell = world.build(
        behaviour, args, name, supervision or _default_supervision, parent, capacity, overflow, journal
    )
    return cell


def _check_name(world: World, actor_class: type[Any], name: str) -> None:
    if not _name.match(name):
        raise ContractError(
            f"spawn {actor_class.__qualname__}: the name {name!r} must be 1 to 200 letters, digits, dots, dashes or "
            f"underscores"
        )
    if name in world.names:
        raise ContractError(
            f"spawn {actor_class.__qualname__}: the name {name!r} is taken on node {world.node!r} by "
            f"{world.names[name]._label}; stop that one first or choose another name"
        )


def _bound(mailbox: Mailbox) -> tuple[int, int]:
    if mailbox.overflow is Overflow.UNBOUNDED:
        return 0, 0
    return mailbox.capacity, _overflow_codes[mailbox.overflow]


def _journal(world: World, actor_class: type[Any], name: str | None, supervision: Supervision) -> Any:
    what = f"spawn {actor_class.__qualname__}: a class with recover() is durable and"
    if name is None:
        raise ContractError(f"{what} its journal is found by name; give it one: name='...'")
    if world.journals is None:
        raise ContractError(f"{what} needs a data folder; give the system one: ActorSystem(data='...')")
    if supervision.directive is Directive.RESUME:
        raise ContractError(
            f"{what} is never resumed with half-changed state; supervise it with RESTART (rebuilt from its journal), "
            f"STOP or ESCALATE"
        )
    return world.journals.journal(name)


def forget(cell: ActorCell) -> None:
    """Undo ``create`` of an actor that was never launched."""
    finish(cell)


def begin(cell: ActorCell) -> None:
    """The first turn after launch or restart: rebuild, recover, start."""
    behaviour = cell._behaviour
    try:
        if cell._actor is None:
            cell._actor = behaviour.actor_class(*cell._args)
        if cell._journal is not None:
            cell._journal.recover_into(cell._actor)
    except FAILURES as error:
        cell._world.failed(cell, error, None, None)
        return
    cell._set_running()
    if not behaviour.is_async and not cell._run_hook(behaviour.actor_class.start):
        not_started(cell)


def not_started(cell: ActorCell) -> None:
    """``start`` raised: there is no state worth resuming with."""
    if cell._state == "running":
        begin_stop(cell, Reason.FAILED)


def restart(cell: ActorCell) -> None:
    """Replace the instance: same name, incarnation and waiting messages; its children, timers and requests go."""
    world = cell._world
    cell._set_suspended()
    cell._actor = None
    world.timers.cancel_all(cell)
    world.watches.forget_watcher(cell)
    _fail_held(cell, "failed and was restarted")
    rare = cell._rarely()
    rare.started = False
    _stop_next_child(cell, at_once=True)


def is_idle(cell: ActorCell) -> bool:
    """May it be stopped on the spot: it runs, nothing waits, nothing is below it, nobody waits for it?"""
    return cell._state == "running" and not cell._waiting and cell._rare is None and not cell._gate_closed


def begin_stop(cell: ActorCell, reason: Reason = Reason.STOPPED) -> None:
    """Take no more messages, stop the children, then go. A later, worse reason does not replace the first."""
    if cell._state in ("stopping", "stopped"):
        return
    cell._set_stopping()
    cell._world.timers.cancel_all(cell)
    rare = cell._rare
    if rare is None and reason is Reason.STOPPED and not cell._gate_closed and not _has_stopped_hook(cell):
        finish(cell)
        return
    rare = cell._rarely()
    rare.stop_reason = reason
    if rare.task is not None and reason is not Reason.STOPPED:
        rare.task.cancel()
    _stop_next_child(cell, at_once=reason is not Reason.STOPPED)


def kill(cell: ActorCell) -> None:
    """The time for an orderly stop is over: drop the actor and everything below it."""
    if cell._state == "stopped":
        return
    cell._world.trouble.write(logging.ERROR, "%s did not stop in its time and was dropped", cell._label)
    rare = cell._rarely()
    rare.stop_reason = Reason.FAILED
    for child in reversed(list(rare.children)):
        kill(child)
    if rare.task is not None:
        rare.task.cancel()
    finish(cell)


def arm_kill(cell: ActorCell) -> None:
    """Give an actor that was ordered to stop its shutdown_seconds."""
    world = cell._world
    rare = cell._rarely()
    if rare.alarm is None and cell._state != "stopped":
        rare.alarm = world.timers.call_later(cell._supervision.shutdown_seconds, lambda: world.later(kill, cell))


def gate_opened(cell: ActorCell) -> None:
    """The last effects of a stopping actor are out."""
    if cell._state == "stopping" and cell._rarely().stopped_ran:
        finish(cell)


def _has_stopped_hook(cell: ActorCell) -> bool:
    return hasattr(cell._behaviour.actor_class, "stopped")


def _stop_next_child(cell: ActorCell, at_once: bool) -> None:
    """Stop the youngest child; when it is gone this is called again."""
    rare = cell._rarely()
    if not rare.children:
        _children_gone(cell)
        return
    child, _ = rare.children.popitem()  # reversed() would walk over all the youngest ones that are gone already
    rare.children[child] = None
    if child._state in ("created", "suspended"):  # it has no turns now
        begin_stop(child)
    else:
        child._order_stop(at_once)
    arm_kill(child)


def _children_gone(cell: ActorCell) -> None:
    if cell._state == "suspended":
        cell._set_new()
        return
    rare = cell._rarely()
    rare.stopped_ran = True
    if rare.stop_reason is Reason.STOPPED and _has_stopped_hook(cell):
        if cell._behaviour.is_async:
            rare.task = cell._world.loop.create_task(_stop_async(cell, rare.task), name=f"stop {cell._label}",
                context=cell._world.context)
            return
        cell._run_hook(cell._behaviour.actor_class.stopped)
    if not cell._gate_closed and rare.task is None:
        finish(cell)
    elif rare.task is not None:
        rare.task.add_done_callback(lambda _: cell._world.later(gate_opened, cell))


async def _stop_async(cell: ActorCell, serving: asyncio.Task[None] | None) -> None:
    if serving is not None:
        await asyncio.wait([serving])
    await tasks.run_hook(cell, cell._behaviour.actor_class.stopped)
    cell._world.later(gate_opened, cell)


def finish(cell: ActorCell) -> None:
    """The end of this incarnation: free the name, answer who waits, tell who watches."""
    if cell._state == "stopped":
        return
    world = cell._world
    rare = cell._rare
    reason = (rare.stop_reason if rare is not None else None) or Reason.STOPPED
    if world.names.get(cell.self.name) is cell:
        del world.names[cell.self.name]
    _fail_held(cell, "stopped")
    cell._set_stopped()
    for message, sender, correlation, kind in cell._rest():
        if kind == _ASK:
            world.reject_ask(sender, correlation, AskRejected(
                f"{cell._label} stopped before it handled {type(message).__qualname__}"))
        elif kind == 0:
            world.dead_letters.add(cell.self, message, sender, "it stopped before it handled this")
    world.watches.forget_watcher(cell)
    parent = cell._parent
    if rare is not None:
        if rare.alarm is not None:
            rare.alarm.cancel()
        world.watches.announce(cell, rare.watchers, reason)
        for waiter in rare.stop_waiters:
            if not waiter.done():
                waiter.set_result(None)
        rare.children.clear()
    if parent is None:
        world.top_level_gone(cell)
        return
    siblings = parent._rarely().children
    siblings.pop(cell, None)
    if parent._state in ("suspended", "stopping") and not parent._rarely().stopped_ran:
        world.later(_next_child_of, parent)


def _fail_held(cell: ActorCell, what: str) -> None:
    """Who holds a ticket of this actor need not wait for a time-out."""
    for asker, correlation in cell._held():
        request = asker.request_type.__qualname__ if isinstance(asker, Ask) else "a request"
        cell._world.reject_ask(asker, correlation, AskFailed(f"{cell._label} {what} before it answered {request}"))


def _next_child_of(cell: ActorCell) -> None:
    if cell._state in ("suspended", "stopping") and not cell._rarely().stopped_ran:
        orderly = cell._rarely().stop_reason is Reason.STOPPED
        _stop_next_child(cell, at_once=not orderly)


def order_stop(cell: ActorCell) -> None:
    """Have an actor stop after what its mailbox holds, within its shutdown_seconds. Callable at any time."""
    if cell._state in ("created", "suspended"):
        cell._world.later(begin_stop, cell)
    else:
        cell._order_stop(False)
    arm_kill(cell)
