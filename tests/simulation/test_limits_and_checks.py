"""Properties, budgets, limits and bad input: what a simulation says when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Actor, Context, ContractError, Directive, Message, Supervision, on
from actors.simulation import DiskFaults, Faults, LockStep, Simulation, SimulationError, Violation
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total


class Again(Message, wire="sim-tests.again"):
    pass


class Loop(Actor):
    """Answers itself for ever."""

    def start(self, context: Context) -> None:
        context.send(context.self, Again())

    @on(Again)
    def again(self, message: Again, context: Context) -> None:
        context.send(context.self, Again())


def test_a_loop_in_no_time_ends_with_the_name_of_the_actor() -> None:
    simulation = Simulation(1, time_model=LockStep())
    simulation.node("a").spawn(Loop, name="loop")
    with pytest.raises(SimulationError, match=r"time stands still; the busiest actor is a/loop \(Loop\)"):
        simulation.run(1)


def test_a_run_that_never_ends_is_stopped() -> None:
    simulation = Simulation(1, max_events=10_000)
    simulation.node("a").spawn(Loop, name="loop")
    with pytest.raises(SimulationError, match=r"more than 10000 messages were handled .*a/loop \(Loop\)"):
        simulation.run(1000)


def test_a_condition_that_never_holds_is_an_error_with_its_reason() -> None:
    simulation = Simulation(1)
    simulation.node("a").spawn(Counter, name="counter")
    with pytest.raises(SimulationError, match=r"not within 2 s of virtual time .*: a miracle"):
        simulation.run_until(lambda: False, 2, "a miracle")


def test_an_invariant_is_checked_after_every_event_and_its_violation_can_be_repeated() -> None:
    def run() -> Violation:
        simulation = Simulation(3)
        counter = simulation.node("a").spawn(Counter, name="counter")
        simulation.invariant("small", lambda node, actor: actor.total < 5, of=Counter)
        for _ in range(10):
            simulation.tell(counter, Add(1))
        with pytest.raises(Violation, match="small: after a/counter") as caught:
            simulation.run(1)
        assert simulation.nodes["a"].actor("counter").total == 5
        return caught.value

    first, second = run(), run()
    assert (first.property, first.at_event) == ("small", 5)
    assert first.digest == second.digest


def test_a_property_may_assert_and_one_that_breaks_is_named() -> None:
    def asserting(node: str, actor: Any) -> None:
        assert actor.total == 0, "it moved"

    simulation = Simulation(1)
    counter = simulation.node("a").spawn(Counter)
    simulation.invariant("still", asserting, of=Counter)
    simulation.tell(counter, Add(1))
    with pytest.raises(Violation, match="still: it moved"):
        simulation.run(1)
    simulation = Simulation(1)
    counter = simulation.node("a").spawn(Counter)
    simulation.invariant("broken", lambda node, actor: actor.no_such_field)
    simulation.tell(counter, Add(1))
    with pytest.raises(SimulationError, match="property 'broken' raised AttributeError"):
        simulation.run(1)


def test_goals_are_counted() -> None:
    simulation = Simulation(1)
    counter = simulation.node("a").spawn(Counter)
    simulation.sometimes("three", lambda node, actor: actor.total == 3, of=Counter)
    simulation.sometimes("never", lambda node, actor: actor.total == 100, of=Counter)
    for _ in range(5):
        simulation.tell(counter, Add(1))
    simulation.run(1)
    simulation.reached("by hand")
    assert simulation.goals == {"three": 1, "never": 0, "by hand": 1}


def test_the_budget_bounds_how_many_nodes_are_faulty_at_once() -> None:
    for budget in (1, 2):
        faults = Faults(budget=budget, crash=5.0, pause=5.0, omit_send=3.0, omit_receive=3.0)
        simulation = Simulation(budget, faults=faults)
        for name in "abcde":
            simulation.node(name).spawn(Recorder, name="recorder")
        simulation.node("client", mortal=False)
        worst = 0
        for _ in range(1000):
            simulation.run(0.01)
            down = {name for name, node in simulation.nodes.items() if not node.up or node.paused}
            worst = max(worst, len(down | simulation.nemesis.faulty))
            assert "client" not in down
        assert worst == budget


def test_a_byzantine_node_counts_against_the_budget() -> None:
    simulation = Simulation(1, faults=Faults(budget=1, crash=5.0, down_seconds=(0.01, 0.1)))
    for name in "abc":
        simulation.node(name)
    simulation.mark_faulty("b")
    simulation.run(10)
    assert simulation.injected["byzantine"] == 1
    assert simulation.nodes["b"].boots > 1  # it may be struck, as it is faulty already
    assert simulation.nodes["a"].boots == simulation.nodes["c"].boots == 1


def test_a_calm_quorum_is_whole_and_the_rest_stays_as_it_is() -> None:
    simulation = Simulation(4, faults=Faults(crash=20.0, down_seconds=None, partition=5.0))
    for name in "abc":
        simulation.node(name).spawn(Recorder, name="recorder")
    simulation.run_until(lambda: not any(node.up for node in simulation.nodes.values()), 30, "all down")
    simulation.calm(["a", "b"])
    simulation.run(10)
    assert [node.up for node in simulation.nodes.values()] == [True, True, False]
    assert not any(link.cut for node in simulation.nodes.values() for link in node.links.values())


def test_a_handler_that_raises_is_supervised_and_recorded_and_an_escalation_ends_the_node() -> None:
    simulation = Simulation(1)
    node = simulation.node("a")
    counter = node.spawn(Counter, name="counter", supervision=Supervision(Directive.ESCALATE))
    simulation.tell(counter, Fail("on fire"))
    simulation.run(0.01)
    assert not node.up
    ((label, what, error),) = simulation.failures
    assert (label, what, str(error)) == ("a/counter (Counter)", "Fail", "on fire")
    simulation.run(3)
    assert node.up  # started again, as a launcher does
    assert simulation.counters["node_failures"] == 1


def test_bad_input_is_refused_with_what_to_do() -> None:
    class Coroutine(Actor):
        @on(Note)
        async def note(self, message: Note, context: Context) -> None: ...

    simulation = Simulation(1)
    node = simulation.node("a")
    with pytest.raises(ContractError, match="async handlers or hooks, which wait for the real world"):
        node.spawn(Coroutine)
    with pytest.raises(SimulationError, match="node 'a' exists already"):
        simulation.node("a")
    with pytest.raises(SimulationError, match="there is no node 'z'; the nodes are a"):
        simulation.kill("z")
    with pytest.raises(SimulationError, match="choose 'memory'"):
        Simulation(1, disk="floppy")
    with pytest.raises(SimulationError, match="choose 'codec'"):
        Simulation(1, wire="string")
    with pytest.raises(SimulationError, match="disk='memory' with DiskFaults of full, bit_flip: lists cannot suffer"):
        Simulation(1, faults=Faults(disks=DiskFaults(full=0.1, bit_flip=0.1, slow=0.1)))
    Simulation(1, faults=Faults(disks=DiskFaults(slow=0.1)))
    node.kill()
    with pytest.raises(ContractError, match="node 'a' is down; restart it first"):
        node.spawn(Counter)
    pending = simulation.ask(node.ref("x"), Total())
    assert "its node is down" in str(pending.failure)
    node.restart()
    waiting = simulation.ask(node.spawn(Recorder), Notes())
    with pytest.raises(RuntimeError, match="has no answer yet; let time pass"):
        waiting.result()


def test_after_batch_follows_batches_of_drawn_sizes_and_a_crash_may_come_before_it() -> None:
    sizes: list[int] = []

    class Batching(Counter):
        def after_batch(self, context: Context) -> None:
            sizes.append(self.total)
            self.total = 0

    simulation = Simulation(1)
    node = simulation.node("a")
    target = node.spawn(Batching, name="batching")
    for _ in range(200):
        simulation.tell(target, Add(1))
    simulation.run(1)
    assert sum(sizes) == 200
    assert len(set(sizes)) > 3
    assert max(sizes) <= 64
    sizes.clear()
    node.fuse = 3
    for _ in range(3):
        simulation.tell(target, Add(1))
    simulation.run(1)
    assert not node.up
    assert sum(sizes) < 3


def test_buggify_is_off_without_faults_and_a_place_is_on_or_off_for_a_run() -> None:
    calm = Simulation(1)
    assert not any(calm.buggify("place") for _ in range(100))
    seen = {any(simulation.buggify("place") for _ in range(50))
            for simulation in (Simulation(seed, faults=Faults(buggify=0.3)) for seed in range(30))}
    assert seen == {True, False}
