"""A log whose last entries the disk damaged: present, perhaps acknowledged once, unreadable. Knows no elections.

Such entries count as present when a candidate's log is compared with the own, their holder does not stand itself, and
acknowledges nothing past them, until a leader's log has confirmed or replaced them. When every voter has answered and
none holds an intact copy, they are cut, and the possible loss is counted.
"""

from __future__ import annotations

from collections import deque

from actors.context import Context
from protocols.raft.messages import Entry, TailProbe, TailReport
from protocols.raft.records import UncertainTail
from protocols.raft.state import RoleState


def settle(state: RoleState, context: Context, terms: tuple[int, ...]) -> None:
    """``terms`` are what remains uncertain after the end of the log."""
    state.tail_reports.clear()
    if terms or state.uncertain:
        state.uncertain = deque(terms)
        context.journal.append(UncertainTail(after=state.log.last_index, terms=terms))


def confirm(state: RoleState, entry: Entry) -> None:
    """A leader's entry came for the first uncertain place: the same term confirms it, another replaces the rest. Needs
    no record: replaying the entry says the same."""
    state.tail_reports.clear()
    if state.uncertain.popleft() not in (0, entry.term):
        state.uncertain.clear()


def after(state: RoleState, index: int, term: int) -> tuple[int, ...]:
    """What stays uncertain when a snapshot ends with (index, term): the rest, if that is one of the damaged entries."""
    offset = index - state.log.last_index - 1
    if 0 <= offset < len(state.uncertain) and state.uncertain[offset] in (0, term):
        return tuple(state.uncertain)[offset + 1 :]
    return ()


def probe(state: RoleState, context: Context) -> None:
    """Ask every voter for the first damaged entry."""
    state.tail_reports.clear()
    voters = [node for node in state.peers() if state.configuration.is_voter(node)]
    for node in voters:
        context.send(state.peer(context, node), TailProbe(term=state.term, index=state.log.last_index + 1))
    if not voters:
        cut(state, context)


def on_probe(state: RoleState, message: TailProbe, context: Context) -> None:
    """Say what is intact here."""
    if state.sender(context) is None or context.sender is None:
        return
    held = state.log.term_at(message.index) or 0
    if message.index < state.log.base:
        held = state.log.base_term
    context.send(context.sender, TailReport(term=state.term, index=message.index, index_term=held))


def on_report(state: RoleState, message: TailReport, context: Context) -> None:
    """A voter has answered; when all have, and none holds the entry, nobody ever will."""
    node = state.sender(context)
    if node is None or not state.uncertain or message.index != state.log.last_index + 1:
        return
    state.tail_reports[node] = message.index_term
    voters = [peer for peer in state.peers() if state.configuration.is_voter(peer)]
    if all(state.tail_reports.get(peer) == 0 for peer in voters):
        cut(state, context)


def cut(state: RoleState, context: Context) -> None:
    """Give the entries up. What a client was told of them may be lost, and is counted."""
    state.possibly_lost += len(state.uncertain)
    settle(state, context, ())
