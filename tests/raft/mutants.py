"""Raft with one rule broken at a time: a line of the source is replaced, by text, so that the test names the line."""

from __future__ import annotations

import inspect
import textwrap
from types import ModuleType
from typing import NamedTuple

import pytest

from protocols.raft import delivery, election, following, reading, recovery, replication, snapshots, terms


class Mutant(NamedTuple):
    """A wrong version that is everywhere.

    Attributes:
        name: what it does wrong.
        module, function, line: where the rule is enforced.
        wrong: what stands there in the wrong version.
    """

    name: str
    module: ModuleType | type
    function: str
    line: str
    wrong: str


def apply(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the wrong version in place for this test."""
    right = getattr(mutant.module, mutant.function)
    source = textwrap.dedent(inspect.getsource(right))
    assert source.count(mutant.line) == 1, f"{mutant.function} no longer says {mutant.line!r} once"
    found: dict[str, object] = {}
    exec(compile(source.replace(mutant.line, mutant.wrong), "mutant", "exec"), right.__globals__, found)
    monkeypatch.setattr(mutant.module, mutant.function, found[mutant.function])


#: Each is found by a random campaign as a broken invariant, or as a group that never converges.
CAMPAIGN = [
    Mutant("votes twice in a term", election, "on_request", "and state.vote in (None, candidate)", "and True"),
    Mutant("clears the vote on a heartbeat", terms, "heard_leader", "state.canvassing = False",
           "state.canvassing = False; state.vote = None"),
    Mutant("clears the vote on stepping down", terms, "become_follower", "state.votes.clear()",
           "state.votes.clear(); state.vote = None"),
    Mutant("does not write term and vote", terms, "persist",
           "context.journal.append(HardState(term=term, vote=vote), note=term, critical=True)", "pass"),
    Mutant("votes for any log", election, "up_to_date", "return", "return True or"),
    Mutant("compares logs by index before term", election, "up_to_date",
           "LogId(message.last_term, message.last_index) >= state.claimed_last()",
           "(message.last_index, message.last_term) >= (state.log.last.index, state.log.last.term)"),
    Mutant("keeps its vote when the term grows", terms, "become_follower", "persist(state, context, term, None)",
           "state.term = term"),
    Mutant("truncates after prev_index always", following, "store", "if log.term_at(entry.index) == entry.term:",
           "if False:"),
    Mutant("acknowledges before the sync", following, "on_append",
           "        return\n    context.send(context.sender, acceptance",
           "        return\n    context.send_now(context.sender, acceptance"),
    Mutant("appends without the consistency check", following, "on_append",
           "elif state.log.term_at(message.prev_index) == message.prev_term:",
           "elif message.prev_index <= state.log.last_index:"),
    Mutant("sends a heartbeat with the bare commit index", reading, "send_heartbeats",
           "commit = min(progress.match, state.commit)", "commit = state.commit"),
    Mutant("reads before an entry of its term is committed", reading, "start_round",
           "state.commit < state.term_start or ", ""),
    Mutant("drops the log behind an installed snapshot that agrees with it", snapshots, "become",
           "if state.log.term_at(incoming.index) != incoming.index_term:", "if True:"),
    Mutant("keeps a log that disagrees with an installed snapshot", snapshots, "become",
           "if state.log.term_at(incoming.index) != incoming.index_term:",
           "if state.log.last_index < incoming.index:"),
    Mutant("loses term and vote with the compacted records", snapshots, "rewrite_volatile",
           "context.journal.append(HardState(term=state.term, vote=state.vote), note=state.term, critical=True)",
           "pass"),
    Mutant("compacts entries that are needed", snapshots, "complete",
           "keep_from = min(keep_from, state.log.position_at(base + 1))", "pass"),
    Mutant("gives the owner what is not committed", delivery, "deliver",
           "state.delivered < state.commit and", "state.delivered < state.log.last_index and"),
    Mutant("forgets truncations at recovery", recovery, "replay",
           "if state.log.base < record.index <= state.log.last_index:", "if False:"),
    Mutant("counts its own copy before its own fsync", replication, "advance_commit",
           "matches[state.node] = state.own_durable", "matches[state.node] = state.log.last_index"),
    Mutant("stands for election with damaged entries", election, "on_timeout", "if state.uncertain:", "if False:"),
    Mutant("never sends again what was lost", replication, "tick",
           "progress.stuck_ticks > state.settings.retransmit_ticks", "False"),
    Mutant("takes chunks of a snapshot out of order", snapshots, "is_next",
           "and sequence == len(incoming.positions)", ""),
]
