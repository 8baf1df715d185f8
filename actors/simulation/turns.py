"""One actor's turn: its handlers, what they did, and when that happens. The hot part of the simulation.

What a handler did is released when it returned, nothing when it raised; after a journal append, what follows waits for
the disk, except ``send_now`` and its like. Knows cells and their node; draws through the node's stream.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.context import Ticket
from actors.errors import AskFailed
from actors.message import Lane
from actors.recording import (
    Append,
    Ask,
    CancelTimer,
    Checkpoint,
    Read,
    Reply,
    Resolve,
    Send,
    SetTimer,
    Stop,
    Truncate,
    Watch,
)
from actors.simulation import lifecycle
from actors.simulation.cell import (
    ANSWER,
    ASK,
    NEW,
    NOBODY,
    PENDING,
    RUNNING,
    STOP,
    STOPPING,
    TAKEN,
    TELL,
    TIMER,
    WORLD,
    Cell,
)
from actors.simulation.context import Away, Launch
from actors.simulation.errors import SimulationError

if TYPE_CHECKING:
    from actors.simulation.node import Node

BATCH = 64  # messages of one actor before the next actor's turn
CONTROL = Lane.CONTROL


def serve(node: Node, cell: Cell) -> int:
    """One actor's turn: at most a drawn number of messages, control first. Says how many it handled."""
    if cell.state != RUNNING:
        if cell.state == NEW:
            lifecycle.begin(cell)
        if cell.state != RUNNING:
            return 1
    control, data = cell.control, cell.data
    left = len(control) + len(data)
    if left > 1:
        left = min(left, BATCH)
        left -= node.stream.below(left)
    handled = 0
    while left > 0 and cell.state == RUNNING and not cell.leaving:
        if control:
            kind, message, sender, correlation = control.popleft()
        elif data:
            kind, message, sender, correlation = data.popleft()
        else:
            break
        left -= 1
        handled += 1
        handle(node, cell, kind, message, sender, correlation)
        if node.fuse:
            node.fuse -= 1
            if not node.fuse:
                node.kill()
                return handled
    if cell.state == RUNNING:
        if cell.after_batch is not None and handled:
            node.run_hook(cell, cell.after_batch)
        if cell.state == RUNNING and not cell.leaving and (control or data) and not cell.queued:
            node.enqueue(cell)
    return handled


def handle(node: Node, cell: Cell, kind: int, message: Any, sender: Any, correlation: int) -> None:
    """One entry of a mailbox."""
    ticket = None
    if kind == TELL or kind == WORLD:  # noqa: PLR1714, SIM109
        handler = cell.handlers.get(type(message))
    elif kind == TIMER:
        timer = message
        if not timer.live or timer.generation != correlation:
            return
        timer.live = False
        del cell.timers[timer.key]
        message = timer.message
        handler = cell.handlers.get(type(message))
    elif kind == ASK:
        handler = cell.handlers.get(type(message))
        ticket = Ticket(sender, correlation)
        cell.held[sender.node if sender is not None else "", correlation] = sender
    elif kind == ANSWER:
        request_type, message = message
        handler = cell.answers[request_type]
    else:
        assert kind == STOP
        cell.leaving = True
        node.later(lifecycle.begin_stop, cell)
        return
    simulation = node.simulation
    simulation.note_event(node, cell, kind, message, sender)
    if handler is None:
        node.unhandled(cell, message, sender, correlation, kind)
        return
    hands = cell.hands
    hands.begin(sender, ticket)
    cell.handled += 1
    try:
        handler(cell.actor, message, hands)
    except SimulationError:
        raise
    except Exception as error:
        failed(node, cell, error, message, ticket)
    else:
        finish(node, cell, message)
    if cell.checks:
        simulation.check(cell)


def run_hook(node: Node, cell: Cell, function: Any) -> bool:
    """Call a hook like a handler; False when it raised and the supervisor has been told."""
    hands = cell.hands
    hands.begin(None)
    try:
        function(cell.actor, hands)
    except SimulationError:
        raise
    except Exception as error:
        failed(node, cell, error, None, None)
        return False
    finish(node, cell, None)
    if cell.checks:
        node.simulation.check(cell)
    return True


def failed(node: Node, cell: Cell, error: Exception, message: Any, ticket: Ticket | None) -> None:
    """A handler raised: none of its effects happens."""
    cell.hands.discard()
    for child in cell.unlaunched:
        lifecycle.finish(child)
    cell.unlaunched.clear()
    if ticket is not None:
        what = f"{cell.label} failed in its handler of {type(message).__qualname__}: {type(error).__name__}: {error}"
        settle(node, cell, ticket, None, AskFailed(what))
    node.failed(cell, error, message)


def finish(node: Node, cell: Cell, message: Any) -> None:
    """A handler returned: answer for it when it did not, and release what it did."""
    hands = cell.hands
    effects = hands.effects
    ticket = hands.unanswered()
    if ticket is not None:
        hands.fail(
            f"returned from its handler of {type(message).__qualname__} without an answer; it must call context.reply, "
            f"fail or defer", to=ticket,
        )
    if not effects:
        return
    cell.unlaunched.clear()
    if cell.journal is not None:
        _release_durable(node, cell, effects)
        return
    for effect in effects:
        apply(node, cell, effect)
    effects.clear()


def _release_durable(node: Node, cell: Cell, effects: list[Any]) -> None:
    """Hand the records to the log; hold back what must not be seen before they are on disk."""
    journal, view = cell.journal, cell.hands.view
    assert journal is not None
    assert view is not None
    try:
        staged = journal.stage(effects)
    except ValueError as error:  # a record that cannot be written: as if the handler had raised
        failed(node, cell, error, None, None)
        return
    view.keep()
    if staged:
        journal.apply(staged)
        if cell.gate != PENDING:
            cell.gate = PENDING
            node.gating.append(cell)
            node.gated[cell] = None
    held = staged or cell.gated or cell.gate > node.synced
    for effect in effects:
        kind = type(effect)
        if kind in _JOURNAL:
            if kind is Read:
                cell.deliver(journal.entries(effect), False)
        elif held and not (kind in _AT_ONCE or (kind in _EITHER and effect.now)):
            if kind is Reply:
                forget_held(cell, effect.ticket)
            cell.gated.append((cell.gate, effect))
        else:
            apply(node, cell, effect)
    effects.clear()


def open_gates(node: Node) -> None:
    """More is on disk: release what waited for it, in order."""
    synced = node.synced
    for cell in list(node.gated):
        gated: deque[tuple[int, Any]] = cell.gated
        while gated and gated[0][0] <= synced:
            apply(node, cell, gated.popleft()[1])
        if not gated and cell.gate <= synced:
            node.gated.pop(cell, None)
            if cell.state == STOPPING:
                node.later(lifecycle.gate_opened, cell)


def number_gates(node: Node, batch: int) -> None:
    """The log was committed: say which batch the gated effects wait for."""
    for cell in node.gating:
        cell.gate = batch
        gated = cell.gated
        at = len(gated) - 1
        while at >= 0 and gated[at][0] == PENDING:
            gated[at] = batch, gated[at][1]
            at -= 1
    node.gating.clear()


def apply(node: Node, cell: Cell, effect: Any) -> None:
    """Make one effect happen."""
    kind = type(effect)
    if kind is Send:
        target, message, _ = effect
        found = node.names.get(target.name)
        if found is not None and (not target.incarnation or target.incarnation == found.own.incarnation):
            accepted = found.accept(TELL, message, cell.own, 0, message.lane is CONTROL)
            if accepted == TAKEN:
                return
        else:
            accepted = NOBODY
        node.refuse_tell(target, message, cell, accepted)
    elif kind is Away:
        node.send_away(cell, effect)
    elif kind is SetTimer:
        node.set_timer(cell, effect)
    elif kind is Reply:
        failure = None if effect.failure is None else AskFailed(f"{cell.label}: {effect.failure}")
        settle(node, cell, effect.ticket, effect.value, failure)
    elif kind is CancelTimer:
        timer = cell.timers.pop(effect.key, None)
        if timer is not None:
            timer.live = False
    elif kind is Ask:
        node.ask(cell, effect.target, effect.message, effect.key, effect.timeout_seconds)
    elif kind is Launch:
        lifecycle.launch(effect.cell)
    elif kind is Stop:
        found = node.find(effect.target)
        if found is not None:
            lifecycle.order_stop(found)
    else:
        assert kind is Watch
        (node.watches.watch if effect.on else node.watches.unwatch)(cell, effect.target)


def forget_held(cell: Cell, ticket: Ticket) -> None:
    """A request was answered."""
    asker = ticket.asker
    cell.held.pop((asker.node if asker is not None else "", ticket.correlation), None)


def settle(node: Node, cell: Cell, ticket: Ticket, value: Any, failure: Exception | None) -> None:
    """Give an answer to whoever holds the other end of a ticket."""
    forget_held(cell, ticket)
    node.answer(ticket.asker, ticket.correlation, value, failure)


_JOURNAL = frozenset((Append, Truncate, Resolve, Checkpoint, Read))
_AT_ONCE = frozenset((SetTimer, CancelTimer))
_EITHER = frozenset((Send, Away, Reply))
