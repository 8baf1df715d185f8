"""What must hold in a simulated group beside the invariants: what a leader counts on, its followers have, which no role
can see by itself; and a leader keeps its limits. Knows no disk and no network.
"""

from __future__ import annotations

from actors.simulation.simulation import Simulation
from protocols.raft import RaftRole, properties
from protocols.raft.log import LogId
from protocols.raft.messages import RoleName


def role_on(simulation: Simulation, node: str, group: str) -> RaftRole | None:
    """The living role of a group on a node; None for a node that is not there."""
    known = simulation.nodes.get(node)
    cell = known.names.get(group) if known is not None else None
    return cell.actor if cell is not None and isinstance(cell.actor, RaftRole) else None


class AcknowledgedIsHeld:
    """A follower in its leader's term holds the entry up to which the leader counts on it (matchIndex, thesis 3.5).

    It is asked before anything is lost by that: a commit that rests on a copy that is not there is lost only when
    others fail too. Not asked of disks that damage what they hold: then the leader hears of it later.

    Args:
        simulation: of the group, which has all its nodes.
        group: name of the roles.
    """

    def __init__(self, simulation: Simulation, group: str) -> None:
        self._simulation = simulation
        self._group = group
        self._damaging = simulation.faults.disks.damaging
        self._counted: dict[str, tuple[int, ...]] = {}
        self._leaders: dict[int, str] = {}

    def __call__(self, role: RaftRole, changed: bool) -> None:
        """Look at a role that has moved, and at who counts on it.

        Args:
            role: which one.
            changed: whether its term, log or role may be others than before.

        Raises:
            Violation: says who lacks what.
        """
        if self._damaging:
            return
        if role.role is RoleName.LEADER:
            counted = (role.term, *[progress.match for progress in role.progress.values()])
            if self._counted.get(role.node) == counted:
                return
            self._counted[role.node] = counted
            self._leaders[role.term] = role.node
            for node in role.progress:
                self._compare(role, role_on(self._simulation, node, self._group))
            return
        leader = role_on(self._simulation, self._leaders.get(role.term, ""), self._group) if changed else None
        if leader is not None:
            self._compare(leader, role)

    def _compare(self, leader: RaftRole, follower: RaftRole | None) -> None:
        if follower is None or follower.term != leader.term or leader.role is not RoleName.LEADER:
            return
        progress = leader.progress.get(follower.node)
        if progress is None or progress.match <= max(follower.log.base, leader.log.base):
            return
        expected, held = leader.log.term_at(progress.match), follower.log.term_at(progress.match)
        if held is None or held != expected:
            raise properties.Violation(
                f"acknowledged entries are held: {leader.node}, leader of term {leader.term}, counts on "
                f"{follower.node} up to {progress.match} (of term {expected}); the log there ends at "
                f"{follower.log.last_index}, with term {held} at that place"
            )


class VotesAreDeserved:
    """A vote goes to a log that is up to date (thesis 3.6.1), where what the voter's disk damaged counts as present;
    and who holds such entries does not stand.

    Args:
        simulation: of the group.
        group: name of the roles.
    """

    def __init__(self, simulation: Simulation, group: str) -> None:
        self._simulation = simulation
        self._group = group
        self._given: dict[str, tuple[int, str | None]] = {}

    def __call__(self, role: RaftRole) -> None:
        """Look at a role that has moved.

        Raises:
            Violation: names voter and candidate.
        """
        if role.uncertain and role.role is not RoleName.FOLLOWER:
            raise properties.Violation(
                f"votes are deserved: {role.node} stands, while its disk has damaged the entries after "
                f"{role.log.last_index}"
            )
        given = role.term, role.vote
        if self._given.get(role.node) == given:
            return
        self._given[role.node] = given
        candidate = role_on(self._simulation, role.vote or "", self._group)
        if (
            candidate is None or candidate is role or candidate.term != role.term
            or candidate.role is RoleName.FOLLOWER  # its log may be another by now
        ):
            return
        held = role.log.last
        if role.uncertain:
            held = LogId(role.uncertain[-1] or role.term, held.index + len(role.uncertain))
        if candidate.log.last < held:
            raise properties.Violation(
                f"votes are deserved: {role.node}, whose log ends with {held}, votes in term {role.term} for "
                f"{candidate.node}, whose log ends with {candidate.log.last}"
            )


class TailsAreKept:
    """A damaged tail that is given up holds nothing that was committed: while only a minority of disks is damaged, an
    intact server holds that.

    Args:
        history: knows what was committed.
    """

    def __init__(self, history: properties.History) -> None:
        self._history = history
        self._before: dict[str, tuple[int, int, tuple[int, ...]]] = {}

    def __call__(self, role: RaftRole) -> None:
        """Look at a role that has moved.

        Raises:
            Violation: names the entry.
        """
        lost, first, terms = self._before.get(role.node, (0, 0, ()))
        self._before[role.node] = role.possibly_lost, role.log.last_index + 1, tuple(role.uncertain)
        if role.possibly_lost <= lost:
            return
        for index, term in enumerate(terms, first):
            if self._history.committed.get(index) == term:
                raise properties.Violation(
                    f"tails are kept: {role.node} gives up the damaged entry {index} of term {term}, which is "
                    f"committed"
                )


class LimitsHold:
    """A leader has no more appends on their way to a follower than its window takes, and appends nothing that is
    proposed while too much waits for a majority already.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int, int, bool]] = {}

    def __call__(self, role: RaftRole) -> None:
        """Look at a role that has moved.

        Raises:
            Violation: says what is beyond which limit.
        """
        if role.role is not RoleName.LEADER:
            self._before.pop(role.node, None)
            return
        limits, log = role.settings, role.log
        for node, progress in role.progress.items():
            if len(progress.sent) > limits.inflight_appends:
                raise properties.Violation(
                    f"limits hold: {role.node} has {len(progress.sent)} appends on their way to {node}; its window "
                    f"takes {limits.inflight_appends}"
                )
        last = log.last_index
        before = self._before.get(role.node)
        if before is not None and before[:3] == (role.term, role.commit, last):
            return
        if before is not None and before[3] and before[:2] == (role.term, role.commit) and last > before[2]:
            raise properties.Violation(
                f"limits hold: {role.node} appends entry {last} while {log.bytes_between(role.commit, last)} bytes "
                f"wait for a majority; the limit is {limits.max_uncommitted_bytes}"
            )
        full = log.bytes_between(role.commit, last) >= limits.max_uncommitted_bytes
        self._before[role.node] = role.term, role.commit, last, full
