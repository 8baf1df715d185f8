"""A counterexample as orders to a world, one after the other; and what no world can be told. Knows no world."""

from __future__ import annotations

import enum
from typing import NamedTuple

from actors.context import Ticket
from actors.message import Message
from actors.trace import What
from actors.verification.actor_local import Life
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Envelope, Parcel
from actors.verification.actor_steps import Act, Action
from actors.verification.actor_view import View
from actors.verification.errors import ModelError
from actors.verification.result import Trace
from core_ext.mailbox import Reference
from protocols.replaying.messages import Cue, Does, packed
from protocols.replaying.stage import Diverged, Stage


class Told(enum.Enum):
    """What a world can be told."""

    CUE = "cue"
    SYNC = "sync"
    KILL = "kill"
    START = "start"


class Order(NamedTuple):
    """One thing for a world to do.

    Attributes:
        told: what.
        actor: to whom: of kills and starts only the node counts.
        cue: for the actor's player.
    """

    told: Told
    actor: Reference
    cue: Cue | None = None


class Script:
    """A run to follow.

    Args:
        model: made with the same arguments as the one that was checked.
        trace: of it.

    Attributes:
        chosen: what ``context.choose`` gives to actors when they start.
        back_to, stuck: see ``Trace``.
        fails: the run ends with a handler that raises.

    Raises:
        ModelError: it cannot be followed anywhere; says why.
    """

    def __init__(self, model: ActorModel, trace: Trace) -> None:
        if not isinstance(model, ActorModel):
            raise ModelError(f"{model!r} is no ActorModel: it has no actors that another world could run")
        durable: dict[str, str] = {}
        for slot in model.actors:
            node = slot.reference.node
            if slot.actor_class is not None and slot.actor_class.is_durable:
                if node in durable:
                    raise ModelError(
                        f"{model.describe()}: node {node} has two durable actors, {durable[node]} and {slot.text}. A "
                        f"node has one log, which reaches the disk in order; in the checked world each syncs for itself"
                    )
                durable[node] = slot.text
        self.model = model
        self.chosen = trace.chosen
        self.back_to = trace.back_to
        self.stuck = trace.stuck
        self._states: list[View] = [step.state for step in trace.steps]
        self._actions: list[Action] = [step.action for step in trace.steps[1:]]
        self.fails = bool(trace.events) and trace.events[-1].what is What.FAILURE

    def __len__(self) -> int:
        """States, the initial one among them."""
        return len(self._states)

    def name(self, number: int) -> str:
        """What leads to a state, for people."""
        return f"step {number}, {self._actions[number - 1]}," if number else "the start"

    def orders(self, stage: Stage, number: int) -> list[Order]:
        """What the step to a state is made of; nothing for the initial one. Takes its message off the stage.

        Raises:
            Diverged: its message is not on its way.
        """
        if number == 0:
            return []
        action = self._actions[number - 1]
        actor = action.actor
        stage.choices = list(action.choices)
        if action.envelope is not None:
            try:
                stage.take_out(action.envelope, action.act is Act.DELIVER)
            except Diverged as error:
                raise Diverged(f"{self.name(number)} cannot be taken: {error}") from None
            if action.act is Act.DROP or not stage.reaches(action.envelope):
                return []
            return [Order(Told.CUE, actor, _take(action.envelope, stage))]
        if action.act is Act.TIMER:
            return [Order(Told.CUE, actor, _fire(action.timer))]
        if action.act is Act.EXPIRE:
            return [Order(Told.CUE, actor, Cue(Does.EXPIRE, number=action.number))]
        if action.act is Act.ROUND:
            return self._round(self._states[number - 1])
        told = {Act.SYNC: Told.SYNC, Act.CRASH: Told.KILL, Act.RECOVER: Told.START}[action.act]
        return [Order(told, actor)]

    def difference(self, stage: Stage, number: int) -> str:
        """What is not as in a state of the checked run; empty when nothing is."""
        if self.fails and number == len(self) - 1:
            return "" if stage.failure else "no handler fails, and in the checked run one does"
        if stage.failure:
            return stage.failure
        if stage.choices:
            return f"nobody chooses {stage.choices}, and in the checked run somebody does"
        return stage.difference(self._states[number])

    def check(self, stage: Stage, number: int) -> None:
        """Compare the stage with a state of the checked run.

        Raises:
            Diverged: names the step that leads to it, and what is different.
        """
        found = self.difference(stage, number)
        if found:
            raise Diverged(f"after {self.name(number)} {found}")

    def _round(self, before: View) -> list[Order]:
        """Everything that actors do by themselves, in the order of the checked world."""
        world = before.sight.world
        found = []
        for place, slot in enumerate(world.slots):
            local = world.locals[before.vector[place]]
            if local.life is not Life.UP:
                continue
            if local.pending:
                found.append(Order(Told.SYNC, slot.reference))
            found += [Order(Told.CUE, slot.reference, _fire(world.timers[timer][1])) for timer in local.timers]
            if world.ask_timeouts:
                found += [
                    Order(Told.CUE, slot.reference, Cue(Does.EXPIRE, number=asked.number)) for asked in local.asks
                ]
        return found


def _take(envelope: Envelope, stage: Stage) -> Cue:
    request = stage.request_of(Ticket(envelope.target, envelope.number))
    tag, body = packed(envelope.parcel, envelope.message, request)
    return Cue(Does.TAKE, envelope.source, envelope.parcel.value, envelope.number, tag, body)


def _fire(timer: Message) -> Cue:
    tag, body = packed(Parcel.MESSAGE, timer, None)
    return Cue(Does.FIRE, tag=tag, body=body)
