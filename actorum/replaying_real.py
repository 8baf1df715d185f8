"""Plays a counterexample of the checked world over real sockets: the same actors, the same steps, on real nodes.

Every node of the model is an ``ActorSystem`` of this process, with a log of its own when it has a durable actor. What
an actor sends crosses ZeroMQ to the office, a node of the script's own; when its step has come, on to its receiver.
Knows the real world and the checked one, which do not know each other; no protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from actors.context import Directive, Supervision
from actors.errors import AskError
from actors.runtime.system import ActorSystem
from actors.verification.actor_local import Life
from actors.verification.actor_model import ActorModel
from actors.verification.actor_steps import Act
from actors.verification.errors import ModelError
from actors.verification.result import Trace
from actorum.cluster import free_ports
from actorum.replaying_node import CLUSTER, ScriptedNode
from core_ext.mailbox import Reference
from protocols.replaying.messages import Cue, Does
from protocols.replaying.player import OFFICE, Office, Scribe, player_of
from protocols.replaying.scene import Replayed
from protocols.replaying.script import Order, Script, Told
from protocols.replaying.stage import Diverged, Seat, Stage

MAX_NODES = 16
STEP_SECONDS = 10.0  # of waiting for what one step does, before the run counts as another one
HELLO_SECONDS = 0.5  # of waiting for one answer of a node that has just begun, before it is asked again
LOOK_SECONDS = 0.001  # between two looks at whether what was waited for is there

_STOP = Supervision(directive=Directive.STOP)


def replay_real(model: ActorModel, trace: Trace) -> Replayed:
    """Follow a trace over ZeroMQ, on the loopback of this machine. Runs an event loop of its own.

    After every step the actors must have the fields, timers and open requests that they have in the checked run, the
    same of them must be up, and the same messages on their way.

    Args:
        model: made with the same arguments as the one that was checked.
        trace: of it.

    Returns:
        The run; ``violates(name)`` says whether the violation is there, too.

    Raises:
        ModelError: the trace has a message that is lost, which a real network cannot be told; or no world can follow
            it; says why.
        Diverged: the real run is another one.
    """
    script = Script(model, trace)
    for step in trace.steps:
        if step.action is not None and step.action.act is Act.DROP:
            raise ModelError(
                f"{model.describe()}: {step.action}. A real network cannot be told to lose a message; replay this run "
                f"in the simulator"
            )
    nodes = dict.fromkeys(slot.reference.node for slot in model.actors)
    if len(nodes) > MAX_NODES:
        raise ModelError(f"{model.describe()}: {len(nodes)} nodes; over real sockets there may be {MAX_NODES}")
    with _quiet():
        return asyncio.run(_Replay(script, list(nodes)).run())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nodes crash on purpose here: what they log of each other's ends is no news."""
    log = logging.getLogger("actors")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


class _Replay:
    def __init__(self, script: Script, nodes: list[str]) -> None:
        self.script = script
        self.stage = Stage(script.model)
        self.names = nodes
        self.nodes: dict[str, ScriptedNode] = {}
        self.casts: dict[str, list[Seat]] = {}
        self.office = ActorSystem()
        self.desk = OFFICE

    async def run(self) -> Replayed:
        stage, script = self.stage, self.script
        stage.choices = list(script.chosen)
        async with contextlib.AsyncExitStack() as stack:
            await self._open(stack, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="actorum-replay-"))))
            for seat in list(stage.seats.values()):
                await self._enter(seat)
            replayed = Replayed(script, stage)
            for number in range(len(script)):
                for order in script.orders(stage, number):
                    await self._do(order)
                await self._reach(number)
                replayed.look()
            if not stage.failure:
                await self._flush()
                stage.follow()
                script.check(stage, len(script) - 1)
            return replayed

    async def _open(self, stack: contextlib.AsyncExitStack, folder: Path) -> None:
        durable = {
            slot.reference.node for slot in self.script.model.actors
            if slot.actor_class is not None and slot.actor_class.is_durable
        }
        office, *addresses = [f"tcp://127.0.0.1:{port}" for port in free_ports(1 + len(self.names))]
        peers = dict(zip(self.names, addresses, strict=True))
        self.office = ActorSystem(OFFICE.node, listen=office, peers=peers, cluster_id=CLUSTER)
        await stack.enter_async_context(self.office)
        self.desk = self.office.spawn(Office, self.stage, name=OFFICE.name)
        for number, (name, address) in enumerate(peers.items()):
            data = folder / str(number) if name in durable else None
            node = self.nodes[name] = ScriptedNode(name, address, {OFFICE.node: office}, data)
            stack.push_async_callback(node.close)

    # --- what the nodes do -------------------------------------------------------------------------------------------

    async def _enter(self, seat: Seat) -> None:
        """An actor of the model starts, on its node."""
        name = seat.slot.reference.node
        system = self.nodes[name].system or await self._join(name)
        self.casts[name].append(seat)
        await self._cast(system, seat)

    async def _join(self, name: str) -> ActorSystem:
        """A node, with the journal that its durable actor begins with."""
        self.casts[name] = []
        node = self.nodes[name]
        system = await node.open()
        for slot in self.script.model.actors:
            if slot.reference.node == name and slot.journal:
                system.spawn(Scribe, slot.journal, name=slot.reference.name)
                await self._until(node.sync_oldest, f"{slot.text} has written the journal that it begins with")
                await node.close()
                system = await node.open()
        return system

    async def _cast(self, system: ActorSystem, seat: Seat) -> None:
        player = system.spawn(player_of(seat), self.stage, seat, name=seat.slot.reference.name, supervision=_STOP)
        deadline = time.monotonic() + STEP_SECONDS
        while not self.stage.failure and not await self._answers(player, deadline):
            pass
        await self._arrived(seat)

    async def _answers(self, player: Reference, deadline: float) -> bool:
        """Is a player there? Its node may not be connected yet, and this question may be asked again."""
        try:
            return await self._reference(player).ask(Cue(Does.NOTHING), HELLO_SECONDS)
        except AskError as error:
            if time.monotonic() > deadline:
                raise Diverged(f"{player} did not answer within {STEP_SECONDS:g} s of its start: {error}") from error
            await asyncio.sleep(LOOK_SECONDS)
            return False

    def _reference(self, player: Reference) -> Reference:
        """A player as the office reaches it: its own node's reference, in the same process, would be a short cut."""
        return self.office.bind(Reference(player.node, player.name, player.incarnation))

    async def _do(self, order: Order) -> None:
        node = self.nodes[order.actor.node]
        if order.told is Told.KILL:
            await node.close()
            self.stage.crash(node.name)
            return
        if order.told is Told.START:
            system = await node.open()
            for one in self.casts[node.name]:
                await self._cast(system, one)
            return
        seat = self.stage.seat_of(order.actor)
        assert seat is not None
        if order.told is Told.SYNC:
            node.sync_oldest()
        await self._tell(seat, order.cue or Cue(Does.NOTHING))
        await self._arrived(seat)

    async def _tell(self, seat: Seat, cue: Cue) -> None:
        """Have an actor do something. What leaves its node at once reaches the office before the answer does."""
        assert seat.player is not None
        try:
            await self._reference(seat.player).ask(cue, STEP_SECONDS)
        except AskError as error:
            self.stage.failure = self.stage.failure or str(error)

    async def _arrived(self, seat: Seat) -> None:
        """What has reached the office reaches the stage; and, when that is a rule of the model, what this actor's node
        has written reaches its disk, and what waited for that the stage."""
        node = self.nodes[seat.slot.reference.node]
        if self.script.model.sync_at_once:
            while not self.stage.failure and node.sync_oldest():
                await self._tell(seat, Cue(Does.NOTHING))
        await self.desk.ask(Cue(Does.NOTHING), STEP_SECONDS)

    async def _flush(self) -> None:
        """Whatever was sent that the checked run does not have is on the stage after this."""
        for seat in self.stage.seats.values():
            if seat.life is Life.UP:
                await self._tell(seat, Cue(Does.NOTHING))
                await self._arrived(seat)

    # --- what the script expects -------------------------------------------------------------------------------------

    async def _reach(self, number: int) -> None:
        """Wait until everything is as in a state of the checked run.

        Raises:
            Diverged: it does not become so; names the step and what is different.
        """
        deadline = time.monotonic() + STEP_SECONDS
        while self._differs(number):
            if self.stage.failure or time.monotonic() > deadline:
                self.script.check(self.stage, number)
            await asyncio.sleep(LOOK_SECONDS)

    def _differs(self, number: int) -> bool:
        self.stage.follow()
        return bool(self.script.difference(self.stage, number))

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + STEP_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise Diverged(f"not within {STEP_SECONDS:g} s: {what}")
            await asyncio.sleep(LOOK_SECONDS)
