"""A counterexample of the checked world happens in the simulator, too."""

import random
from collections import Counter

import pytest

from actors.actor import Actor
from actors.message import Message
from actors.verification import ActorModel, always
from actors.verification.actor_ground import Ground
from actors.verification.actor_network import Parcel
from actors.verification.actor_search import BreadthFirst, Search
from actors.verification.actor_steps import Act
from actors.verification.errors import ModelError
from actors.verification.result import FAILURE, Options
from core_ext.interleave import Interleaving
from protocols.models.paxos import Paxos
from protocols.replaying import Diverged, replay
from tests.verification_actors.busy_actors import BusySystem
from tests.verification_actors.counterexamples import BROKEN, counterexample, found_in
from tests.verification_actors.random_actors import DurableMachine, RandomSystem


@pytest.mark.parametrize("disk", ["memory", "wal"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_counterexample_replays_in_the_simulator(name, disk):
    make, claim = BROKEN[name]
    trace = counterexample(name)
    replayed = replay(make(), trace, disk=disk)
    assert replayed.steps == len(trace.steps) - 1
    assert replayed.violates(claim)


def test_actors_that_keep_the_rule_do_not_follow_the_trace_of_those_that_break_it():
    with pytest.raises(Diverged, match="in the checked run"):
        replay(Paxos(), counterexample("paxos, promises"))


def runs(make, seeds, each):
    """Random runs of the models that seeds make, as (model made anew, trace, draws)."""
    for seed in seeds:
        draws = random.Random(seed)
        ground = Ground(make(seed), Options(max_states=500), Interleaving, edges=False)
        ground.engine.seed(ground.replayer.initial)
        Search(ground, BreadthFirst(ground.engine, None)).run(None)
        reached = ground.engine.states.count
        for state in draws.sample(range(reached), min(each, reached)):
            yield make(seed), ground.replayer.trace(state), draws


@pytest.mark.parametrize("crashes", [0, 1, 2])
def test_any_run_of_random_actors_goes_through_the_same_states_in_the_simulator(crashes):
    followed = 0
    for model, trace, draws in runs(lambda seed: RandomSystem(seed, crashes), range(500, 525), 4):
        replay(model, trace, disk=draws.choice(["memory", "wal"]))
        followed += len(trace.steps)
    assert followed > 100


@pytest.mark.parametrize(("crashes", "children"), [(0, False), (1, False), (0, True), (2, True)])
def test_any_use_of_the_contract_leads_to_the_same_states_in_the_simulator(crashes, children):
    met = Counter()
    for model, trace, draws in runs(lambda seed: BusySystem(seed, crashes, children), range(12), 4):
        replay(model, trace, disk=draws.choice(["memory", "wal"]))
        met.update((step.action.act, step.action.envelope and step.action.envelope.parcel) for step in trace.steps[1:])
    wanted = {(Act.DELIVER, Parcel.ANSWER), (Act.DELIVER, Parcel.FAILURE), (Act.EXPIRE, None), (Act.SYNC, None)}
    assert wanted <= set(met)
    assert crashes == 0 or {(Act.CRASH, None), (Act.RECOVER, None)} <= set(met)


class Failing(Actor):
    """Raises when it starts to matter."""

    def start(self, context):
        context.set_timer(Now(), 1.0)


class Now(Message, wire="tests.replay.now"):
    """A timer without a handler."""


class Fails(ActorModel):
    """One actor that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.spawn(Failing, name="failing")

    def properties(self):
        return [always("true", lambda state: True), always("journal", lambda state: state.local("failing").fires == 0)]


def test_a_handler_that_fails_fails_in_the_simulator_too():
    replayed = replay(Fails(), found_in(Fails(), FAILURE))
    assert replayed.violates(FAILURE)
    assert "no handler for Now" in replayed.failure
    assert not replayed.violates("true")


def test_a_property_of_what_only_the_checked_world_has_is_not_judged():
    replayed = replay(Fails(), found_in(Fails(), FAILURE))
    with pytest.raises(ModelError, match="which only the checked world has"):
        replayed.violates("journal")
    with pytest.raises(ModelError, match="has no property 'other'"):
        replayed.violates("other")


class TwoOnADisk(ActorModel):
    """Two journals of one node."""

    def __init__(self) -> None:
        super().__init__(crashes=1)
        for name in ("one", "two"):
            self.spawn(DurableMachine, (), (), name=name, node="node")

    def properties(self):
        return [always("all are up", lambda state: state.is_up("node/one"))]


def test_two_journals_of_one_node_are_refused_by_name():
    with pytest.raises(ModelError, match="node has two durable actors, node/one and node/two"):
        replay(TwoOnADisk(), found_in(TwoOnADisk(), "all are up"))
