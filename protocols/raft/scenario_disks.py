"""What a simulated group has on its disks: the one thing that no role knows of another. Looks into journals in memory
only; a run on the real log is judged by its crashes.
"""

from __future__ import annotations

from actors.simulation.journals import MemoryMedium
from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from protocols.raft import RaftRole, properties
from protocols.raft.messages import Entry, RoleName
from protocols.raft.records import HardState, SnapshotMeta, Truncated


class CommitsOnDisk:
    """What a leader takes for committed is on the disks of a majority: after a power failure everywhere it is there.

    Args:
        simulation: of the group, which has all its nodes.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._checked: dict[str, tuple[int, int]] = {}

    def __call__(self, role: RaftRole) -> None:
        """Look, if this is a leader that has committed more.

        Raises:
            Violation: says what is where.
        """
        if role.role is not RoleName.LEADER or self._checked.get(role.node) == (role.term, role.commit):
            return
        self._checked[role.node] = role.term, role.commit
        term = role.log.term_at(role.commit)
        if not role.commit or term is None:
            return
        nodes = [node for node in self._simulation.nodes.values() if isinstance(node.medium, MemoryMedium)]
        members = role.configuration.members()
        if len(nodes) != len(members):
            return
        holders = [node.name for node in nodes if on_disk(node, role.settings.group, role.commit, term)]
        if 2 * len(holders) <= len(members):
            raise properties.Violation(
                f"commits are durable: {role.node} takes {role.commit} of term {term} for committed; of {members} only "
                f"{holders} have it on disk"
            )


class VotesOnDisk:
    """Who leads was elected by votes that are on the disks of a majority: one that a crash takes can be given again.

    A server that has moved on to a later term gives no vote in the earlier one any more, and counts as well. A group of
    one asks nobody.

    Args:
        simulation: of the group, which has all its nodes.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._checked: dict[str, int] = {}

    def __call__(self, role: RaftRole) -> None:
        """Look, if this is a new leader.

        Raises:
            Violation: says whose votes are where.
        """
        if role.role is not RoleName.LEADER or self._checked.get(role.node) == role.term:
            return
        self._checked[role.node] = role.term
        nodes = [node for node in self._simulation.nodes.values() if isinstance(node.medium, MemoryMedium)]
        members = role.configuration.members()
        if len(nodes) != len(members) or len(members) == 1:
            return
        found = {node.name: vote_on_disk(node, role.settings.group) for node in nodes}
        holders = [
            name for name, kept in found.items()
            if kept is not None and (kept.term > role.term or (kept.term, kept.vote) == (role.term, role.node))
        ]
        if 2 * len(holders) <= len(members):
            raise properties.Violation(
                f"votes are durable: {role.node} leads term {role.term}; of {members} only {holders} would know after "
                f"a power failure that they voted"
            )


def vote_on_disk(node: Node, group: str) -> HardState | None:
    """The term and vote that a node's role would find if its power failed now."""
    assert isinstance(node.medium, MemoryMedium)
    kept = node.medium.durable.get(group)
    records = kept.records if kept is not None else []
    return next((record for record in reversed(records) if isinstance(record, HardState)), None)


def on_disk(node: Node, group: str, index: int, term: int) -> bool:
    """Whether a node's role would find this entry, or a snapshot that holds it, if its power failed now."""
    assert isinstance(node.medium, MemoryMedium)
    kept = node.medium.durable.get(group)
    if kept is None:
        return False
    if any(isinstance(chunk, SnapshotMeta) and chunk.index >= index for chunk in kept.chunks):
        return True
    for record in reversed(kept.records):
        if isinstance(record, Truncated) and record.index <= index:
            return False
        if isinstance(record, Entry) and record.index <= index:
            return record.index == index and record.term == term
    return False
