"""For each rule that a table or a scenario protects: the version without it fails that test.

What random campaigns find stands in ``mutants.CAMPAIGN``; docs/raft.md lists all rules.
"""

from __future__ import annotations

import pytest

from protocols.raft import delivery, election, following, progress, reading, replication
from protocols.raft.messages import AppendReply, HeartbeatReply, VoteReply
from tests.raft import mutants, test_elections, test_reads, test_replication
from tests.raft.mutants import Mutant

HIGHER = "terms.adopt_higher_term(state, context, message.term)"


def step_down_on(reply):
    return lambda: test_elections.test_a_higher_term_in_any_reply_means_step_down(reply)


RULES = [
    (Mutant("adopts a term while a leader is fresh", election, "on_request",
            "if leader_is_fresh(state) and message.term > state.term:", "if False:"),
     test_elections.test_votes_are_refused_while_a_leader_is_fresh_before_the_term_is_adopted),
    (Mutant("is deposed by who cannot hear it", election, "leader_is_fresh",
            "state.leader_fresh or state.role is RoleName.LEADER", "state.leader_fresh"),
     test_elections.test_a_leader_ignores_votes_of_a_server_that_cannot_hear_it),
    (Mutant("grants pre-votes while a leader is fresh", election, "on_request",
            "message.term > state.term and not leader_is_fresh(state) and", "message.term > state.term and"),
     test_elections.test_votes_are_refused_while_a_leader_is_fresh_before_the_term_is_adopted),
    (Mutant("adopts the term of a pre-vote", election, "on_request",
            "if message.pre:", "terms.adopt_higher_term(state, context, message.term)\n    if message.pre:"),
     test_elections.test_a_pre_vote_changes_neither_term_nor_vote),
    (Mutant("stands without a pre-vote", election, "on_timeout",
            "    canvass(state, context)", "    campaign(state, context)"),
     test_elections.test_a_pre_vote_changes_neither_term_nor_vote),
    (Mutant("leads without a majority", replication, "tick",
            "if not state.configuration.agreed(heard):", "if False:"),
     test_elections.test_a_leader_that_hears_no_majority_steps_down_within_an_election_timeout),
    (Mutant("answers before its vote is on disk", election, "on_request",
            "terms.set_election_timer(state, context)\n    context.send(",
            "terms.set_election_timer(state, context)\n    context.send_now("),
     test_elections.test_the_vote_is_on_disk_before_the_answer_leaves_and_survives_a_restart),
    (Mutant("drops a heartbeat reply of a higher term", replication, "on_heartbeat_reply", HIGHER, "False"),
     step_down_on(HeartbeatReply(term=9, request_term=3, round=1))),
    (Mutant("drops an append reply of a higher term", replication, "on_reply", HIGHER, "False"),
     step_down_on(AppendReply(term=9, request_term=3, prev_index=0, accepted=False, match_index=0))),
    (Mutant("drops a vote reply of a higher term", election, "on_reply", HIGHER, "False"),
     step_down_on(VoteReply(term=9, request_term=3, pre=False, granted=False))),
    (Mutant("counts answers to an older term's request", replication, "on_reply",
            "or message.request_term != state.term", ""),
     test_elections.test_answers_to_an_older_terms_request_are_dropped),
    (Mutant("does not tell an old leader the newer term", following, "on_append",
            "context.send(context.sender, refusal(state, message))\n        return\n    if message.prev_index",
            "return\n    if message.prev_index"),
     test_elections.test_a_server_at_a_higher_term_answers_lower_terms_with_its_own),
    (Mutant("begins its term without a no-op", replication, "begin_term",
            "append(state, context, EntryKind.NOOP, ())", "pass"),
     test_replication.test_a_term_begins_with_a_no_op_that_commits_what_is_older),
    (Mutant("commits entries of old terms by counting", replication, "advance_commit",
            "and state.log.term_at(agreed) == state.term", ""),
     test_replication.test_figure_3_7_an_entry_of_an_old_term_does_not_commit_by_counting),
    (Mutant("counts its own copy before its own fsync", replication, "advance_commit",
            "matches[state.node] = state.own_durable", "matches[state.node] = state.log.last_index"),
     test_replication.test_the_own_copy_counts_after_the_own_fsync),
    (Mutant("waits for its own disk before it replicates", replication, "send_append",
            "context.send_now(", "context.send("),
     test_replication.test_a_majority_of_followers_commits_without_the_leaders_disk),
    (Mutant("deletes what is committed", following, "store", "if entry.index <= state.commit:", "if False:"),
     test_replication.test_never_deletes_what_is_committed),
    (Mutant("truncates after prev_index always", following, "store",
            "if log.term_at(entry.index) == entry.term:", "if False:"),
     test_replication.test_a_stale_or_duplicated_append_changes_nothing),
    (Mutant("acknowledges its last index", following, "acceptance",
            "match_index=message.prev_index + len(message.entries)", "match_index=state.log.last_index"),
     test_replication.test_acknowledges_what_was_sent_and_no_more),
    (Mutant("commits up to the leader's commit index", following, "on_append",
            "min(message.commit, message.prev_index + len(message.entries))",
            "min(message.commit, state.log.last_index)"),
     test_replication.test_commits_up_to_the_last_new_entry_only),
    (Mutant("acknowledges before the sync", following, "on_append",
            "        return\n    context.send(context.sender, acceptance",
            "        return\n    context.send_now(context.sender, acceptance"),
     test_replication.test_the_acknowledgement_waits_for_the_sync),
    (Mutant("sends a heartbeat with the bare commit index", reading, "send_heartbeats",
            "commit = min(progress.match, state.commit)", "commit = state.commit"),
     test_replication.test_a_heartbeat_carries_what_the_follower_is_known_to_hold),
    (Mutant("has no window", progress.Progress, "room", "return len(self.sent) < ",
            "return self.mode is Mode.REPLICATE or len(self.sent) < "),
     test_replication.test_appends_are_bounded_in_bytes_and_number_in_flight),
    (Mutant("takes every proposal", replication, "on_propose", "elif overloaded(state):", "elif False:"),
     test_replication.test_proposals_are_refused_when_too_much_is_uncommitted),
    (Mutant("reads with a round from before the request", reading, "start_round", "state.round += 1", "pass"),
     test_reads.test_the_round_starts_after_the_read),
    (Mutant("reads from the leader's memory", reading, "start_round", "confirm(state, context)",
            "[answer(state, context, read, r.index) for r in state.rounds for read in r.reads]; state.rounds.clear()"),
     test_reads.test_a_paused_leader_that_wakes_gives_no_stale_read),
    (Mutant("reads before an entry of its term is committed", reading, "start_round",
            "state.commit < state.term_start or ", ""),
     test_reads.test_reads_wait_for_an_entry_of_the_leaders_term),
    (Mutant("forwards every read by itself", reading, "on_barrier",
            "state.reads.append(Read(None, message.tag))",
            "state.reads.append(Read(None, message.tag)); end_turn(state, context)"),
     test_reads.test_a_follower_asks_once_for_all_reads_of_a_turn),
    (Mutant("keeps back what a read waits for", delivery, "deliver_due", "or state.awaited > state.delivered", ""),
     test_reads.test_entries_that_a_read_waits_for_are_not_kept_back_from_a_followers_owner),
    (Mutant("does not go on when a follower has room again", replication, "on_reply", "state.unsent = True", "pass"),
     test_replication.test_appends_that_waited_for_room_go_out_with_the_next_answer),
]


@pytest.mark.parametrize(("mutant", "test"), RULES, ids=[mutant.name for mutant, _ in RULES])
def test_without_the_rule_its_test_fails(mutant, test, monkeypatch):
    test()  # the right version passes
    mutants.apply(mutant, monkeypatch)
    with pytest.raises((AssertionError, KeyError, ValueError, pytest.fail.Exception)):
        test()
