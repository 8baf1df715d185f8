"""For each rule that a table or a scenario protects: the version without it fails that test.

The versions stand in ``tests/mutants/raft.py``; docs/raft.md lists all rules.
"""

from __future__ import annotations

import pytest

from protocols.raft.messages import AppendReply, HeartbeatReply, VoteReply
from tests.mutants import mutant as mutant_of_source
from tests.mutants import raft
from tests.raft import test_elections, test_reads, test_replication

MUTANTS = {mutant.name: mutant for mutant in raft.MUTANTS}


def step_down_on(reply):
    return lambda: test_elections.test_a_higher_term_in_any_reply_means_step_down(reply)


RULES = {
    "adopts a term while a leader is fresh":
        test_elections.test_votes_are_refused_while_a_leader_is_fresh_before_the_term_is_adopted,
    "is deposed by who cannot hear it": test_elections.test_a_leader_ignores_votes_of_a_server_that_cannot_hear_it,
    "grants pre-votes while a leader is fresh":
        test_elections.test_votes_are_refused_while_a_leader_is_fresh_before_the_term_is_adopted,
    "adopts the term of a pre-vote": test_elections.test_a_pre_vote_changes_neither_term_nor_vote,
    "stands without a pre-vote": test_elections.test_a_pre_vote_changes_neither_term_nor_vote,
    "waits for a leader that is gone":
        lambda: test_elections.test_who_hears_that_the_leader_is_gone_does_not_wait_for_the_time_out(("a", "b", "c")),
    "stands together with all others":
        lambda: test_elections.test_who_hears_that_the_leader_is_gone_does_not_wait_for_the_time_out(("a", "b", "c")),
    "takes the end of another server for the leader's":
        test_elections.test_news_of_others_than_the_leader_change_nothing,
    "leads without a majority":
        test_elections.test_a_leader_that_hears_no_majority_steps_down_within_an_election_timeout,
    "answers before its vote is on disk":
        test_elections.test_the_vote_is_on_disk_before_the_answer_leaves_and_survives_a_restart,
    "drops a heartbeat reply of a higher term": step_down_on(HeartbeatReply(term=9, request_term=3, round=1)),
    "drops an append reply of a higher term":
        step_down_on(AppendReply(term=9, request_term=3, prev_index=0, accepted=False, match_index=0)),
    "drops a vote reply of a higher term": step_down_on(VoteReply(term=9, request_term=3, pre=False, granted=False)),
    "counts answers to an older term's request": test_elections.test_answers_to_an_older_terms_request_are_dropped,
    "does not tell an old leader the newer term":
        test_elections.test_a_server_at_a_higher_term_answers_lower_terms_with_its_own,
    "begins its term without a no-op": test_replication.test_a_term_begins_with_a_no_op_that_commits_what_is_older,
    "commits entries of old terms by counting":
        test_replication.test_figure_3_7_an_entry_of_an_old_term_does_not_commit_by_counting,
    "counts its own copy before its own fsync": test_replication.test_the_own_copy_counts_after_the_own_fsync,
    "waits for its own disk before it replicates":
        test_replication.test_a_majority_of_followers_commits_without_the_leaders_disk,
    "deletes what is committed": test_replication.test_never_deletes_what_is_committed,
    "truncates after prev_index always": test_replication.test_a_stale_or_duplicated_append_changes_nothing,
    "acknowledges its last index": test_replication.test_acknowledges_what_was_sent_and_no_more,
    "commits up to the leader's commit index": test_replication.test_commits_up_to_the_last_new_entry_only,
    "acknowledges before the sync": test_replication.test_the_acknowledgement_waits_for_the_sync,
    "sends a heartbeat with the bare commit index":
        test_replication.test_a_heartbeat_carries_what_the_follower_is_known_to_hold,
    "has no window": test_replication.test_appends_are_bounded_in_bytes_and_number_in_flight,
    "takes every proposal": test_replication.test_proposals_are_refused_when_too_much_is_uncommitted,
    "reads with a round from before the request": test_reads.test_the_round_starts_after_the_read,
    "reads from the leader's memory": test_reads.test_a_paused_leader_that_wakes_gives_no_stale_read,
    "reads before an entry of its term is committed": test_reads.test_reads_wait_for_an_entry_of_the_leaders_term,
    "counts an asker for reads that are not its own":
        test_reads.test_an_asker_counts_for_its_own_reads_and_for_no_others,
    "counts an asker of another term": test_reads.test_a_request_of_another_term_is_refused,
    "does not tell an asker of the commit that it is to read":
        test_reads.test_of_three_servers_a_follower_that_asks_is_answered_without_a_round,
    "forwards every read by itself": test_reads.test_a_follower_asks_once_for_all_reads_of_a_turn,
    "keeps back what a read waits for":
        test_reads.test_entries_that_a_read_waits_for_are_not_kept_back_from_a_followers_owner,
    "keeps back what is committed for ever":
        test_replication.test_heartbeats_of_read_rounds_leave_what_is_kept_back_and_keep_a_leader_whose_ticks_are_lost,
    "does not ask an owner whose word was lost":
        test_replication.test_the_owner_reports_when_half_of_its_window_is_used_and_when_the_role_asks,
    "waits for a silent owner while its window is full":
        test_replication.test_with_a_full_window_the_owner_is_asked_at_the_next_tick,
    "does not go on when a follower has room again":
        test_replication.test_appends_that_waited_for_room_go_out_with_the_next_answer,
}


def test_every_scripted_mutant_has_its_test():
    assert {mutant.name for mutant in raft.SCRIPTED} <= RULES.keys()


@pytest.mark.parametrize(("mutant", "test"), [(MUTANTS[name], test) for name, test in RULES.items()], ids=list(RULES))
def test_without_the_rule_its_test_fails(mutant, test, monkeypatch):
    test()  # the right version passes
    mutant_of_source.apply(mutant, monkeypatch)
    with pytest.raises((AssertionError, KeyError, ValueError, pytest.fail.Exception)):
        test()
