"""The steps of a checked run for people, for diagrams and for replay: found again from the engine's numbers.

Knows the world's numbers; judges nothing.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.trace import Event as Traced
from actors.trace import What
from actors.verification.actor_events import Happening
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.actor_text import name_of
from actors.verification.actor_view import HEADER, Sight, View
from actors.verification.actor_world import World
from actors.verification.result import Step, Trace
from core_ext.interleave import Interleaving
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = tuple[int, ...]


class Act(enum.StrEnum):
    """The kinds of actions."""

    DELIVER = "deliver"
    DROP = "drop"
    TIMER = "timer"
    SYNC = "sync"
    EXPIRE = "expire"
    CRASH = "crash"
    RECOVER = "recover"
    ROUND = "round"


class Action(msgspec.Struct, frozen=True):
    """One action of a run; a list of them is a script that another world can follow.

    Attributes:
        act: its kind.
        actor: who it happens to; for crashes and recoveries only the node counts.
        envelope: of deliveries and losses.
        timer: the message of a timer.
        number: of the request that timed out.
        choices: what ``context.choose`` gave, in order.
    """

    act: Act
    actor: Reference
    envelope: Envelope | None = None
    timer: Any = None
    number: int = 0
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        chosen = f", choosing {', '.join(map(repr, self.choices))}" if self.choices else ""
        return f"{self._text()}{chosen}"

    def _text(self) -> str:
        name = name_of(self.actor)
        if self.envelope is not None:
            source = name_of(self.envelope.source)
            if self.act is Act.DROP:
                return f"{self.envelope.text()} from {source} to {name} is lost"
            if self.envelope.parcel is Parcel.STOP:
                return f"{source} stops {name}"
            the = "" if self.envelope.parcel is Parcel.MESSAGE else "the "
            return f"{name} takes {the}{self.envelope.text()} from {source}"
        if self.act is Act.TIMER:
            return f"{name}'s timer {self.timer!r} fires"
        if self.act is Act.SYNC:
            return f"{name}'s oldest records reach the disk"
        if self.act is Act.EXPIRE:
            return f"{name}'s request {self.number} times out"
        if self.act is Act.ROUND:
            return "the round ends"
        return f"{self.actor.node} {'crashes' if self.act is Act.CRASH else 'recovers'}"


Run = list[tuple[Action | None, Vector]]


class Replayer:
    """Walks from the initial states again, and says what happens.

    Args:
        world, engine, sight: of the search.

    Attributes:
        initial: the initial states.
        chosen: what actors chose when they started, of each.
    """

    def __init__(self, world: World, engine: Interleaving, sight: Sight) -> None:
        self.world = world
        self.engine = engine
        self.sight = sight
        self.initial: list[Vector] = []
        self.chosen: list[tuple[Any, ...]] = []

    def choices(self, branches: Iterable[tuple[int, int, int]]) -> tuple[Any, ...]:
        """What ``context.choose`` gave, in order."""
        found: list[Any] = []
        for local, met, outcome in branches:
            found += self.world.choices.get((local, met), [()] * (outcome + 1))[outcome]
        return tuple(found)

    def action(self, detail: int, label: int, branches: Iterable[tuple[int, int, int]]) -> Action:
        """What the engine did."""
        world = self.world
        chosen = self.choices(branches)
        if detail < 0:
            node = self.engine.node_slots(-1 - detail)
            return Action(Act.CRASH if label == 0 else Act.RECOVER, world.slots[node[0]].reference, choices=chosen)
        event = world.events[detail]
        if event.happening is Happening.ROUND:
            return Action(Act.ROUND, world.slots[0].reference, choices=chosen)
        actor = world.slots[event.slot].reference
        if event.happening is Happening.DELIVER:
            return Action(Act.DROP if label == 0 else Act.DELIVER, actor, event.payload, choices=chosen)
        if event.happening is Happening.TIMER:
            return Action(Act.TIMER, actor, timer=world.timers[event.payload][1], choices=chosen)
        if event.happening is Happening.EXPIRE:
            return Action(Act.EXPIRE, actor, number=event.payload, choices=chosen)
        return Action(Act.SYNC, actor)

    def walk(self, state: int) -> Run:
        """The run by which a state was reached; a shortest one when the search was breadth first."""
        path = self.engine.states.path(state)
        if self.engine.twins is None:
            return self.follow([ordinal for _, ordinal in path])
        # one state stands for its images: a real run goes on where its own state is, to an image of the next one
        found = self.follow([path[0][1]])
        for wanted, _ in path[1:]:
            found += self.towards(found[-1][1], wanted)
        return found

    def towards(self, vector: Vector, wanted: int) -> Run:
        """The step from a state to one that another one, by its number, stands for."""
        for label, detail, branches, after in self.engine.successors(vector):
            if self.engine.number_of(after) == wanted:
                return [(self.action(detail, label, branches), after)]
        raise AssertionError(f"no step leads to an image of state {wanted}")

    def follow(self, trail: Sequence[int]) -> Run:
        """The run from the initial state of that number along actions, each one the number of it in its state."""
        vector = self.initial[trail[0]]
        found: Run = [(None, vector)]
        for ordinal in trail[1:]:
            label, detail, branches, vector = self.engine.successors(vector)[ordinal]
            found.append((self.action(detail, label, branches), vector))
        return found

    def along(self, vector: Vector, edges: Sequence[tuple[int | None, int]]) -> Run:
        """The run from a state along edges of the graph, each one (label, next state's number)."""
        found: Run = []
        for wanted, number in edges:
            for label, detail, branches, after in self.engine.successors(vector):
                if label == wanted and self.engine.number_of(after) == number:
                    vector = after
                    found.append((self.action(detail, label, branches), vector))
                    break
            else:
                raise AssertionError(f"the edge {wanted} to state {number} is not there any more")
        return found

    def trace(self, state: int) -> Trace:
        """A run to a state, for people."""
        return self.as_trace(self.walk(state))

    def as_trace(
        self, run: Run, back_to: int | None = None, stuck: bool = False
    ) -> Trace:
        """A run for people."""
        steps = tuple(Step(action, View(self.sight, vector)) for action, vector in run)
        chosen = self.chosen[self.initial.index(run[0][1])]
        return Trace(steps, back_to, stuck, tuple(self.events(run)), chosen)

    def failure(self, run: Run, ordinal: int) -> tuple[Trace, str]:
        """The run up to the handler that failed, which its next action calls, and what it said."""
        before = run[-1][1]
        successors = self.engine.successors(before)
        if self.engine.twins is not None:
            ordinal = self.engine.failing[0]  # the other number is that of the state that stands for this one
        label, detail, branches, vector = successors[ordinal]
        failures = self.world.failures
        mine = [failure for (local, _), failure in failures.items() if before[failure.event.slot] == local]
        text = (mine or list(failures.values()))[0].text
        run.append((self.action(detail, label, branches), vector))
        trace = self.as_trace(run)
        failed = Traced(What.FAILURE, text=text, node=run[-1][0].actor.node if run[-1][0] else "",
                        actor=run[-1][0].actor.name if run[-1][0] else "")
        return msgspec.structs.replace(trace, events=(*trace.events, failed)), text

    def events(self, run: Run) -> list[Traced]:
        """The run for diagrams: every sending beside what became of it."""
        found: list[Traced] = []
        numbers: dict[int, list[int]] = {}
        count = 0
        first = self.world.capacity + HEADER
        for slot in self.world.slots:
            found.append(Traced(What.START, node=slot.reference.node, actor=slot.reference.name))
        before: Counter[int] = Counter()
        for action, vector in run:
            at = -1
            if action is not None:
                if action.envelope is not None:
                    at = next(e for e in before if self.world.events[e].payload is action.envelope)
                    kept = vector[first:].count(at) >= before[at]
                    number = numbers[at][0] if kept else numbers[at].pop(0)
                    found.append(_traced(action, number))
                    if not kept:
                        before[at] -= 1
                else:
                    found.append(_traced(action, 0))
                found += [
                    Traced(What.CHOICE, node=action.actor.node, actor=action.actor.name, text=repr(option))
                    for option in action.choices
                ]
            after = Counter(vector[first:])
            for event in sorted((after - before).elements()):
                count += 1
                numbers.setdefault(event, []).append(count)
                envelope = self.world.events[event].payload
                found.append(_sent(envelope, count))
            before = after
        return found


def _sent(envelope: Envelope, number: int) -> Traced:
    source, target = envelope.source or envelope.target, envelope.target
    return Traced(
        What.SEND, node=source.node, actor=source.name, text=envelope.text(), number=number, peer_node=target.node,
        peer_actor=target.name,
    )


def _traced(action: Action, number: int) -> Traced:
    node, actor = action.actor.node, action.actor.name
    if action.envelope is not None:
        source = action.envelope.source or action.actor
        text = action.envelope.text()
        if action.act is Act.DROP:
            return Traced(What.DROP, node=source.node, actor=source.name, text=text, number=number, peer_node=node,
                          peer_actor=actor)
        return Traced(What.DELIVER, node=node, actor=actor, text=text, number=number, peer_node=source.node,
                      peer_actor=source.name)
    if action.act is Act.TIMER:
        return Traced(What.TIMER, node=node, actor=actor, text=repr(action.timer))
    if action.act is Act.SYNC:
        return Traced(What.SYNC, node=node, actor=actor)
    if action.act is Act.EXPIRE:
        return Traced(What.TIMER, node=node, actor=actor, text=f"request {action.number} times out")
    if action.act is Act.ROUND:
        return Traced(What.TIMER, node=node, actor=actor, text="the round ends")
    return Traced(What.CRASH if action.act is Act.CRASH else What.START, node=node)
