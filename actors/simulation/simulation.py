"""A simulated world: nodes of actors under one seed, in one thread, on virtual time.

``Simulation`` owns the agenda (what happens when), the nodes and the record of the run. What can happen stands in the
modules that it puts together: nodes, network, nemesis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from actors.message import Message, Request
from actors.simulation import time_models
from actors.simulation.asks import Pending
from actors.simulation.cell import Cell
from actors.simulation.checks import Check, Checks, Predicate
from actors.simulation.envelope import Envelope, Wire
from actors.simulation.errors import SimulationError, Violation
from actors.simulation.faults import NONE, Faults
from actors.simulation.journals import Medium, MemoryMedium, WalMedium
from actors.simulation.ledger import Ledger
from actors.simulation.nemesis import Nemesis
from actors.simulation.network import Link, Network, WireSettings, shown
from actors.simulation.node import Boot, Node
from actors.simulation.tape import Tape
from actors.trace import Event, What
from core_ext.agenda import Agenda
from core_ext.mailbox import Reference

SAME_TIME_LIMIT = 200_000
_WHATS = {what: number for number, what in enumerate(What)}
MAX_EVENTS = 50_000_000


class Simulation(Agenda):
    """Nodes with actors, from one seed.

    Args:
        seed: of every choice; the same one gives the same run.
        time_model: how long messages and handlers take (``time_models``).
        faults: what goes wrong (``faults``); nothing by default.
        tape: of choices to replay, instead of the seed.
        disk: ``"memory"`` keeps journals in lists, with the losses of a crash; ``"wal"`` uses the real write-ahead log
            on simulated disks, and is needed for disk faults.
        wire: ``"codec"`` encodes what travels between nodes; ``"objects"`` passes it on as it is.
        wire_settings: limits and times of links.
        trace_limit: how many of the latest events to keep in ``trace``; 0 keeps none, which is much faster.
        max_events: a run that handles more messages is stopped with an error.

    Attributes:
        now_ns: virtual time.
        events: messages and timers handled so far.
        adversarial: whether each message travels for itself, and the order of a node's actors is drawn.
        injected: faults so far, by kind.
        counters: what else happened, by name.
        on_failure: called with an actor's label and the error when a handler raised; may raise a SimulationError.
        goals: what ``reached`` and ``sometimes`` have counted.
        failures: errors that handlers raised, as (actor, message type, error); the first hundred.
        trace: the latest events, or None.
    """

    def __init__(
        self, seed: int = 0, *, time_model: time_models.TimeModel | None = None, faults: Faults | None = None,
        tape: Tape | None = None, disk: str = "memory", wire: str = "codec",
        wire_settings: WireSettings | None = None, trace_limit: int = 0, max_events: int = MAX_EVENTS,
    ) -> None:
        super().__init__(max_events, SAME_TIME_LIMIT)
        if disk not in ("memory", "wal"):
            raise SimulationError(f"disk={disk!r}: choose 'memory' (fast) or 'wal' (the real log)")
        if wire not in ("codec", "objects"):
            raise SimulationError(f"wire={wire!r}: choose 'codec' or 'objects'")
        self.faults = faults or NONE
        lost = self.faults.disks.of_the_log
        if disk == "memory" and lost:
            raise SimulationError(
                f"disk='memory' with DiskFaults of {', '.join(lost)}: lists cannot suffer them, so nothing would be "
                f"tested; choose disk='wal' (the real log on simulated disks), or leave these faults out"
            )
        self.tape = tape if tape is not None else Tape(seed)
        self.injected: Counter[str] = Counter()
        self.counters: Counter[str] = Counter()
        self.goals: Counter[str] = Counter()
        self.failures: list[tuple[str, str, BaseException]] = []
        self.nodes: dict[str, Node] = {}
        self.ledger = Ledger(trace_limit)
        self.trace = self.ledger.trace
        settings = wire_settings or WireSettings()
        self.wire = Wire(wire == "codec")
        self.delays = time_models.begin(time_model or time_models.BoundedDelay(), self.tape)
        self.adversarial = self.delays.adversarial
        if self.delays.stable_ns is not None:
            self.at(self.delays.stable_ns, self._stable, None)
        self.network = Network(self, settings)
        self.nemesis = Nemesis(self)
        self._checks = Checks(self)
        self._disk = disk
        self._cells = 0
        self._max_events = max_events
        self._buggy: dict[str, bool] = {}
        self.on_process_end: Callable[[Node], None] | None = None
        self.on_failure: Callable[[str, BaseException], None] | None = None

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node(self, name: str, boot: Boot | None = None, *, mortal: bool = True) -> Node:
        """Add a node and start it.

        Args:
            name: unique.
            boot: called with the node whenever it starts, to spawn its actors; without one, what ``node.spawn`` was
                told is spawned again after a restart.
            mortal: False keeps the nemesis away from it (clients, observers).
        """
        if name in self.nodes:
            raise SimulationError(f"node {name!r} exists already; give each node its own name")
        codec = self.wire.codec
        medium: Medium
        medium = WalMedium(codec, name) if self._disk == "wal" else MemoryMedium(codec)
        node = Node(self, name, len(self.nodes), medium, boot, mortal)
        self.nodes[name] = node
        self.nemesis.joined(node)
        node.start()
        self._note(What.START, node)
        return node

    def kill(self, node: Node | str) -> None:
        """Crash a node: its actors are gone, and what its disk had not synced is as a crash leaves it."""
        node = self._node(node)
        if node.up:
            self.count("crash")
            node.die()
            self.network.silent(node)
            self._note(What.CRASH, node)

    def restart(self, node: Node | str) -> None:
        """Start a node's process again; one that lives is crashed first. One whose disk is beyond repair stays down."""
        node = self._node(node)
        self.kill(node)
        if node.broken is None:
            node.start()
            self.network.started(node)
            self._note(What.START, node)

    def pause(self, node: Node | str) -> None:
        """A node stands still: what comes waits in its sockets, its timers wait too."""
        node = self._node(node)
        if node.up and not node.paused:
            self.count("pause")
            node.paused = True
            self.network.silent(node)
            self._note(What.PAUSE, node)

    def resume(self, node: Node | str) -> None:
        """A paused node goes on: first with what waits in its sockets, then with its timers."""
        node = self._node(node)
        if not node.paused:
            return
        node.paused = False
        self._note(What.RESUME, node)
        self.network.resumed(node)
        waiting, node.sockets = node.sockets, []
        for function, argument in sorted(waiting, key=lambda held: held[0].__name__ != "read_frame"):
            if node.up:
                function(argument)
        node.turn()

    # --- the network -----------------------------------------------------------------------------------------------

    def partition(self, *sides: Iterable[Node | str]) -> None:
        """Nodes on different sides do not hear each other; a node on no side hears everybody. See ``heal``."""
        groups = [[self._node(node) for node in side] for side in sides]
        for here in groups:
            for there in groups:
                if here is not there:
                    for one in here:
                        for two in there:
                            self.network.cut(one, two)
        self.count("partition")
        self._note(What.PARTITION, None, " | ".join(" ".join(node.name for node in side) for side in groups))

    def isolate(self, node: Node | str) -> None:
        """A node hears nobody, and nobody hears it."""
        alone = self._node(node)
        self.partition([alone], [other for other in self.nodes.values() if other is not alone])

    def cut(self, source: Node | str, target: Node | str) -> None:
        """One direction of one link is cut."""
        one, two = self._node(source), self._node(target)
        self.network.cut(one, two)
        self.count("partition")
        self._note(What.PARTITION, None, f"{one.name} -> {two.name}")

    def heal(self) -> None:
        """Everybody hears everybody again."""
        self.network.heal()
        self._note(What.HEAL, None)

    def calm(self, quorum: Iterable[Node | str] | None = None) -> None:
        """The end of all faults, for these nodes (default: all): the nemesis rests, links are whole, nodes are up."""
        chosen = [self._node(node) for node in (self.nodes.values() if quorum is None else quorum)]
        self.nemesis.rest()
        self.faults = NONE
        self.heal()
        for node in chosen:
            node.fuse = 0
            node.disk_slow = 1.0
            if node.medium.disk is not None:
                node.medium.disk.mend()
            if node.paused:
                self.resume(node)
            if not node.up:
                self.restart(node)

    def mark_faulty(self, node: Node | str, kind: str = "byzantine") -> None:
        """A node is faulty for good, and not by the nemesis (a lying actor): it counts against the budget."""
        self.nemesis.takes_for_faulty(self._node(node))
        self.count(kind)

    # --- outside code ----------------------------------------------------------------------------------------------

    def tell(self, target: Reference, message: Message) -> None:
        """Put a message into an actor's mailbox, from code that is not an actor."""
        self._node(target.node).tell(target, message)

    def ask(self, target: Reference, message: Request[Any], timeout_seconds: float | None = None) -> Pending:
        """Ask an actor, from code that is not an actor; the answer appears in the returned object as time passes."""
        return self._node(target.node).ask_outside(target, message, timeout_seconds)

    def ref(self, node: str, name: str) -> Reference:
        """A reference by name: whoever has it when a message arrives."""
        return Reference(node, name)

    # --- time ------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Virtual time in seconds since the beginning."""
        return self.now_ns / 1e9

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.run_to(self.now_ns + int(seconds * 1e9))

    def run_until(self, condition: Callable[[], Any], within_seconds: float = 30.0, reason: str = "") -> Any:
        """Let virtual time pass until something holds; looks after every step.

        Returns:
            What the condition gave.

        Raises:
            SimulationError: it did not within that time.
        """
        end = self.now_ns + int(within_seconds * 1e9)
        while not (found := condition()):
            due = self.next_due_ns
            if due is None or due > end:
                raise SimulationError(
                    f"not within {within_seconds:g} s of virtual time (now {self.now:.3f} s): "
                    f"{reason or getattr(condition, '__name__', 'the condition')}"
                )
            self.step()
        return found

    def runaway(self, too_many: bool) -> None:
        """A limit was reached.

        Raises:
            SimulationError: names the limit and the busiest actor.
        """
        what = f"{SAME_TIME_LIMIT} things happened at {self.now:.6f} s and time stands still"
        if too_many:
            what = f"more than {self._max_events} messages were handled (max_events)"
        cells = [cell for node in self.nodes.values() for cell in node.names.values()]
        busiest = max(cells, key=lambda cell: cell.handled, default=None)
        who = "nobody" if busiest is None else f"{busiest.label}, with {busiest.handled} messages"
        raise SimulationError(f"{what}; the busiest actor is {who}. Does it answer itself without a timer?")

    def _stable(self, _: Any) -> None:
        self.adversarial = False

    # --- properties ------------------------------------------------------------------------------------------------

    def invariant(self, name: str, function: Predicate, of: type[Any] | None = None) -> None:
        """What must hold after every event.

        Args:
            name: for the report.
            function: returns False or raises AssertionError when it does not hold. Called with (node name, actor) of
                the actor that has just moved.
            of: look only when an actor of this class (or a subclass) has moved.
        """
        self._checks.add(Check(name, function, of, True))

    def sometimes(self, name: str, function: Predicate, of: type[Any] | None = None) -> None:
        """What should be seen at least once: ``goals[name]`` is 1 from then on. Arguments as for ``invariant``."""
        self.goals.setdefault(name, 0)
        self._checks.add(Check(name, function, of, False))

    def reached(self, name: str) -> None:
        """Count that something worth seeing was seen."""
        self.goals[name] += 1

    def violation(self, property: str, detail: str = "") -> Violation:
        """The error that says that a property does not hold now; for the caller to raise."""
        self._note(What.VIOLATION, None, property)
        return Violation(property, detail, self.events, self.now, self.digest())

    # --- for the simulation's own parts ------------------------------------------------------------------------------

    def _node(self, node: Node | str) -> Node:
        if isinstance(node, Node):
            return node
        found = self.nodes.get(node)
        if found is None:
            raise SimulationError(f"there is no node {node!r}; the nodes are {', '.join(self.nodes) or 'none'}")
        return found

    def alone(self, node: Node) -> bool:
        """Has no other node that may fail a copy of what is on this one's disk?"""
        return not any(other.mortal for other in self.nodes.values() if other is not node)

    def next_index(self) -> int:
        """A number for a new actor: the order of creation."""
        self._cells += 1
        return self._cells

    def checks_of(self, actor_class: type[Any]) -> tuple[Check, ...]:
        """What is looked at when an actor of this class has moved."""
        return self._checks.of(actor_class)

    def check(self, cell: Cell) -> None:
        """An actor has moved."""
        self._checks.run(cell)

    def buggify(self, place: str) -> bool:
        """Take the rare branch? A place is on or off for a whole run."""
        chance = self.faults.buggify
        if chance <= 0.0:
            return False
        stream = self.tape.stream("buggify")
        on = self._buggy.get(place)
        if on is None:
            on = self._buggy[place] = stream.chance(chance)
        return on and stream.chance(chance)

    def count(self, kind: str) -> None:
        """A fault was injected."""
        self.injected[kind] += 1

    def node_failed(self, node: Node, reason: BaseException) -> None:
        """A node stops, or cannot start."""
        self.counters["node_failures"] += 1
        self._note(What.FAILURE, node, str(reason))

    def process_ended(self, node: Node) -> None:
        """A node has stopped by itself."""
        if node.up:
            node.die()
            self.network.silent(node)
            self._note(What.CRASH, node, "the process ended")
            self.nemesis.process_ended(node)

    # --- the record ------------------------------------------------------------------------------------------------

    def trace_sync(self, node: Node) -> None:
        """Records of a node became durable."""
        self.ledger.add(Event(What.SYNC, self.now, node.name, "", f"up to batch {node.synced}"))

    def note_failure(self, cell: Cell, error: BaseException, message: Message | None) -> None:
        """A handler or hook raised."""
        what = type(message).__qualname__ if message is not None else "a hook"
        if len(self.failures) < 100:
            self.failures.append((cell.label, what, error))
        if self.trace is not None:
            text = f"{what}: {type(error).__name__}: {error}"
            self.ledger.add(Event(What.FAILURE, self.now, cell.node.name, cell.name, text))
        if self.on_failure is not None:
            self.on_failure(cell.label, error)

    def note_message(self, what: What, link: Link, posted: Envelope) -> None:
        """A message leaves, arrives twice or is lost; called only when a trace is kept."""
        here = link.source.name, posted[3].name if posted[3] is not None else ""
        there = link.target.name, posted[1]
        if what in (What.DELIVER, What.DUPLICATE):
            here, there = there, here
        self.ledger.add(Event(what, self.now, *here, shown(self.wire, link, posted), posted[6], *there))

    def note_fault(self, text: str, node: Node | None = None) -> None:
        """A fault that is no crash, pause or partition."""
        self._note(What.FAULT, node, text)

    def note_client(self, node: str, actor: str, text: str) -> None:
        """A client's invocation or completion, for the diagram."""
        if self.trace is not None:
            self.ledger.add(Event(What.CLIENT, self.now, node, actor, text))

    def _note(self, what: What, node: Node | None, text: str = "", actor: str = "") -> None:
        self.fold(self.now_ns, 1 << 63 | _WHATS[what] << 16 | (node.index + 1 if node is not None else 0))
        if self.trace is not None:
            self.ledger.add(Event(what, self.now, node.name if node is not None else "", actor, text))
