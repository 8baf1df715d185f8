"""Linearizable reads without log entries: the read-index protocol (thesis 6.4). Knows no elections.

A leader notes its commit index, then a majority must answer a heartbeat that was sent *after* the read arrived: only
then was it certainly still the leader. All reads of a turn share one round. A follower that asks for its own reads has
said by that what its answer would say, for these reads and no others: it was in the leader's term after they came. So
of three servers no other one need be asked.
"""

from __future__ import annotations

from actors.context import Context
from protocols.raft import delivery
from protocols.raft.messages import (
    LEADER,
    BarrierReached,
    BarrierRefused,
    ForwardTick,
    Heartbeat,
    ReadBarrier,
    ReadIndexReply,
    ReadIndexRequest,
    RefusalReason,
)
from protocols.raft.progress import Progress
from protocols.raft.state import Read, RoleState, Round


def on_barrier(state: RoleState, message: ReadBarrier, context: Context) -> None:
    """The owner wants a barrier: collected until the turn ends."""
    if state.leader is None:
        refuse(state, context, Read(None, message.tag), RefusalReason.NOT_LEADER)
    elif len(state.reads) >= state.settings.max_pending_reads:
        refuse(state, context, Read(None, message.tag), RefusalReason.OVERLOADED)
    else:
        state.reads.append(Read(None, message.tag))


def on_request(state: RoleState, message: ReadIndexRequest, context: Context) -> None:
    """A follower asks, once for all its reads of a turn."""
    if state.sender(context) is None or context.sender is None:
        return
    read = Read(context.sender, message.request)
    if state.role is not LEADER or message.term != state.term:
        refuse(state, context, read, RefusalReason.NOT_LEADER)
    elif len(state.reads) >= state.settings.max_pending_reads:
        refuse(state, context, read, RefusalReason.OVERLOADED)
    else:
        state.reads.append(read)


def end_turn(state: RoleState, context: Context) -> None:
    """Start a round for the reads of this turn, or send them to the leader as one request."""
    if not state.reads:
        return
    if state.role is LEADER:
        start_round(state, context)
    elif state.leader is not None:
        forward(state, context, state.leader)


def start_round(state: RoleState, context: Context) -> None:
    """Note the commit index and ask everybody, after the reads came."""
    # thesis 6.4 step 1: only once an entry of the own term is committed does the leader know the commit index; until
    # then the reads wait for it
    if state.commit < state.term_start or len(state.rounds) >= state.settings.read_rounds_in_flight:
        return
    state.round += 1  # a new number: answers to heartbeats from before the reads do not count
    state.rounds.append(Round(state.round, state.commit, tuple(state.reads)))
    askers = dict.fromkeys([read.asker.node if read.asker is not None else "" for read in state.reads])
    for node in askers:
        if node in state.progress:
            state.progress[node].commit_wanted = state.commit
    state.reads.clear()
    if len(state.progress) <= 2:  # of a larger group the leader and one asker are no majority
        confirm(state, context)
    if state.rounds and state.rounds[-1].number == state.round:
        send_heartbeats(state, context, tick=False, but="" if len(askers) > 1 else next(iter(askers)))


def send_heartbeats(state: RoleState, context: Context, tick: bool, but: str = "") -> None:
    """One heartbeat to every member but one, for the newest round. Members that are equally far get the same object,
    which is then encoded once."""
    message: Heartbeat | None = None
    for node, progress in state.progress.items():
        if node == but:
            continue
        # never more than the follower is known to hold: the heartbeat may overtake appends, and what the follower has
        # beyond its match index may still be replaced
        commit = min(progress.match, state.commit)
        progress.commit_sent = max(progress.commit_sent, commit)
        if message is None or message.commit != commit:
            message = Heartbeat(term=state.term, commit=commit, round=state.round, tick=tick)
        context.send_now(state.peer(context, node), message)


def tell_commit(state: RoleState, context: Context, node: str, progress: Progress) -> None:
    """The news of a commit alone, as far as the follower is known to hold it."""
    commit = min(progress.match, state.commit)
    if commit > progress.commit_sent:
        progress.commit_sent = commit
        context.send_now(state.peer(context, node), Heartbeat(term=state.term, commit=commit, round=0, tick=False))


def confirm(state: RoleState, context: Context) -> None:
    """Answer the reads whose round a quorum has answered (thesis 6.4 step 3)."""
    if not state.rounds:
        return
    answered = {node: progress.round for node, progress in state.progress.items()}
    answered[state.node] = state.round
    confirmed = state.configuration.agreed(answered)
    while state.rounds and state.rounds[0].number <= confirmed:
        done = state.rounds.popleft()
        for read in done.reads:
            answer(state, context, read, done.index)
    for _ in range(len(state.rounds)):
        waiting = confirm_asked(state, context, state.rounds.popleft(), answered)
        if waiting.reads:
            state.rounds.append(waiting)


def confirm_asked(state: RoleState, context: Context, waiting: Round, answered: dict[str, int]) -> Round:
    """Answer those reads of a round that lack no other answer than that of their asker, who has asked after they came.
    Returns the round with the others."""
    enough = {"": False}  # by asker
    rest = []
    for read in waiting.reads:
        node = read.asker.node if read.asker is not None else ""
        if node not in enough:
            enough[node] = state.configuration.agreed({**answered, node: waiting.number}) >= waiting.number
        if enough[node]:
            answer(state, context, read, waiting.index)
        else:
            rest.append(read)
    return waiting if len(rest) == len(waiting.reads) else Round(waiting.number, waiting.index, tuple(rest))


def answer(state: RoleState, context: Context, read: Read, index: int) -> None:
    """A state applied up to ``index`` is new enough; nothing here waits for the own disk."""
    if read.asker is None:
        if index > state.awaited:
            state.awaited = index
            delivery.deliver_due(state, context)
        context.send_now(state.owner(context), BarrierReached(tag=read.tag, index=index))
    else:
        progress = state.progress.get(read.asker.node)
        if progress is not None and progress.commit_sent < index:
            tell_commit(state, context, read.asker.node, progress)
        context.send_now(read.asker, ReadIndexReply(request=read.tag, index=index, granted=True))


def refuse(state: RoleState, context: Context, read: Read, reason: RefusalReason) -> None:
    """No index can be given."""
    if read.asker is None:
        context.send_now(state.owner(context), BarrierRefused(tag=read.tag, reason=reason))
    else:
        context.send_now(read.asker, ReadIndexReply(request=read.tag, index=0, granted=False))


def forward(state: RoleState, context: Context, leader: str) -> None:
    """One request to the leader for every read of this turn."""
    request = state.next_request
    state.next_request += 1
    if not state.forwarded:
        context.set_timer(ForwardTick(), state.settings.election_timeout_seconds[0])
        state.forwarded_before = request
    state.forwarded[request] = tuple(read.tag for read in state.reads if read.asker is None)
    for read in state.reads:
        if read.asker is not None:  # came to a leader that has stepped down since
            refuse(state, context, read, RefusalReason.NOT_LEADER)
    state.reads.clear()
    context.send_now(state.peer(context, leader), ReadIndexRequest(term=state.term, request=request))


def on_reply(state: RoleState, message: ReadIndexReply, context: Context) -> None:
    """The leader's answer. It is addressed to this incarnation, so no number of an earlier one can match."""
    for tag in state.forwarded.pop(message.request, ()):
        if message.granted:
            answer(state, context, Read(None, tag), message.index)
        else:
            refuse(state, context, Read(None, tag), RefusalReason.LEADERSHIP_LOST)


def on_forward_tick(state: RoleState, context: Context) -> None:
    """Give up the requests that were there at the last tick already: they or their answers were lost."""
    for request in [request for request in state.forwarded if request < state.forwarded_before]:
        for tag in state.forwarded.pop(request):
            refuse(state, context, Read(None, tag), RefusalReason.LEADERSHIP_LOST)
    state.forwarded_before = state.next_request
    if state.forwarded:
        context.set_timer(ForwardTick(), state.settings.election_timeout_seconds[0])


def abandon(state: RoleState, context: Context, reason: RefusalReason) -> None:
    """The leader that these reads waited for is no more: every one is answered, and asked again."""
    for waiting in state.rounds:
        for read in waiting.reads:
            refuse(state, context, read, reason)
    for read in state.reads:
        refuse(state, context, read, reason)
    for tags in state.forwarded.values():
        for tag in tags:
            refuse(state, context, Read(None, tag), reason)
    state.rounds.clear()
    state.reads.clear()
    state.forwarded.clear()
