"""Random walks over real actors: they find what is too far to explore, and never say that anything holds."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from actors.actor import Actor, on
from actors.message import Message
from actors.verification import check
from actors.verification.actor_ground import Ground
from actors.verification.actor_model import ActorModel
from actors.verification.actor_view import View
from actors.verification.actor_walks import ActorWalker
from actors.verification.properties import always, deadlock_free, eventually, leads_to, sometimes
from actors.verification.result import Options, Strategy, Verdict
from core_ext.interleave_walks import RandomWalks
from protocols.models.abd import HastyAbdRegister
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.flp import Flp
from protocols.models.paxos import Paxos
from protocols.models.ping_pong import PingPong
from protocols.models.single_copy import SingleCopyRegister
from protocols.replaying import replay
from tests.verification_actors.random_actors import LEVELS, RandomSystem
from tests.verification_actors.walks_twin import walk_all


class Go(Message, wire="tests.walks.go"):
    number: int = 0


class System(ActorModel):
    """Properties from outside."""

    def __init__(self, claims: Any, **world: Any) -> None:
        super().__init__(**world)
        self.claims = claims

    def properties(self) -> Any:
        return self.claims


def walked(model: Any, **options: Any) -> Any:
    return check(model, strategy="random", **options)


@pytest.mark.parametrize(("make", "name"), [
    (lambda: Paxos(servers=5, clients=3, heed_promises=False), "linearizable"),
    (lambda: AlternatingBit(heed_bit=False), "in order, each once"),
])
def test_a_violation_is_found_where_nothing_could_be_explored_and_its_run_is_real(make, name):
    result = walked(make(), stop_on_violation=True, walks=20_000, seconds=20)
    finding = result[name]
    assert (finding.verdict, finding.reason) == (Verdict.VIOLATED, "seen on a random walk")
    assert result.exit_code == 1
    assert len(finding.trace.events) > len(finding.trace.steps)
    replay(make(), finding.trace)


@pytest.mark.parametrize("make", [SingleCopyRegister, Paxos, Flp, PingPong, AlternatingBit])
def test_nothing_is_ever_said_to_hold_of_all_runs(make):
    """However often every state was seen."""
    result = walked(make(), walks=3_000)
    proven = [one.name for one in result.findings if one.verdict is Verdict.HOLDS and one.kind.value != "sometimes"]
    assert (proven, result.complete, result.holds) == ([], False, False)
    assert result.bound.startswith("3,000 random walks of at most 100 states")


def test_walks_come_everywhere_and_nowhere_else():
    result = walked(SingleCopyRegister(), walks=5_000)
    assert (result.distinct, result.depth) == (93, 9)
    assert result.exit_code == 4
    assert result["linearizable"].reason == "no violation within 5,000 random walks of at most 100 states"
    assert result["a written value is read"].verdict is Verdict.HOLDS


class Relay(Actor):
    """Counts, and how often its handler really ran."""

    ran = itertools.count()

    def __init__(self) -> None:
        self.count = 0

    def start(self, context):
        context.send(context.self, Go())

    @on(Go)
    def go(self, message, context):
        next(Relay.ran)
        self.count += 1
        if self.count < 30:
            context.send(context.self, Go())


def test_a_handler_runs_once_per_local_step_however_many_walks_there_are():
    system = System([])
    system.spawn(Relay, name="a")
    system.spawn(Relay, name="b")
    before = next(Relay.ran)
    result = walked(system, walks=2_000)
    assert result.depth == 61
    assert next(Relay.ran) - before - 1 == 2 * 60  # each twice: small models are audited


class Agreed(Actor):
    """Is stuck, raises, or rests, as it is told."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.level = 0

    def start(self, context):
        if self.how != "idle":
            context.send(context.self, Go(1))

    @on(Go)
    def go(self, message, context):
        if self.how == "raises" and self.level == 2:
            raise ValueError("not today")
        self.level += 1
        if self.level < 5:
            context.send(context.self, Go(message.number + 1))


def one(how, *claims, **world):
    system = System(claims, **world)
    system.spawn(Agreed, how, name="one")
    return system


def test_a_handler_that_raises_is_a_finding_and_ends_the_walks():
    result = walked(one("raises"))
    finding = result["no handler fails"]
    assert finding.verdict is Verdict.VIOLATED
    assert "one raised ValueError: not today" in finding.reason
    assert len(finding.trace.steps) == 4
    assert "ended because a handler failed" in result.bound


def test_a_run_that_rests_without_what_was_promised_is_a_violation():
    def level(number):
        return lambda state: state.actors["one"].level == number

    result = walked(one(
        "counts", eventually("six", level(6)), eventually("five", level(5)), leads_to("two to six", level(2), level(6)),
        leads_to("two to four", level(2), level(4)), leads_to("seven to six", level(7), level(6)),
        deadlock_free("goes on"), deadlock_free("ends at five", unless=level(5)),
    ))
    verdicts = {finding.name: finding.verdict.name for finding in result.findings}
    assert verdicts == {
        "six": "VIOLATED", "five": "UNKNOWN", "two to six": "VIOLATED", "two to four": "UNKNOWN",
        "seven to six": "UNKNOWN", "goes on": "VIOLATED", "ends at five": "BOUNDED",
    }
    assert result["six"].trace.stuck
    assert len(result["six"].trace.steps) == 6


class Ticking(Actor):
    def __init__(self) -> None:
        self.ticks = 0

    def start(self, context):
        context.set_timer(Go(), 1.0)

    @on(Go)
    def go(self, message, context):
        self.ticks += 1
        context.set_timer(Go(), 1.0)


def test_a_timer_beyond_its_bound_and_a_state_beyond_the_boundary_are_no_rest():
    claims = [deadlock_free("goes on"), eventually("a hundred", lambda state: state.actors["one"].ticks == 100)]
    system = System(claims, timers=3)
    system.spawn(Ticking, name="one")

    class Bounded(System):
        def boundary(self, state):
            return state.actors["one"].ticks < 3

    bounded = Bounded(claims)
    bounded.spawn(Ticking, name="one")
    for model, depth in ((system, 4), (bounded, 3)):
        result = walked(model, walks=20)
        assert [finding.verdict.name for finding in result.findings] == ["BOUNDED", "UNKNOWN"]
        assert result.depth == depth


def test_bounds_end_the_walks_and_are_said():
    assert "7 random walks of at most 12 states" in walked(Paxos(), walks=7, max_depth=12).bound
    assert walked(Paxos(), walks=7, max_depth=12).depth == 12
    for options, said in (
        ({"max_states": 1_000}, "ended by the bound of 1,"), ({"seconds": 0.1}, "ended by the bound of 0.1 s"),
        ({"memory_bytes": 1 << 20}, "ended by the bound of 1 MB"),
    ):
        result = walked(Paxos(servers=4, clients=3), walks=10**9, **options)
        assert said in result.bound, options
        assert result.exit_code == 4


def test_a_long_walk_ends_in_time():
    """The clock is looked at within a walk, too."""
    class Endless(Agreed):
        @on(Go)
        def go(self, message, context):
            context.send(context.self, Go(1 - message.number))

    system = System([])
    system.spawn(Endless, "counts", name="one")
    result = walked(system, max_depth=2**31 - 1, seconds=0.2)
    assert "0 random walks of at most 2,147,483,647 states, ended by the bound of 0.2 s" in result.bound


def test_exact_walks_are_the_same_walks():
    results = [walked(Paxos(), walks=300, exact=exact) for exact in (False, True)]
    assert len({(result.distinct, result.generated, result.depth) for result in results}) == 1


def test_seeds_tell_walks_apart_and_repeat_them():
    found = [walked(HastyAbdRegister(), walks=50, seed=seed) for seed in (1, 1, 2, -1)]
    counts = [(result.distinct, result.generated) for result in found]
    assert counts[0] == counts[1]
    assert len(set(counts)) == 3


def test_walks_are_the_same_under_every_hash_seed():
    def output(seed: str) -> Any:
        done = subprocess.run(
            [
                sys.executable, "-m", "actorum", "verify", "abd-register-hasty", "--strategy", "random", "--stop",
                "--seed", "3", "--walks", "500", "--json",
            ],
            check=False, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=60,
        )
        assert done.returncode == 1, done.stderr
        found = json.loads(done.stdout)
        assert (found["strategy"], found["complete"]) == ("random", False)
        return [found["distinct"], found["generated"], found["depth"], found["bound"], found["properties"]]

    assert output("1") == output("2")


def top(state):
    """Somebody is at the top: what must not be, and what is promised."""
    return any(machine is not None and machine.level == LEVELS - 1 for machine in state.actors.values())


@pytest.mark.parametrize("first", [0, 1_000])
def test_the_native_walks_are_those_of_the_plain_twin(first):
    violations = rests = 0
    for seed in range(first, first + 25):
        system = RandomSystem(seed, crashes=first // 1_000)
        if system.timers is not None:
            continue  # the twin does not see that a timer is withheld
        system.properties = lambda: [  # type: ignore[method-assign]
            always("no", lambda state: not top(state)), eventually("top", top), deadlock_free("goes on"),
            sometimes("never", lambda state: False),
        ]
        ground = Ground(system, Options(strategy=Strategy.RANDOM, seed=seed, max_depth=8), RandomWalks, edges=False)
        walker = ActorWalker(ground)
        for _ in range(30):
            assert walker.walk()
        engine = ground.engine

        def judge(vector, ground=ground):
            return top(View(ground.sight, vector))

        twin = walk_all(engine, ground.replayer.initial, 30, 8, seed, judge)
        assert engine.states.count == len(twin["seen"])
        assert engine.depth == twin["depth"]
        assert engine.noted.get(0) == twin["wrong"]
        assert engine.broken.get(0) == twin["broken"]
        assert next(iter(engine.dead_ends.values()), None) == twin["dead"]
        violations += twin["wrong"] is not None
        rests += twin["broken"] is not None
    assert rests > 3
    assert violations > 0
