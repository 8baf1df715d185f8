"""What must hold of a Raft group after every step (thesis figure 3.2). Knows no world: it is told what it may look at.

Each property is a function (history, server) that raises Violation; ``check`` runs all five on the server that moved.
``History`` remembers what has been seen, so that entries that were compacted away still count.
"""

from __future__ import annotations

import msgspec

from protocols.raft.messages import Entry, RoleName
from protocols.raft.state import RoleState

Seen = tuple[int, tuple[bytes, ...]]


class Violation(AssertionError):
    """An invariant does not hold; the message names it, the servers and the entries."""


class History(msgspec.Struct):
    """Everything that was true once in a group.

    Attributes:
        leaders: who led each term.
        leader_logs: of the leader of each term, the terms of its log as last seen: (base, terms).
        entries: of each (index, term) ever in a log, the term before it and its commands.
        committed: term of each committed entry, by index, and the term in which the first server knew.
        applied: what was applied at each index.
        logs: per server its log as last seen.
        commits: per server its commit index as last seen.
        complete: how many committed entries each term's leader was found to hold.
    """

    leaders: dict[int, str] = {}
    leader_logs: dict[int, tuple[int, tuple[int, ...]]] = {}
    entries: dict[tuple[int, int], Seen] = {}
    committed: dict[int, tuple[int, int]] = {}
    applied: dict[int, Entry] = {}
    logs: dict[str, tuple[int, tuple[int, ...]]] = {}
    commits: dict[str, int] = {}
    complete: dict[int, int] = {}


def check(history: History, server: RoleState) -> None:
    """All properties of the server that has just moved."""
    election_safety(history, server)
    leader_append_only(history, server)
    log_matching(history, server)
    commits_agree(history, server)
    leader_completeness(history, server)


def election_safety(history: History, server: RoleState) -> None:
    """At most one leader is elected in a term."""
    if server.role is RoleName.LEADER:
        leader = history.leaders.setdefault(server.term, server.node)
        if leader != server.node:
            raise Violation(f"election safety: {leader} and {server.node} both lead term {server.term}")


def leader_append_only(history: History, server: RoleState) -> None:
    """A leader never overwrites or deletes entries of its log; it only appends (compaction aside)."""
    if server.role is not RoleName.LEADER:
        return
    view = base, terms = server.log.terms()
    before = history.leader_logs.get(server.term)
    if before is not None and before != view:
        old_base, old_terms = before
        kept = old_terms[base - old_base :] if base <= old_base + len(old_terms) else ()
        if base < old_base or terms[: len(kept)] != kept or base + len(terms) < old_base + len(old_terms):
            raise Violation(f"leader append-only: {server.node} changed its log in term {server.term}")
    history.leader_logs[server.term] = view


def log_matching(history: History, server: RoleState) -> None:
    """If two logs hold an entry with the same index and term, they are identical up to it.

    By induction: every entry with that index and term has the same commands and the same term before it.
    """
    view = server.log.terms()
    if history.logs.get(server.node) == view:
        return
    history.logs[server.node] = view
    base, terms = view
    for entry in server.log.recent():
        before = server.log.base_term if entry.index == base + 1 else terms[entry.index - base - 2]
        seen = history.entries.setdefault((entry.index, entry.term), (before, entry.commands))
        if seen != (before, entry.commands):
            raise Violation(
                f"log matching: entry {entry.index} of term {entry.term} on {server.node} is not the same everywhere"
            )


def commits_agree(history: History, server: RoleState) -> None:
    """State machine safety, half one: no two servers take different entries for committed at an index."""
    first = history.commits.get(server.node, 0) + 1
    history.commits[server.node] = server.commit
    for index in range(max(first, server.log.base), server.commit + 1):
        term = server.log.term_at(index)
        if term is None:
            raise Violation(f"state machine safety: {server.node} takes {index} for committed and does not hold it")
        known, _ = history.committed.setdefault(index, (term, server.term))
        if index and known != term:
            raise Violation(
                f"state machine safety: {server.node} takes {index} of term {term} for committed, another one took the "
                f"entry of term {known}"
            )


def leader_completeness(history: History, server: RoleState) -> None:
    """An entry that is committed in a term is in the logs of the leaders of all later terms."""
    if server.role is not RoleName.LEADER or history.complete.get(server.term) == len(history.committed):
        return
    history.complete[server.term] = len(history.committed)
    base, last = server.log.base, server.log.last_index
    for index, (term, known_in) in reversed(history.committed.items()):
        if index <= base or known_in >= server.term:
            continue
        if index > last or server.log.term_at(index) != term:
            raise Violation(
                f"leader completeness: {server.node} leads term {server.term} without entry {index} of term {term}, "
                f"which was committed in term {known_in}"
            )


def state_machine_safety(history: History, node: str, entry: Entry) -> None:
    """No server ever applies another entry at an index that one has applied. Called for every applied entry."""
    known = history.applied.setdefault(entry.index, entry)
    if known != entry:
        raise Violation(
            f"state machine safety: {node} applies {entry.term}/{entry.index}, another one applied "
            f"{known.term}/{known.index} there, or other commands"
        )
