"""What no correct peer says. Such a message is dropped and counted (``Status.peer_messages_dropped``): it is neither
obeyed nor a reason to fall: a node that fell over it would fall again when it is repeated. Knows shapes, no rules.
"""

from __future__ import annotations

from actors.context import Context
from protocols.raft.messages import LEADER, AppendEntries, AppendReply, Heartbeat, InstallSnapshot
from protocols.raft.state import RoleState

LARGEST = 1 << 62  # of terms and indices: beyond it there would be no room to go on counting


def drop(state: RoleState) -> None:
    """Count a message that is not obeyed."""
    state.peer_messages_dropped += 1


def from_here(state: RoleState, context: Context) -> bool:
    """Whether the owner's part was played on this node: what only an owner says is not taken from a peer."""
    if context.sender is None or context.sender.node == state.node:
        return True
    drop(state)
    return False


def is_leaders(
    state: RoleState, message: AppendEntries | Heartbeat | InstallSnapshot, sound: bool = True
) -> bool:
    """Whether a leader can have sent this; a second leader of the own term is none (thesis figure 3.2).

    Args:
        sound: what else is to be said of its kind of message.
    """
    term = message.term
    if sound and 0 <= term <= LARGEST and (term != state.term or state.role is not LEADER):
        return True
    drop(state)
    return False


def append_is_sound(message: AppendEntries) -> bool:
    """Entries are consecutive after (prev_term, prev_index), and their terms only grow, up to the message's."""
    index, term = message.prev_index, message.prev_term
    if not (0 <= index <= LARGEST and 0 <= term <= message.term):
        return False
    for entry in message.entries:
        index += 1
        if entry.index != index or not term <= entry.term <= message.term:
            return False
        term = entry.term
    return True


def snapshot_is_sound(message: InstallSnapshot) -> bool:
    """It ends with an entry, and names a group."""
    return 0 < message.index <= LARGEST and 0 < message.index_term <= message.term and bool(message.voters)


def is_answer(state: RoleState, message: AppendReply) -> bool:
    """Whether a leader can be answered this: nobody holds more of its log than itself."""
    if message.accepted:
        sound = 0 <= message.match_index <= state.log.last_index
    else:
        sound = message.hint_index >= 0
    if not sound:
        drop(state)
    return sound
