"""What the owner gets: committed entries in bounded batches, and journal reads behind them. Knows no rules."""

from __future__ import annotations

from actors.context import Context
from actors.message import JournalEntries
from protocols.raft.messages import LEADER, AppliedUpTo, Committed, Entry, ReportApplied, SnapshotWanted
from protocols.raft.state import JournalRead, RoleState


def deliver(state: RoleState, context: Context) -> None:
    """Give the owner committed entries, as far as its window has room. They need nothing of the own disk: a majority
    holds them."""
    settings = state.settings
    while state.delivered < state.commit and state.restoring is None and has_room(state):
        first = state.delivered + 1
        count = min(settings.deliver_entries, state.commit - state.delivered)
        entries = state.log.cached(first, settings.deliver_bytes, count)
        if entries is None:
            if not any(read.peer == "" for read in state.journal_reads.values()):
                read_entries(state, context, "", first, settings.deliver_bytes, count)
            return
        hand_over(state, context, entries)


def deliver_due(state: RoleState, context: Context) -> None:
    """A leader's owner gets what is committed at once: clients wait for it. A follower's gets several entries together,
    unless reads wait for them; the next heartbeat brings the rest. One at a time they would cost it more than their
    replication, and the leader's next entry would wait behind that."""
    waiting = state.commit - state.delivered
    if waiting <= 0:
        return
    settings = state.settings
    if (
        state.role is LEADER
        or waiting >= settings.follower_lag_entries
        or state.awaited > state.delivered
        or state.log.bytes_between(state.delivered, state.commit) >= settings.follower_lag_bytes
    ):
        deliver(state, context)


def has_room(state: RoleState) -> bool:
    """Whether the owner may get one more batch before it has applied what it has."""
    if not state.window:
        return True
    return len(state.window) < state.settings.deliver_window_messages and (
        state.log.bytes_between(state.applied, state.delivered) < state.settings.deliver_window_bytes
    )


def hand_over(state: RoleState, context: Context, entries: tuple[Entry, ...]) -> None:
    """The next committed entries, in order, without gaps (thesis 3.6.3, state machine safety)."""
    last = entries[-1].index
    if entries[0].index != state.delivered + 1 or last > state.commit:
        raise AssertionError(
            f"entries {entries[0].index}..{last} for the owner after {state.delivered}, commit index {state.commit}"
        )
    settings = state.settings
    state.window.append(last)
    state.delivered = last
    # wanted while half of the window is left, so that the owner need not wait; for the rest ``tick`` asks
    report = (
        2 * len(state.window) >= settings.deliver_window_messages
        or 2 * state.log.bytes_between(state.applied, last) >= settings.deliver_window_bytes
    )
    context.send_now(state.owner(context), Committed(entries=entries, report=report))


def tick(state: RoleState, context: Context) -> None:
    """With every heartbeat of the leader's clock: what was kept back goes to the owner; and now and then, without word
    from it, it is asked how far it has come. Its word may be lost, so it is asked until nothing is left to hear."""
    if state.delivered < state.commit:
        deliver(state, context)
    if not state.window:
        state.unreported_ticks = 0
        return
    state.unreported_ticks += 1
    if state.unreported_ticks >= state.settings.report_ticks or not has_room(state):
        state.unreported_ticks = 0
        context.send_now(state.owner(context), ReportApplied())


def on_applied(state: RoleState, message: AppliedUpTo, context: Context) -> None:
    """The state machine has come further."""
    state.unreported_ticks = 0
    state.applied = max(state.applied, min(message.index, state.delivered))
    while state.window and state.window[0] <= state.applied:
        state.window.popleft()
    want_snapshot(state, context)
    deliver_due(state, context)


def want_snapshot(state: RoleState, context: Context) -> None:
    """Ask for a snapshot when enough was applied since the last one (thesis 5.1.3)."""
    grown = state.log.bytes_between(state.snapshot_index, state.applied)
    if grown >= state.settings.snapshot_after_bytes and not state.snapshot_asked:
        state.snapshot_asked = True
        context.send(state.owner(context), SnapshotWanted())


def read_entries(
    state: RoleState, context: Context, peer: str, first: int, limit_bytes: int, limit_count: int
) -> None:
    """Ask the journal for entries that are no longer in memory; ``peer`` empty: for the owner."""
    last = state.log.stored_run(first, limit_bytes, limit_count)
    key = expect_read(state, JournalRead(peer, first, piece=False))
    # the run's size is bounded already; the limit leaves room for what records add to commands
    context.journal.read(
        state.log.position_at(first), state.log.position_at(last), 2 * limit_bytes + 64 * limit_count, key
    )


def read_piece(state: RoleState, context: Context, peer: str, sequence: int) -> None:
    """Ask the journal for one chunk of the snapshot that stands."""
    assert state.snapshot_meta is not None
    key = expect_read(state, JournalRead(peer, sequence, piece=True))
    position = state.snapshot_meta.pieces[sequence]
    context.journal.read(position, position, state.settings.snapshot_chunk_bytes, key)


def expect_read(state: RoleState, purpose: JournalRead) -> int:
    """Note why a read is under way; returns its key."""
    key = state.next_journal_read
    state.next_journal_read += 1
    state.journal_reads[key] = purpose
    return key


def live_entries(state: RoleState, message: JournalEntries, first: int) -> list[Entry]:
    """Those entries of a journal read that are still the log's, from ``first`` on, without gaps."""
    found: list[Entry] = []
    for record in message.records:
        if not isinstance(record, Entry) or record.index != first + len(found):
            break
        if record.index <= state.log.base or state.log.term_at(record.index) != record.term:
            break
        found.append(record)
    return found


def entries_read(state: RoleState, context: Context, entries: list[Entry]) -> None:
    """The journal gave older entries for the owner."""
    fresh = tuple([entry for entry in entries if state.delivered < entry.index <= state.commit])
    if fresh and fresh[0].index == state.delivered + 1 and state.restoring is None and has_room(state):
        hand_over(state, context, fresh)
    deliver(state, context)
