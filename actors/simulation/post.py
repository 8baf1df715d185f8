"""A node's letters: asks and answers, messages from outside, and what becomes of a message that nobody takes.

Plain sends are the stage's (``core_ext.stage``); everything that is not paid for every message stands here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from actors.errors import AskFailed, AskRejected, ContractError, MailboxFull
from actors.message import Lane, Message, Rejected, Request, answer_type
from actors.simulation import envelope
from actors.simulation.asks import Asks, Pending
from actors.simulation.cell import Cell
from actors.simulation.envelope import CodecError, Envelope, Parcel, Wire
from core_ext.mailbox import Reference
from core_ext.stage import ASK, DROPPED, FULL, NOBODY, TAKEN, TELL, StageNode
from core_ext.stage_link import StageLink

if TYPE_CHECKING:
    from actors.simulation.simulation import Simulation
    from actors.simulation.watching import Watches


class Correspondent(StageNode):
    """The part of a node that sends and receives.

    Attributes:
        simulation: the world around it.
        name: the node's.
        counters: what happened, by name.
    """

    simulation: Simulation
    name: str
    wire: Wire
    counters: Counter[str]
    asks: Asks
    watches: Watches
    names: dict[str, Cell]

    # --- messages --------------------------------------------------------------------------------------------------

    def check_type(self, message: object) -> None:
        """Refuse what is no message; remember the lane of what is one.

        Raises:
            ContractError: says what it is.
        """
        if not isinstance(message, Message):
            kind = type(message).__qualname__
            if isinstance(message, type):
                raise ContractError(
                    f"sent the class {message.__qualname__}; send an instance: {message.__qualname__}(...)"
                )
            raise ContractError(
                f"sent a {kind} ({message!r:.80}); messages are instances of a class {kind.title()}(Message)"
            )
        self.types[type(message)] = message.lane is Lane.CONTROL

    def refuse_outside_handler(self, own: Reference) -> None:
        """A context was used when no handler of its actor ran.

        Raises:
            ContractError: always.
        """
        raise ContractError(
            f"{own!r}: its context was used outside its handlers; a context is valid only while one of them runs (keep "
            f"references and tickets, not contexts)"
        )

    def unreadable(self) -> None:
        """A message came that cannot be read."""
        self.counters["undecodable"] += 1

    def find(self, target: Reference) -> Cell | None:
        """The live cell that a reference means here, or None."""
        if target.node != self.name:
            return None
        cell = self.names.get(target.name)
        if cell is None or (target.incarnation and target.incarnation != cell.own.incarnation):
            return None
        return cell

    def tell(self, target: Reference, message: Message) -> None:
        """From outside code, straight into a mailbox of this node.

        Raises:
            MailboxFull: its bounded mailbox refused it.
        """
        self.check_type(message)
        cell = self.find(target) if self.up else None
        accepted = NOBODY if cell is None else cell.accept(TELL, message, None, 0, message.lane is Lane.CONTROL)
        if accepted == FULL:
            raise MailboxFull(_full(target, message))
        if accepted == NOBODY:
            self.dead_letter(target, message, self.why_nobody(target))
        self.schedule()

    # --- asks ------------------------------------------------------------------------------------------------------

    def ask_outside(self, target: Reference, message: Request[Any], timeout_seconds: float | None) -> Pending:
        """From outside code; see ``Simulation.ask``."""
        self.check_type(message)
        if not isinstance(message, Request):
            name = type(message).__qualname__
            raise ContractError(
                f"ask with {name}: only a Request has an answer; declare it as class {name}(Request[...]), or tell it"
            )
        pending = Pending(f"ask {target!r} {type(message).__qualname__}")
        if not self.up:
            pending.done, pending.failure = True, AskRejected(f"{target!r} was not asked: its node is down")
            return pending
        self._ask_here(pending, target, message, None, timeout_seconds, None)
        self.schedule()
        return pending

    def ask(
        self, cell: Cell, target: Reference, message: Request[Any], key: Any, timeout_seconds: float | None
    ) -> None:
        """An actor's request sets out."""
        if target.node == self.name:
            self._ask_here(cell, target, message, key, timeout_seconds, cell.own)
            return
        correlation = self.asks.new(cell, target, type(message), key, timeout_seconds)
        content = self.pack(message)
        refused = self.post(
            self.links[target.node],
            (envelope.ASK, target.name, target.incarnation, cell.own, correlation, content, 0),
            message.lane is Lane.CONTROL,
        )
        if refused is not None:
            why = AskRejected(f"{target!r} was not asked {type(message).__qualname__}: {refused}")
            self.asks.settle(correlation, None, why)

    def _ask_here(
        self, owner: Cell | Pending, target: Reference, message: Request[Any], key: Any,
        timeout_seconds: float | None, asker: Reference | None,
    ) -> None:
        correlation = self.asks.new(owner, target, type(message), key, timeout_seconds)
        cell = self.find(target)
        accepted = NOBODY
        if cell is not None:
            accepted = cell.accept(ASK, message, asker, correlation, message.lane is Lane.CONTROL)
        if accepted != TAKEN:
            self.refuse_ask(target, message, asker, correlation, accepted)

    def answer(self, asker: Reference | None, correlation: int, value: Any, failure: Exception | None) -> None:
        """Answer a request: of an actor here or elsewhere, or of outside code here."""
        if asker is None or asker.node == self.name:
            self.asks.settle(correlation, value, failure)
            return
        kind, content = envelope.REPLY, None
        if failure is None:
            try:
                content = self.wire.pack_value(value)
            except CodecError as error:
                failure = AskFailed(str(error))
        if failure is not None:
            kind, content = envelope.FAILURE, (isinstance(failure, AskRejected), str(failure))
        self.post(self.links[asker.node], (kind, "", 0, None, correlation, content, 0), False)

    def send_system(self, node: str, kind: int, content: Any) -> str | None:
        """A word from this world to another one; says why when it was refused."""
        return self.post(self.links[node], (kind, "", 0, None, 0, content, 0), True)

    # --- what comes and is no plain message ------------------------------------------------------------------------

    def rare_envelope(self, source: Correspondent, posted: Envelope, control: bool) -> None:
        """A request, an answer, or a word of another world."""
        kind, name, incarnation, sender, correlation, content, _ = posted
        if kind == envelope.ASK:
            self._request_came(name, incarnation, sender, correlation, content, control)
        elif kind <= envelope.FAILURE:
            self._answer_came(source, kind, correlation, content)
        elif kind == envelope.REJECTED:
            sender_cell = self.find(content[0])
            if sender_cell is not None and Rejected in sender_cell.handlers:
                sender_cell.deliver(Rejected(content[1], content[2]), False)
        else:
            self.watches.from_peer(kind, content[0], content[1], content[2] if len(content) > 2 else None)

    def _request_came(
        self, name: str, incarnation: int, sender: Reference | None, correlation: int, content: Any, control: bool
    ) -> None:
        try:
            message = self.wire.unpack(content)
        except CodecError as error:
            self.unreadable()
            self.answer(sender, correlation, None, AskRejected(f"{name!r}: the request cannot be read: {error}"))
            return
        target = Reference(self.name, name, incarnation)
        cell = self.find(target)
        accepted = NOBODY if cell is None else cell.accept(ASK, message, sender, correlation, control)
        if accepted != TAKEN:
            self.refuse_ask(target, message, sender, correlation, accepted)

    def _answer_came(self, peer: Correspondent, kind: int, correlation: int, content: Any) -> None:
        ask = self.asks.pending.get(correlation)
        if ask is None or ask.target.node != peer.name:  # only who was asked may answer
            self.counters["late_answers"] += 1
            return
        if kind == envelope.FAILURE:
            rejected, text = content
            self.asks.settle(correlation, None, AskRejected(text) if rejected else AskFailed(text))
            return
        try:
            value = self.wire.unpack_value(answer_type(ask.request_type), content)
        except CodecError as error:
            self.asks.settle(correlation, None, AskFailed(f"the answer of {ask.target!r} cannot be read: {error}"))
        else:
            self.asks.settle(correlation, value, None)

    # --- messages that go nowhere ----------------------------------------------------------------------------------

    def dead_letter(self, target: Reference, message: Any, why: str) -> None:
        """Nobody will handle a message."""
        self.counters["dead_letters"] += 1
        self.simulation.counters["dead_letters"] += 1

    def unhandled(self, cell: Cell, message: Any, sender: Reference | None, correlation: int, kind: int) -> None:
        """An actor has no handler for a message that it got."""
        why = f"{cell.label} has no handler for {type(message).__qualname__}"
        if kind == ASK:
            cell.held.pop((sender.node if sender is not None else "", correlation), None)
            self.answer(sender, correlation, None, AskRejected(why))
        if not isinstance(message, Rejected):
            self.dead_letter(cell.own, message, why)

    def refuse_tell(self, target: Reference, message: Message, sender: Cell, accepted: int) -> None:
        """A mailbox here did not take an actor's message."""
        if accepted == FULL:
            if Rejected in sender.handlers:
                sender.deliver(Rejected(target, type(message).__qualname__), False)
        elif accepted == NOBODY:
            self.dead_letter(target, message, self.why_nobody(target))

    def not_taken(self, posted: Envelope, message: Message, accepted: int) -> None:
        """A mailbox here did not take what came from another node, or there is none."""
        target = Reference(self.name, posted[1], posted[2])
        sender = posted[3]
        if accepted == NOBODY:
            self.dead_letter(target, message, self.why_nobody(target))
        elif accepted == FULL and sender is not None:
            self.send_system(sender.node, envelope.REJECTED, (sender, target, type(message).__qualname__))

    def refuse_ask(
        self, target: Reference, message: Message, asker: Reference | None, correlation: int, accepted: int
    ) -> None:
        """A mailbox here did not take a request."""
        if accepted == FULL:
            why = _full(target, message)
        elif accepted == DROPPED:
            why = f"{target!r} dropped {type(message).__qualname__}: its mailbox was full"
        else:
            why = self.why_nobody(target)
        self.answer(asker, correlation, None, AskRejected(why))

    def why_nobody(self, target: Reference) -> str:
        """Why a reference reaches nobody here."""
        holder = self.names.get(target.name)
        if holder is None or holder.own.incarnation == target.incarnation:
            return f"no actor {target.name!r} on node {self.name!r}: it has stopped or was never spawned"
        return f"{target!r} has stopped; its name belongs to another incarnation now"

    def why_refused(self, link: StageLink | None, posted: Envelope, control: bool) -> str:
        """Why the transport does not take an envelope."""
        self.counters["refused"] += 1
        if link is None:
            return "there is no such node in this simulation"
        if link.lost:
            return "the node is lost, and not connected again yet"
        if control:
            return f"{link.controls_under_way} control messages are under way to the node already"
        content = posted[5]
        size = len(content.body) if isinstance(content, Parcel) else 0
        if size > link.max_body_bytes:
            return (
                f"a message of {size} bytes; the largest that the transport takes has {link.max_body_bytes}: split it, "
                f"or raise max_frame_bytes"
            )
        return f"{link.bytes_under_way} bytes are under way to the node already; send slower"


def _full(target: Reference, message: object) -> str:
    return (
        f"the mailbox of {target!r} is full and refused {type(message).__qualname__}; send slower (ask now and then), "
        f"or spawn it with mailbox=Mailbox(capacity=..., overflow=...)"
    )
