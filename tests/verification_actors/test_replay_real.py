"""A counterexample of the checked world happens over real sockets, too."""

import logging

import pytest

from actors.verification import ActorModel, always
from actors.verification.actor_steps import Act
from actors.verification.errors import ModelError
from actorum.replaying_node import PulledDisk
from actorum.replaying_real import MAX_NODES, replay_real
from protocols.models.abd import AbdRegister
from protocols.models.flood_set import FloodSet
from protocols.replaying import Diverged
from tests.verification_actors.busy_actors import BusySystem
from tests.verification_actors.counterexamples import BROKEN, counterexample, found_in
from tests.verification_actors.random_actors import Machine
from tests.verification_actors.test_replay import runs

LOSES = {"flood-set"}  # messages, so that no real network can be told to


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in LOSES])
def test_a_counterexample_happens_over_zeromq(name, caplog):
    make, claim = BROKEN[name]
    trace = counterexample(name)
    replayed = replay_real(make(), trace)
    assert replayed.steps == len(trace.steps) - 1
    assert replayed.violates(claim)
    assert not caplog.records
    assert logging.getLogger("actors").level == logging.NOTSET


@pytest.mark.parametrize(("crashes", "children"), [(0, True), (2, True)])
def test_any_use_of_the_contract_leads_to_the_same_states_over_zeromq(crashes, children):
    followed = 0
    for model, trace, _ in runs(lambda seed: BusySystem(seed, crashes, children), range(300, 306), 1):
        if any(step.action is not None and step.action.act is Act.DROP for step in trace.steps):
            continue
        followed += replay_real(model, trace).steps
    assert followed > 12


def test_a_disk_that_keeps_what_was_not_synced_is_not_the_one_of_the_checked_run(monkeypatch):
    monkeypatch.setattr("actorum.replaying_real.STEP_SECONDS", 1.0)
    monkeypatch.delattr(PulledDisk, "write_at")
    with pytest.raises(Diverged, match=r"n3/raft-0 (is not as|chooses|has)"):
        replay_real(BROKEN["raft acks before its disk"][0](), counterexample("raft acks before its disk"))


def test_actors_that_keep_the_rule_do_not_follow_the_trace_of_those_that_break_it(monkeypatch):
    monkeypatch.setattr("actorum.replaying_real.STEP_SECONDS", 1.0)
    with pytest.raises(Diverged, match="in the checked run"):
        replay_real(AbdRegister(servers=3), counterexample("abd"))


def test_a_loss_that_a_real_network_cannot_be_told_is_named():
    with pytest.raises(ModelError, match=r"from p0 to p2 is lost\. A real network cannot be told to lose"):
        replay_real(FloodSet(rounds=1), counterexample("flood-set"))


class Many(ActorModel):
    """More nodes than one process should hold."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(MAX_NODES + 1):
            self.spawn(Machine, (), (), name=f"m{number}")

    def properties(self):
        return [always("nobody is up", lambda state: not state.is_up("m0"))]


def test_too_many_nodes_are_refused_by_number():
    with pytest.raises(ModelError, match=f"{MAX_NODES + 1} nodes; over real sockets there may be {MAX_NODES}"):
        replay_real(Many(), found_in(Many(), "nobody is up"))
