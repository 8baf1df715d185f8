"""A counterexample of the checked world happens over real sockets, too."""

from pathlib import Path

import pytest

from actors.verification.errors import ModelError
from actors.verification.result import Options
from actorum.replaying_real import Diverged, replay_real
from actorum.verify_models import load
from protocols.models.abd import AbdRegister
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.flp import Flp
from protocols.models.oral_messages import OralMessages
from protocols.models.ping_pong import PingPong
from protocols.models.single_copy import SingleCopyRegister

BOX_OFFICE = Path(__file__).parents[2] / "examples" / "box_office" / "checked.py"


def counterexample(model, name):
    trace = model.check_with(Options(stop_on_violation=True))[name].trace
    assert trace is not None
    return trace


@pytest.mark.parametrize(("make", "name"), [
    (lambda: SingleCopyRegister(servers=2), "linearizable"),
    (lambda: PingPong(careless=True), "counts differ by at most one"),
    (lambda: AbdRegister(servers=3, wait=False), "linearizable"),
    (lambda: load(f"{BOX_OFFICE}:TwoFans", ()), "no seat is sold twice"),
])
def test_a_counterexample_happens_over_zeromq(make, name):
    model = make()
    claim = next(claim for claim in model.properties() if claim.name == name)
    ended = replay_real(make(), counterexample(model, name))
    assert not ended.satisfies(claim)


def test_actors_that_keep_the_rule_do_not_follow_the_trace_of_those_that_break_it(monkeypatch):
    monkeypatch.setattr("actorum.replaying_real.STEP_SECONDS", 1.0)
    trace = counterexample(AbdRegister(servers=3, wait=False), "linearizable")
    with pytest.raises(Diverged, match="on its way are"):
        replay_real(AbdRegister(servers=3), trace)


@pytest.mark.parametrize(("make", "name", "step"), [
    (lambda: AlternatingBit(heed_bit=False), "in order, each once", "timer SendAgain"),
    (Flp, "every live process decides", "p0 crashes"),
    (lambda: OralMessages(3, 1), "IC2: they obey a loyal commander", "choosing 'retreat'"),
])
def test_a_step_that_a_real_network_cannot_be_told_is_named(make, name, step):
    with pytest.raises(ModelError, match=step):
        replay_real(make(), make().check_with(Options())[name].trace)
