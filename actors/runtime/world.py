"""The real world: the scheduler with everything that actors need around it. Knows no socket and no log format.

The native scheduler calls the methods below when something other than a plain local message happens. ``ActorSystem``
is the public face and owns the order of starting and stopping.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.context import Ticket
from actors.errors import AskFailed, AskRejected, ContractError, MailboxFull
from actors.message import Answer, Lane, Message, Reason, Rejected, Request, check_fields
from actors.runtime import asks, lifecycle, refusals, supervision
from actors.runtime.cell import ActorCell
from actors.runtime.dead_letters import BoundedLog, DeadLetters
from actors.runtime.remote import Remote
from actors.runtime.timers import Timers
from actors.runtime.watching import Watches
from core_ext.asks import Ask
from core_ext.cell import DROPPED_, FULL_, NOBODY_, TAKEN_, Behaviour, Timer
from core_ext.dispatch import Scheduler
from core_ext.mailbox import Reference
from core_ext.post import OUTSIDE

if TYPE_CHECKING:
    from actors.runtime.journal import JournalHub
    from actors.runtime.settings import RuntimeSettings

_ASK = 1


class World(Scheduler):
    """One system's cells, names, timers, asks and watches.

    Args:
        node: the name of this node.
        settings: limits and times.
        loop: the running event loop.
        on_fatal: called with the reason when the system must stop: an escalated failure, a broken log.
    """

    def __init__(
        self, node: str, settings: RuntimeSettings, loop: asyncio.AbstractEventLoop,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.incarnation = secrets.randbits(63) | 1
        super().__init__(
            node, cell_class=ActorCell, incarnation_base=(self.incarnation & 0x7FFFFFFF) << 32,
            turn_seconds=settings.turn_seconds, slow_handler_seconds=settings.slow_handler_seconds,
            ask_timeout_seconds=settings.ask_timeout_seconds, control_capacity=settings.control_capacity,
        )
        self.attach(loop)
        self.asks.arm = partial(asks.arm, self)
        self.ticket = Ticket
        self.answer_class = Answer
        self.loop = loop
        self.context = contextvars.copy_context()  # of handlers, whoever's turn it was that started their task
        self.settings = settings
        self.log = logging.LoggerAdapter(logging.getLogger("actors"), {"node": node})
        self.random = random.Random()
        self.behaviours: dict[type[Any], Behaviour] = {}
        self.restarts = 0
        self.failures = 0
        self.journals: JournalHub | None
        self.far = self.remote = Remote(self)
        self.timers = Timers(loop, self.remote.poll)
        self.watches = Watches(self)
        self.trouble = BoundedLog(self.log, settings.log_lines_per_second)
        self.dead_letters = DeadLetters(self.trouble)
        self._on_fatal = on_fatal

    def close(self) -> None:
        """The end: no more turns and timers; what waits is answered."""
        self.trouble.sum_up()
        self.timers.close()
        self.detach()

    # --- the log ---------------------------------------------------------------------------------------------------

    def keep_journals(self, journals: JournalHub) -> None:
        """From now on each turn ends with a commit of its records."""
        self.journals = journals

    def stop_because(self, reason: BaseException) -> None:
        """Something that a node does not survive: stop the system in order."""
        self.log.error("the system stops: %s: %s", type(reason).__name__, reason, exc_info=reason)
        self._on_fatal(reason)

    def top_level_gone(self, cell: ActorCell) -> None:
        """An actor without a parent has stopped; the name table knows already."""

    # --- failures ------------------------------------------------------------------------------------------------

    def failed(
        self, cell: ActorCell, error: BaseException, message: Message | None, asker: tuple[Any, int] | None
    ) -> None:
        """A handler or hook raised; its effects are dropped. The supervisor decides."""
        self.failures += 1
        what = f"its handler of {type(message).__qualname__}" if message is not None else "its constructor or a hook"
        if asker is not None:
            failure = AskFailed(f"{cell._label} failed in {what}: {type(error).__name__}: {error}")
            self.reject_ask(asker[0], asker[1], failure)
        rare = cell._rare
        for child in rare.unlaunched if rare is not None else ():
            lifecycle.forget(child)
        if rare is not None:
            rare.unlaunched.clear()
        self.trouble.write(
            logging.ERROR, "%s failed in %s: %s: %s", cell._label, what, type(error).__name__, error,
            error=error,
        )
        if cell._state not in ("stopping", "stopped"):
            supervision.decide(cell, error)

    def broken(self, cell: ActorCell, error: Exception) -> None:
        """The runtime itself failed in this actor's turn; its effects may be half released: it cannot go on."""
        self.log.critical("%s: an error of the runtime", cell._label, exc_info=error)
        lifecycle.begin_stop(cell, Reason.FAILED)  # nothing may be seen of a state that the log does not have
        if cell._journal is not None:
            self.stop_because(error)

    def action_failed(self, function: Callable[..., object], error: Exception) -> None:
        """The runtime itself failed between two turns."""
        self.log.critical("%s: an error of the runtime", getattr(function, "__qualname__", function), exc_info=error)

    def report_slow(self, cell: ActorCell, message: object, seconds: float) -> None:
        """A handler held the whole node up."""
        inner = message.message if isinstance(message, Timer) else message
        self.trouble.write(
            logging.WARNING,
            "%s took %.0f ms for %s and nothing else ran meanwhile; hand long work to an async actor or a process",
            cell._label, seconds * 1e3, type(inner).__qualname__,
        )

    # --- messages that go nowhere ----------------------------------------------------------------------------------

    def describe_type(self, message: object) -> int:
        """Check a type of message seen for the first time: its lane, and 2 when it is a request."""
        if not isinstance(message, Message):
            raise refusals.not_a_message(message)
        check_fields(type(message))
        return int(message.lane is Lane.CONTROL) | (2 if isinstance(message, Request) else 0)

    def unhandled(self, cell: ActorCell, message: object, sender: Any, correlation: int, kind: int) -> None:
        """An actor has no handler for a message that it got."""
        why = f"{cell._label} has no handler for {type(message).__qualname__}"
        if kind == _ASK:
            self.reject_ask(sender, correlation, AskRejected(why))
        if not isinstance(message, Rejected):
            self.dead_letters.add(cell.self, message, sender, why)

    def refuse_tell(self, target: Reference, message: Message, sender: ActorCell | None, accepted: int) -> None:
        """A local mailbox did not take a message."""
        if accepted == DROPPED_:
            return
        if accepted == FULL_:
            if sender is None:
                raise MailboxFull(refusals.full(target, message))
            self.reject_to(sender, target, type(message).__qualname__)
            return
        self.dead_letters.add(target, message, sender.self if sender is not None else None, self.why_nobody(target))

    def reject_to(self, sender: ActorCell, target: Reference, message_name: str) -> None:
        """Tell an actor that its message met a full mailbox, when it wants to know."""
        if Rejected in sender._behaviour.handlers:
            sender._deliver(Rejected(target, message_name), False)

    def refuse_ask(self, target: Reference, message: Message, asker: Any, correlation: int, accepted: int) -> None:
        """A local mailbox did not take a request."""
        if accepted == FULL_:
            why = refusals.full(target, message)
        elif accepted == DROPPED_:
            why = f"{target!r} dropped {type(message).__qualname__}: its mailbox was full"
        else:
            why = self.why_nobody(target)
        self.reject_ask(asker, correlation, AskRejected(why))

    def why_nobody(self, target: Reference) -> str:
        """Why a local reference reaches nobody."""
        holder = self.names.get(target.name)
        if holder is None or (holder.self.incarnation == target.incarnation):
            return f"no actor {target.name!r} on node {self.node!r}: it has stopped or was never spawned"
        return f"{target!r} has stopped; its name belongs to another incarnation now"

    def reject_ask(self, asker: Any, correlation: int, failure: Exception) -> None:
        """Answer a request with an error: a local ask, or an actor or outside code elsewhere."""
        if isinstance(asker, Ask):
            asker.settle(None, failure)
        elif asker is not None:
            self.remote.send_answer(asker, correlation, None, failure)

    # --- messages to names that were not here ------------------------------------------------------------------------

    def send_late(self, sender: ActorCell | None, target: Reference, message: Message, control: bool) -> None:
        """Send to a name of this node that nobody had when the handler sent it; perhaps somebody has it now."""
        cell = self.find(target)
        accepted = NOBODY_
        if cell is not None:
            accepted = cell._put(message, sender.self if sender is not None else None, 0, 0, control)
        if accepted != TAKEN_:
            self.refuse_tell(target, message, sender, accepted)

    def ask_late(self, ask: Ask, message: Request[Any], control: bool) -> None:
        """Ask a name of this node that nobody had when the request was made; perhaps somebody has it now."""
        cell = self.find(ask.target)
        accepted = NOBODY_
        if cell is not None:
            accepted = cell._put(message, ask, ask.correlation, _ASK, control)
        if accepted != TAKEN_:
            self.refuse_ask(ask.target, message, ask, ask.correlation, accepted)

    def visible_sender(self, asker: Reference) -> Reference | None:
        """Who asked, as an actor sees it: outside code has no reference."""
        return None if asker.name == OUTSIDE else asker

    # --- asks ------------------------------------------------------------------------------------------------------

    def failure_of(self, cell: ActorCell, reason: str) -> AskFailed:
        """What an asker gets when its actor calls ``context.fail``."""
        return AskFailed(f"{cell._label}: {reason}")

    def unanswered(self, cell: ActorCell, message: Message) -> AskFailed:
        """What an asker gets when the handler neither answered nor deferred."""
        return AskFailed(
            f"{cell._label} returned from its handler of {type(message).__qualname__} without an answer; it must call "
            f"context.reply, fail or defer"
        )

    # --- breaches of the contract ------------------------------------------------------------------------------------

    def refuse_outside(self, message: object, running: ActorCell | None, other_thread: bool) -> None:
        """Outside code may not tell or ask now."""
        raise refusals.outside(self.node, message, running, other_thread)

    def refuse_outside_handler(self, cell: ActorCell, what: str) -> None:
        """A context was used when no handler of its actor ran."""
        raise refusals.outside_handler(cell._label, what)

    def refuse_journal(self, cell: ActorCell) -> None:
        """An actor has no journal."""
        raise refusals.no_journal(cell._label)

    def refuse_answer(self, cell: ActorCell, what: str, answered: bool) -> None:
        """There is nothing to answer, or it was answered already."""
        raise refusals.answer(cell._label, what, answered)

    def refuse_request(self, cell: ActorCell, message: object) -> None:
        """The answer to a request would have no handler."""
        raise refusals.request(cell._label, message)

    def refuse_not_a_request(self, message: object) -> None:
        """Only a Request has an answer."""
        raise ContractError(
            f"ask with {type(message).__qualname__}: only a Request has an answer; declare it as class "
            f"{type(message).__name__}(Request[...]), or tell it"
        )
