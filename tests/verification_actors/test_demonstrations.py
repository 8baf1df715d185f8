"""Textbook protocols and impossibilities: what holds, and the run of each broken twin."""

import pytest

from actors.verification.agreement import AGREEMENT, INTEGRITY, TERMINATION, VALIDITY, BeyondTheorem, Claim, Fault, Time
from actors.verification.result import Options, Result, Verdict
from protocols.detector.model import Detector
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.cap import Cap
from protocols.models.flood_set import FloodSet
from protocols.models.flp import Flp
from protocols.models.oral_messages import OralMessages
from protocols.models.paxos_roles import PaxosRoles
from protocols.models.ring_election import RingElection
from protocols.raft.model import LeaderHistory, Led, Raft, RaftFigure8, RaftReplication


def check(model, **options) -> Result:
    return model.check_with(Options(**options))


def actions(result: Result, name: str) -> list[str]:
    trace = result[name].trace
    assert trace is not None
    return [str(step.action) for step in trace.steps[1:]]


def test_alternating_bit_delivers_under_strong_fairness_and_not_under_weak():
    strong = check(AlternatingBit())
    assert (strong.distinct, strong.holds) == (90, True)
    weak = check(AlternatingBit(fairness="weak"))
    trace = weak["everything arrives"].trace
    assert actions(weak, "everything arrives") == [
        "Data(bit=False, item='a') from sender to receiver is lost", "sender's timer SendAgain() fires",
    ]
    assert trace.back_to == 0


def test_a_receiver_that_does_not_look_at_the_bit_takes_an_item_twice():
    result = check(AlternatingBit(heed_bit=False))
    assert actions(result, "in order, each once") == [
        "receiver takes Data(bit=False, item='a') from sender",
        "sender's timer SendAgain() fires",
        "receiver takes Data(bit=False, item='a') from sender",
    ]


def test_ring_election_elects_one_and_its_broken_twin_two():
    assert check(RingElection()).holds
    result = check(RingElection(members=3, swallow=False))
    assert result.distinct == 486
    assert len(actions(result, "one leader")) == 6


def test_flp_an_admissible_run_of_a_deterministic_protocol_goes_round_for_ever():
    assert check(Flp(crashes=0)).holds
    result = check(Flp())
    trace = result["every live process decides"].trace
    assert actions(result, "every live process decides") == [
        "p2 takes Heard() from p1", "p0 crashes", "p1 takes NotYet() from p2", "p2 takes Heard() from p1",
    ]
    assert (trace.back_to, trace.stuck) == (2, False)
    assert trace.steps[2].state.vector == trace.steps[4].state.vector
    assert sum(str(step.action).endswith("crashes") for step in trace.steps) == 1


def test_cap_strong_refuses_on_the_minority_side_and_eventual_answers_and_converges():
    strong = check(Cap(mode="strong"))
    assert strong.holds
    eventual = check(Cap(mode="eventual"))
    assert eventual["linearizable"].verdict is Verdict.VIOLATED
    assert eventual["every client is answered or refused"].verdict is Verdict.HOLDS
    assert eventual["nobody is refused"].verdict is Verdict.HOLDS
    assert eventual["replicas agree when everything has arrived"].verdict is Verdict.VIOLATED
    healed = check(Cap(mode="eventual", partitioned=False))
    assert healed["replicas agree when everything has arrived"].verdict is Verdict.HOLDS


@pytest.mark.parametrize(("n", "traitor", "distinct"), [(4, 0, 972), (4, 1, 425), (4, None, 2_247)])
def test_four_generals_agree_whoever_lies(n, traitor, distinct):
    result = check(OralMessages(n, traitor))
    assert (result.distinct, result.holds) == (distinct, True)


def test_three_generals_do_not_agree():
    assert check(OralMessages(3, 0)).holds
    assert check(OralMessages(3))["IC2: they obey a loyal commander"].verdict is Verdict.VIOLATED
    result = check(OralMessages(3, 1))
    assert actions(result, "IC2: they obey a loyal commander") == [
        "lieutenant-1 takes Order(order='attack', bribed=True) from commander, choosing 'retreat'",
        "lieutenant-2 takes Order(order='attack', bribed=False) from commander",
        "lieutenant-2 takes Relay(order='retreat') from lieutenant-1",
    ]


def test_flood_set_needs_one_round_more_than_crashes():
    assert check(FloodSet()).holds
    result = check(FloodSet(rounds=1))
    assert result[AGREEMENT].verdict is Verdict.VIOLATED
    assert actions(result, AGREEMENT)[-3:] == [
        "p0 crashes", "Values(values=(0,)) from p0 to p2 is lost", "the round ends",
    ]


def test_paxos_with_roles_answers_all_four_questions():
    result = check(PaxosRoles())
    assert result.distinct == 200_172
    assert [result[name].verdict for name in (TERMINATION, AGREEMENT, VALIDITY, INTEGRITY)] == [Verdict.HOLDS] * 4


def test_a_proposer_that_does_not_heed_promises_breaks_agreement():
    result = check(PaxosRoles(broken="heedless"), stop_on_violation=True)
    assert result[AGREEMENT].verdict is Verdict.VIOLATED
    assert len(actions(result, AGREEMENT)) == 16


@pytest.mark.slow
def test_an_acceptor_that_forgets_in_a_crash_breaks_agreement():
    result = check(PaxosRoles(f=1, broken="forgets"), stop_on_violation=True)
    assert "acceptor-0 crashes" in actions(result, AGREEMENT)


@pytest.mark.parametrize(("claim", "theorem"), [
    (Claim(Time.ASYNCHRONOUS, Fault.CRASH, 3, 1), "FLP"),
    (Claim(Time.SYNCHRONOUS, Fault.CRASH, 3, 3), "Dolev and Strong"),
    (Claim(Time.SYNCHRONOUS, Fault.OMISSION, 4, 2), "Perry and Toueg"),
    (Claim(Time.PARTIALLY_SYNCHRONOUS, Fault.CRASH, 4, 2), "Dwork, Lynch and Stockmeyer"),
    (Claim(Time.SYNCHRONOUS, Fault.BYZANTINE, 3, 1), "Pease, Shostak and Lamport"),
    (Claim(Time.PARTIALLY_SYNCHRONOUS, Fault.BYZANTINE, 3, 1, signed=True), "Dwork, Lynch and Stockmeyer"),
])
def test_a_claim_beyond_its_theorem_is_refused_by_name(claim, theorem):
    name, within = claim.theorem()
    assert theorem in name
    assert not within
    with pytest.raises(BeyondTheorem, match=theorem):
        PaxosRolesOf(claim)


class PaxosRolesOf(PaxosRoles):
    """Paxos with another claim."""

    def __init__(self, claim: Claim) -> None:
        super(PaxosRoles, self).__init__(claim)


def test_raft_elections_of_two_contenders_keep_the_invariants():
    result = check(Raft())
    assert [finding.name for finding in result.findings if finding.verdict is Verdict.BOUNDED] == [
        "election safety", "leader append-only", "log matching", "leader completeness", "state machine safety",
    ]
    assert result["an entry is committed"].verdict is Verdict.HOLDS
    assert result.exit_code == 4


def test_a_raft_that_votes_twice_elects_two_leaders_in_ten_steps():
    result = check(Raft(role="votes-twice"), stop_on_violation=True)
    assert result["election safety"].verdict is Verdict.VIOLATED
    assert len(actions(result, "election safety")) == 10


def test_a_raft_that_counts_old_terms_loses_a_committed_entry():
    assert check(RaftFigure8())["leader completeness"].verdict is Verdict.BOUNDED
    result = check(RaftFigure8(role="counts-old-terms"), stop_on_violation=True)
    assert result["leader completeness"].verdict is Verdict.VIOLATED
    assert len(actions(result, "leader completeness")) == 16


def kept_within_bounds(result: Result) -> bool:
    """The exploration came to its end, and nothing but how often timers fire was bounded."""
    assert result.bound.startswith("timers fire at most so often in one run")
    verdicts = {finding.name: finding.verdict for finding in result.findings}
    assert verdicts.pop("a leader is elected") is verdicts.pop("an entry is committed") is Verdict.HOLDS
    return len(verdicts) == 5 and set(verdicts.values()) == {Verdict.BOUNDED}


def test_raft_with_diverged_logs_a_crash_and_a_restart_keeps_the_invariants():
    result = check(RaftReplication())
    assert (result.distinct, kept_within_bounds(result)) == (106_564, True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_raft_replication_of_a_proposal_with_a_crash_and_a_restart_keeps_the_invariants():
    result = check(RaftReplication(commands=1))
    assert (result.distinct, kept_within_bounds(result)) == (3_408_425, True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_raft_replication_with_two_crashes_keeps_the_invariants():
    result = check(RaftReplication(crashes=2))
    assert (result.distinct, kept_within_bounds(result)) == (753_790, True)


def test_a_vote_that_leaves_before_it_is_on_disk_is_forgotten_in_a_crash_and_given_again():
    result = check(Raft(role="votes-before-its-disk", crashes=1), stop_on_violation=True)
    assert result["election safety"].verdict is Verdict.VIOLATED
    assert len(actions(result, "election safety")) == 16


@pytest.mark.parametrize(("log", "then", "kept"), [
    ((1,), (1, 1), True), ((1, 1), (1,), False), ((1, 1), (1, 2), False),
])
def test_a_leader_that_changes_its_log_is_seen(log, then, kept):
    history = LeaderHistory()
    leaders = history.after(history.after((), Led(2, "n1", log)), Led(2, "n1", then))
    assert leaders == (Led(2, "n1", then, kept),)


def test_the_detector_takes_a_suspicion_back_and_its_grudging_twin_does_not():
    result = check(Detector())
    assert result.distinct == 11_791
    assert result["a crash is suspected"].verdict is Verdict.HOLDS
    assert not any(finding.verdict is Verdict.VIOLATED for finding in result.findings)
    broken = check(Detector(grudging=True), stop_on_violation=True)
    assert len(actions(broken, "an answer to the newest ping takes a suspicion back")) == 4
