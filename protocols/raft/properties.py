"""What must hold of a Raft group after every step (thesis figure 3.2). Knows no world: it is told what it may look at.

Each property is a function (history, server) that raises Violation; ``check`` runs all five on the server that moved.
``History`` remembers what has been seen, so that entries that were compacted away still count.
"""

from __future__ import annotations

import msgspec

from protocols.raft.messages import Entry, RoleName
from protocols.raft.state import RoleState


class Violation(AssertionError):
    """An invariant does not hold; the message names it, the servers and the entries."""


class LogEnd(msgspec.Struct, frozen=True):
    """How far a leader's log went when it was last seen."""

    base: int
    last_index: int
    last_term: int


class Known(msgspec.Struct, frozen=True):
    """An entry that some server took for committed, and the term that it was then in."""

    index: int
    term: int
    known_in: int


class History(msgspec.Struct):
    """Everything that was true once in a group.

    Attributes:
        leaders: who led each term.
        leader_logs: of the leader of each term, how far its log went.
        entries: of each (index, term) ever in a log, the term before it and its commands.
        held: per server the entries that were looked at, by index. One that is the same object was not replaced since,
            nor was what is before it; so only what is new is looked at.
        committed: term of each committed entry, by index.
        known: the same in the order in which it became known.
        applied: what was applied at each index.
        commits: per server its commit index as last seen.
        complete: how many committed entries each term's leader was found to hold.
        replaced: how many entries were replaced by those of a later term.
        seen: per server what its invariants depend on, as it was when they were last checked.
    """

    leaders: dict[int, str] = {}
    leader_logs: dict[int, LogEnd] = {}
    entries: dict[tuple[int, int], tuple[int | None, tuple[bytes, ...]]] = {}
    held: dict[str, dict[int, Entry]] = {}
    committed: dict[int, int] = {}
    known: list[Known] = []
    applied: dict[int, Entry] = {}
    commits: dict[str, int] = {}
    complete: dict[int, int] = {}
    replaced: int = 0
    seen: dict[str, tuple[RoleName, int, int, int, int, Entry | None, int, str | None]] = {}


def check(history: History, server: RoleState) -> bool:
    """All properties of the server that has just moved; free when nothing that they depend on has changed.

    Returns:
        Whether something had changed.
    """
    log, role = server.log, server.role
    last, known = log.last_index, len(history.known) if role is RoleName.LEADER else 0
    entry = log.entry_at(last)
    seen = history.seen.get(server.node)
    if (
        seen is not None and seen[5] is entry and seen[4] == server.commit and seen[2] == last and seen[0] is role
        and seen[1] == server.term and seen[3] == log.base and seen[6] == known and seen[7] == server.vote
    ):
        return False
    if seen is not None and server.term < seen[1]:
        forget_unsynced(history, server)
    election_safety(history, server)
    leader_append_only(history, server)
    log_matching(history, server)
    commit_is_replicated(history, server)
    commits_agree(history, server)
    leader_completeness(history, server)
    history.seen[server.node] = role, server.term, last, log.base, server.commit, entry, known, server.vote
    return True


def forget_unsynced(history: History, server: RoleState) -> None:
    """A group of one elects itself before its vote is on disk: nobody waits for that, and what it does before is told
    nobody. When it loses that, the term comes again. Not so when it took an entry of that term for committed.
    """
    term = server.term
    if server.configuration.members() != (server.node,) or (history.known and history.known[-1].known_in > term):
        return
    for each in [led for led in history.leaders if led > term]:
        del history.leaders[each]
        history.leader_logs.pop(each, None)
        history.complete.pop(each, None)
    history.entries = {place: found for place, found in history.entries.items() if place[1] <= term}


def election_safety(history: History, server: RoleState) -> None:
    """At most one leader is elected in a term."""
    if server.role is RoleName.LEADER:
        leader = history.leaders.setdefault(server.term, server.node)
        if leader != server.node:
            raise Violation(f"election safety: {leader} and {server.node} both lead term {server.term}")


def leader_append_only(history: History, server: RoleState) -> None:
    """A leader never overwrites or deletes entries of its log; it only appends (compaction aside).

    An end that is still there stands for all that is before it, by log matching.
    """
    if server.role is not RoleName.LEADER:
        return
    log = server.log
    before = history.leader_logs.get(server.term)
    last = log.last_index
    if before is not None:
        if before.last_index == last and before.base == log.base and before.last_term == log.last_term:
            return
        kept = log.term_at(before.last_index) == before.last_term or before.last_index <= log.base
        if log.base < before.base or last < before.last_index or not kept:
            raise Violation(f"leader append-only: {server.node} changed its log in term {server.term}")
    history.leader_logs[server.term] = LogEnd(log.base, last, log.last_term)


def log_matching(history: History, server: RoleState) -> None:
    """If two logs hold an entry with the same index and term, they are identical up to it.

    By induction: every entry with that index and term has the same commands and the same term before it.
    """
    log = server.log
    index = log.last_index
    held = history.held.setdefault(server.node, {})
    while (entry := log.entry_at(index)) is not None and held.get(index) is not entry:
        before = held.get(index)
        history.replaced += before is not None and before.term < entry.term
        held[index] = entry
        found = (log.term_at(index - 1), entry.commands)
        if history.entries.setdefault((index, entry.term), found) != found:
            raise Violation(
                f"log matching: entry {index} of term {entry.term} on {server.node} is not the same everywhere"
            )
        index -= 1
    seen = history.seen.get(server.node)
    if seen is not None and seen[3] != log.base and (term := log.term_at(log.base + 1)) is not None:
        # the seam: what was kept behind a snapshot must have grown there (its entries were looked at before)
        before_it = history.entries.get((log.base + 1, term), (log.base_term, ()))[0]
        if before_it != log.base_term:
            raise Violation(
                f"log matching: {server.node} keeps entry {log.base + 1} of term {term} behind a snapshot that ends "
                f"with term {log.base_term}; where it was appended, it stood behind term {before_it}"
            )


def commit_is_replicated(history: History, server: RoleState) -> None:
    """What a leader takes for committed a majority holds: peers have acknowledged it, its own copy counts when it is on
    its disk (thesis 10.2.1). And it begins with an entry of its own term: earlier ones, which a majority may hold and
    still lose, commit with it (thesis 3.6.2, figure 3.7). To be asked before ``commits_agree``, which remembers the
    commit index.
    """
    if server.role is not RoleName.LEADER or history.commits.get(server.node, 0) >= server.commit:
        return
    if server.commit < server.term_start:
        raise Violation(
            f"commit by counting: {server.node} takes {server.commit} for committed before {server.term_start}, the "
            f"first entry of its term {server.term}"
        )
    held = {node: progress.match for node, progress in server.progress.items()}
    held[server.node] = server.own_durable
    if server.configuration.agreed(held) < server.commit:
        raise Violation(f"replicated commit: {server.node} takes {server.commit} for committed, held are {held}")


def commits_agree(history: History, server: RoleState) -> None:
    """State machine safety, half one: no two servers take different entries for committed at an index."""
    before = history.commits.get(server.node, 0)
    if before == server.commit:
        return
    history.commits[server.node] = server.commit
    for index in range(max(before + 1, server.log.base, 1), server.commit + 1):
        term = server.log.term_at(index)
        if term is None:
            raise Violation(f"state machine safety: {server.node} takes {index} for committed and does not hold it")
        if index not in history.committed:
            history.committed[index] = term
            history.known.append(Known(index, term, server.term))
        elif (known := history.committed[index]) != term:
            raise Violation(
                f"state machine safety: {server.node} takes {index} of term {term} for committed, another one took the "
                f"entry of term {known}"
            )


def leader_completeness(history: History, server: RoleState) -> None:
    """An entry that is committed in a term is in the logs of the leaders of all later terms.

    What a leader was found to hold it keeps: it only appends.
    """
    if server.role is not RoleName.LEADER:
        return
    done = history.complete.get(server.term, 0)
    if done == len(history.known):
        return
    history.complete[server.term] = len(history.known)
    base, last = server.log.base, server.log.last_index
    for known in history.known[done:]:
        if known.index <= base or known.known_in >= server.term:
            continue
        if known.index > last or server.log.term_at(known.index) != known.term:
            raise Violation(
                f"leader completeness: {server.node} leads term {server.term} without entry {known.index} of term "
                f"{known.term}, which was committed in term {known.known_in}"
            )


def state_machine_safety(history: History, node: str, entry: Entry) -> None:
    """No server ever applies another entry at an index that one has applied. Called for every applied entry."""
    known = history.applied.setdefault(entry.index, entry)
    if known != entry:
        raise Violation(
            f"state machine safety: {node} applies {entry.term}/{entry.index}, another one applied "
            f"{known.term}/{known.index} there, or other commands"
        )
