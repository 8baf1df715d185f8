"""A hunt for leaders in a simulated group: faults that strike whoever leads at that moment, young leaders above all.

Drawn faults mostly strike others. What makes Raft hard needs one leader after the other to be lost with what only it
has: long tails of old terms, commits that few have heard of, reads by one who does not know yet that it was replaced.
Knows who leads, and no other rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from actors.simulation.tape import Stream, Tape
from protocols.raft.messages import RoleName
from protocols.raft.role import RaftRole

LOOK_SECONDS = 0.01
PAUSES_SECONDS = (0.3, 0.05, 1.0)  # between two strikes; the next leader may be in its first turns
LASTING_SECONDS = (0.4, 0.1, 1.5)
SLEEPING_SECONDS = 1.0  # at least: another one leads by then
QUESTION_SECONDS = 0.03  # most of the time that questions have to reach a leader that has just fallen asleep
KINDS = ("alone", "deaf", "mute", "asleep", "dead", "asleep")  # asleep twice: what it shows is the rarest


def _ask_nothing(node: Node) -> None:
    """Where nobody has a question."""


def leader_of(simulation: Simulation, group: str) -> RaftRole | None:
    """The leader of the newest term that has one, among nodes that run."""
    newest: RaftRole | None = None
    for node in simulation.nodes.values():
        cell = node.names.get(group)
        role = cell.actor if cell is not None and node.up and not node.paused else None
        if isinstance(role, RaftRole) and role.role is RoleName.LEADER and (newest is None or role.term > newest.term):
            newest = role
    return newest


class Hunt:
    """Strikes leaders until it is called off.

    Args:
        simulation: of the group.
        tape: each strike draws from a stream of its own, so that taking one out moves no other.
        group: name of the roles.
        ask: has a node ask for a read. A leader that sleeps finds questions when it wakes up, some of which came before
            it was replaced, and others after.
    """

    def __init__(
        self, simulation: Simulation, tape: Tape, group: str, ask: Callable[[Node], None] | None = None
    ) -> None:
        self._simulation = simulation
        self._ask = ask if ask is not None else _ask_nothing
        self._tape = tape
        self._group = group
        self._strikes = 0
        self._next = 0.0  # when the next one may come
        self._over = False
        self._after(LOOK_SECONDS, None)

    def call_off(self) -> None:
        """No more strikes; who ends all faults ends those that last."""
        self._over = True

    def _after(self, seconds: float, then: tuple[Any, ...] | None) -> None:
        simulation = self._simulation
        simulation.at(simulation.now_ns + int(seconds * 1e9), self._due, then)

    def _due(self, what: tuple[Any, ...] | None) -> None:
        """Time to look for a leader, or to end a strike."""
        if self._over:
            return
        if what is not None:
            what[0](*what[1:])
            return
        self._after(LOOK_SECONDS, None)
        if self._simulation.now >= self._next and (leader := leader_of(self._simulation, self._group)) is not None:
            self._strikes += 1
            draws = self._tape.stream(f"hunt:{self._strikes}")
            self._next = self._simulation.now + draws.choice(PAUSES_SECONDS)
            if draws.chance(0.8):
                # not on the beat, where the timers of actors are
                self._after(
                    draws.uniform(0.0, LOOK_SECONDS), (self._strike, self._simulation.nodes[leader.node], draws)
                )

    def _strike(self, leader: Node, draws: Stream) -> None:
        if not leader.up or leader.paused:
            return
        kind, seconds = draws.choice(KINDS), draws.choice(LASTING_SECONDS)
        if kind == "asleep":
            seconds = max(seconds, SLEEPING_SECONDS)
        others = draws.shuffled([node for node in self._simulation.nodes.values() if node is not leader])
        # some hear nothing new either, but no majority: what remains can elect another leader
        followers = others[: draws.below(max(1, len(others) - (len(others) + 1) // 2))]
        away = others[len(followers) :]
        out = [(one, other) for one in (leader, *followers) for other in away]
        back = [(other, one) for one, other in out]
        self._simulation.count("hunt")
        self._simulation.note_fault(f"the leader is hunted: {kind} for {seconds:g} s", leader)
        match kind:
            case "dead":
                self._simulation.kill(leader)
                self._after(seconds, (self._start, leader))
                return
            case "deaf":
                cuts = back
            case "mute":
                cuts = out
            case _:
                cuts = [*out, *back]
        if kind == "asleep":  # it wakes up alone, and does not know how long it slept
            self._next = self._simulation.now + seconds  # the next leader is left in peace: it is to commit something
            self._simulation.pause(leader)
            for node in away:
                self._ask(node)
            self._after(draws.uniform(0.0, QUESTION_SECONDS), (self._cut, cuts))
            self._after(seconds, (self._wake, leader))
            seconds += 0.2
        else:
            self._cut(cuts)
        self._after(seconds, (self._mend, cuts))

    def _cut(self, cuts: list[tuple[Node, Node]]) -> None:
        for source, target in cuts:
            self._simulation.network.cut(source, target)

    def _wake(self, leader: Node) -> None:
        if leader.paused:
            self._ask(leader)
        self._simulation.resume(leader)

    def _mend(self, cuts: list[tuple[Node, Node]]) -> None:
        for source, target in cuts:
            self._simulation.network.mend(source, target)

    def _start(self, node: Node) -> None:
        if not node.up and node.broken is None:
            self._simulation.restart(node)
