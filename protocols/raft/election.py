"""Standing for election and voting (thesis 3.4, 3.6.1, 4.2.3, 9.6). Knows nothing of how entries travel."""

from __future__ import annotations

from actors.context import Context
from actors.message import Terminated
from protocols.raft import replication, tail, terms
from protocols.raft.log import LogId
from protocols.raft.messages import CANDIDATE, FOLLOWER, LEADER, ElectionTimeout, VoteReply, VoteRequest
from protocols.raft.state import RoleState

FIRST_TURN = 0.2  # heartbeats from the news that a leader is gone to the first candidacy


def on_timeout(state: RoleState, context: Context) -> None:
    """Nothing heard of a leader: ask whether an election could be won, before any term grows."""
    if state.role is LEADER:
        return
    state.leader_fresh = False
    if state.leader is not None or state.role is CANDIDATE:
        terms.become_follower(state, context, state.term, None)
    context.set_timer(ElectionTimeout(), state.settings.election_timeout_seconds)
    if not state.configuration.is_voter(state.node):
        return
    if state.uncertain:
        # its log may lack what it once acknowledged: it does not stand itself until that is settled
        tail.probe(state, context)
        return
    canvass(state, context)


def on_terminated(state: RoleState, message: Terminated, context: Context) -> None:
    """The leader's actor, its node or the connection to it is gone: no proof that it leads no more, but reason enough
    not to wait for the election time-out. Whoever still hears it refuses the pre-vote as ever (thesis 4.2.3).

    The voters stand one after the other, in the order of the configuration and a heartbeat apart, so that they do not
    split the votes; the first one leaves the others the time to hear the same.
    """
    gone = message.actor.node
    if gone != state.watched or message.actor.name != state.settings.group:
        return
    state.watched = ""
    if state.role is not FOLLOWER or state.leader != gone:
        return
    state.leader_fresh = False
    voters = [node for node in state.configuration.members() if node != gone and state.configuration.is_voter(node)]
    if state.node in voters:
        delay_seconds = (voters.index(state.node) + FIRST_TURN) * state.settings.heartbeat_seconds
        context.set_timer(ElectionTimeout(), delay_seconds)


def canvass(state: RoleState, context: Context) -> None:
    """Pre-vote (thesis 9.6): would a majority vote for this log? Changes neither term nor vote of anybody."""
    state.canvassing = True
    state.votes = {state.node: True}
    request_votes(state, context, state.term + 1, pre=True)
    count_votes(state, context)


def campaign(state: RoleState, context: Context) -> None:
    """Stand in a new term (thesis 3.4). Own term and vote are on disk before any request leaves: the gate."""
    state.canvassing = False
    state.role = CANDIDATE
    state.leader = None
    terms.persist(state, context, state.term + 1, state.node)
    terms.announce(state, context)
    terms.set_election_timer(state, context)
    state.votes = {state.node: True}
    request_votes(state, context, state.term, pre=False)
    count_votes(state, context)


def request_votes(state: RoleState, context: Context, term: int, pre: bool) -> None:
    """Ask every other voter."""
    last = state.log.last
    request = VoteRequest(term=term, last_term=last.term, last_index=last.index, pre=pre)
    for node in state.peers():
        if state.configuration.is_voter(node):
            context.send(state.peer(context, node), request)


def on_request(state: RoleState, message: VoteRequest, context: Context) -> None:
    """Somebody stands, or asks whether it should."""
    candidate = state.sender(context)
    if candidate is None or context.sender is None:
        return
    if message.pre:
        granted = (
            message.term > state.term and not leader_is_fresh(state) and up_to_date(state, message)
        )
        context.send(context.sender, reply_to(state, message, granted))
        return
    if leader_is_fresh(state) and message.term > state.term:
        # thesis 4.2.3: ignored *before* its term is adopted, or a server that cannot hear the leader deposes it
        return
    terms.adopt_higher_term(state, context, message.term)
    granted = (
        message.term == state.term
        and state.role is FOLLOWER
        and state.vote in (None, candidate)  # thesis 3.4: one vote a term, first come first served
        and up_to_date(state, message)
    )
    if granted:
        terms.persist(state, context, state.term, candidate)
        terms.set_election_timer(state, context)
    context.send(context.sender, reply_to(state, message, granted))


def leader_is_fresh(state: RoleState) -> bool:
    """A leader was heard within the minimum election time-out, or is this server."""
    return state.leader_fresh or state.role is LEADER


def up_to_date(state: RoleState, message: VoteRequest) -> bool:
    """Thesis 3.6.1: the later last term wins; with equal last terms, the longer log."""
    return LogId(message.last_term, message.last_index) >= state.claimed_last()


def reply_to(state: RoleState, message: VoteRequest, granted: bool) -> VoteReply:
    """The answer names both the own term and the term of the request."""
    return VoteReply(term=state.term, request_term=message.term, pre=message.pre, granted=granted)


def on_reply(state: RoleState, message: VoteReply, context: Context) -> None:
    """A voter has answered."""
    voter = state.sender(context)
    if voter is None or terms.adopt_higher_term(state, context, message.term):
        return
    if message.pre:
        waited_for = state.canvassing and message.request_term == state.term + 1
    else:
        waited_for = state.role is CANDIDATE and message.request_term == state.term
    if not waited_for:  # an answer to an older term's request
        return
    state.votes[voter] = message.granted
    count_votes(state, context)


def count_votes(state: RoleState, context: Context) -> None:
    """Go on when a quorum has said yes."""
    won = state.configuration.granted(state.votes)
    if won is None:
        return
    if not won:
        # lost for sure; the election timer that runs will try again
        terms.become_follower(state, context, state.term, None)
    elif state.canvassing:
        campaign(state, context)
    elif state.role is CANDIDATE:
        become_leader(state, context)


def become_leader(state: RoleState, context: Context) -> None:
    """Lead this term: tell everybody at once, and begin with a no-op."""
    state.role = LEADER
    state.leader = state.node
    state.votes.clear()
    context.cancel_timer(ElectionTimeout)
    terms.announce(state, context)
    replication.begin_term(state, context)
