"""The project's own Raft role, unchanged, under every interleaving: elections, and replication with crash and restart.

Bounds keep the models finite: how often the timers of each node fire, a highest term, a number of crashes. Every run
within them is tried to its end; since the timers of a group go on for ever, what is found is "no violation within". The
broken twins are subclasses with one wrong rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_history import Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, sometimes
from core_ext.mailbox import Reference
from protocols.raft import messages, properties
from protocols.raft.configuration import configuration
from protocols.raft.messages import Entry, EntryKind, RoleName
from protocols.raft.records import Bootstrap, HardState
from protocols.raft.role import RaftRole
from protocols.raft.settings import RaftSettings
from protocols.raft.state import RoleState

Leaders = tuple["Led", ...]


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


class VotesBeforeItsDisk(RaftRole):
    """The broken twin whose votes leave before they are on its disk."""

    @on(messages.VoteRequest)
    def vote_request(self, message: messages.VoteRequest, context: Context) -> None:
        hurried: Any = _Hurried(context)
        super().vote_request(message, hurried)


class AcksBeforeItsDisk(RaftRole):
    """The broken twin that tells the leader what it holds before that is on its disk."""

    @on(messages.AppendEntries)
    def append_entries(self, message: messages.AppendEntries, context: Context) -> None:
        hurried: Any = _Hurried(context)
        super().append_entries(message, hurried)


class _Hurried:
    """A context in which nothing waits for the disk."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.send = context.send_now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


ROLES: dict[str, type[RaftRole]] = {
    "raft": RaftRole, "votes-twice": VotesTwice, "counts-old-terms": CountsOldTerms,
    "votes-before-its-disk": VotesBeforeItsDisk, "acks-before-its-disk": AcksBeforeItsDisk,
}


class Led(NamedTuple):
    """What was seen of one leader.

    Attributes:
        term, node: whom it is about.
        log: terms of the entries of its log, as it was seen last.
        only_appended: every log of it that was seen goes on where the one before ended.
    """

    term: int
    node: str
    log: tuple[int, ...]
    only_appended: bool = True


class LeaderHistory(Recorded):
    """Records who ever led which term, and what it did to its log meanwhile."""

    def observed(self, name: str, actor: Actor) -> Led | None:
        """A leader, after one of its handlers."""
        if isinstance(actor, RaftRole) and actor.role is RoleName.LEADER:
            log = actor.log
            return Led(actor.term, actor.node, tuple(log.term_at(i) or 0 for i in range(1, log.last_index + 1)))
        return None

    def after(self, history: Leaders, addition: Led) -> Leaders:
        """The leaders so far."""
        leaders = {(led.term, led.node): led for led in history}
        before = leaders.get(addition[:2])
        if before is not None:
            kept = before.only_appended and addition.log[: len(before.log)] == before.log
            addition = addition._replace(only_appended=kept)
        leaders[addition[:2]] = addition
        return tuple(sorted(leaders.values()))


class Proposer(Actor):
    """Proposes its commands to a role of its node, as soon as it starts; what comes before the role leads is refused.

    Args:
        role: to whom.
        commands: each in a message of its own.
    """

    def __init__(self, role: Reference, commands: Sequence[bytes]) -> None:
        self.role = role
        self.commands = tuple(commands)

    def start(self, context: Context) -> None:
        for tag, command in enumerate(self.commands):
            context.send(self.role, messages.Propose(tag=tag, commands=(command,)))


def invariants(nodes: Sequence[str]) -> list[Property]:
    """The five of thesis figure 3.2, as far as they can be seen in one state and the leaders so far. (Commands that
    were committed stand for those that were applied.)"""
    pairs = [(one, other) for one in nodes for other in nodes if one != other]
    return [
        always("election safety", lambda state: len({led.term for led in state.history}) == len(state.history)),
        always("leader append-only", lambda state: all(led.only_appended for led in state.history)),
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
        commands: that are proposed to n1.
        role: "raft", or a broken twin: "votes-twice", "counts-old-terms", "votes-before-its-disk" and
            "acks-before-its-disk" (crashes show them).
        network: between servers.
        cut: pairs of servers that never hear each other.
    """

    settings = RaftSettings()

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
        journals = self.journals()
        for node in nodes:
            self.spawn(
                ROLES[role], self.settings, configuration(*nodes), name="raft-0", node=node,
                journal=journals.get(node, ()),
            )
        if commands:
            named = [f"command-{number}".encode() for number in range(commands)]
            self.spawn(Proposer, Reference("n1", "raft-0"), named, name="client", node="n1")

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


class RaftReplication(Raft):
    """Replication while servers crash and restart, with what was not synced lost. Begins where the leader of term 1 has
    gone: n1 holds a no-op and a command of that term, n2 only the no-op, n3 nothing. n2 stands for term 2; it needs n3,
    replaces what only n1 has, and brings n3 up. Any server crashes at any moment, and comes back with what its disk
    holds.

    Args:
        fires: as for ``Raft``.
        crashes: in one run.
        commands: that are proposed to n2.
        role: as for ``Raft``.
    """

    boundary = ActorModel.boundary  # no term is higher than timers fire

    def __init__(
        self, fires: tuple[int, ...] = (0, 1), crashes: int = 1, commands: int = 0, role: str = "raft"
    ) -> None:
        super().__init__(fires=fires, max_term=1 + sum(fires), crashes=crashes, role=role)
        if commands:
            named = [f"command-{number}".encode() for number in range(commands)]
            self.spawn(Proposer, Reference("n2", "raft-0"), named, name="client", node="n2")

    def journals(self) -> Mapping[str, Sequence[Message]]:
        """Logs that have come apart."""
        begun = (Bootstrap(configuration=configuration(*self.nodes)), HardState(term=1, vote="n1"))
        noop = Entry(index=1, term=1, kind=EntryKind.NOOP, commands=())
        command = Entry(index=2, term=1, kind=EntryKind.COMMANDS, commands=(b"command",))
        return {"n1": (*begun, noop, command), "n2": (*begun, noop), "n3": begun}


class RaftFigure8(Raft):
    """From the middle of thesis figure 3.7: n1 was cut off with an entry of term 1, n2 with one of term 2. What happens
    when n1 leads term 3 and then n2 term 4? The role that counts old terms commits the first and then loses it. n1 and
    n2 never hear each other, and n3 does not stand: the order of the figure is the boundary.

    Args:
        role: "raft" or "counts-old-terms".
    """

    settings = RaftSettings(max_append_entries=1)  # an entry of an old term travels without the no-op behind it

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
