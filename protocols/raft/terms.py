"""Moving between terms and roles: the only writers of term, vote, role and leader. Knows no log rules."""

from __future__ import annotations

from actors.context import Context
from protocols.raft import guard, reading
from protocols.raft.messages import (
    FOLLOWER,
    LEADER,
    ElectionTimeout,
    HeartbeatTick,
    LeaderStale,
    ProposalRefused,
    RefusalReason,
    RoleChanged,
)
from protocols.raft.records import HardState
from protocols.raft.state import RoleState


def persist(state: RoleState, context: Context, term: int, vote: str | None) -> None:
    """Term and vote, in one record, before any answer that depends on them: the gate holds it (thesis 3.8)."""
    if (term, vote) == (state.term, state.vote):
        return
    assert term >= state.term, f"term {term} after {state.term}: terms only grow"
    assert term > state.term or state.vote is None, f"second vote in term {term}: {vote} after {state.vote}"
    state.term, state.vote = term, vote
    context.journal.append(HardState(term=term, vote=vote), note=term, critical=True)


def become_follower(state: RoleState, context: Context, term: int, leader: str | None) -> None:
    """Follow ``leader`` (None: nobody known) in ``term``; whatever this server was before ends here.

    The vote is cleared only when the term grows (thesis 3.4); stepping down in the same term keeps it.
    """
    if term > state.term:
        persist(state, context, term, None)
    was_leader = state.role is LEADER
    if was_leader or state.leader != leader:
        # a leader's reads and the ones that were forwarded to another leader can no longer be answered
        reading.abandon(state, context, RefusalReason.LEADERSHIP_LOST)
    if was_leader:
        refuse_proposals(state, context)
        context.cancel_timer(HeartbeatTick)
        state.progress.clear()
        state.leader_fresh = False
        set_election_timer(state, context)
    state.role = FOLLOWER
    state.leader = leader
    state.canvassing = False
    state.votes.clear()
    announce(state, context)


def adopt_higher_term(state: RoleState, context: Context, term: int) -> bool:
    """A higher term in any message makes this server a follower in it (thesis 3.3). True when it was higher: the
    message says nothing about the own term."""
    if term <= state.term:
        return False
    if term > guard.LARGEST:
        guard.drop(state)
        return True
    become_follower(state, context, term, None)
    return True


def heard_leader(state: RoleState, context: Context, leader: str) -> None:
    """A leader of the current term has spoken: wait for it again, and refuse votes for the minimum election time-out
    (thesis 4.2.3). Called for heartbeats, which come also under load, and for the first word of a new leader."""
    if state.role is not FOLLOWER or state.leader != leader:
        become_follower(state, context, state.term, leader)
    if state.watched != leader and state.settings.watch_leader:
        watch(state, context, leader)
    state.canvassing = False
    state.leader_fresh = True
    context.set_timer(LeaderStale(), state.settings.election_timeout_seconds[0])
    set_election_timer(state, context)


def watch(state: RoleState, context: Context, leader: str) -> None:
    """Be told when this leader's actor, or its node, is gone."""
    if state.watched:
        context.unwatch(state.peer(context, state.watched))
    context.watch(state.peer(context, leader))
    state.watched = leader


def set_election_timer(state: RoleState, context: Context) -> None:
    """Wait for a leader once more, for a time that the world draws (thesis 3.4, randomised time-outs)."""
    context.set_timer(ElectionTimeout(), state.settings.election_timeout_seconds)


def announce(state: RoleState, context: Context) -> None:
    """Tell the owner when term, role or leader are not what it was told last."""
    now = (state.term, state.role, state.leader)
    if now != state.announced:
        state.announced = now
        context.send(state.owner(context), RoleChanged(term=state.term, role=state.role, leader=state.leader))


def refuse_proposals(state: RoleState, context: Context) -> None:
    """What was proposed in this turn is not in the log yet, and now never will be."""
    for proposal in state.proposals:
        context.send_now(
            state.owner(context), ProposalRefused(tag=proposal.tag, reason=RefusalReason.NOT_LEADER)
        )
    state.proposals.clear()
    state.proposed_bytes = 0
