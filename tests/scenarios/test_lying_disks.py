"""Disks that lie under a Raft group: a write that never happened, or went elsewhere, is borne by a minority. One that
is the last of a node's life, and leaves no trace, is not: the end of this file shows what it can cost, and what not.
"""

from __future__ import annotations

import pytest

from actors.simulation import draws, swarm
from actors.simulation.draws import Menu
from actors.simulation.errors import Violation
from actors.simulation.faults import DiskFaults, Faults
from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from actors.simulation.tape import Tape
from core_ext import log_misplaced
from protocols.raft import RaftRole, RaftSettings, configuration
from protocols.raft.messages import RoleName
from protocols.raft.scenario import ESCALATE, RaftScenario, watch
from protocols.raft.scenario_owner import OWNER_NAME, Oracle, Owner, ProposeNow

NAMES = ("n1", "n2", "n3")


def play_with_lies(monkeypatch: pytest.MonkeyPatch, seed: int) -> swarm.Result:
    """A run of the scenario of Raft, on disks of which a minority lies."""
    drawn = draws.draw_faults

    def lying(stream, menu, minority):
        faults = drawn(stream, menu, minority)
        fields = {name: getattr(faults, name) for name in Faults.__struct_fields__}
        disks = {name: getattr(faults.disks, name) for name in DiskFaults.__struct_fields__}
        disks |= {"bit_flip": 0.0, "misdirected": 0.4, "lost_write": 0.4}
        budget = minority if faults.budget is None else min(faults.budget, minority)
        return Faults(**{**fields, "budget": budget, "disks": DiskFaults(**disks)}) if minority else faults

    monkeypatch.setattr(draws, "draw_faults", lying)
    return swarm.play(RaftScenario(), Tape(seed))[0]


def test_lies_are_drawn_counted_and_repeated() -> None:
    seen = set()
    for seed in range(300):
        faults = draws.draw_faults(Tape(seed).stream("swarm"), Menu(), 1)
        seen |= {name for name in ("bit_flip", "misdirected", "lost_write") if getattr(faults.disks, name) > 0}
        assert faults.budget == 1 or not faults.disks.damaging
        assert not draws.draw_faults(Tape(seed).stream("swarm"), Menu(), 0).disks.damaging
    assert seen == {"bit_flip", "misdirected", "lost_write"}


def test_a_minority_of_lying_disks_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    injected: dict[str, int] = {}
    for seed in range(8):
        result = play_with_lies(monkeypatch, seed)
        assert not result.violated, result.text
        for kind, count in result.faults.items():
            injected[kind] = injected.get(kind, 0) + count
    assert injected["misdirected"] > 5
    assert injected["lost_write"] > 5


# --- one lie, and only two servers left ------------------------------------------------------------------------------


def group(seed: int) -> tuple[Simulation, RaftSettings]:
    """Three servers on the real log, without faults but those of the test; one leads, and all hold the same."""
    never = DiskFaults(lost_write=1e-12)  # so that nobody takes what a leader counts on for what is there
    simulation = Simulation(seed, disk="wal", faults=Faults(disks=never))
    settings, oracle = RaftSettings(), Oracle(working=False)
    watch(simulation, oracle, settings.group)

    def boot(node: Node) -> None:
        node.spawn(
            Owner, settings.group, oracle, simulation.tape.stream(f"workload:{node.name}"), 1 << 20, name=OWNER_NAME,
            supervision=ESCALATE,
        )
        node.spawn(RaftRole, settings, configuration(*NAMES), OWNER_NAME, name=settings.group, supervision=ESCALATE)

    for name in NAMES:
        simulation.node(name, boot)
    simulation.run_until(lambda: leader(simulation) is not None, within_seconds=5, reason="a leader")
    propose(simulation)
    simulation.run(1.0)
    return simulation, settings


def role(simulation: Simulation, name: str) -> RaftRole:
    found = simulation.nodes[name].actor("raft-0")
    assert isinstance(found, RaftRole)
    return found


def leader(simulation: Simulation) -> str | None:
    up = [name for name in NAMES if simulation.nodes[name].up]
    return next((name for name in up if role(simulation, name).role is RoleName.LEADER), None)


def propose(simulation: Simulation) -> None:
    simulation.tell(simulation.ref(leader(simulation) or "", OWNER_NAME), ProposeNow())


def lie(simulation: Simulation, kind: str) -> tuple[str, str, str, int]:
    """One follower's disk lies about an entry (and dies); the other follower does not get it at all.
    Returns (leader, liar, the other one, the committed entry)."""
    first = leader(simulation)
    assert first is not None
    liar, other = (name for name in NAMES if name != first)
    simulation.cut(first, other)
    disk = simulation.nodes[liar].medium.disk
    assert disk is not None
    disk.lose_write, disk.forgets = kind != "misdirected", kind == "forgotten"
    disk.misdirect = 2 if kind == "misdirected" else 0
    index = role(simulation, first).log.last_index + 1
    for following in range(2 if kind == "lost" else 1):
        propose(simulation)
        simulation.run_until(
            lambda last=index + following: role(simulation, first).commit == last, within_seconds=0.2, reason="a commit"
        )
    assert (disk.lose_write, disk.misdirect) == (False, 0)
    simulation.kill(liar)
    return first, liar, other, index


def leave_two(simulation: Simulation, first: str, liar: str) -> None:
    """The leader is away; the liar comes back."""
    simulation.heal()
    simulation.isolate(first)
    simulation.restart(liar)


def leads_without(simulation: Simulation, first: str) -> bool:
    return any(role(simulation, name).role is RoleName.LEADER for name in NAMES if name != first)


def test_a_misdirected_tail_is_there_again_and_its_holder_leads() -> None:
    simulation, _ = group(1)
    first, liar, other, index = lie(simulation, "misdirected")
    leave_two(simulation, first, liar)
    simulation.run_until(lambda: leads_without(simulation, first), within_seconds=5, reason="a leader of the two")
    simulation.run_until(
        lambda: role(simulation, other).commit >= index, within_seconds=2, reason="the entry on both of them"
    )


def test_without_putting_it_back_the_entry_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_misplaced, "find", lambda *arguments: None)
    simulation, _ = group(1)
    first, liar, _, _ = lie(simulation, "misdirected")
    leave_two(simulation, first, liar)
    with pytest.raises(Violation, match="leader completeness"):
        simulation.run_until(lambda: leads_without(simulation, first), within_seconds=5, reason="a leader of the two")


def test_a_server_that_knows_that_it_lost_an_entry_elects_nobody_without_it() -> None:
    simulation, _ = group(1)
    first, liar, _, index = lie(simulation, "lost")
    leave_two(simulation, first, liar)
    simulation.run(5.0)
    assert not leads_without(simulation, first)
    assert role(simulation, liar).uncertain
    simulation.heal()
    simulation.run_until(
        lambda: all(role(simulation, name).commit > index for name in NAMES), within_seconds=5,
        reason="the entries everywhere",
    )
    assert not role(simulation, liar).uncertain


def test_a_leader_notices_that_a_follower_holds_less_than_it_acknowledged_and_sends_it_again() -> None:
    simulation, _ = group(1)
    first, liar, _, index = lie(simulation, "forgotten")
    simulation.restart(liar)
    simulation.run(0.01)
    assert role(simulation, liar).log.last_index == index - 1
    assert not role(simulation, liar).uncertain  # its log cannot know
    assert role(simulation, first).progress[liar].match == index  # nor can the leader, so far
    simulation.heal()
    simulation.run_until(
        lambda: all(role(simulation, name).log.term_at(index) for name in NAMES), within_seconds=2,
        reason="the entry everywhere",
    )
    assert role(simulation, liar).commit == index


def test_a_tail_that_leaves_no_trace_can_cost_an_acknowledged_write_when_the_leader_is_away() -> None:
    """Not promised, by anybody: the two servers that are left know as much as if the entry had never been sent. It is
    here so that the page that says so is held to it, and to show that the simulator would see it."""
    simulation, _ = group(1)
    first, liar, _, _ = lie(simulation, "forgotten")
    leave_two(simulation, first, liar)
    with pytest.raises(Violation, match="leader completeness"):
        simulation.run_until(lambda: leads_without(simulation, first), within_seconds=5, reason="a leader of the two")
