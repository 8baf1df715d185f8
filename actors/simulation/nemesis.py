"""Injects the faults of a run: draws when, where and how long, within the budget, and ends them again.

Every draw of 0 is "no fault" (or the shortest one). Knows what a fault is called and who can do it; what it means, the
node, the network and the disk know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.simulation import partitions
from actors.simulation.faults import Range
from actors.simulation.tape import Stream

if TYPE_CHECKING:
    from actors.simulation.node import Node
    from actors.simulation.simulation import Simulation

TICK_SECONDS = 0.02


class Nemesis:
    """The source of faults of one simulation. It begins to draw when the first node that it may strike has joined."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._stream = simulation.tape.stream("faults")
        self._ticks = self._rotten = 0
        self._faulty: dict[str, int] = {}  # node -> how many faults it has now
        self._damaged: dict[str, None] = {}  # nodes whose disk was ever damaged
        self._ticking = False
        self._resting = False
        faults = simulation.faults
        disks = faults.disks
        self._plans: list[tuple[str, float, Callable[[], object]]] = [
            plan for plan in (
                ("crash", faults.crash, self._crash),
                ("pause", faults.pause, self._pause),
                ("omit_send", faults.omit_send, self._omit_send),
                ("omit_receive", faults.omit_receive, self._omit_receive),
                ("partition", faults.partition, self._partition),
                ("clog", faults.clog, self._clog),
                ("slow_link", faults.slow_link, self._slow_link),
                ("clock_step", faults.clock_step, self._clock_step),
                ("slow_disk", disks.slow, self._slow_disk),
                ("failed_sync", disks.failed_sync, self._failed_sync),
                ("full_disk", disks.full, self._full_disk),
                ("bit_flip", disks.bit_flip, self._bit_flip),
                ("misdirected", disks.misdirected, self._misdirected),
                ("lost_write", disks.lost_write, self._lost_write),
            ) if plan[1] > 0
        ]

    @property
    def nodes(self) -> list[Node]:
        """The nodes that may be struck."""
        return [node for node in self._simulation.nodes.values() if node.mortal]

    @property
    def faulty(self) -> frozenset[str]:
        """Nodes that are faulty now."""
        return frozenset(self._faulty)

    def takes_for_faulty(self, node: Node) -> None:
        """A node is faulty for good, and not by the nemesis (a Byzantine one): it counts against the budget."""
        self._begin(node)

    def joined(self, node: Node) -> None:
        """A node exists from now on."""
        faults = self._simulation.faults
        if not node.mortal:
            return
        if faults.clock_drift > 0:
            node.clock_rate = 1.0 + faults.clock_drift * self._either_way(self._stream.uniform(0.0, 1.0))
        if self._plans and not self._ticking:
            self._ticking = True
            self._again()

    def rest(self) -> None:
        """No more faults; those that last are ended by whoever calls this (``Simulation.calm``)."""
        self._resting = True
        self._faulty.clear()

    def rot(self) -> None:
        """Now a bit flips on one of the disks that may be damaged, also of a node that is down."""
        self._rotten += 1
        self._stream = self._simulation.tape.stream(f"fault:rot:{self._rotten}")
        self._bit_flip()

    def process_ended(self, node: Node) -> None:
        """A node stopped by itself: it is started again as a launcher would do it."""
        if not node.mortal:
            return
        if self._resting:  # also after the last fault: what that caused may come later
            simulation = self._simulation
            simulation.at(simulation.now_ns + int(0.1 * 1e9), self._start, node)
            return
        self._begin(node)
        self._stream = self._simulation.tape.stream(f"restart:{node.name}:{node.boots}")
        self._after((0.1, 1.0), self._start, node)

    # --- the clockwork ---------------------------------------------------------------------------------------------

    def _again(self) -> None:
        simulation = self._simulation
        simulation.at(simulation.now_ns + int(TICK_SECONDS * 1e9), self._tick, None)

    def _tick(self, _: Any) -> None:
        if self._resting:
            return
        self._ticks += 1
        tape = self._simulation.tape
        for kind, rate, action in self._plans:
            # each kind has its own chances, and each fault its own stream for the rest: to take one fault out of a tape
            # moves no other one
            if tape.stream(f"faults:{kind}").chance(min(1.0, rate * TICK_SECONDS)):
                draws = self._stream = tape.stream(f"fault:{kind}:{self._ticks}")
                # not on the beat, where the timers of actors are: a fault must be able to come between any two events
                self._after((0.0, TICK_SECONDS), self._strike, (action, draws))
        self._again()

    def _strike(self, what: tuple[Callable[[], object], Stream]) -> None:
        action, self._stream = what
        action()

    def _after(self, seconds: Range, action: Callable[[Any], None], argument: Any) -> None:
        simulation = self._simulation
        delay = int(self._stream.uniform(*seconds) * 1e9)
        simulation.at(simulation.now_ns + delay, self._unless_resting, (action, argument))

    def _unless_resting(self, what: tuple[Callable[[Any], None], Any]) -> None:
        if not self._resting:
            what[0](what[1])

    def _begin(self, node: Node) -> None:
        self._faulty[node.name] = self._faulty.get(node.name, 0) + 1

    def _end(self, node: Node) -> None:
        left = self._faulty.get(node.name, 0) - 1
        if left > 0:
            self._faulty[node.name] = left
        else:
            self._faulty.pop(node.name, None)

    def _victim(self) -> Node | None:
        """A node that may be struck now, within the budget."""
        budget = self._simulation.faults.budget
        nodes = [node for node in self.nodes if node.up and not node.paused]
        if budget is not None and len(self._faulty) >= budget:
            nodes = [node for node in nodes if node.name in self._faulty]
        return self._stream.choice(nodes) if nodes else None

    def _either_way(self, amount: float) -> float:
        return -amount if self._stream.below(2) else amount

    def _note(self, kind: str, text: str, node: Node | None = None) -> None:
        self._simulation.count(kind)
        self._simulation.note_fault(text, node)

    # --- nodes -----------------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        node = self._victim()
        if node is None:
            return
        self._begin(node)
        fuse = self._stream.below(4)
        if fuse:  # in the middle of a batch, soon
            node.fuse = fuse
        else:
            node.kill()
        if self._simulation.faults.down_seconds is not None:
            self._after(self._simulation.faults.down_seconds, self._start, node)

    def _start(self, node: Node) -> None:
        self._end(node)
        node.fuse = 0
        if not node.up:
            node.restart()

    def _pause(self) -> None:
        node = self._victim()
        if node is not None:
            self._begin(node)
            node.pause()
            self._after(self._simulation.faults.pause_seconds, self._resume, node)

    def _resume(self, node: Node) -> None:
        self._end(node)
        node.resume()

    def _omit_send(self) -> None:
        self._omit(self._simulation.network.omit_send, "omit_send")

    def _omit_receive(self) -> None:
        self._omit(self._simulation.network.omit_receive, "omit_receive")

    def _omit(self, table: dict[Node, float], kind: str) -> None:
        node = self._victim()
        if node is None or node in table:
            return
        faults = self._simulation.faults
        self._begin(node)
        table[node] = faults.omission
        self._note(kind, f"{kind.replace('_', ' ')}: it loses messages", node)
        self._after(faults.omit_seconds, self._omit_ends, (table, node))

    def _omit_ends(self, what: tuple[dict[Node, float], Node]) -> None:
        table, node = what
        table.pop(node, None)
        self._end(node)

    def _clock_step(self) -> None:
        node = self._victim()
        if node is not None:
            step = self._either_way(self._stream.uniform(*self._simulation.faults.clock_step_seconds))
            node.clock_offset += step
            self._note("clock_step", f"its clock steps by {step:+.3f} s", node)

    # --- links -----------------------------------------------------------------------------------------------------

    def _partition(self) -> None:
        faults = self._simulation.faults
        nodes = self.nodes
        if len(nodes) < 2 or not faults.shapes:
            return
        shape = self._stream.choice(faults.shapes)
        cuts = partitions.draw(shape, nodes, self._stream)
        network = self._simulation.network
        for source, target in cuts:
            network.cut(source, target)
        self._note("partition", f"partition ({shape.value}): " + partitions.describe(nodes, cuts))
        self._after(faults.partition_seconds, self._mend, cuts)

    def _mend(self, cuts: list[tuple[Node, Node]]) -> None:
        for source, target in cuts:
            self._simulation.network.mend(source, target)
        self._simulation.note_fault("a partition ends")

    def _clog(self) -> None:
        link = self._link()
        if link is not None:
            seconds = self._stream.uniform(*self._simulation.faults.clog_seconds)
            link.clogged_until = self._simulation.now_ns + int(seconds * 1e9)
            self._note("clog", f"{link.source.name} -> {link.target.name} is clogged for {seconds:.3f} s")

    def _slow_link(self) -> None:
        link = self._link()
        if link is not None:
            faults = self._simulation.faults
            seconds = self._stream.uniform(*faults.slow_link_seconds)
            link.slow_until = self._simulation.now_ns + int(seconds * 1e9)
            link.slow_factor = faults.slow_link_factor
            self._note("slow_link", f"{link.source.name} -> {link.target.name} is slow for {seconds:.3f} s")

    def _link(self) -> Any:
        nodes = self.nodes
        if len(nodes) < 2:
            return None
        source = self._stream.choice(nodes)
        target = self._stream.choice([node for node in nodes if node is not source])
        return source.links[target.name]

    # --- disks -----------------------------------------------------------------------------------------------------

    def _slow_disk(self) -> None:
        node = self._stream.choice(self.nodes)
        disks = self._simulation.faults.disks
        node.disk_slow = disks.slow_factor
        self._note("slow_disk", "its disk is slow", node)
        self._after(disks.slow_lasts_seconds, self._fast_disk, node)

    def _fast_disk(self, node: Node) -> None:
        node.disk_slow = 1.0

    def _failed_sync(self) -> None:
        node = self._victim()
        if node is not None and node.medium.disk is not None:
            node.medium.disk.fail_sync = True
            self._note("failed_sync", "its disk will fail a sync", node)

    def _full_disk(self) -> None:
        node = self._victim()
        if node is not None and node.medium.disk is not None and not node.medium.disk.full:
            self._begin(node)
            node.medium.disk.full = True
            self._note("full_disk", "its disk is full", node)
            self._after(self._simulation.faults.disks.full_lasts_seconds, self._room, node)

    def _room(self, node: Node) -> None:
        if node.medium.disk is not None:
            node.medium.disk.full = False
        self._end(node)

    def _damaged_disk(self) -> Node | None:
        """A disk that may be damaged: only as many, in the whole run, as the budget allows."""
        budget = self._simulation.faults.budget
        nodes = [node for node in self.nodes if node.medium.disk is not None]
        if budget is not None and len(self._damaged) >= budget:
            nodes = [node for node in nodes if node.name in self._damaged]
        if not nodes:
            return None
        node = self._stream.choice(nodes)
        self._damaged[node.name] = None
        return node

    def _bit_flip(self) -> None:
        node = self._damaged_disk()
        if node is not None and node.medium.disk is not None:
            where = node.medium.disk.flip_bit(self._stream)
            if where is not None:
                self._note("bit_flip", f"a bit of its disk flips: {where}", node)

    def _misdirected(self) -> None:
        node = self._damaged_disk()
        if node is not None and node.medium.disk is not None:
            sectors = 1 + self._stream.below(8)
            node.medium.disk.misdirect = -sectors if self._stream.below(2) else sectors
            self._note("misdirected", "a write of its disk will go to another place", node)

    def _lost_write(self) -> None:
        node = self._damaged_disk()
        if node is not None and node.medium.disk is not None:
            node.medium.disk.lose_write = True
            self._note("lost_write", "a write of its disk will not happen", node)
