"""The project's own Raft role, unchanged, under every interleaving: elections, and replication with crash and restart.

Bounds keep the models finite: how often the timers of each node fire, a highest term, a number of crashes. What they
find is "no violation within" those. The broken twins are subclasses with one wrong rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_history import Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, sometimes
from protocols.raft import messages, properties
from protocols.raft.configuration import configuration
from protocols.raft.messages import Entry, EntryKind, RoleName
from protocols.raft.records import Bootstrap, HardState
from protocols.raft.role import RaftRole
from protocols.raft.settings import RaftSettings
from protocols.raft.state import RoleState

Leaders = tuple[tuple[int, str], ...]


class VotesTwice(RaftRole):
    """The broken twin that forgets for whom it voted."""

    @on(messages.VoteRequest)
    def vote_request(self, message: messages.VoteRequest, context: Context) -> None:
        if not message.pre:
            self.vote = None
        super().vote_request(message, context)


class CountsOldTerms(RaftRole):
    """The broken twin that commits what a majority holds, also entries of older terms (thesis figure 3.7)."""

    @on(messages.AppendReply)
    def append_reply(self, message: messages.AppendReply, context: Context) -> None:
        super().append_reply(message, context)
        if self.role is RoleName.LEADER:
            matches = {node: progress.match for node, progress in self.progress.items()}
            matches[self.node] = self.own_durable
            self.commit = max(self.commit, self.configuration.agreed(matches))


ROLES: dict[str, type[RaftRole]] = {"raft": RaftRole, "votes-twice": VotesTwice, "counts-old-terms": CountsOldTerms}


class LeaderHistory(Recorded):
    """Records who ever led which term."""

    def observed(self, name: str, actor: Actor) -> tuple[int, str] | None:
        if isinstance(actor, RaftRole) and actor.role is RoleName.LEADER:
            return actor.term, actor.node
        return None

    def after(self, history: Leaders, addition: tuple[int, str]) -> Leaders:
        return history if addition in history else tuple(sorted((*history, addition)))


class Owner(Actor):
    """Keeps the log: applies at once, and proposes its commands when its role leads.

    Args:
        commands: one after the other, each when the one before was applied.
    """

    def __init__(self, commands: Sequence[bytes] = ()) -> None:
        self.commands = tuple(commands)
        self.applied = 0
        self.proposed = 0

    @on(messages.RoleChanged)
    def role_changed(self, message: messages.RoleChanged, context: Context) -> None:
        if message.role is RoleName.LEADER and self.proposed < len(self.commands):
            assert context.sender is not None
            context.send(context.sender, messages.Propose(tag=self.proposed, commands=(self.commands[self.proposed],)))
            self.proposed += 1

    @on(messages.Committed)
    def committed(self, message: messages.Committed, context: Context) -> None:
        self.applied = message.entries[-1].index
        if message.report:
            self.report(context)

    @on(messages.ReportApplied)
    def report_applied(self, message: messages.ReportApplied, context: Context) -> None:
        self.report(context)

    def report(self, context: Context) -> None:
        assert context.sender is not None
        context.send(context.sender, messages.AppliedUpTo(index=self.applied))

    @on(messages.ProposalRefused)
    def refused(self, message: messages.ProposalRefused, context: Context) -> None:
        """Leadership was lost before the proposal came: it is given up."""


def invariants(nodes: Sequence[str]) -> list[Property]:
    """The five of thesis figure 3.2, as far as they can be seen in one state and the leaders so far."""
    pairs = [(one, other) for one in nodes for other in nodes if one != other]
    return [
        always("election safety", lambda state: len({term for term, _ in state.history}) == len(state.history)),
        always("log matching", *[_pair(logs_match, *pair) for pair in pairs if pair[0] < pair[1]]),
        always("leader completeness", *[_pair(leader_is_complete, *pair) for pair in pairs]),
        always("state machine safety", *[_pair(commits_agree, *pair) for pair in pairs if pair[0] < pair[1]]),
    ]


def _pair(check: Callable[[RoleState, RoleState], None], one: str, other: str) -> Callable[[View], bool]:
    def holds(state: View) -> bool:
        first = state.actors[one]
        second = state.actors[other] if first is not None else None
        if second is None:
            return True  # one of them is down
        try:
            check(first, second)
        except properties.Violation:
            return False
        return True

    return holds


def logs_match(one: RoleState, other: RoleState) -> None:
    """See ``properties.log_matching``."""
    history = properties.History()
    properties.log_matching(history, one)
    properties.log_matching(history, other)


def commits_agree(one: RoleState, other: RoleState) -> None:
    """See ``properties.commits_agree``."""
    history = properties.History()
    properties.commits_agree(history, one)
    properties.commits_agree(history, other)


def leader_is_complete(one: RoleState, leader: RoleState) -> None:
    """See ``properties.leader_completeness``; what ``one`` knows to be committed was so in its term at the latest."""
    history = properties.History()
    properties.commits_agree(history, one)
    properties.leader_completeness(history, leader)


def role_name(node: str) -> str:
    """What a view calls the role of a node."""
    return f"{node}/raft-0"


class Raft(ActorModel):
    """A group from its first start, or from given journals.

    Args:
        servers: how many.
        fires: per server how often its timers fire in one run (elections and heartbeats); the rest never do.
        max_term: runs are followed while no term is higher.
        crashes: of any server; each comes back with what its disk holds.
        commands: that the owner of n1, the only one, proposes when its role leads.
        role: "raft", or a broken twin: "votes-twice", "counts-old-terms".
        network: between servers.
        cut: pairs of servers that never hear each other.
    """

    def __init__(
        self, servers: int = 3, fires: tuple[int, ...] = (1, 1), max_term: int = 1, crashes: int = 0, commands: int = 0,
        role: str = "raft", network: str = "ordered", cut: tuple[tuple[str, str], ...] = (),
    ) -> None:
        nodes = [f"n{number}" for number in range(1, servers + 1)]
        super().__init__(
            network=Network(network), timers=dict(zip(nodes, fires, strict=False)), crashes=crashes,
            history=LeaderHistory(), cut=cut,
        )
        self.nodes = nodes
        self.max_term = max_term
        settings = RaftSettings(max_append_entries=1)
        journals = self.journals()
        for node in nodes:
            self.spawn(
                ROLES[role], settings, configuration(*nodes), name="raft-0", node=node, journal=journals.get(node, ())
            )
        if commands:
            self.spawn(Owner, [f"command-{number}".encode() for number in range(commands)], name="log-0", node="n1")

    def journals(self) -> Mapping[str, Sequence[Message]]:
        """What servers start with; nothing here."""
        return {}

    def boundary(self, state: View) -> bool:
        """No term above the highest."""
        return all(
            server is None or server.term <= self.max_term
            for server in (state.actors[role_name(node)] for node in self.nodes)
        )

    def properties(self) -> list[Property]:
        roles = [role_name(node) for node in self.nodes]
        return [
            *invariants(roles),
            sometimes("a leader is elected", lambda state: bool(state.history)),
            sometimes("an entry is committed", lambda state: any(
                server is not None and server.commit > 0 for server in (state.actors[name] for name in roles)
            )),
        ]


class RaftFigure8(Raft):
    """From the middle of thesis figure 3.7: n1 was cut off with an entry of term 1, n2 with one of term 2. What happens
    when n1 leads term 3 and then n2 term 4? The role that counts old terms commits the first and then loses it. n1 and
    n2 never hear each other, and n3 does not stand: the order of the figure is the boundary.

    Args:
        role: "raft" or "counts-old-terms".
    """

    def __init__(self, role: str = "raft") -> None:
        super().__init__(fires=(1, 1, 1), max_term=4, role=role, cut=(("n1", "n2"),))

    def boundary(self, state: View) -> bool:
        """n2 stands when n3 has the entry that n1 leads with."""
        third = state.actors[role_name("n3")]
        if third.term > self.max_term or third.canvassing or third.role is not RoleName.FOLLOWER:
            return False
        second = state.actors[role_name("n2")]
        return second.term <= self.max_term and (third.log.last_index > 0 or not second.canvassing)

    def journals(self) -> Mapping[str, Sequence[Message]]:
        def log(term: int, vote: str | None, *entries: Any) -> tuple[Message, ...]:
            return (Bootstrap(configuration=configuration(*self.nodes)), HardState(term=term, vote=vote), *entries)

        def entry(term: int) -> Entry:
            return Entry(index=1, term=term, kind=EntryKind.NOOP, commands=())

        return {"n1": log(2, None, entry(1)), "n2": log(3, None, entry(2)), "n3": log(2, "n2")}
