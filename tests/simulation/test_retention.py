"""What is left in memory of worlds that nobody holds any more: nothing, whatever was still to happen in them."""

from __future__ import annotations

import gc
import weakref
from typing import ClassVar

from actors import Actor, Answer, Context, Request, on, on_answer
from actors.simulation import Simulation, Tape
from tests.simulation import programs


def test_a_world_goes_with_everything_that_was_still_to_happen_in_it() -> None:
    simulation = programs.run(1)
    assert len(simulation) > 0  # timers and messages under way name the nodes, and the nodes name the world
    gone = weakref.ref(simulation)
    del simulation
    gc.collect()
    assert gone() is None


def test_many_runs_leave_no_more_than_few() -> None:
    def objects(runs: int) -> int:
        for seed in range(runs):
            simulation = Simulation(tape=Tape(seed))
            for name in programs.NAMES:
                simulation.node(name, programs.boot)
            simulation.run(0.02)
        del simulation
        gc.collect()
        return len(gc.get_objects())

    few = objects(20)
    assert objects(200) < few + 200  # one object per run would be a leak


def test_a_message_type_that_is_declared_again_is_the_one_that_travels() -> None:
    def answer() -> object:
        class Ask(Request[str], wire="sim-tests.declared-again"):
            pass

        class Answerer(Actor):
            @on(Ask)
            def ask(self, message: Ask, context: Context) -> None:
                context.reply("here")

        class Asker(Actor):
            answers: ClassVar[list[object]] = []

            def start(self, context: Context) -> None:
                context.request(target, Ask())

            @on_answer(Ask)
            def answered(self, message: Answer, context: Context) -> None:
                self.answers.append(message.value)

        simulation = Simulation(1)
        target = simulation.node("b").spawn(Answerer, name="answerer")
        simulation.node("a").spawn(Asker, name="asker")
        simulation.run(0.1)
        return Asker.answers

    assert [answer(), answer()] == [["here"], ["here"]]
