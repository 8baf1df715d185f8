"""An actor's life in the simulated world: created, launched, started, restarted, stopped. Knows no supervision rule.

The same steps in the same order as in the real world:

    created -> new -> running -> suspended (waiting for its children to go) -> new
                         └─────> stopping (children first, then its hook, then its gate) -> stopped

Everything here runs between two batches, when no handler runs and no effect is half released.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from actors.actor import Actor
from actors.context import Directive, Mailbox, Supervision
from actors.errors import FAILURES, AskFailed, AskRejected, ContractError
from actors.message import Reason
from actors.simulation.cell import Cell
from core_ext.stage import ASK, CREATED, NEW, RUNNING, STOP, STOPPED, STOPPING, SUSPENDED, TELL

if TYPE_CHECKING:
    from actors.simulation.node import Node

_name = re.compile(r"[A-Za-z0-9_.\-]{1,200}\Z")
_default_supervision = Supervision()


def check_class(actor_class: type[Any]) -> None:
    """Refuse what cannot live here.

    Raises:
        ContractError: not an Actor class, or one with coroutines.
    """
    if not (isinstance(actor_class, type) and issubclass(actor_class, Actor)):
        raise ContractError(
            f"spawn({actor_class!r}): the first argument is an actor class, class Name(Actor); its constructor's "
            f"arguments follow it"
        )
    hooks = [getattr(actor_class, name, None) for name in ("start", "after_batch", "stopped")]
    if actor_class.is_async or any(map(inspect.iscoroutinefunction, hooks)):
        raise ContractError(
            f"actor {actor_class.__qualname__} has async handlers or hooks, which wait for the real world; a simulated "
            f"actor is synchronous: make them plain functions, or put a synchronous actor in its place"
        )


def create(
    node: Node, actor_class: type[Any], args: tuple[Any, ...], name: str | None, supervision: Supervision | None,
    mailbox: Mailbox | None, parent: Cell | None,
) -> Cell:
    """Build an actor and register its name; it takes messages, and handles them once it is launched.

    Raises:
        ContractError: what cannot be spawned, with the reason.
    """
    what = f"spawn {getattr(actor_class, '__qualname__', actor_class)}"
    check_class(actor_class)
    supervision = supervision or _default_supervision
    if name is not None:
        if not _name.match(name):
            raise ContractError(
                f"{what}: the name {name!r} must be 1 to 200 letters, digits, dots, dashes or underscores"
            )
        if name in node.names:
            raise ContractError(
                f"{what}: the name {name!r} is taken on node {node.name!r} by {node.names[name].label}; stop that one "
                f"first or choose another name"
            )
    if actor_class.is_durable:
        durable = f"{what}: a class with recover() is durable and"
        if name is None:
            raise ContractError(f"{durable} its journal is found by name; give it one: name='...'")
        if supervision.directive is Directive.RESUME:
            raise ContractError(
                f"{durable} is never resumed with half-changed state; supervise it with RESTART (rebuilt from its "
                f"journal), STOP or ESCALATE"
            )
    actor = actor_class(*args)
    cell = node.build(actor_class, args, name, supervision, mailbox, parent)
    cell.actor = actor
    if actor_class.is_durable:
        node.durability.attach(cell)
    return cell


def launch(cell: Cell) -> None:
    """Let a created actor start, then take its messages; nothing when it was stopped before."""
    if cell.state != CREATED:
        return
    cell.state = NEW if cell.starts else RUNNING
    if cell.state == NEW or cell.data or cell.control:
        cell.node.enqueue(cell)


def begin(cell: Cell) -> None:
    """The first turn after launch or restart: rebuild, recover, start."""
    node = cell.node
    try:
        if cell.actor is None:
            cell.actor = cell.actor_class(*cell.args)
        if cell.journal is not None:
            cell.hands.view = cell.journal.recover_into(cell.actor, cell.hands.items)
    except FAILURES as error:
        node.failed(cell, error, None)
        return
    cell.state = RUNNING
    if not node.run_hook(cell, cell.actor_class.start) and cell.state == RUNNING:
        begin_stop(cell, Reason.FAILED)  # start raised: there is no state worth resuming with


def restart(cell: Cell) -> None:
    """Replace the instance: same name, incarnation and waiting messages; its children, timers and requests go."""
    cell.state = SUSPENDED
    cell.generation += 1
    cell.actor = None
    cell.node.cancel_timers(cell)
    cell.node.watches.forget_watcher(cell)
    fail_held(cell, "failed and was restarted")
    _stop_next_child(cell, at_once=True)


def begin_stop(cell: Cell, reason: Reason = Reason.STOPPED) -> None:
    """Take no more messages, stop the children, then go. A later, worse reason does not replace the first."""
    if cell.state in (STOPPING, STOPPED):
        return
    cell.state = STOPPING
    cell.node.cancel_timers(cell)
    cell.stop_reason = reason
    _stop_next_child(cell, at_once=reason is not Reason.STOPPED)


def kill(cell: Cell) -> None:
    """The time for an orderly stop is over: drop the actor and everything below it."""
    if cell.state == STOPPED:
        return
    cell.stop_reason = Reason.FAILED
    for child in reversed(list(cell.children)):
        kill(child)
    finish(cell)


def order_stop(cell: Cell, at_once: bool = False) -> None:
    """Have an actor stop after what its mailbox holds, within its shutdown_seconds."""
    if cell.state in (CREATED, SUSPENDED):  # it has no turns now
        cell.node.later(begin_stop, cell)
    else:
        cell.accept(STOP, None, None, 0, at_once)
    if not cell.alarm and cell.state != STOPPED:
        cell.alarm = True
        cell.node.after(cell.supervision.shutdown_seconds, kill, cell)


def gate_opened(cell: Cell) -> None:
    """The last effects of a stopping actor are out."""
    if cell.state == STOPPING and cell.stopped_ran and not cell.gate_closed():
        finish(cell)


def _stop_next_child(cell: Cell, at_once: bool) -> None:
    """Stop the youngest child; when it is gone this is called again."""
    if not cell.children:
        _children_gone(cell)
        return
    order_stop(next(reversed(cell.children)), at_once)


def _children_gone(cell: Cell) -> None:
    if cell.state == SUSPENDED:
        cell.state = NEW
        cell.node.enqueue(cell)
        return
    cell.stopped_ran = True
    stopped = getattr(cell.actor_class, "stopped", None)
    if cell.stop_reason is Reason.STOPPED and stopped is not None and cell.actor is not None:
        cell.node.run_hook(cell, stopped)
    if not cell.gate_closed():
        finish(cell)


def finish(cell: Cell) -> None:
    """The end of this incarnation: free the name, answer who waits, tell who watches."""
    if cell.state == STOPPED:
        return
    node = cell.node
    reason = cell.stop_reason or Reason.STOPPED
    if node.names.get(cell.name) is cell:
        del node.names[cell.name]
    fail_held(cell, "stopped")
    cell.state = STOPPED
    cell.generation += 1
    cell.actor = None
    cell.gated.clear()
    node.durability.gated.pop(cell, None)
    for kind, message, sender, correlation in cell.rest():
        if kind == ASK:
            why = f"{cell.label} stopped before it handled {type(message).__qualname__}"
            node.answer(sender, correlation, None, AskRejected(why))
        elif kind == TELL:
            node.dead_letter(cell.own, message, "it stopped before it handled this")
    node.watches.forget_watcher(cell)
    node.watches.announce(cell, reason)
    cell.children.clear()
    parent = cell.parent
    if parent is None:
        node.top_level_gone()
        return
    parent.children.pop(cell, None)
    if parent.state in (SUSPENDED, STOPPING) and not parent.stopped_ran:
        node.later(_next_child_of, parent)


def fail_held(cell: Cell, what: str) -> None:
    """Who waits for an answer of this actor need not wait for a time-out."""
    held, cell.held = cell.held, {}
    for (_, correlation), asker in held.items():
        cell.node.answer(asker, correlation, None, AskFailed(f"{cell.label} {what} before it answered"))


def _next_child_of(cell: Cell) -> None:
    if cell.state in (SUSPENDED, STOPPING) and not cell.stopped_ran:
        _stop_next_child(cell, at_once=cell.stop_reason is not Reason.STOPPED)
