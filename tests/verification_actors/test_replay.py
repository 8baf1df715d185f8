"""A counterexample of the checked world happens in the simulator, too."""

import pytest

from actors.verification.errors import ModelError
from actors.verification.result import Options
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.flp import Flp
from protocols.models.oral_messages import OralMessages
from protocols.models.paxos import Paxos
from protocols.models.ring_election import RingElection
from protocols.models.single_copy import SingleCopyRegister
from protocols.replaying import Diverged, replay


@pytest.mark.parametrize(("make", "name"), [
    (lambda: SingleCopyRegister(servers=2), "linearizable"),
    (lambda: AlternatingBit(heed_bit=False), "in order, each once"),
    (lambda: RingElection(members=3, swallow=False), "one leader"),
    (lambda: OralMessages(3, 1), "IC2: they obey a loyal commander"),
    (lambda: Paxos(heed_promises=False), "linearizable"),
])
def test_a_counterexample_replays_in_the_simulator(make, name):
    trace = make().check_with(Options(stop_on_violation=True))[name].trace
    replay(make(), trace)


def test_actors_that_keep_the_rule_do_not_follow_the_trace_of_those_that_break_it():
    trace = Paxos(heed_promises=False).check_with(Options(stop_on_violation=True))["linearizable"].trace
    with pytest.raises(Diverged, match="has not arrived"):
        replay(Paxos(), trace)


def test_a_step_that_cannot_be_followed_is_named():
    trace = Flp().check_with(Options())["every live process decides"].trace
    with pytest.raises(ModelError, match="p0 crashes"):
        replay(Flp(), trace)
