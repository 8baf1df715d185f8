"""Reads of Raft under every interleaving: within bounds none is stale, and without a rule of reading one is."""

from __future__ import annotations

import pytest

from actors.verification import Result, Verdict, check
from protocols.raft.model_reads import Answered, Asked, Known, RaftReads, RaftReadsOfFive, ReadHistory
from tests.mutants import catalog, checked
from tests.mutants.mutant import applied

STALE = "no read is stale"
COMES = "what a read waits for comes without a tick"

#: In one line, the shortest run in which another read than the asker's own is answered by what the asker said. n3 says
#: nothing wrong: it hears of no other leader. What n2 asked was on its way while it voted for n5.
ASKER_COUNTED_FOR_ANOTHER = [
    "n2 ReadBarrier", "n2 ReadBarrier", "n2 VoteRequest", "n5 VoteReply", "n1 ReadIndexRequest", "n3 Heartbeat",
    "n1 ReadIndexRequest", "n5 OwnAppendDurable", "n2 AppendEntries", "n5 AppendReply", "n4 AppendEntries",
    "n5 AppendReply", "n1 ReadBarrier", "n1 HeartbeatReply", "n3 Heartbeat", "n1 HeartbeatReply",
]
#: n2 has voted for n3 and acknowledged its entry; then it asks n1, in the name of the newer term.
ASKER_OF_ANOTHER_TERM = [
    "n2 VoteRequest", "n3 VoteReply", "n3 OwnAppendDurable", "n2 AppendEntries", "n3 AppendReply", "n2 ReadBarrier",
    "n1 ReadIndexRequest", "n2 Heartbeat", "n2 ReadIndexReply",
]


def steps(result: Result, name: str) -> list[str]:
    """Who takes what, in order."""
    trace = result[name].trace
    assert trace is not None
    found = []
    for step in trace.steps[1:]:
        envelope = step.action.envelope
        what = step.action.timer if envelope is None else envelope.message
        found.append(f"{step.action.actor.node} {type(what).__name__}")
    return found


@pytest.mark.parametrize(("name", "distinct"), [
    ("reads of a follower", 5_159), ("reads of five", 225_346), ("reads after a round", 309_957),
    ("reads beside a write", 192_031), ("reads of one that asks the old leader", 5_010),
])
def test_no_read_is_stale_within_bounds(name, distinct):
    result = check(checked.MODELS[name]())
    assert result.distinct == distinct
    assert [finding.verdict for finding in result.findings[:3]] == [Verdict.BOUNDED] * 3
    seen = Verdict.UNKNOWN if "asks the old leader" in name else Verdict.HOLDS
    assert result["a read sees what term 2 has committed"].verdict is seen


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("reads", "stands", "distinct"), [
    ((1, 1, 1), True, 413_167), ((2, 1), False, 1_056_857), ((1, 1, 1), False, 2_141_159),
])
def test_no_read_is_stale_within_wider_bounds(reads, stands, distinct):
    result = check(RaftReads(reads=reads, stands=stands))
    assert (result.distinct, result[STALE].verdict) == (distinct, Verdict.BOUNDED)


@pytest.mark.parametrize(("name", "broken", "length"), [
    ("reads before an entry of its term is committed", STALE, 7),
    ("reads with a round from before the request", STALE, 6),
    ("takes an answer to an older round for one to the newest", STALE, 15),
    ("reads from the leader's memory", STALE, 6),
    ("reads from where its term began", STALE, 7),
    ("answers an old leader as if in its term", STALE, 8),
    ("drops a heartbeat reply of a higher term", STALE, 8),
    ("does not tell an asker of the commit that it is to read", COMES, 15),
    ("keeps back what a read waits for", COMES, 6),
])
def test_without_a_rule_of_reading_a_shortest_run_breaks_a_promise(name, broken, length):
    (model,) = checked.ASKED[name]
    with applied(catalog.MUTANTS[name]):
        result = check(checked.MODELS[model](), stop_on_violation=True)
    assert result[broken].verdict is Verdict.VIOLATED
    assert len(steps(result, broken)) == length


def test_an_asker_that_counts_for_other_reads_lets_a_replaced_leader_answer_from_the_past():
    with applied(catalog.MUTANTS["counts an asker for reads that are not its own"]):
        result = check(RaftReadsOfFive(), stop_on_violation=True)
        assert steps(result, STALE) == ASKER_COUNTED_FOR_ANOTHER
        assert len(steps(check(RaftReads(), stop_on_violation=True), STALE)) == 14  # of three servers


def test_who_asks_in_the_name_of_another_term_is_refused_since_it_may_have_voted_there():
    """No correct follower asks so: of those that do, the rule is what protects from."""
    with applied(catalog.MUTANTS["counts an asker of another term"]):
        assert check(RaftReadsOfFive())[STALE].verdict is Verdict.BOUNDED
        result = check(checked.MODELS["reads of one that asks the old leader"](), stop_on_violation=True)
    assert steps(result, STALE) == ASKER_OF_ANOTHER_TERM


def test_the_broken_twin_is_caught():
    result = check(RaftReads(role="answers-old-leaders", stands=True), stop_on_violation=True)
    assert len(steps(result, STALE)) == 8


@pytest.mark.parametrize(("answer", "stale", "repeated"), [
    (Answered("n1", 0, 5), (), ()),
    (Answered("n1", 0, 6), (), ()),
    (Answered("n1", 0, 4), (("n1", 0, 4, 5),), ()),
    (Answered("n1", 0, None), (), ()),
    (Answered("n1", 1, 6), (), (("n1", 1),)),
])
def test_a_read_is_stale_below_what_was_acknowledged_when_it_was_asked(answer, stale, repeated):
    history = ReadHistory()
    seen = history.initial
    for addition in (Known(5), Known(3), Asked("n1", 0), Known(7), answer):
        seen = history.after(seen, addition)
    assert (seen.acknowledged, seen.stale, seen.repeated) == (7, stale, repeated)
