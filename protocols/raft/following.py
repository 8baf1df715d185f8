"""The follower's side of log replication (thesis 3.5). Knows nothing of progress or elections' rules."""

from __future__ import annotations

from actors.context import Context
from protocols.raft import delivery, guard, tail, terms
from protocols.raft.messages import AppendEntries, AppendReply, Entry, Heartbeat, HeartbeatReply
from protocols.raft.records import Truncated
from protocols.raft.state import RoleState


def hear(state: RoleState, context: Context, leader: str, term: int) -> bool:
    """A message of ``term``'s leader. False when that term is over: then the sender must be told the own one."""
    if term < state.term:
        return False
    if term > state.term:
        terms.become_follower(state, context, term, leader)
        terms.heard_leader(state, context, leader)
    elif state.leader != leader or not state.leader_fresh:
        terms.heard_leader(state, context, leader)
    return True


def on_append(state: RoleState, message: AppendEntries, context: Context) -> None:
    """Entries from the leader; the answer goes through the gate, so what it claims is on disk."""
    leader = state.sender(context)
    if leader is None or context.sender is None or not guard.is_leaders(state, message, guard.append_is_sound(message)):
        return
    if not hear(state, context, leader, message.term):
        # a leader of an old term learns the newer one from the answer, and steps down (thesis 3.3)
        context.send(context.sender, refusal(state, message))
        return
    if message.prev_index < state.log.base:
        # everything up to the base is committed and durable here: take what goes beyond it
        skip = state.log.base - message.prev_index
        if skip > len(message.entries):
            context.send(context.sender, acceptance(state, message))
            return
        if message.entries[skip - 1].term != state.log.base_term:
            guard.drop(state)  # it contradicts what is committed, as in ``store``
            return
        entries = message.entries[skip:]
    elif state.log.term_at(message.prev_index) == message.prev_term:
        entries = message.entries
    else:
        # thesis 3.5, consistency check: the logs must agree on the entry before
        context.send(context.sender, refusal(state, message))
        return
    if not store(state, context, entries):
        return
    context.send(context.sender, acceptance(state, message))
    # never beyond what this request has shown to be the leader's: the tail after it may still differ
    advance_commit(state, context, min(message.commit, message.prev_index + len(message.entries)))


def store(state: RoleState, context: Context, entries: tuple[Entry, ...]) -> bool:
    """Append what is new; delete only from the first entry that conflicts (thesis 3.5). A stale or duplicated request
    conflicts nowhere and changes nothing. False, and nothing changed: a committed entry would have been replaced."""
    log = state.log
    for entry in entries:
        if entry.index <= log.last_index:
            if log.term_at(entry.index) == entry.term:
                continue
            if entry.index <= state.commit:
                guard.drop(state)
                return False
            log.truncate(entry.index)
            context.journal.append(Truncated(index=entry.index), note=entry.index)
            tail.settle(state, context, ())
        log.append(entry, context.journal.append(entry, note=entry.term))
        if state.uncertain:
            tail.confirm(state, entry)
    return True


def acceptance(state: RoleState, message: AppendEntries) -> AppendReply:
    """Claims what this request brought, no more: what follows in the own log may not be the leader's."""
    return AppendReply(
        term=state.term, request_term=message.term, prev_index=message.prev_index, accepted=True,
        match_index=message.prev_index + len(message.entries),
    )


def refusal(state: RoleState, message: AppendEntries) -> AppendReply:
    """Names the last place where the logs can agree, so that the leader skips whole terms (thesis 3.5)."""
    hint = state.log.last_not_above(message.prev_index, message.prev_term)
    return AppendReply(
        term=state.term, request_term=message.term, prev_index=message.prev_index, accepted=False, match_index=0,
        hint_index=max(hint, 0), hint_term=state.log.term_at(hint) or 0, damaged=bool(state.uncertain),
    )


def damage_report(state: RoleState, message: Heartbeat) -> AppendReply:
    """A refusal that nobody asked for: the own log ends earlier than it once did."""
    last = state.log.last
    return AppendReply(
        term=state.term, request_term=message.term, prev_index=last.index, accepted=False, match_index=0,
        hint_index=last.index, hint_term=last.term, damaged=True,
    )


def on_heartbeat(state: RoleState, message: Heartbeat, context: Context) -> None:
    """The leader is there. The answer needs nothing of the own disk: it says only that no newer term was adopted, and a
    newer one is on disk before this server lets anybody know of it."""
    leader = state.sender(context)
    if leader is None or context.sender is None or not guard.is_leaders(state, message):
        return
    if hear(state, context, leader, message.term):
        commit = message.commit
        if state.uncertain or commit > state.log.last_index:
            # the leader still counts on what the disk has damaged or lost since: let it send that again
            commit = min(commit, state.log.last_index) if state.uncertain else state.commit
            context.send(context.sender, damage_report(state, message))
        advance_commit(state, context, commit)
        if message.tick:
            terms.heard_leader(state, context, leader)
            delivery.tick(state, context)
    if message.round or message.term < state.term:
        context.send_now(
            context.sender, HeartbeatReply(term=state.term, request_term=message.term, round=message.round)
        )


def advance_commit(state: RoleState, context: Context, commit: int) -> None:
    """Entries up to ``commit`` are committed, and are the own ones. The commit index never goes down."""
    if commit > state.commit:
        assert commit <= state.log.last_index, f"commit {commit} beyond the log, which ends at {state.log.last_index}"
        state.commit = commit
        delivery.deliver_due(state, context)
