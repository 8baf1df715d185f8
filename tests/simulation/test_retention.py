"""What is left in memory of worlds that nobody holds any more: nothing, whatever was still to happen in them."""

from __future__ import annotations

import gc
import weakref

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
