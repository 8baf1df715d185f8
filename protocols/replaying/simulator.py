"""Plays a counterexample of the checked world again in the simulator: the same actors, the same steps, the same end.

Knows both worlds, which do not know each other; no protocol.
"""

from __future__ import annotations

from actors.context import Directive, Supervision
from actors.simulation import Simulation
from actors.simulation.faults import DiskFaults, Faults
from actors.simulation.node import Node
from actors.verification.actor_model import ActorModel
from actors.verification.result import Trace
from protocols.replaying.messages import Cue
from protocols.replaying.player import OFFICE, Office, Scribe, player_of
from protocols.replaying.scene import Replayed
from protocols.replaying.script import Order, Script, Told
from protocols.replaying.stage import Seat, Stage

SETTLE_SECONDS = 1.0  # of virtual time after each order, until everything that may leave has arrived
_HELD = Faults(disks=DiskFaults(sync_seconds=(1e9, 1e9), keep_unsynced=0.0))  # disks sync when they are told to
_STOP = Supervision(directive=Directive.STOP)


def replay(model: ActorModel, trace: Trace, seed: int = 0, disk: str = "memory") -> Replayed:
    """Follow a trace in a simulation.

    After every step the simulated actors have the fields, timers and open requests that they have in the checked run,
    the same of them are up, and the same messages are on their way.

    Args:
        model: made with the same arguments as the one that was checked.
        trace: of it.
        seed: of the simulation; nothing that it draws matters.
        disk: as for ``Simulation``: what journals are kept on.

    Returns:
        The run; ``violates(name)`` says whether the violation is there, too.

    Raises:
        ModelError: no world can follow the trace; says why.
        Diverged: the simulated run is another one.
    """
    return _Replay(model, trace, seed, disk).run()


class _Replay:
    def __init__(self, model: ActorModel, trace: Trace, seed: int, disk: str) -> None:
        self.script = Script(model, trace)
        self.stage = Stage(model)
        self.simulation = Simulation(seed=seed, faults=_HELD, disk=disk)
        self.simulation.node(OFFICE.node).spawn(Office, self.stage, name=OFFICE.name)
        self.casts: dict[str, list[Seat]] = {}

    def run(self) -> Replayed:
        stage, script = self.stage, self.script
        stage.choices = list(script.chosen)
        for seat in list(stage.seats.values()):
            self._enter(seat)
        replayed = Replayed(script, stage)
        for number in range(len(script)):
            for order in script.orders(stage, number):
                self._do(order)
            stage.follow()
            script.check(stage, number)
            replayed.look()
        return replayed

    # --- what the simulator does -------------------------------------------------------------------------------------

    def _enter(self, seat: Seat) -> None:
        """An actor of the model starts, on its node."""
        name = seat.slot.reference.node
        node = self.simulation.nodes.get(name) or self._join(name)
        self.casts[name].append(seat)
        self._cast(node, seat)
        self._settle()

    def _join(self, name: str) -> Node:
        """A node, with the journal that its durable actor begins with."""
        self.casts[name] = []
        node = self.simulation.node(name, self._boot)
        for slot in self.script.model.actors:
            if slot.reference.node == name and slot.journal:
                node.spawn(Scribe, slot.journal, name=slot.reference.name)
                self._settle()
                node.sync_oldest()
                node.restart()
        return node

    def _boot(self, node: Node) -> None:
        for seat in self.casts[node.name]:
            self._cast(node, seat)

    def _cast(self, node: Node, seat: Seat) -> None:
        node.spawn(player_of(seat), self.stage, seat, name=seat.slot.reference.name, supervision=_STOP)

    def _do(self, order: Order) -> None:
        node = self.simulation.nodes[order.actor.node]
        if order.cue is not None:
            self._tell(order, order.cue)
        elif order.told is Told.SYNC:
            node.sync_oldest()
        elif order.told is Told.KILL:
            node.kill()
            self.stage.crash(node.name)
        else:
            node.restart()
        self._settle()

    def _tell(self, order: Order, cue: Cue) -> None:
        seat = self.stage.seat_of(order.actor)
        assert seat is not None
        assert seat.player is not None
        pending = self.simulation.ask(seat.player, cue, timeout_seconds=SETTLE_SECONDS / 2)
        self._settle()
        if pending.failure is not None and not self.stage.failure:
            self.stage.failure = str(pending.failure)

    def _settle(self) -> None:
        """Let what may leave leave, and arrive; and, when that is a rule of the model, reach the disk at once."""
        self.simulation.run(SETTLE_SECONDS)
        if self.script.model.sync_at_once:
            for node in self.simulation.nodes.values():
                while node.up and node.sync_oldest():
                    self.simulation.run(SETTLE_SECONDS)
