"""Plays a counterexample of the checked world over real sockets: the same actors, the same order of deliveries.

Every node of the model is an ``ActorSystem``. What it takes for another node is a *stand-in*: a system of that node's
name whose actors have the other actors' names and hold what they are sent until the script releases it; then the
receiver's own stand-in of the sender hands it over. So actors, their references and their senders are unchanged, and
every message crosses ZeroMQ twice. Knows the real world and the checked one, which do not know each other; no protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from actors.actor import Actor, Answer, on
from actors.context import Context, Ticket
from actors.message import Message, Request
from actors.runtime.system import ActorSystem
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.actor_state import freeze
from actors.verification.actor_steps import Act, Action
from actors.verification.actor_text import text_of
from actors.verification.errors import ModelError
from actors.verification.properties import Property
from actors.verification.result import Trace
from actorum.cluster import free_ports
from core_ext.mailbox import Reference

MAX_NODES = 8  # every pair of them takes two systems
STEP_SECONDS = 10.0  # of waiting for what one step sends, before the run counts as another one

Name = tuple[str, str, str, str, str, int, str]  # from (node, name), to (node, name), parcel, its request, text


class Diverged(AssertionError):
    """The real run is not the checked one; names the step."""


class HandOver(Message, wire="replaying.hand-over"):
    """To a stand-in: do now what the stage keeps under this key."""

    key: int


class Held(NamedTuple):
    """A message that waits for its step.

    Attributes:
        envelope: the message, as the checked world would show it.
        ticket: for its answer, when it is a request that wants one; kept by the stand-in that holds it.
        answers: the ticket that this answer is for, when it is one.
    """

    envelope: Envelope
    ticket: Ticket | None = None
    answers: Ticket | None = None


class Ended(NamedTuple):
    """The end of a real run, as properties see it: what a ``View`` shows, but of real actors.

    Attributes:
        actors: by name; the instances themselves.
        network: what was sent and not delivered.
        history: what was recorded of the clients on the way.
    """

    actors: Mapping[str, Any]
    network: tuple[Envelope, ...]
    history: Any

    @property
    def quiet(self) -> bool:
        """No message is in flight."""
        return not self.network

    def in_flight(self, message_type: type[Message]) -> tuple[Any, ...]:
        """The messages of one type that are in flight."""
        return tuple(
            envelope.message for envelope in self.network
            if envelope.parcel is Parcel.MESSAGE and type(envelope.message) is message_type
        )

    def is_up(self, name: str) -> bool:
        """Whether an actor is running: all are."""
        return name in self.actors

    def satisfies(self, claim: Property) -> bool:
        """Whether the predicates of an ``always`` hold of it."""
        view: Any = self
        return all(predicate(view) for predicate in claim.predicates)


def replay_real(model: ActorModel, trace: Trace) -> Ended:
    """Follow a trace over ZeroMQ, on the loopback of this machine. Runs an event loop of its own.

    After every step as many messages must be on their way as in the checked run, with the same content; at the end
    every actor must have the fields that it has in the trace's last state.

    Args:
        model: made with the same arguments as the one that was checked.
        trace: of it.

    Returns:
        The end; ``ended.satisfies(claim)`` says whether a violation is there, too.

    Raises:
        ModelError: the trace has steps that a real network cannot be told to take: crashes, losses, timers, syncs,
            time-outs, rounds, choices; or two actors live on one node.
        Diverged: the real run is another one.
    """
    actions = [step.action for step in trace.steps if step.action is not None]
    for action in actions:
        if action.act is not Act.DELIVER or action.choices:
            raise ModelError(f"over a real network only deliveries can be followed; this run has the step {action}")
    nodes = [slot.reference.node for slot in model.actors]
    if len(set(nodes)) != len(nodes) or len(nodes) > MAX_NODES:
        raise ModelError(
            f"{model.describe()}: {len(nodes)} actors on {len(set(nodes))} nodes; over a real network each needs a "
            f"node of its own (what travels within a node cannot be held), and there may be {MAX_NODES}"
        )
    for slot in model.actors:
        if slot.actor_class is None or slot.actor_class.is_durable or slot.actor_class.is_async:
            raise ModelError(f"{slot.text} keeps a journal, is spawned later or has async handlers; that is not played")
    return asyncio.run(_Stage(model).play(trace, actions))


class _Stage:
    """The systems of one run, and what waits between them."""

    def __init__(self, model: ActorModel) -> None:
        self.model = model
        self.names = [slot.reference for slot in model.actors]
        self.own = {reference.node: reference for reference in self.names}
        self.real: dict[str, Any] = {}  # the actors themselves, by node
        self.stand_ins: dict[tuple[str, str], Reference] = {}  # by who sees it, and whom it stands for
        self.held: list[Held] = []
        self.keys = itertools.count(1)
        self.orders: dict[int, Held] = {}  # what stand-ins were told to hand over
        self.asked: dict[int, tuple[Ticket, int]] = {}  # of requests that were handed over: ticket and number
        self.arrived = asyncio.Event()
        self.handled = 0  # messages, since the last step began
        self.failure: Exception | None = None
        self.history: Any = model.history.initial if model.history is not None else None
        self.requests = {
            message for slot in model.actors if slot.actor_class is not None
            for message in slot.actor_class.handlers if issubclass(message, Request)
        }

    async def play(self, trace: Trace, actions: list[Action]) -> Ended:
        """Start everything, follow the script, stop everything."""
        async with contextlib.AsyncExitStack() as systems:
            await self._open(systems)
            await self._settled(trace, 0, None)
            for place, action in enumerate(actions, start=1):
                assert action.envelope is not None
                still = _counted(_network(trace, place))[_name(action.envelope)]
                found = next((held for held in self.held if _name(held.envelope) == _name(action.envelope)), None)
                assert found is not None  # the networks were compared after the step before
                if _counted(held.envelope for held in self.held)[_name(action.envelope)] > still:
                    self.held.remove(found)
                self._record(self.model.history.received(found.envelope) if self.model.history is not None else None)
                self._hand_over(found._replace(envelope=action.envelope))
                await self._settled(trace, place, action)
            self._compare(trace)
            texts = {slot.text: self.real[slot.reference.node] for slot in self.model.actors}
            return Ended(texts, tuple(held.envelope for held in self.held), self.history)

    async def _open(self, systems: contextlib.AsyncExitStack) -> None:
        nodes = list(self.own)
        pairs = [(viewer, other) for viewer in nodes for other in nodes if viewer != other]
        ports = iter(free_ports(len(nodes) + len(pairs)))
        address = {key: f"tcp://127.0.0.1:{next(ports)}" for key in [*((node, node) for node in nodes), *pairs]}
        for viewer, other in pairs:
            system = ActorSystem(
                other, listen=address[viewer, other], peers={viewer: address[viewer, viewer]}, cluster_id=viewer
            )
            await systems.enter_async_context(system)
            actor_class = _stand_in(self, self.own[viewer], self.own[other])
            self.stand_ins[viewer, other] = system.spawn(actor_class, name=self.own[other].name)
        for slot in self.model.actors:
            node = slot.reference.node
            peers = {other: address[node, other] for other in nodes if other != node}
            system = ActorSystem(node, listen=address[node, node], peers=peers, cluster_id=node)
            await systems.enter_async_context(system)
            assert slot.actor_class is not None
            system.spawn(_witnessed(slot.actor_class, self), *slot.args, name=slot.reference.name)

    def _record(self, addition: Any) -> None:
        if addition is not None and self.model.history is not None:
            self.history = self.model.history.after(self.history, addition)

    def hold(self, held: Held) -> None:
        """A message has crossed the network; it waits for its step."""
        self.held.append(held)
        if self.model.history is not None:
            self._record(self.model.history.sent(held.envelope))
        self.arrived.set()

    def _hand_over(self, held: Held) -> None:
        key = next(self.keys)
        self.orders[key] = held
        source, target = held.envelope.source, held.envelope.target
        assert source is not None
        self.handled = 0
        self.stand_ins[target.node, source.node].tell(HandOver(key))

    async def _settled(self, trace: Trace, place: int, action: Action | None) -> None:
        """Wait until the receiver has handled the step, and everything that it sends has crossed the network."""
        expected = _counted(_network(trace, place))
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while _counted(held.envelope for held in self.held) != expected or (action and not self.handled):
                    if self.failure is not None:
                        raise Diverged(f"step {action or 'start'}: {self.failure}") from self.failure
                    self.arrived.clear()
                    await self.arrived.wait()
        except TimeoutError:
            lines = [f"{name[0]}/{name[1]} -> {name[2]}/{name[3]}: {name[6]}" for name in expected.elements()]
            ours = [f"{held.envelope.source} -> {held.envelope.target}: {held.envelope.text()}" for held in self.held]
            raise Diverged(
                f"after {action or 'the start'}: on its way are {ours or 'no messages'}, in the checked run {lines}"
            ) from None

    def _compare(self, trace: Trace) -> None:
        view = trace.steps[-1].state
        for slot in self.model.actors:
            real, checked = self.real[slot.reference.node], view.actors[slot.text]
            if text_of(freeze(slot.text, _Fields(vars(real)))) != text_of(freeze(slot.text, _Fields(vars(checked)))):
                raise Diverged(f"{slot.text} ends as {vars(real)}, in the checked run as {vars(checked)}")


def _witnessed(actor_class: type[Actor], stage: Any) -> type[Actor]:
    """The same actor, of which the stage learns when a handler has returned."""
    def start(self: Any, context: Context) -> None:
        stage.real[context.node] = self
        actor_class.start(self, context)

    def watched(handler: Any) -> Any:
        def handle(self: Any, message: Any, context: Context) -> None:
            try:
                handler(self, message, context)
            except Exception as error:
                stage.failure = error
                raise
            finally:
                stage.handled += 1
                stage.arrived.set()
        return handle

    made: Any = type(actor_class.__name__, (actor_class,), {"start": start})
    made.handlers = {kind: watched(handler) for kind, handler in actor_class.handlers.items()}
    made.answer_handlers = {kind: watched(handler) for kind, handler in actor_class.answer_handlers.items()}
    return made  # type: ignore[no-any-return]


def _stand_in(stage: _Stage, viewer: Reference, own: Reference) -> type[Actor]:
    """The class of what ``viewer`` takes for ``own``."""
    class StandIn(Actor):
        @on(HandOver)
        def hand_over(self, message: HandOver, context: Context) -> None:
            held = stage.orders.pop(message.key)
            if held.answers is not None:
                if held.envelope.parcel is Parcel.FAILURE:
                    context.fail(str(held.envelope.message), to=held.answers)
                else:
                    context.reply(held.envelope.message, to=held.answers)
            elif held.ticket is not None:
                stage.asked[message.key] = held.ticket, held.envelope.number
                request: Any = held.envelope.message
                context.request(viewer, request, key=message.key)
            else:
                context.send(viewer, held.envelope.message)

    def hold(self: Any, message: Message, context: Context) -> None:
        ticket = context.defer() if isinstance(message, Request) else None
        stage.hold(Held(Envelope(viewer, own, Parcel.MESSAGE, message), ticket))

    def answered(self: Any, answer: Answer, context: Context) -> None:
        parcel = Parcel.ANSWER if answer.failure is None else Parcel.FAILURE
        value = answer.value if answer.failure is None else str(answer.failure)
        ticket, number = stage.asked.pop(answer.key)
        stage.hold(Held(Envelope(viewer, own, parcel, value, number), None, ticket))

    made: Any = StandIn
    target = next(slot.actor_class for slot in stage.model.actors if slot.reference == own)
    assert target is not None
    made.handlers = {**StandIn.handlers, **dict.fromkeys(target.handlers, hold)}
    made.answer_handlers = dict.fromkeys(stage.requests, answered)
    return StandIn


def _network(trace: Trace, place: int) -> tuple[Envelope, ...]:
    network: tuple[Envelope, ...] = trace.steps[place].state.network
    return network


def _counted(envelopes: Any) -> Counter[Name]:
    return Counter(map(_name, envelopes))


def _name(envelope: Envelope) -> Name:
    source, target = envelope.source, envelope.target
    assert source is not None
    number = 0 if envelope.parcel is Parcel.MESSAGE else envelope.number  # a request has one when it is handed over
    return source.node, source.name, target.node, target.name, envelope.parcel.value, number, text_of(envelope.message)


class _Fields:
    """Fields without a class."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)
