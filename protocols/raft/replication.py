"""The leader's side of log replication (thesis 3.5, 3.6.2, 6.2, 10.2.1). Knows nothing of elections' rules."""

from __future__ import annotations

from actors.context import Context
from protocols.raft import delivery, guard, reading, snapshots, terms
from protocols.raft.messages import (
    COMMANDS,
    LEADER,
    NOOP,
    AppendEntries,
    AppendReply,
    Entry,
    EntryKind,
    HeartbeatReply,
    HeartbeatTick,
    OwnAppendDurable,
    ProposalRefused,
    Propose,
    RefusalReason,
)
from protocols.raft.progress import PROBE, REPLICATE, SNAPSHOT, Progress
from protocols.raft.state import RoleState


def begin_term(state: RoleState, context: Context) -> None:
    """First acts of a new leader."""
    state.progress = {node: Progress(state.log.last_index + 1) for node in state.peers()}
    state.own_durable = 0
    state.rounds.clear()
    # thesis 6.4: a no-op at the start of the term; when it commits, everything before it is committed too
    append(state, context, NOOP, ())
    state.term_start = state.log.last_index
    tick(state, context)
    replicate(state, context)


def append(state: RoleState, context: Context, kind: EntryKind, commands: tuple[bytes, ...]) -> None:
    """One entry at the end of the own log (leaders only ever append: thesis 3.6.3, leader append-only)."""
    entry = Entry(index=state.log.last_index + 1, term=state.term, kind=kind, commands=commands)
    state.log.append(entry, context.journal.append(entry, note=entry.term))
    # sent through the gate: it arrives when the entry is on the own disk (thesis 10.2.1, write in parallel)
    context.send(context.self, OwnAppendDurable(term=state.term, index=entry.index))


def on_propose(state: RoleState, message: Propose, context: Context) -> None:
    """The owner proposes; all proposals of a turn become one entry."""
    if state.role is not LEADER:
        reason = RefusalReason.NOT_LEADER
    elif overloaded(state):
        reason = RefusalReason.OVERLOADED
    else:
        state.proposals.append(message)
        state.proposed_bytes += sum(map(len, message.commands))
        return
    context.send_now(state.owner(context), ProposalRefused(tag=message.tag, reason=reason))


def overloaded(state: RoleState) -> bool:
    """Too much waits for a majority already."""
    log, settings = state.log, state.settings
    waiting = log.bytes_between(state.commit, log.last_index) + state.proposed_bytes
    return (
        waiting >= settings.max_uncommitted_bytes
        or log.last_index - state.commit >= settings.max_uncommitted_entries
    )


def end_turn(state: RoleState, context: Context) -> None:
    """A leader's: append what was proposed in this turn, and send everybody what it lacks, in parallel with the own
    disk."""
    if state.proposals:
        append_proposals(state, context)
    replicate(state, context)


def append_proposals(state: RoleState, context: Context) -> None:
    """As few entries as the size limit allows."""
    limit = state.settings.max_entry_bytes
    proposals = state.proposals
    if state.proposed_bytes <= limit:
        commands = proposals[0].commands
        if len(proposals) > 1:
            commands = tuple([command for proposal in proposals for command in proposal.commands])
        append(state, context, COMMANDS, commands)
    else:
        batch: list[bytes] = []
        size = 0
        for proposal in proposals:
            for command in proposal.commands:
                if batch and size + len(command) > limit:
                    append(state, context, COMMANDS, tuple(batch))
                    batch, size = [], 0
                batch.append(command)
                size += len(command)
        if batch:
            append(state, context, COMMANDS, tuple(batch))
    proposals.clear()
    state.proposed_bytes = 0


def replicate(state: RoleState, context: Context) -> None:
    """Send every follower what it lacks, as far as its window has room.

    Followers that are equally far get the same object, which is then encoded once. What is committed travels with the
    next append or heartbeat: a message of its own for every commit would cost each follower one more wake-up a batch.
    Only a follower with reads that wait for it gets it at once.
    """
    state.unsent = False
    last_index = state.log.last_index
    for node, progress in state.progress.items():
        if progress.next <= last_index or progress.mode is not REPLICATE:
            feed(state, context, node, progress)
        if progress.commit_sent < progress.commit_wanted:
            reading.tell_commit(state, context, node, progress)
    state.newest_append = None


def feed(state: RoleState, context: Context, node: str, progress: Progress) -> None:
    """Send appends to one follower until its window is full or it has everything."""
    log, settings = state.log, state.settings
    while progress.room(settings.inflight_appends):
        if progress.next <= log.base:
            snapshots.install(state, context, node, progress)
            return
        if progress.next > log.last_index:
            if progress.mode is PROBE:
                send_append(state, context, node, progress, append_after(state, log.last_index, ()))
            return
        if state.newest_append is None or state.newest_append.prev_index != progress.next - 1:
            entries = log.cached(progress.next, settings.max_append_bytes, settings.max_append_entries)
            if entries is None:
                delivery.read_entries(
                    state, context, node, progress.next, settings.max_append_bytes, settings.max_append_entries
                )
                progress.reading = True
                return
            state.newest_append = append_after(state, progress.next - 1, entries)
        send_append(state, context, node, progress, state.newest_append)
        if progress.next > log.last_index and progress.mode is REPLICATE:
            return


def append_after(state: RoleState, prev_index: int, entries: tuple[Entry, ...]) -> AppendEntries:
    """The message that brings these entries."""
    prev_term = state.log.term_at(prev_index)
    assert prev_term is not None, f"append after {prev_index}: not in the log"
    return AppendEntries(
        term=state.term, prev_index=prev_index, prev_term=prev_term, commit=state.commit, entries=entries
    )


def send_append(
    state: RoleState, context: Context, node: str, progress: Progress, message: AppendEntries
) -> None:
    """One AppendEntries; it does not wait for the own disk (thesis 10.2.1)."""
    last = message.prev_index + len(message.entries)
    progress.appended(last)
    progress.commit_sent = max(progress.commit_sent, min(message.commit, last))
    context.send_now(state.peer(context, node), message)


def entries_read(state: RoleState, context: Context, node: str, entries: list[Entry]) -> None:
    """The journal gave older entries for a slow follower."""
    progress = state.progress.get(node)
    if progress is None or not progress.reading:
        return
    progress.reading = False
    if entries and entries[0].index == progress.next and progress.room(state.settings.inflight_appends):
        send_append(state, context, node, progress, append_after(state, progress.next - 1, tuple(entries)))
    feed(state, context, node, progress)
    state.newest_append = None


def on_reply(state: RoleState, message: AppendReply, context: Context) -> None:
    """A follower has answered an AppendEntries."""
    node = state.sender(context)
    if node is None or terms.adopt_higher_term(state, context, message.term):
        return
    if state.role is not LEADER or message.request_term != state.term:
        return  # an answer to an older term's request says nothing about this term
    progress = state.progress.get(node)
    if progress is None or not guard.is_answer(state, message):
        return
    progress.silent_ticks = 0
    if message.accepted:
        if progress.accepted(message.match_index) and message.match_index > state.commit:
            advance_commit(state, context)
    elif message.damaged and progress.mode is not SNAPSHOT:
        # it holds less than it once acknowledged: that copy no longer counts, and must be sent again
        progress.match = min(progress.match, message.hint_index)
        progress.probe(state.log.last_not_above(message.hint_index, message.hint_term) + 1)
    elif progress.waits_for(message.prev_index):
        # back up to where the logs may meet (thesis 3.5, faster back-up)
        progress.probe(state.log.last_not_above(message.hint_index, message.hint_term) + 1)
    if (
        progress.next <= state.log.last_index or progress.mode is not REPLICATE
        or progress.commit_sent < progress.commit_wanted
    ):
        state.unsent = True


def on_own_durable(state: RoleState, message: OwnAppendDurable, context: Context) -> None:
    """The own copy counts from now on, not before (thesis 10.2.1)."""
    if state.role is LEADER and message.term == state.term and message.index > state.own_durable:
        state.own_durable = message.index
        if message.index > state.commit:
            advance_commit(state, context)


def advance_commit(state: RoleState, context: Context) -> None:
    """Commit what a quorum holds."""
    matches = {node: progress.match for node, progress in state.progress.items()}
    matches[state.node] = state.own_durable
    agreed = state.configuration.agreed(matches)
    # thesis 3.6.2 and figure 3.7: only an entry of the current term commits by counting; older ones with it
    if agreed > state.commit and state.log.term_at(agreed) == state.term:
        state.commit = agreed
        delivery.deliver(state, context)


def tick(state: RoleState, context: Context) -> None:
    """A leader's heartbeat: say that it is there, see who still answers, send again what was lost."""
    if state.role is not LEADER:
        return
    for progress in state.progress.values():
        progress.silent_ticks += 1
    heard = {node: int(p.silent_ticks <= state.settings.quorum_ticks) for node, p in state.progress.items()}
    heard[state.node] = 1
    if not state.configuration.agreed(heard):
        # thesis 6.2: no majority within an election time-out; another leader may be at work
        terms.become_follower(state, context, state.term, None)
        return
    context.set_timer(HeartbeatTick(), state.settings.heartbeat_seconds)
    if not state.rounds:
        state.round += 1
    reading.send_heartbeats(state, context, tick=True)
    state.unsent = True
    delivery.tick(state, context)
    for node, progress in state.progress.items():
        if not progress.sent and progress.mode is not SNAPSHOT:
            continue
        progress.stuck_ticks += 1
        if progress.stuck_ticks > state.settings.retransmit_ticks:
            if progress.mode is SNAPSHOT:
                snapshots.send_piece(state, context, node, progress)
            else:
                progress.probe(progress.match + 1 if progress.match else progress.next)


def on_heartbeat_reply(state: RoleState, message: HeartbeatReply, context: Context) -> None:
    """A follower was still in this term when that round reached it."""
    node = state.sender(context)
    if node is None or terms.adopt_higher_term(state, context, message.term):
        return
    if state.role is not LEADER or message.request_term != state.term:
        return
    progress = state.progress.get(node)
    if progress is None:
        return
    if message.round > state.round:
        guard.drop(state)  # an answer to what was not asked would confirm reads that are not there yet
        return
    progress.silent_ticks = 0
    if message.round > progress.round:
        progress.round = message.round
        reading.confirm(state, context)
