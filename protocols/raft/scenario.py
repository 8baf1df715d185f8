"""Raft in the simulated world: a group under drawn faults, its invariants after every event, then a healed quorum.

Phase one (safety): elections, replication, snapshots and reads under all faults. Phase two (liveness): a random quorum
is healed; it must elect a leader, commit, answer a read and agree within a bound. Phase three (stability): who comes
back does not depose a leader that a majority hears, and a leader that hears no majority steps down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from actors.context import Directive, Supervision
from actors.simulation import draws
from actors.simulation.draws import Menu
from actors.simulation.faults import Faults
from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from actors.simulation.swarm import Run, Scenario, ScenarioSettings, named
from actors.simulation.tape import Stream
from core_ext.log_errors import LogError
from protocols.raft import RaftRole, RaftSettings, configuration, properties
from protocols.raft.messages import RoleName
from protocols.raft.recovery import DiskLost
from protocols.raft.scenario_disks import CommitsOnDisk, VotesOnDisk
from protocols.raft.scenario_group import AcknowledgedIsHeld, LimitsHold, TailsAreKept, VotesAreDeserved
from protocols.raft.scenario_hunt import Hunt
from protocols.raft.scenario_owner import OWNER_NAME, Oracle, Owner, ProposeNow, ReadNow

#: Limits so small that every branch is taken; each is drawn, or stays as it is.
SMALL = {
    "max_append_bytes": 200, "max_append_entries": 5, "max_entry_bytes": 150, "cache_bytes": 1000,
    "deliver_bytes": 300, "deliver_entries": 7, "deliver_window_bytes": 900, "deliver_window_messages": 3,
    "snapshot_after_bytes": 1500, "snapshot_chunk_bytes": 64, "retained_bytes": 300, "read_rounds_in_flight": 2,
    "max_uncommitted_bytes": 800,
}
ESCALATE = Supervision(directive=Directive.ESCALATE)
SIZES = (3, 5, 3, 4, 2, 1)
LIVENESS_SECONDS = 20.0
STEADY_SECONDS = 1.5  # some election time-outs
SETTLE_SECONDS = 3.0  # longer than a node whose log failed takes to end and to start again


class RaftScenarioSettings(ScenarioSettings, frozen=True, kw_only=True):
    """What can be set.

    Attributes:
        nodes: of the group; 0: drawn.
    """

    nodes: int = 0


class RaftScenario(Scenario):
    """One Raft group, whose owners propose and read."""

    name = "raft"
    Settings = RaftScenarioSettings
    goals = (
        "a leader after the first one", "a snapshot is taken", "a snapshot is restored",
        "a snapshot is installed", "a read is answered", "an entry is replaced", "an uncertain tail", "a lost disk",
    )

    def play(self, run: Run) -> None:
        """One group."""
        swarm = run.swarm
        count = self.settings.nodes or swarm.choice(SIZES)
        names = [f"n{number}" for number in range(1, count + 1)]
        settings = draw_settings(swarm)
        faults = draws.draw_faults(swarm, Menu(), (count - 1) // 2)
        oracle = Oracle()
        simulation = run.world(
            faults=faults, time_model=draws.draw_time_model(swarm, self.settings.seconds),
            disk="wal" if needs_log(faults) or swarm.chance(0.2) else "memory",
        )
        watch(simulation, oracle, settings.group)
        lost = allow_lost_disks(run)

        def boot(node: Node) -> None:
            node.spawn(
                Owner, settings.group, oracle, run.tape.stream(f"workload:{node.name}"), settings.snapshot_chunk_bytes,
                name=OWNER_NAME, supervision=ESCALATE,
            )
            node.spawn(
                RaftRole, settings, configuration(*names), OWNER_NAME, name=settings.group, supervision=ESCALATE
            )

        for name in names:
            simulation.node(name, boot)

        def ask(node: Node) -> None:
            if node.up:
                simulation.tell(simulation.ref(node.name, OWNER_NAME), ReadNow())

        run_with_trouble(run, simulation, self.settings.seconds, settings.group, ask)
        oracle.working = False
        quorum = heal_quorum(run, simulation, names, lost)
        if lost:
            simulation.reached("a lost disk")
        if quorum:
            self._liveness(run, simulation, quorum, settings.group)

    def _liveness(self, run: Run, simulation: Simulation, quorum: list[str], group: str) -> None:
        """The healed quorum must serve."""

        def role(name: str) -> RaftRole | None:
            found = actor_of(simulation, name, group)
            return found if isinstance(found, RaftRole) else None

        def led() -> str | None:
            leaders = [one for name in quorum if (one := role(name)) and one.role is RoleName.LEADER]
            leader = max(leaders, key=lambda one: one.term, default=None)
            return leader.node if leader is not None and leader.commit >= leader.term_start > 0 else None

        within(run, led, LIVENESS_SECONDS, f"the healed {quorum} elects no leader that commits")
        asked = run.swarm.choice(quorum)
        simulation.tell(simulation.ref(led() or asked, OWNER_NAME), ProposeNow())

        def served() -> bool:
            leader = led()
            one = role(leader) if leader else None
            if one is None or one.commit != one.log.last_index:
                return False
            owners = [actor_of(simulation, name, OWNER_NAME) for name in quorum]
            return all(isinstance(owner, Owner) and owner.index == one.commit for owner in owners)

        within(run, served, LIVENESS_SECONDS, f"the healed {quorum} does not come to the same state")
        owner = actor_of(simulation, asked, OWNER_NAME)
        assert isinstance(owner, Owner)
        before = owner.answered
        for _ in range(20):  # a read may be refused, and is asked again
            simulation.tell(simulation.ref(asked, OWNER_NAME), ReadNow())
            simulation.run(0.5)
            if owner.answered > before:
                break
        else:
            raise run.violation("liveness", f"{asked} of the healed {quorum} never answers a read")
        draws = run.tape.stream("stability")
        leader = led()
        if leader is not None and len(quorum) - 1 > len(simulation.nodes) // 2 and draws.chance(0.5):
            self._stability(run, simulation, quorum, role, leader, draws)

    def _stability(
        self, run: Run, simulation: Simulation, quorum: list[str], role: Callable[[str], RaftRole | None], leader: str,
        draws: Stream,
    ) -> None:
        """A follower does not hear the leader for a while; then nobody does. The others are a majority either way.

        Args:
            quorum: nodes that run.
            role: the living role of a node.
            leader: who leads.
            draws: who is away, and how.
        """
        def leads(name: str) -> int:
            """The term that it leads; 0: none."""
            one = role(name)
            return one.term if one is not None and one.role is RoleName.LEADER else 0

        term = leads(leader)
        away = draws.choice([name for name in quorum if name != leader])
        if draws.chance(0.5):
            simulation.isolate(away)
        else:
            simulation.cut(leader, away)  # the others can tell it that there is a leader, and must
        for _ in range(2):
            simulation.run(STEADY_SECONDS)
            if leads(leader) != term:
                raise run.violation(
                    "stability", f"{leader} led term {term} and was deposed by {away}, which had not heard it"
                )
            simulation.heal()
        simulation.isolate(leader)
        within(
            run, lambda: leads(leader) != term, STEADY_SECONDS,
            f"{leader} hears no majority, and does not step down from term {term}",
        )


def run_with_trouble(
    run: Run, simulation: Simulation, seconds: float, group: str, ask: Callable[[Node], None] | None = None
) -> None:
    """The phase with faults. In some runs leaders are hunted; in some the power of all nodes fails together, as no
    budget of faults allows, and as what is on a majority's disks must survive.

    Args:
        run: the run.
        simulation: its world.
        seconds: when the phase ends.
        group: name of the roles.
        ask: see ``Hunt``.
    """
    hunted = run.tape.stream("hunt").chance(0.4)
    hunt = Hunt(simulation, run.tape, group, ask) if hunted else None
    # a tail that rots matters when nobody leads who could send it again: mostly after the power has failed everywhere
    blackouts = draws.some(run.swarm, 0.8 if simulation.faults.disks.bit_flip else 0.3, (1, 3, 6), 0)
    for _ in range(blackouts):
        simulation.run(seconds / (blackouts + 1) * run.swarm.uniform(0.1, 1.9))
        for node in simulation.nodes.values():
            simulation.kill(node)
        if simulation.faults.disks.bit_flip:  # what was written last is damaged when it is read again
            for _ in range(run.swarm.below(6)):
                simulation.nemesis.rot()
        for node in simulation.nodes.values():
            simulation.restart(node)
    simulation.run(max(0.0, seconds - simulation.now))
    if hunt is not None:
        hunt.call_off()


def draw_settings(swarm: Stream) -> RaftSettings:
    """Settings of a group: usual ones, with some limits drawn down."""
    small: dict[str, Any] = {name: value for name, value in SMALL.items() if swarm.chance(0.6)}
    if "snapshot_after_bytes" in small:  # at times so often that one falls between a leader's loss and its return
        small["snapshot_after_bytes"] = swarm.choice((SMALL["snapshot_after_bytes"], 400))
    return RaftSettings(**small, inflight_appends=swarm.choice((4, 1, 2)))


def allow_lost_disks(run: Run) -> list[str]:
    """A role may refuse to start on a disk that is damaged beyond use, and stop when it cannot read one: no bug. On a
    disk that nothing damages it is one: the role has ruined its journal by itself. A real log that a crash tears counts
    as damaged: of batches that are written together it may keep the last one's end and neither copy of a vote before.

    Returns:
        The nodes that refused to start; it grows.
    """
    lost: list[str] = []
    simulation = run.simulation
    assert simulation is not None
    damaging = simulation.faults.disks.damaging

    def allowed(label: str, error: BaseException) -> bool:
        if isinstance(error, DiskLost):
            lost.append(label.partition("/")[0])
            return damaging or simulation.nodes[lost[-1]].medium.disk is not None
        return isinstance(error, LogError)

    run.allowed = allowed
    return lost


def heal_quorum(run: Run, simulation: Simulation, names: list[str], lost: Collection[str]) -> list[str]:
    """The end of all faults for a drawn majority; the others go down for ever.

    A damaged tail is settled when every voter answers: until then its node counts as faulty beside those that are down,
    and the group can bear no more than its minority. So with one in the majority, all others are healed too.

    Args:
        names: of all nodes.
        lost: nodes that found their disk lost, so far; grows as nodes start.

    Returns:
        The majority, all up; empty when too many disks are lost or damaged.
    """
    def usable() -> list[str]:
        return [name for name in names if simulation.nodes[name].broken is None and name not in lost]

    needed = len(names) // 2 + 1
    size = needed + run.swarm.below(len(names) - needed + 1)
    order = run.swarm.shuffled(names)
    while True:
        quorum = [name for name in order if name in usable()][:size]
        if len(quorum) < needed:
            return []
        for name in names:
            if name not in quorum:
                simulation.kill(name)
        simulation.calm(quorum)
        simulation.run(SETTLE_SECONDS)
        if not all(name in usable() for name in quorum):
            continue
        if not any(_has_uncertain_tail(simulation.nodes[name]) for name in quorum):
            return quorum
        if size == len(names):  # the others have nothing to say any more, or they all had their say
            return quorum if len(quorum) == len(names) else []
        size = len(names)


def _has_uncertain_tail(node: Node) -> bool:
    """Whether a role of this node has entries that its disk damaged and that no leader has settled yet."""
    roles = [cell.actor for cell in node.names.values() if isinstance(cell.actor, RaftRole)]
    return any(role.uncertain for role in roles)


def needs_log(faults: Faults) -> bool:
    """Whether disks do what only the real log on a simulated disk can suffer."""
    return bool(faults.disks.of_the_log)


def watch(simulation: Simulation, oracle: Oracle, group: str) -> None:
    """Everything that is looked at in a group with owners of its own."""
    watch_roles(simulation, oracle.history, group)
    simulation.sometimes("a snapshot is taken", lambda node, owner: oracle.snapshots, Owner)
    simulation.sometimes("a snapshot is restored", lambda node, owner: oracle.restored, Owner)
    simulation.sometimes("a read is answered", lambda node, owner: oracle.reads, Owner)


def watch_roles(simulation: Simulation, history: properties.History, group: str) -> None:
    """The invariants of Raft after every event of a role, and what should be seen of roles."""
    goals = simulation.goals
    votes: dict[str, tuple[RaftRole, int, str | None]] = {}
    commits_on_disk, votes_on_disk = CommitsOnDisk(simulation), VotesOnDisk(simulation)
    acknowledged_is_held, limits_hold = AcknowledgedIsHeld(simulation, group), LimitsHold()
    votes_are_deserved, tails_are_kept = VotesAreDeserved(simulation, group), TailsAreKept(history)

    def invariants(node: str, role: RaftRole) -> None:
        try:
            changed = properties.check(history, role)
            acknowledged_is_held(role, changed)
            limits_hold(role)
            tails_are_kept(role)
            votes_are_deserved(role)
            if not changed:
                return
            votes_on_disk(role)
            commits_on_disk(role)
        except properties.Violation as error:
            raise simulation.violation(*named(error)) from error
        before = votes.get(node)
        if before is None or before[0] is not role or before[1] != role.term or before[2] is None:
            votes[node] = role, role.term, role.vote
        elif role.vote != before[2]:
            raise simulation.violation("a vote stands", f"{node} forgets its vote of term {role.term}, {before[2]}")
        goals["a leader after the first one"] |= len(history.leaders) > 1
        goals["an entry is replaced"] |= history.replaced > 0
        goals["an uncertain tail"] |= len(role.uncertain) > 0
        goals["a snapshot is installed"] |= role.snapshots_installed > 0

    simulation.invariant("raft", invariants, RaftRole)


def actor_of(simulation: Simulation, node: str, name: str) -> object:
    """The living actor of this name, or None."""
    cell = simulation.nodes[node].names.get(name)
    return cell.actor if cell is not None else None


def within(run: Run, condition: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Let time pass until something holds.

    Raises:
        Violation: of "liveness", when it does not in time.
    """
    simulation = run.simulation
    assert simulation is not None
    end = simulation.now + seconds
    while not condition():
        if simulation.now >= end or not simulation.step():
            raise run.violation("liveness", f"{otherwise} within {seconds:g} s")
