"""From journal records back to a role's persistent state, and a role's first acts. Knows no peers' rules.

``replay`` sees the checkpoint, then every record after it, in order; only ``begin`` has a context.
"""

from __future__ import annotations

from collections import deque

from actors.context import Context
from actors.errors import ActorumError, ContractError
from actors.message import Message
from protocols.raft import delivery, snapshots, tail, terms
from protocols.raft.messages import Entry
from protocols.raft.records import Bootstrap, HardState, SnapshotMeta, SnapshotPiece, Truncated, UncertainTail
from protocols.raft.state import RoleState


class DiskLost(ActorumError):
    """The journal no longer knows this server's term and vote: it may have voted, and cannot know for whom."""


def replay(state: RoleState, record: Message) -> None:
    """One record of the journal; positions are counted from 0 until ``begin`` knows the first one."""
    if isinstance(record, SnapshotMeta):
        state.snapshot_meta = record
        state.configuration = state.bootstrap = record.configuration
        state.log.reset(record.log_index, record.log_term)
        return
    position = state.recovered
    state.recovered += 1
    if isinstance(record, Entry):
        if record.index <= state.log.base:
            return  # compacted; its record stands after the first chunk of the snapshot
        if record.index != state.log.last_index + 1:
            state.gap_at = state.gap_at or record.index
            return
        state.log.append(record, position)
        if state.uncertain:
            tail.confirm(state, record)
    elif isinstance(record, HardState):
        state.term, state.vote = record.term, record.vote
    elif isinstance(record, Truncated):
        if state.gap_at is not None and record.index <= state.gap_at:
            state.gap_at = None
        if state.log.base < record.index <= state.log.last_index:
            state.log.truncate(record.index)
        state.uncertain.clear()
    elif isinstance(record, UncertainTail):
        state.uncertain = deque(record.terms)
    elif isinstance(record, Bootstrap):
        state.bootstrap = record.configuration
    elif isinstance(record, SnapshotPiece):
        state.pieces_found.append(position)
    else:
        raise ContractError(
            f"the journal of {state.settings.group} holds a {type(record).__name__}, which is not a record of Raft"
        )


def begin(state: RoleState, context: Context) -> None:
    """First acts after recovery."""
    state.node = context.node
    check(state, context)
    state.know_members(context)
    journal = context.journal
    meta = state.snapshot_meta
    first_position = meta.keep_from if meta is not None else journal.first_position
    state.log.shift_positions(first_position)
    check_pieces(state, context, first_position)
    take_uncertain(state, context)
    if state.bootstrap is None:
        state.bootstrap = state.configuration
        journal.append(Bootstrap(configuration=state.configuration))
    state.commit = state.delivered = state.applied = state.snapshot_index
    terms.set_election_timer(state, context)
    terms.announce(state, context)
    if state.uncertain and state.configuration.members() == (state.node,):
        tail.cut(state, context)  # nobody else could have a copy
    if meta is not None:
        snapshots.restore_owner(state, context)
    else:
        delivery.deliver(state, context)


def check(state: RoleState, context: Context) -> None:
    """Refuse to take part when the journal cannot be trusted, or belongs to another group.

    Raises:
        DiskLost: term and vote are gone, or entries in the middle.
        ContractError: the settings name other voters than the journal.
    """
    if context.journal.lost:
        raise DiskLost(
            f"{state.settings.group} on node {context.node}: the disk lost this server's term and vote (both copies "
            f"are damaged). It may have voted already, so it takes no part any more: replace it as after a lost disk"
        )
    if state.gap_at is not None:
        raise DiskLost(
            f"{state.settings.group} on node {context.node}: the journal jumps from entry {state.log.last_index} to "
            f"{state.gap_at}. Entries that were acknowledged are missing: replace the node as after a lost disk"
        )
    created_for = state.bootstrap
    if created_for is not None and state.snapshot_meta is None and created_for != state.configuration:
        raise ContractError(
            f"{state.settings.group} on node {context.node}: the settings name the voters "
            f"{', '.join(state.configuration.voters)}; this data folder was created for "
            f"{', '.join(created_for.voters)}. Members are not changed by editing the settings: restore the old list"
        )


def check_pieces(state: RoleState, context: Context, first_position: int) -> None:
    """Refuse to take part without the snapshot that the log begins with.

    Raises:
        DiskLost: a chunk of it is gone.
    """
    found = {first_position + number for number in state.pieces_found}
    state.pieces_found.clear()
    meta = state.snapshot_meta
    if meta is not None and not found.issuperset(meta.pieces):
        raise DiskLost(
            f"{state.settings.group} on node {context.node}: the snapshot at entry {meta.index} is damaged, "
            f"{len(set(meta.pieces) - found)} of its {len(meta.pieces)} chunks are gone: replace the node as after a "
            f"lost disk"
        )


def take_uncertain(state: RoleState, context: Context) -> None:
    """Turn what recovery could not read into a record of the role's own, so that the journal can go on behind it.

    Headers tell enough: an entry's note is its term, a truncation's note is its index. A damaged snapshot chunk counts
    for nothing, since no checkpoint names it.
    """
    if not context.journal.uncertain:
        return
    claimed = list(state.uncertain)
    ends_before: int | None = None
    for _, tag, note in context.journal.uncertain:
        if tag == Truncated.wire_id:
            keep = max(note - 1 - state.log.last_index, 0)
            del claimed[keep:]
            if state.log.base < note <= state.log.last_index:
                state.log.truncate(note)
                ends_before = note
        elif tag in (Entry.wire_id, 0):
            claimed.append(note)  # a header that is damaged too counts as an entry of unknown term
    context.journal.resolve()
    if ends_before is not None:  # the damaged record said so, and is gone from now on
        context.journal.append(Truncated(index=ends_before), note=ends_before)
    context.journal.append(HardState(term=state.term, vote=state.vote), note=state.term, critical=True)
    tail.settle(state, context, tuple(claimed))
