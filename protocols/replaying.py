"""Plays a counterexample of the checked world again in the simulator: the same actors, the same steps, the same end.

Every actor is interposed: what arrives is held until the script releases it, timers fire when the script says, choices
are the script's. Knows both worlds, which do not know each other; no protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.actor import Actor
from actors.message import Message
from actors.simulation import Simulation
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Parcel
from actors.verification.actor_state import freeze
from actors.verification.actor_steps import Act, Action
from actors.verification.actor_text import text_of
from actors.verification.errors import ModelError
from actors.verification.result import Trace
from core_ext.mailbox import Reference

SETTLE_SECONDS = 1.0  # of virtual time after each step, until everything that was sent has arrived


class Release(Message, wire="replaying.release"):
    """To an interposed actor: take this held message (or, without a sender, fire this timer) now."""

    node: str
    name: str
    text: str
    choices: tuple[str, ...]


class Diverged(AssertionError):
    """The simulated run is not the checked one; names the step."""


class _Hands:
    """The context of an interposed actor: timers wait for the script, choices come from it."""

    def __init__(self, context: Any, keeper: Any, sender: Reference | None, choices: Iterable[str]) -> None:
        self._context = context
        self._keeper = keeper
        self._choices = list(choices)
        self.sender = sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def set_timer(self, message: Message, delay_seconds: Any, key: Any = None) -> None:
        self._keeper.replay_timers[type(message) if key is None else key] = message

    def cancel_timer(self, key: Any) -> None:
        self._keeper.replay_timers.pop(key, None)

    def choose(self, options: Any) -> Any:
        wanted = self._choices.pop(0)
        return next(option for option in options if text_of(option) == wanted)


def interposed(actor_class: type[Actor]) -> type[Actor]:
    """The same actor, which holds what arrives until it is released."""
    handlers = actor_class.handlers

    def start(self: Any, context: Any) -> None:
        self.replay_held = []
        self.replay_timers = {}
        hands: Any = _Hands(context, self, None, ())
        actor_class.start(self, hands)

    def hold(self: Any, message: Message, context: Any) -> None:
        self.replay_held.append((context.sender, message))

    def release(self: Any, message: Release, context: Any) -> None:
        if not message.node:
            key = next((key for key, timer in self.replay_timers.items() if text_of(timer) == message.text), None)
            if key is None:
                raise Diverged(f"{context.self}: the timer {message.text} is not set")
            timer = self.replay_timers.pop(key)
            handlers[type(timer)](self, timer, _Hands(context, self, None, message.choices))
            return
        for place, (sender, held) in enumerate(self.replay_held):
            if (sender.node, sender.name, text_of(held)) == (message.node, message.name, message.text):
                del self.replay_held[place]
                handlers[type(held)](self, held, _Hands(context, self, sender, message.choices))
                return
        raise Diverged(f"{context.self}: {message.text} from {message.node}/{message.name} has not arrived")

    made: Any = type(f"Interposed{actor_class.__name__}", (actor_class,), {"start": start})
    made.handlers = {**dict.fromkeys(handlers, hold), Release: release}
    return made  # type: ignore[no-any-return]


def replay(model: ActorModel, trace: Trace, seed: int = 0) -> Simulation:
    """Follow a trace in a simulation.

    Args:
        model: made with the same arguments as the one that was checked.
        trace: of it.
        seed: of the simulation; nothing that it draws matters.

    Returns:
        The simulation after the last step, in which every actor has the fields that it has in the trace's last state.

    Raises:
        ModelError: the trace has steps that cannot be followed: crashes, syncs, requests, rounds.
        Diverged: the simulated run is another one.
    """
    actions = [step.action for step in trace.steps if step.action is not None]
    for action in actions:
        if action.act not in (Act.DELIVER, Act.TIMER, Act.DROP) or (
            action.envelope is not None and (action.envelope.parcel is not Parcel.MESSAGE or action.envelope.number)
        ):
            raise ModelError(f"replay follows messages, losses and timers; this run has the step {action}")
    simulation = Simulation(seed=seed, wire="objects")
    failures: list[BaseException] = []
    simulation.on_failure = lambda label, error: failures.append(error)
    for slot in model.actors:
        assert slot.actor_class is not None
        node = simulation.nodes.get(slot.reference.node) or simulation.node(slot.reference.node)
        node.spawn(interposed(slot.actor_class), *slot.args, name=slot.reference.name)
    simulation.run(SETTLE_SECONDS)
    for action in actions:
        if action.act is not Act.DROP:  # what is lost is never released
            simulation.tell(action.actor, _release(action))
            simulation.run(SETTLE_SECONDS)
        if failures:
            raise Diverged(f"step {action}: {failures[0]}") from failures[0]
    _compare(model, trace, simulation)
    return simulation


def _release(action: Action) -> Release:
    choices = tuple(text_of(choice) for choice in action.choices)
    if action.envelope is None:
        return Release("", "", text_of(action.timer), choices)
    source = action.envelope.source
    assert source is not None
    return Release(source.node, source.name, text_of(action.envelope.message), choices)


def _compare(model: ActorModel, trace: Trace, simulation: Simulation) -> None:
    view = trace.steps[-1].state
    for slot in model.actors:
        reference = slot.reference
        simulated = simulation.nodes[reference.node].actor(reference.name)
        checked = view.sight.actor(view.vector[view.sight.slot(f"{reference.node}/{reference.name}")])
        ours = {name: value for name, value in vars(simulated).items() if not name.startswith("replay_")}
        if text_of(freeze(slot.text, _Fields(ours))) != text_of(freeze(slot.text, _Fields(vars(checked)))):
            raise Diverged(f"{reference} ends as {ours}, in the checked run as {vars(checked)}")


class _Fields:
    """Fields without a class."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)
