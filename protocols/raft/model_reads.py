"""Reads of the project's own Raft role under every interleaving: does one ever miss what was acknowledged before it?

Begins where n1 has led term 1 for a while. Then every server may be asked, and another one stands for term 2, in which
its no-op commits: whoever still takes n1 for the leader must not answer from before that. See ``model`` for elections
and replication.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from actors.actor import Actor, on
from actors.context import Context
from actors.verification.actor_history import Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Envelope
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, sometimes
from core_ext.mailbox import Reference
from protocols.raft import election, following, messages, terms
from protocols.raft.configuration import configuration
from protocols.raft.messages import Entry, EntryKind, RoleName
from protocols.raft.model import Proposer, role_name
from protocols.raft.progress import Progress
from protocols.raft.records import Bootstrap, HardState
from protocols.raft.role import RaftRole
from protocols.raft.settings import RaftSettings


class Asked(NamedTuple):
    """A read has come to a role."""

    node: str
    tag: int


class Answered(NamedTuple):
    """A role has answered a read: a state applied up to ``applied`` is new enough; None: it refused."""

    node: str
    tag: int
    applied: int | None


class Known(NamedTuple):
    """A role knows that the log is committed up to this index."""

    commit: int


class Reads(NamedTuple):
    """What was seen of reads.

    Attributes:
        acknowledged: the highest index that any role knew to be committed; its client may have been told.
        open: (node, tag, what was acknowledged when it was asked) of the reads that are not answered.
        newest: the highest index that a read was answered with.
        stale: (node, tag, index, what was acknowledged before it was asked) of those that were answered with less.
        repeated: (node, tag) of those that were answered twice.
    """

    acknowledged: int = 0
    open: tuple[tuple[str, int, int], ...] = ()
    newest: int = 0
    stale: tuple[tuple[str, int, int, int], ...] = ()
    repeated: tuple[tuple[str, int], ...] = ()


class ReadHistory(Recorded):
    """Records what was acknowledged when a read came to its role, and with which index it was answered."""

    initial = Reads()

    def received(self, envelope: Envelope) -> Asked | None:
        """The owner asks."""
        message = envelope.message
        return Asked(envelope.target.node, message.tag) if isinstance(message, messages.ReadBarrier) else None

    def sent(self, envelope: Envelope) -> Answered | None:
        """The role answers its owner."""
        message = envelope.message
        if isinstance(message, messages.BarrierReached):
            return Answered(envelope.target.node, message.tag, message.index)
        if isinstance(message, messages.BarrierRefused):
            return Answered(envelope.target.node, message.tag, None)
        return None

    def observed(self, name: str, actor: Actor) -> Known | None:
        """A role, after one of its handlers."""
        return Known(actor.commit) if isinstance(actor, RaftRole) else None

    def after(self, history: Reads, addition: Asked | Answered | Known) -> Reads:
        """The reads so far."""
        if isinstance(addition, Known):
            return history._replace(acknowledged=max(history.acknowledged, addition.commit))
        node, tag = addition[:2]
        if isinstance(addition, Asked):
            return history._replace(open=tuple(sorted((*history.open, (node, tag, history.acknowledged)))))
        before = [asked_at for *read, asked_at in history.open if read == [node, tag]]
        if not before:
            return history._replace(repeated=(*history.repeated, (node, tag)))
        left = history._replace(open=tuple(read for read in history.open if read[:2] != (node, tag)))
        if addition.applied is None:
            return left
        left = left._replace(newest=max(left.newest, addition.applied))
        if addition.applied >= before[0]:
            return left
        return left._replace(stale=(*left.stale, (node, tag, addition.applied, before[0])))


class InTerm1(RaftRole):
    """The role as it is in the middle of term 1: everybody holds the no-op, n1 leads, knows that it is committed, and
    had its first heartbeat answered. The followers have not heard of the commit, nor of n1 for the shortest time-out.
    Nothing is on its way. Who is in term 2 already has voted for the last server, which stands there.
    """

    def start(self, context: Context) -> None:
        super().start(context)
        last = self.log.last_index
        if self.vote == self.node and self.term == 1:
            self.role = RoleName.LEADER
            self.leader = self.node
            context.cancel_timer(messages.ElectionTimeout)
            context.set_timer(messages.HeartbeatTick(), self.settings.heartbeat_seconds)
            self.round = self.own_durable = self.term_start = last
            for node in self.peers():
                progress = self.progress[node] = Progress(last)
                progress.accepted(last)
                progress.round = self.round
            following.advance_commit(self, context, last)
        elif self.vote == self.node:
            self.role = RoleName.CANDIDATE
            self.votes = dict.fromkeys(standing(self.configuration.members()), True)
            election.request_votes(self, context, self.term, pre=False)
        elif self.term == 1 and self.vote is not None:
            terms.heard_leader(self, context, self.vote)
            self.leader_fresh = False
            context.cancel_timer(messages.LeaderStale)


def standing(nodes: Sequence[str]) -> Sequence[str]:
    """Those that have voted for the last one already: it lacks one vote."""
    return nodes[len(nodes) - len(nodes) // 2 :]


class AnswersOldLeaders(InTerm1):
    """The broken twin that answers a heartbeat of an older term as if it were still in that term."""

    @on(messages.Heartbeat)
    def heartbeat(self, message: messages.Heartbeat, context: Context) -> None:
        if message.term >= self.term:
            super().heartbeat(message, context)
        elif context.sender is not None:
            context.send_now(
                context.sender,
                messages.HeartbeatReply(term=message.term, request_term=message.term, round=message.round),
            )


class AsksTheOldLeader(InTerm1):
    """A twin that is wrong and does no harm: it asks n1, whoever leads its term. That leader of term 1 refuses what is
    asked in the name of term 2.
    """

    def after_batch(self, context: Context) -> None:
        leader = self.leader
        if self.role is RoleName.FOLLOWER and leader is not None:
            self.leader = self.configuration.members()[0]
        super().after_batch(context)
        self.leader = leader


ROLES: dict[str, type[RaftRole]] = {
    "raft": InTerm1, "answers-old-leaders": AnswersOldLeaders, "asks-the-old-leader": AsksTheOldLeader,
}


class Reader(Actor):
    """Asks a role of its node for reads; each comes to the role at any later time.

    Args:
        role: whom.
        reads: how many.
    """

    def __init__(self, role: Reference, reads: int) -> None:
        self.role = role
        self.reads = reads

    def start(self, context: Context) -> None:
        for tag in range(self.reads):
            context.send(self.role, messages.ReadBarrier(tag=tag))


class RaftReads(ActorModel):
    """A group in the middle of term 1, and the last of its servers stands for term 2. Nobody else does.

    Args:
        reads: by server, n1 (the leader of term 1) first: how often its owner asks, at any moment.
        servers: how many.
        stands: begin where the last server stands already and lacks one vote.
        fires: by server, how often its timers fire in one run; None: once those of the last server, which it needs to
            stand, unless it stands already.
        commands: that are proposed to n1, at any moment.
        rounds: heartbeat rounds that may overlap; further reads wait, and share the next one.
        role: "raft", or a twin: "answers-old-leaders", which is broken; "asks-the-old-leader", which does no harm.
        cut: pairs of servers that never hear each other.
    """

    def __init__(
        self, reads: tuple[int, ...] = (2, 1), servers: int = 3, stands: bool = False,
        fires: tuple[int, ...] | None = None, commands: int = 0, rounds: int = 1, role: str = "raft",
        cut: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.nodes = [f"n{number}" for number in range(1, servers + 1)]
        timers = {self.nodes[-1]: 0 if stands else 1} if fires is None else dict(zip(self.nodes, fires, strict=False))
        super().__init__(timers=timers, history=ReadHistory(), cut=cut)
        group = configuration(*self.nodes)
        noop = Entry(index=1, term=1, kind=EntryKind.NOOP, commands=())
        voted = standing(self.nodes) if stands else ()
        for node in self.nodes:
            vote = HardState(term=2, vote=self.nodes[-1]) if node in voted else HardState(term=1, vote="n1")
            self.spawn(
                ROLES[role], RaftSettings(read_rounds_in_flight=rounds), group, name="raft-0", node=node,
                journal=(Bootstrap(configuration=group), vote, noop),
            )
        for node, asked in zip(self.nodes, reads, strict=False):
            if asked:
                self.spawn(Reader, Reference(node, "raft-0"), asked, name="client", node=node)
        if commands:
            named = [f"command-{number}".encode() for number in range(commands)]
            self.spawn(Proposer, Reference("n1", "raft-0"), named, name="writer", node="n1")

    def boundary(self, state: View) -> bool:
        """The last one stands, once."""
        servers = [state.actors[role_name(node)] for node in self.nodes]
        return all(server.term <= 2 and (server is servers[-1] or not server.canvassing) for server in servers)

    def properties(self) -> list[Property]:
        return [
            always("no read is stale", lambda state: not state.history.stale),
            always("no read is answered twice", lambda state: not state.history.repeated),
            always("what a read waits for comes without a tick", *[_comes(role_name(node)) for node in self.nodes]),
            sometimes("a read sees what term 2 has committed", lambda state: state.history.newest > 1),
        ]


class RaftReadsOfFive(RaftReads):
    """Five servers, of which a majority with the old leader and one with the new have n2 alone in common: n1, n2 and n3
    hear each other, and n2, n4 and n5. With three servers who asks is a majority together with the leader; here it
    takes one more to confirm a read.

    Args:
        reads, role: as for ``RaftReads``.
    """

    def __init__(self, reads: tuple[int, ...] = (1, 2), role: str = "raft") -> None:
        cut = tuple((old, new) for old in ("n1", "n3") for new in ("n4", "n5"))
        super().__init__(reads=reads, servers=5, stands=True, role=role, cut=cut)


def _comes(name: str) -> Callable[[View], bool]:
    def holds(state: View) -> bool:
        role = state.actors[name]
        if role.awaited <= role.delivered or role.log.term_at(role.awaited) != role.term:
            return True  # there, or the leader that was to bring it is gone
        return not state.quiet

    return holds
