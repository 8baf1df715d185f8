"""One simulated node: its actors, its clock, its disk, and its place in the network. Knows no fault model.

A node is what a process is in the real world: it crashes as a whole, its journals outlive it, and its boot function
spawns its actors again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from actors.context import Mailbox, Supervision
from actors.errors import AskFailed, AskRejected, ContractError, MailboxFull
from actors.message import Lane, Message, Rejected, Request, answer_type
from actors.recording import SetTimer
from actors.simulation import envelope, lifecycle, supervision, turns
from actors.simulation.asks import Asks, Pending
from actors.simulation.cell import (
    ASK,
    DROPPED,
    FULL,
    NOBODY,
    RUNNING,
    STOPPED,
    STOPPING,
    TAKEN,
    TELL,
    TIMER,
    Cell,
    Timer,
)
from actors.simulation.context import Away, Hands
from actors.simulation.envelope import CodecError, Envelope
from actors.simulation.journals import ActorJournal, Medium, Store
from actors.simulation.watching import Watches
from core_ext.log_errors import LogError
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.simulation.network import Link
    from actors.simulation.simulation import Simulation

T = TypeVar("T")

EPOCH_SECONDS = 1_700_000_000.0
TURN_LIMIT = 256  # messages handled before what they caused leaves the node
_FAILED_LOG_SECONDS = 1.0
_SHUTDOWN_SECONDS = 15.0

Boot = Callable[["Node"], object]


class Node:
    """One node of a simulation. Made by ``Simulation.node``.

    Args:
        simulation: the world around it.
        name: unique.
        index: how many nodes there were before.
        boot: spawns the node's actors, at first and after each restart; None: what ``spawn`` was told is repeated.
        mortal: whether the nemesis may strike it.

    Attributes:
        up, paused: whether its process lives, and whether it stands still.
        boots: how often it was started.
        broken: why it cannot be started again (its disk was damaged beyond repair), else None.
        counters: what happened, by name.
    """

    def __init__(
        self, simulation: Simulation, name: str, index: int, medium: Medium, boot: Boot | None, mortal: bool
    ) -> None:
        self.simulation = simulation
        self.name = name
        self.index = index
        self.mortal = mortal
        self.medium = medium
        self.stream = simulation.tape.stream(f"node:{name}")
        self.disk_stream = simulation.tape.stream(f"disk:{name}")
        self.wire = simulation.wire
        self.counters: Counter[str] = Counter()
        self.links: dict[str, Link] = {}
        self.boots = 0
        self.up = False
        self.paused = False
        self.broken: str | None = None
        self.clock_offset = 0.0
        self.clock_rate = 1.0
        self.fuse = 0  # the node crashes after so many more messages
        self.disk_slow = 1.0
        self._boot = boot
        self._spawned: list[tuple[type[Any], tuple[Any, ...], dict[str, Any]]] = []
        self._booting = False
        self._blank()

    def _blank(self) -> None:
        """A process that has just begun: nothing of an earlier one is left in memory."""
        self.names: dict[str, Cell] = {}
        self.runnable: deque[Cell] = deque()
        self.sockets: list[tuple[Callable[..., None], Any]] = []  # what came while the process stood still
        self.asks = Asks(self)
        self.watches = Watches(self)
        self.store: Store | None = None
        self.journals: dict[str, ActorJournal] = {}
        self.gating: list[Cell] = []
        self.gated: dict[Cell, None] = {}
        self.synced = 0
        self.outbox: dict[tuple[str, bool], list[Envelope]] = {}
        self.busy_until = 0
        self.in_turn = False
        self._later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._syncing = False
        self._unsynced = False
        self._scheduled = False
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
        self.paused = False
        self.fuse = 0
        self.busy_until = self.simulation.now_ns
        try:
            self._booting = True
            if self._boot is not None:
                self._boot(self)
            for actor_class, args, options in list(self._spawned):
                self.spawn(actor_class, *args, **options)
        except LogError as error:
            self.broken = str(error)
            self.simulation.node_failed(self, error)
        finally:
            self._booting = False

    def die(self) -> None:
        """The process is gone, and what its disk had not synced is as a crash leaves it."""
        if self.store is not None:
            self.store.crash(self.disk_stream, self._syncing, self.simulation.faults.disks.keep_unsynced)
        asks = self.asks
        names = list(self.names.values())
        self.up = False
        self._blank()
        for cell in names:
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

    def top_level_gone(self) -> None:
        """An actor without a parent has stopped: a stopping process ends with the last one."""
        if self._stopping is not None and not self.names:
            self.later(self._end, None)

    def _end(self, _: None) -> None:
        if self._stopping is not None:
            self.simulation.process_ended(self)

    # --- the world of its actors' contexts -------------------------------------------------------------------------

    def choose(self, actor: Reference, options: Sequence[T]) -> T:
        """``context.choose``."""
        return self.stream.choice(options)

    def now(self, actor: Reference) -> float:
        """``context.now``."""
        return EPOCH_SECONDS + self.simulation.now_ns / 1e9 * self.clock_rate + self.clock_offset

    def buggify(self, actor: Reference, place: str) -> bool:
        """``context.buggify``."""
        return self.simulation.buggify(place)

    def new_child(self, parent: Reference, actor_class: type[Any], name: str | None) -> Reference:
        """Not used: ``Hands.spawn`` makes the child itself."""
        raise NotImplementedError

    def monotonic_ns(self) -> int:
        """This node's steady clock: it drifts and never steps."""
        return int(self.simulation.now_ns * self.clock_rate)

    # --- turns -----------------------------------------------------------------------------------------------------

    def enqueue(self, cell: Cell) -> None:
        """Give an actor a turn soon."""
        if not cell.queued:
            cell.queued = True
            self.runnable.append(cell)

    def later(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function between two actors' batches, when no handler runs and no effect is half released."""
        self._later.append((function, arguments))
        self.schedule()

    def after(self, seconds: float, function: Callable[[Any], None], argument: Any) -> None:
        """Call a function of this life of the node after a delay by its clock; a paused node calls it later."""
        due = self.simulation.now_ns + int(seconds * 1e9 / self.clock_rate)
        self.simulation.at(due, self._alarm, (self.boots, function, argument))

    def _alarm(self, what: tuple[int, Callable[[Any], None], Any]) -> None:
        boots, function, argument = what
        if boots != self.boots or not self.up:
            return
        if self.paused:
            self.sockets.append((self._alarm, what))
            return
        function(argument)
        self.schedule()

    def schedule(self) -> None:
        """Have a turn as soon as the node is not busy."""
        if not self._scheduled and self.up and not self.paused:
            self._scheduled = True
            simulation = self.simulation
            simulation.at(max(simulation.now_ns, self.busy_until), self._turn, self.boots)

    def _turn(self, boots: int) -> None:
        if boots == self.boots:
            self._scheduled = False
            self.turn()

    def turn(self) -> None:
        """Actor after actor until nothing waits, or the turn is long enough; then what they did leaves the node."""
        simulation = self.simulation
        if not self.up or self.paused:
            return
        if self.busy_until > simulation.now_ns:
            self.schedule()
            return
        handled = 0
        runnable = self.runnable
        self.in_turn = True
        while handled < TURN_LIMIT:
            if self._later:
                actions, self._later = self._later, []
                for function, arguments in actions:
                    function(*arguments)
                    if not self.up:
                        return
            if not runnable:
                if self._later:
                    continue
                break
            if simulation.adversarial and len(runnable) > 1:
                runnable.rotate(-self.stream.below(len(runnable)))
            cell = runnable.popleft()
            cell.queued = False
            handled += turns.serve(self, cell)
            if not self.up:
                return
        self.in_turn = False
        if self.gating:
            self._commit()
        self.busy_until = simulation.now_ns + handled * simulation.delays.handler_ns
        if self.outbox:
            simulation.network.flush(self, self.busy_until)
        if runnable or self._later:
            self.schedule()

    # --- the disk --------------------------------------------------------------------------------------------------

    def attach_journal(self, cell: Cell) -> None:
        """Give a durable actor its stream.

        Raises:
            LogError: the node's log cannot be opened.
        """
        if self.store is None:
            self.store = self.medium.open(self.simulation.alone(self))
        journal = self.journals.get(cell.name)
        if journal is None:
            journal = self.journals[cell.name] = ActorJournal(self.store, cell.name)
        cell.journal = journal
        cell.gate = journal.batch  # an earlier incarnation's newest records may still be on their way to the disk
        if cell.gate > self.synced:
            self.gated[cell] = None

    def _commit(self) -> None:
        assert self.store is not None
        if self.store.failure is not None:
            self.gating.clear()
            self._log_failed()
            return
        batch = self.store.commit()
        for cell in self.gating:
            assert cell.journal is not None
            cell.journal.batch = batch
        turns.number_gates(self, batch)
        if self._syncing:
            self._unsynced = True
        else:
            self._sync()

    def _sync(self) -> None:
        assert self.store is not None
        self._syncing, self._unsynced = True, False
        self.store.sync_begins()
        seconds = self.disk_stream.uniform(*self.simulation.faults.disks.sync_seconds) * self.disk_slow
        due = self.simulation.now_ns + int(seconds * 1e9)
        self.simulation.at(due, self._synced_now, self.boots)

    def _synced_now(self, boots: int) -> None:
        if boots != self.boots or not self.up or self.store is None:
            return
        self._syncing = False
        self.synced = self.store.sync_done()
        self.simulation.note_sync(self)
        if self.store.failure is not None:
            self._log_failed()
        elif self._unsynced:
            self._sync()
        if self.paused:
            self.sockets.append((self._open_gates, None))
        else:
            self._open_gates(None)

    def _open_gates(self, _: None) -> None:
        turns.open_gates(self)
        self.schedule()

    def _log_failed(self) -> None:
        assert self.store is not None
        self.stop_because(OSError(f"the log of node {self.name!r} failed: {self.store.failure}"), _FAILED_LOG_SECONDS)

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

    def find(self, target: Reference) -> Cell | None:
        """The live cell that a reference means here, or None."""
        if target.node != self.name:
            return None
        cell = self.names.get(target.name)
        if cell is None or (target.incarnation and target.incarnation != cell.own.incarnation):
            return None
        return cell

    def failed(self, cell: Cell, error: Exception, message: Message | None) -> None:
        """A handler or hook raised, or a child's failure came up to its parent. The supervisor decides."""
        self.counters["failures"] += 1
        self.simulation.note_failure(cell, error, message)
        if cell.state < STOPPING:
            supervision.decide(cell, error)

    def run_hook(self, cell: Cell, function: Callable[..., None]) -> bool:
        """Call a hook like a handler; False when it raised."""
        return turns.run_hook(self, cell, function)

    # --- timers ----------------------------------------------------------------------------------------------------

    def set_timer(self, cell: Cell, effect: SetTimer) -> None:
        """Set or replace an actor's timer with this key."""
        delay = effect.delay_seconds
        if isinstance(delay, tuple):
            delay = self.stream.uniform(delay[0], delay[1])
        timer = cell.timers.get(effect.key)
        if timer is None:
            timer = cell.timers[effect.key] = Timer(cell, effect.key)
        simulation = self.simulation
        timer.message = effect.message
        timer.generation += 1
        timer.live = True
        timer.due = simulation.now_ns + int(delay * 1e9 / self.clock_rate)
        if timer.queued < 0 or timer.due < timer.queued:
            timer.queued = timer.due
            simulation.at(timer.due, self._timer_up, timer)

    def _timer_up(self, timer: Timer) -> None:
        simulation = self.simulation
        if timer.queued != simulation.now_ns or not timer.live:
            if timer.queued == simulation.now_ns:
                timer.queued = -1
            return
        if timer.due > simulation.now_ns:
            timer.queued = timer.due
            simulation.at(timer.due, self._timer_up, timer)
            return
        timer.queued = -1
        self._fire((timer, timer.generation))

    def _fire(self, what: tuple[Timer, int]) -> None:
        """Behind everything that waits: a timer never overtakes what has come, into the sockets or the mailbox."""
        timer, generation = what
        if not timer.live or timer.generation != generation:
            return
        if self.paused:
            self.sockets.append((self._fire, what))
            return
        if self.busy_until > self.simulation.now_ns:  # what comes until then is read before the timer
            self.simulation.at(self.busy_until, self._fire, what)
            return
        timer.cell.accept(TIMER, timer, None, generation, False)
        if not self._scheduled:
            self.turn()

    def cancel_timers(self, cell: Cell) -> None:
        """Cancel every timer of an actor."""
        for timer in cell.timers.values():
            timer.live = False
        cell.timers.clear()

    # --- messages --------------------------------------------------------------------------------------------------

    def check_type(self, message: object) -> None:
        """Refuse what is no message.

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
        refused = self._post(
            target.node, message.lane is Lane.CONTROL,
            (envelope.ASK, target.name, target.incarnation, cell.own, correlation, self.wire.pack(message), 0),
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
        self._post(asker.node, False, (kind, "", 0, None, correlation, content, 0))

    def send_away(self, cell: Cell, effect: Away) -> None:
        """An actor's message to another node."""
        target, message, content, _ = effect
        refused = self._post(
            target.node, message.lane is Lane.CONTROL,
            (envelope.TELL, target.name, target.incarnation, cell.own, 0, content, 0),
        )
        if refused is not None:
            self.dead_letter(target, message, refused)

    def send_system(self, node: str, kind: int, content: Any) -> str | None:
        """A word from this world to another one; says why when it was refused."""
        return self._post(node, True, (kind, "", 0, None, 0, content, 0))

    def _post(self, peer: str, control: bool, posted: Envelope) -> str | None:
        link = self.links.get(peer)
        refused = f"there is no node {peer!r} in this simulation" if link is None else link.refuses(posted, control)
        if refused is not None:
            self.counters["refused"] += 1
            return refused
        queue = self.outbox.get((peer, control))
        if queue is None:
            queue = self.outbox[peer, control] = []
        queue.append(posted)
        if not self._scheduled and not self.in_turn:
            self.schedule()
        return None

    def incoming(self, peer: Node, posted: Envelope, control: bool) -> None:
        """An envelope came from another node: into its mailbox, or back to whom it concerns."""
        kind, content = posted[0], posted[5]
        if kind <= envelope.ASK:
            self._message_came(posted, control)
        elif kind <= envelope.FAILURE:
            self._answer_came(peer, kind, posted[4], content)
        elif kind == envelope.REJECTED:
            watcher = self.find(content[0])
            if watcher is not None and Rejected in watcher.handlers:
                watcher.deliver(Rejected(content[1], content[2]), False)
        else:
            watcher_ref, target = content[0], content[1]
            self.watches.from_peer(kind, watcher_ref, target, content[2] if len(content) > 2 else None)

    def _message_came(self, posted: Envelope, control: bool) -> None:
        kind, name, incarnation, sender, correlation, content, _ = posted
        try:
            message = self.wire.unpack(content)
        except CodecError as error:
            self.counters["undecodable"] += 1
            if kind == envelope.ASK:
                self.answer(sender, correlation, None, AskRejected(f"the request cannot be read: {error}"))
            return
        cell = self.names.get(name)
        accepted = NOBODY
        if cell is not None and (not incarnation or incarnation == cell.own.incarnation):
            accepted = cell.accept(ASK if kind == envelope.ASK else TELL, message, sender, correlation, control)
        if accepted == TAKEN:
            return
        target = Reference(self.name, name, incarnation)
        if kind == envelope.ASK:
            self.refuse_ask(target, message, sender, correlation, accepted)
        elif accepted == NOBODY:
            self.dead_letter(target, message, self.why_nobody(target))
        elif accepted == FULL and sender is not None:
            self.send_system(sender.node, envelope.REJECTED, (sender, target, type(message).__qualname__))

    def _answer_came(self, peer: Node, kind: int, correlation: int, content: Any) -> None:
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
        self.simulation.note_dead_letter(self, target, message, why)

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


def _full(target: Reference, message: object) -> str:
    return (
        f"the mailbox of {target!r} is full and refused {type(message).__qualname__}; send slower (ask now and then), "
        f"or spawn it with mailbox=Mailbox(capacity=..., overflow=...)"
    )


__all__ = ["EPOCH_SECONDS", "RUNNING", "Boot", "Node"]
