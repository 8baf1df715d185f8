"""One simulated node: its process, its actors, its clock and timers. Knows no fault model.

A node is what a process is in the real world: it crashes as a whole, its journals outlive it, and its boot function
spawns its actors again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.context import Mailbox, Supervision, Ticket
from actors.errors import AskFailed, ContractError
from actors.message import Message, Reason
from actors.simulation import lifecycle, supervision, turns
from actors.simulation.asks import Asks
from actors.simulation.cell import Cell
from actors.simulation.context import Hands
from actors.simulation.durability import Durability
from actors.simulation.journals import Medium
from actors.simulation.post import Correspondent
from actors.simulation.watching import Watches
from core_ext.log_errors import LogCorrupted, LogError
from core_ext.mailbox import Reference
from core_ext.stage import STOPPED, STOPPING

if TYPE_CHECKING:
    from actors.simulation.simulation import Simulation

_SHIFT = 0.381966  # of a range, from a node to the next: never the same place twice (the golden section)
_FAILED_LOG_SECONDS = 1.0
_SHUTDOWN_SECONDS = 15.0

Boot = Callable[["Node"], object]
Held = tuple[Callable[[Any], object], Any]


class Node(Correspondent):
    """One node of a simulation. Made by ``Simulation.node``.

    Args:
        simulation: the world around it.
        name: unique.
        index: how many nodes there were before.
        medium: what its journals are kept on.
        boot: spawns the node's actors, at first and after each restart; None: what ``spawn`` was told is repeated.
        mortal: whether the nemesis may strike it.

    Attributes:
        up, paused: whether its process lives, and whether it stands still.
        boots: how often it was started.
        broken: why it cannot be started again (its disk was damaged beyond repair), else None.
        fuse: it crashes after so many more messages; 0: it does not.
        clock_offset, clock_rate: of its clock, in seconds, and in seconds per second.
        disk_slow: by what factor its disk is slower than usual.
    """

    def __init__(
        self, simulation: Simulation, name: str, index: int, medium: Medium, boot: Boot | None, mortal: bool
    ) -> None:
        self.simulation = simulation
        self.world = simulation
        self.name = name
        self.index = index
        self.mortal = mortal
        self.medium = medium
        self.stream = simulation.tape.stream(f"node:{name}")
        self.disk_stream = simulation.tape.stream(f"disk:{name}")
        self.wire = simulation.wire
        self.traced = simulation.trace is not None
        self.journal_effects = turns.JOURNAL
        self.at_once = turns.AT_ONCE
        self.codec, self.encoded = self.wire.codec, self.wire.encoded
        self.types = {}
        self.counters: Counter[str] = Counter()
        self.mail = simulation.network
        self.links = simulation.network.links_of(self)
        self.broken: str | None = None
        self.clock_offset = 0.0
        self.clock_rate = 1.0
        self.shift = index * _SHIFT
        self.handler_ns = simulation.delays.handler_ns
        self.disk_slow = 1.0
        self._boot = boot
        self._spawned: list[tuple[type[Any], tuple[Any, ...], dict[str, Any]]] = []
        self._booting = False
        self._blank()

    def _blank(self) -> None:
        """A process that has just begun: nothing of an earlier one is left in memory."""
        self.names = {}
        self.runnable = deque()
        self.actions = []
        self.outbox = []
        self.gating = []
        for link in self.links.values():  # what the old process had not sent is gone with it
            for control in (False, True):
                link.arrived(control, link.take(control)[1])
        self.synced = 0
        self.fuse = 0
        self.paused = self.in_turn = self.scheduled = False
        self.busy_until = self.simulation.now_ns
        self.sockets: list[Held] = []  # what came while the process stood still
        self.asks = Asks(self)
        self.watches = Watches(self)
        self.durability = Durability(self, self.medium)
        self._serial = 0
        self._stopping: BaseException | None = None

    # --- for the code around the simulation ------------------------------------------------------------------------

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None, supervision: Supervision | None = None,
        mailbox: Mailbox | None = None,
    ) -> Reference:
        """Start a top-level actor, as ``ActorSystem.spawn`` does.

        Without a boot function it is spawned again, with the same arguments, each time the node is started.

        Raises:
            ContractError: what is wrong with the class, the name or the mailbox.
        """
        if not self.up:
            raise ContractError(f"spawn {actor_class.__qualname__}: node {self.name!r} is down; restart it first")
        cell = lifecycle.create(self, actor_class, args, name, supervision, mailbox, None)
        if self._boot is None and not self._booting:
            options = {"name": name, "supervision": supervision, "mailbox": mailbox}
            self._spawned.append((actor_class, args, options))
        lifecycle.launch(cell)
        self.schedule()
        return cell.own

    def ref(self, name: str) -> Reference:
        """A reference by name: whoever has it when a message arrives."""
        return Reference(self.name, name)

    def actor(self, name: str) -> Any:
        """The living actor with this name, to look into, or None."""
        cell = self.names.get(name)
        return None if cell is None else cell.actor

    def terminate(self, reference: Reference) -> None:
        """Stop one actor in order, after what its mailbox already holds; it is gone when time has passed."""
        cell = self.find(reference)
        if cell is not None:
            lifecycle.order_stop(cell)
            self.schedule()

    def sync_oldest(self) -> bool:
        """The oldest batch of records that waits for the disk reaches it now, for runs that are led by a script; its
        disk should do nothing by itself (a long ``DiskFaults.sync_seconds``). False when none waits."""
        synced: bool = self.durability.sync_oldest()
        return synced

    def kill(self) -> None:
        """Crash, like ``kill -9`` and, for what was not synced, a power failure."""
        self.simulation.kill(self)

    def restart(self) -> None:
        """Start the process again; crash it first when it lives."""
        self.simulation.restart(self)

    def pause(self) -> None:
        """Stand still, like SIGSTOP."""
        self.simulation.pause(self)

    def resume(self) -> None:
        """Go on, like SIGCONT."""
        self.simulation.resume(self)

    def __repr__(self) -> str:
        state = "down" if not self.up else "paused" if self.paused else "up"
        return f"<node {self.name} {state}, {len(self.names)} actors>"

    # --- life of the process ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a new life: open the log, spawn the actors."""
        self._blank()
        self.boots += 1
        self.up = True
        self._booting = True
        try:
            if self._boot is not None:
                self._boot(self)
            for actor_class, args, options in list(self._spawned):
                self.spawn(actor_class, *args, **options)
        except (LogError, OSError) as error:
            if isinstance(error, LogCorrupted):
                self.broken = str(error)
            self.simulation.node_failed(self, error)
            self.simulation.process_ended(self)
        finally:
            self._booting = False

    def die(self) -> None:
        """The process is gone, and what its disk had not synced is as a crash leaves it."""
        self.durability.crash()
        asks, cells = self.asks, list(self.names.values())
        self.up = False
        self._blank()
        for cell in cells:
            cell.state = STOPPED
            cell.generation += 1
        asks.fail_all(None, lambda ask: AskFailed(f"node {self.name!r} went down before {ask.target!r} answered"))

    def stop_because(self, reason: BaseException, grace_seconds: float = _SHUTDOWN_SECONDS) -> None:
        """Something that a node does not survive: stop its actors in order, then the process ends."""
        if self._stopping is not None:
            return
        self._stopping = reason
        self.simulation.node_failed(self, reason)
        for cell in reversed(list(self.names.values())):
            if cell.parent is None:
                lifecycle.order_stop(cell)
        self.after(grace_seconds, self._end, None)
        self.later(self.top_level_gone)

    def log_broke(self, cell: Cell, error: Exception) -> None:
        """The log failed in this actor's hands: nothing may be seen of a state that the log does not have."""
        lifecycle.begin_stop(cell, Reason.FAILED)
        self.stop_because(error)

    def log_failed(self, why: str | None) -> None:
        """The disk refused: nothing is acknowledged any more."""
        self.stop_because(OSError(f"the log of node {self.name!r} failed: {why}"), _FAILED_LOG_SECONDS)

    def top_level_gone(self) -> None:
        """An actor without a parent has stopped: a stopping process ends with the last one."""
        if self._stopping is not None and not self.names:
            self.later(self._end, None)

    def _end(self, _: None) -> None:
        if self._stopping is not None:
            self.simulation.process_ended(self)

    # --- the world of its actors' contexts -------------------------------------------------------------------------

    def monotonic_ns(self) -> int:
        """This node's steady clock: it drifts and never steps."""
        return int(self.simulation.now_ns * self.clock_rate)

    # --- turns: what the stage asks for ----------------------------------------------------------------------------

    def later(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function between two actors' batches, when no handler runs and no effect is half released."""
        self.actions.append((function, arguments))
        self.schedule()

    def after(self, seconds: float, function: Callable[[Any], object], argument: Any) -> None:
        """Call a function of this life of the node after a delay by its clock; a paused node calls it later."""
        due = self.simulation.now_ns + int(seconds * 1e9 / self.clock_rate)
        self.simulation.at(due, self._alarm, (self.boots, function, argument))

    def _alarm(self, what: tuple[int, Callable[[Any], object], Any]) -> None:
        boots, function, argument = what
        if boots != self.boots or not self.up:
            return
        if self.paused:
            self.hold(self._alarm, what)
            return
        function(argument)
        self.schedule()

    def flush(self) -> None:
        """A turn is over: what it sent leaves when the node is not busy any more."""
        self.simulation.network.flush(self, self.busy_until)

    def hold(self, function: Callable[[Any], object], argument: Any) -> None:
        """Something comes while the process stands still: it is done when it goes on."""
        self.sockets.append((function, argument))

    def begin(self, cell: Cell) -> None:
        """An actor's first turn after its launch or a restart."""
        lifecycle.begin(cell)

    def leave(self, cell: Cell) -> None:
        """An actor has come to its order to stop."""
        self.later(lifecycle.begin_stop, cell)

    def new_ticket(self, cell: Cell, asker: Reference | None, correlation: int) -> Ticket:
        """A request is about to be handled."""
        return turns.hold(cell, asker, correlation)

    def unanswered(self, cell: Cell, message: Message) -> None:
        """The handler of a request returned, and neither answered nor deferred."""
        turns.unanswered(cell, message)

    def handler_failed(
        self, cell: Cell, error: BaseException, message: Message | None, ticket: Ticket | None
    ) -> None:
        """A handler or hook raised."""
        turns.failed(self, cell, error, message, ticket)

    def waits(self, cell: Cell, effect: Any) -> bool:
        """Must an effect that is no send wait for the disk?"""
        return turns.waits(cell, effect)

    def rare_effect(self, cell: Cell, effect: Any) -> None:
        """An effect that is no send."""
        turns.apply(self, cell, effect)

    def check(self, cell: Cell) -> None:
        """An actor with properties has moved."""
        self.simulation.check(cell)

    def trace_event(self, cell: Cell, kind: int, message: Any, sender: Reference | None) -> None:
        """A message or timer is about to be handled."""
        self.simulation.ledger.handled(self.simulation.now, cell, kind, message, sender)

    # --- actors ----------------------------------------------------------------------------------------------------

    def build(
        self, actor_class: type[Any], args: tuple[Any, ...], name: str | None, supervised: Supervision,
        mailbox: Mailbox | None, parent: Cell | None,
    ) -> Cell:
        """Make an actor's cell and register its name; without a name it gets one that nobody can choose."""
        self._serial += 1
        if name is None:
            name = f"{actor_class.__name__}~{self._serial:x}"
        own = Reference(self.name, name, (self.index + 1) << 48 | self.boots << 32 | self._serial)
        cell = Cell(self, actor_class, args, own, parent, supervised, mailbox, self.simulation.next_index())
        cell.hands = Hands(cell)
        cell.checks = self.simulation.checks_of(actor_class)
        self.names[name] = cell
        return cell

    def failed(self, cell: Cell, error: BaseException, message: Message | None) -> None:
        """A handler or hook raised, or a child's failure came up to its parent. The supervisor decides."""
        self.counters["failures"] += 1
        self.simulation.note_failure(cell, error, message)
        if cell.state < STOPPING:
            supervision.decide(cell, error)

    def peer_lost(self, peer: str) -> None:
        """The link to a node is lost: its actors are gone for who watches them, and asks to it fail."""
        if not self.up:
            return
        self.watches.node_lost(peer)
        self.asks.fail_all(peer, lambda ask: AskFailed(
            f"{ask.target!r} was asked {ask.request_type.__qualname__}, then its node was lost; whether it was handled "
            f"is unknown"
        ))
        self.schedule()

    # --- timers ----------------------------------------------------------------------------------------------------

    def cancel_timers(self, cell: Cell) -> None:
        """Cancel every timer of an actor."""
        for timer in cell.timers.values():
            timer.live = False
        cell.timers.clear()


