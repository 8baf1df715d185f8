"""Snapshots (thesis 5): storing the owner's, compacting the log behind it, sending it to a follower that is too far
behind, installing a leader's, giving it back to the owner. Knows no elections.

Chunks are journal records of their own, written one at a time; the checkpoint only names their positions.
"""

from __future__ import annotations

import msgspec

from actors.context import Context
from actors.errors import ContractError
from actors.message import Message
from protocols.raft import delivery, following, guard, tail, terms
from protocols.raft.configuration import Configuration
from protocols.raft.messages import InstallReply, InstallSnapshot, RestoreChunk, SnapshotChunk, SnapshotChunkStored
from protocols.raft.progress import SNAPSHOT, Progress
from protocols.raft.records import HardState, SnapshotMeta, SnapshotPiece, Truncated
from protocols.raft.state import Incoming, RoleState


def on_chunk(state: RoleState, message: SnapshotChunk, context: Context) -> None:
    """The owner gives one piece of its state; the answer, sent through the gate, asks for the next."""
    if len(message.data) > state.settings.snapshot_chunk_bytes:
        raise ContractError(
            f"snapshot chunk {message.sequence} of {state.owner_name} has {len(message.data)} bytes; the limit is "
            f"snapshot_chunk_bytes = {state.settings.snapshot_chunk_bytes}: send smaller chunks"
        )
    incoming = state.incoming
    if message.sequence == 0 and (incoming is None or incoming.term != state.term):
        term = state.log.term_at(message.index)
        if state.snapshot_index < message.index <= state.delivered and term is not None:
            incoming = Incoming(message.index, term, 0, state.configuration, ())
    if is_next(incoming, 0, message.index, message.sequence):
        assert incoming is not None
        state.incoming = store_piece(context, incoming, message.data)
        if message.last:
            complete(state, context, state.incoming)
    if message.last:
        # also when a leader's newer snapshot came in between, and this one is worth nothing any more
        state.snapshot_asked = False
    context.send(state.owner(context), SnapshotChunkStored(index=message.index, sequence=message.sequence))


def is_next(incoming: Incoming | None, term: int, index: int, sequence: int) -> bool:
    """Whether a chunk continues the snapshot that is being stored."""
    return (
        incoming is not None
        and (incoming.term, incoming.index) == (term, index)
        and sequence == len(incoming.positions)
    )


def store_piece(context: Context, incoming: Incoming, data: bytes) -> Incoming:
    """Write one chunk to the journal."""
    record = SnapshotPiece(index=incoming.index, sequence=len(incoming.positions), data=data)
    position = context.journal.append(record, note=incoming.index)
    return msgspec.structs.replace(incoming, positions=(*incoming.positions, position))


def complete(state: RoleState, context: Context, incoming: Incoming) -> None:
    """Every chunk is in the journal: the snapshot stands, and the log behind it goes, but for what followers that are
    a little behind may need (thesis 5.1.3)."""
    state.incoming = None
    base = state.log.retained_from(incoming.index, state.settings.retained_bytes)
    state.log.compact(base)
    keep_from = incoming.positions[0]
    if state.log.last_index > base:
        keep_from = min(keep_from, state.log.position_at(base + 1))
    state.snapshot_meta = SnapshotMeta(
        index=incoming.index, term=incoming.index_term, configuration=incoming.configuration,
        pieces=incoming.positions, log_index=base, log_term=state.log.base_term, keep_from=keep_from,
    )
    rewrite_volatile(state, context)
    context.journal.checkpoint([state.snapshot_meta], keep_from)


def rewrite_volatile(state: RoleState, context: Context) -> None:
    """What stands before the checkpoint goes with it: term and vote (and a damaged tail) are written again after."""
    context.journal.append(HardState(term=state.term, vote=state.vote), note=state.term, critical=True)
    if state.uncertain:
        tail.settle(state, context, tuple(state.uncertain))


# --- leader to a follower that needs entries which are compacted away ------------------------------------------------


def install(state: RoleState, context: Context, node: str, progress: Progress) -> None:
    """Begin to send the newest snapshot to a follower."""
    progress.install(state.snapshot_index)
    send_piece(state, context, node, progress)


def send_piece(state: RoleState, context: Context, node: str, progress: Progress) -> None:
    """Read the next chunk; it goes out when the journal has answered. One at a time: its answer asks for the next."""
    if progress.snapshot_index != state.snapshot_index:
        progress.install(state.snapshot_index)  # a newer one stands; the old chunks are gone
    progress.stuck_ticks = 0
    if not progress.reading:
        progress.reading = True
        delivery.read_piece(state, context, node, progress.next_piece)


def piece_read(state: RoleState, context: Context, node: str, sequence: int, records: tuple[Message, ...]) -> None:
    """The journal gave a chunk for a follower."""
    progress = state.progress.get(node)
    if progress is None or not progress.reading:
        return
    progress.reading = False
    meta = state.snapshot_meta
    if progress.mode is not SNAPSHOT or meta is None:
        return
    piece = records[0] if records else None
    if not isinstance(piece, SnapshotPiece) or (piece.index, sequence) != (meta.index, progress.next_piece):
        send_piece(state, context, node, progress)
        return
    context.send_now(
        state.peer(context, node),
        InstallSnapshot(
            term=state.term, index=meta.index, index_term=meta.term, voters=meta.configuration.voters,
            voters_outgoing=meta.configuration.voters_outgoing, learners=meta.configuration.learners,
            sequence=sequence, data=piece.data, last=sequence == len(meta.pieces) - 1,
        ),
    )


def on_install_reply(state: RoleState, message: InstallReply, context: Context) -> None:
    """A follower has stored a chunk, or the whole."""
    node = state.sender(context)
    if node is None or terms.adopt_higher_term(state, context, message.term):
        return
    progress = state.progress.get(node)
    if progress is None or message.request_term != state.term:
        return  # not leading, or an answer to an older term's request
    progress.silent_ticks = 0
    if progress.mode is not SNAPSHOT or message.index != progress.snapshot_index:
        return
    if message.done:
        progress.match = max(progress.match, message.index)
        progress.probe(message.index + 1)
        state.unsent = True
    elif message.next_sequence != progress.next_piece and message.index == state.snapshot_index:
        assert state.snapshot_meta is not None
        if not 0 <= message.next_sequence < len(state.snapshot_meta.pieces):
            guard.drop(state)
            return
        progress.next_piece = message.next_sequence
        send_piece(state, context, node, progress)


# --- follower --------------------------------------------------------------------------------------------------------


def on_install(state: RoleState, message: InstallSnapshot, context: Context) -> None:
    """A chunk of the leader's snapshot. The answer says which one is wanted next, whatever came."""
    leader = state.sender(context)
    sound = guard.snapshot_is_sound(message)
    if leader is None or context.sender is None or not guard.is_leaders(state, message, sound):
        return
    if not following.hear(state, context, leader, message.term):
        context.send(context.sender, install_reply(state, message, 0, done=False))
        return
    if message.index <= state.commit:
        # what it covers is committed here already: entries are enough
        context.send(context.sender, install_reply(state, message, 0, done=True))
        return
    incoming = state.incoming
    if incoming is None or (incoming.term, incoming.index) != (message.term, message.index):
        members = Configuration(message.voters, message.voters_outgoing, message.learners)
        incoming = Incoming(message.index, message.index_term, message.term, members, ())
    if is_next(incoming, message.term, message.index, message.sequence):
        incoming = store_piece(context, incoming, message.data)
        if message.last:
            become(state, context, incoming)
            context.send(context.sender, install_reply(state, message, 0, done=True))
            return
    state.incoming = incoming
    context.send(context.sender, install_reply(state, message, len(incoming.positions), done=False))


def install_reply(state: RoleState, message: InstallSnapshot, next_sequence: int, done: bool) -> InstallReply:
    """The answer names the own term, the request's, and the snapshot."""
    return InstallReply(
        term=state.term, request_term=message.term, index=message.index, next_sequence=next_sequence, done=done
    )


def become(state: RoleState, context: Context, incoming: Incoming) -> None:
    """Put the snapshot in the place of the log up to its index; keep what follows it when the logs agree there, else
    drop everything (thesis 5.3, figure 5.3 step 6)."""
    if state.log.term_at(incoming.index) != incoming.index_term:
        remaining = tail.after(state, incoming.index, incoming.index_term)
        context.journal.append(Truncated(index=incoming.index + 1), note=incoming.index + 1)
        state.log.reset(incoming.index, incoming.index_term)
        tail.settle(state, context, remaining)
    state.configuration = incoming.configuration
    state.know_members(context)
    state.commit = incoming.index
    complete(state, context, incoming)
    state.snapshots_installed += 1
    restore_owner(state, context)


def restore_owner(state: RoleState, context: Context) -> None:
    """Give the owner the snapshot that stands, chunk by chunk; Committed goes on behind it."""
    state.window.clear()
    state.snapshot_asked = False
    state.restoring = 0
    delivery.read_piece(state, context, "", 0)


def own_piece_read(state: RoleState, context: Context, sequence: int, records: tuple[Message, ...]) -> None:
    """The journal gave a chunk for the owner."""
    meta = state.snapshot_meta
    piece = records[0] if records else None
    if meta is None or sequence != state.restoring:
        delivery.deliver(state, context)  # it may have waited behind this read
        return
    if not isinstance(piece, SnapshotPiece) or piece.index != meta.index:
        restore_owner(state, context)  # a newer snapshot has replaced the one that was being given
        return
    last = sequence == len(meta.pieces) - 1
    context.send_now(
        state.owner(context), RestoreChunk(index=meta.index, sequence=sequence, data=piece.data, last=last)
    )
    if last:
        state.restoring = None
        state.delivered = state.applied = meta.index
        delivery.deliver(state, context)
    else:
        state.restoring = sequence + 1
        delivery.read_piece(state, context, "", sequence + 1)
