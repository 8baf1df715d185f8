"""Distinct states of full explorations that are known from elsewhere, and the shortest traces of the broken twins."""

import re

import pytest

from actors.verification.result import Options, Result, Verdict
from protocols.models.abd import AbdRegister, HastyAbdRegister
from protocols.models.paxos import Paxos
from protocols.models.ping_pong import PingPong
from protocols.models.single_copy import SingleCopyRegister


def check(model, **options) -> Result:
    return model.check_with(Options(**options))


def actions(result: Result, name: str) -> list[str]:
    trace = result[name].trace
    assert trace is not None
    return [str(step.action) for step in trace.steps[1:]]


@pytest.mark.parametrize("exact", [False, True])
def test_single_copy_register_has_93_states_and_is_linearizable(exact):
    result = check(SingleCopyRegister(), exact=exact)
    assert result.distinct == 93
    assert result.holds


def test_two_single_copy_servers_are_not_linearizable_and_the_trace_is_shortest():
    result = check(SingleCopyRegister(servers=2))
    assert result["linearizable"].verdict is Verdict.VIOLATED
    assert actions(result, "linearizable") == [
        "server-0 takes Put(request=2, value='A') from client-0",
        "client-0 takes PutDone(request=2) from server-0",
        "server-1 takes Get(request=4) from client-0",
        "client-0 takes GetDone(request=4, value=None) from server-1",
    ]
    assert result.exit_code == 1


@pytest.mark.parametrize("exact", [False, True])
def test_abd_register_with_two_servers_and_two_clients_has_544_states(exact):
    result = check(AbdRegister(), exact=exact)
    assert result.distinct == 544
    assert result.holds
    assert len(actions(result, "a written value is read")) == 11


def test_abd_register_that_does_not_wait_for_a_majority_is_not_linearizable():
    result = check(HastyAbdRegister(), stop_on_violation=True)
    assert [re.sub(r"\(.*\)", "", line) for line in actions(result, "linearizable")] == [
        "server-0 takes Put from client-0",
        "server-1 takes Query from server-0",
        "server-0 takes Newest from server-1",
        "client-0 takes PutDone from server-0",
        "server-1 takes Get from client-0",
        "server-2 takes Query from server-1",
        "server-1 takes Newest from server-2",
        "client-0 takes GetDone from server-1",
    ]


@pytest.mark.parametrize("exact", [False, True])
def test_paxos_with_three_servers_and_two_clients_has_16668_states(exact):
    result = check(Paxos(), exact=exact)
    assert result.distinct == 16_668
    assert result.holds


@pytest.mark.parametrize("broken", ["heed_promises", "heed_ballots"])
def test_broken_paxos_is_not_linearizable(broken):
    result = check(Paxos(**{broken: False}), stop_on_violation=True)
    assert result["linearizable"].verdict is Verdict.VIOLATED
    assert actions(result, "linearizable")[-2:] == [
        "client-0 takes GetDone(request=6, value='B') from server-1",
        "client-1 takes GetDone(request=8, value='A') from server-2",
    ]
    assert len(actions(result, "linearizable")) == 17


@pytest.mark.slow
def test_paxos_with_three_clients_has_1194428_states():
    result = check(Paxos(clients=3))
    assert result.distinct == 1_194_428
    assert result.holds


def test_ping_pong_to_five_lossy_and_duplicating_has_4094_states():
    result = check(PingPong())
    assert result.distinct == 4_094
    assert result["counts differ by at most one"].verdict is Verdict.BOUNDED
    assert result["somebody reaches the end"].verdict is Verdict.VIOLATED
    assert actions(result, "somebody reaches the end") == ["Ping(number=0) from alice to bob is lost"]


@pytest.mark.parametrize("network", ["ordered", "unordered", "duplicating"])
def test_ping_pong_to_five_without_losses_has_11_states(network):
    result = check(PingPong(network=network, lossy=False))
    assert result.distinct == 11
    assert result["both reach the end"].verdict is Verdict.HOLDS
    assert result["somebody reaches the end"].verdict is Verdict.BOUNDED


def test_a_player_that_counts_every_ping_runs_ahead():
    result = check(PingPong(careless=True), stop_on_violation=True)
    assert actions(result, "counts differ by at most one") == ["bob takes Ping(number=0) from alice"] * 2
