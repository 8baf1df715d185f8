"""The native parts of the simulation against their plain twins: the same runs, draw for draw."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core_ext.agenda import Agenda
from core_ext.draws import Draws
from tests.simulation import programs, twin_agenda, twin_draws

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", range(10))
def test_the_agenda_and_its_twin_do_the_same_in_the_same_order(seed: int) -> None:
    def run(agenda: Any) -> list[Any]:
        rng, done = random.Random(seed), []

        def happen(number: int) -> None:
            done.append((agenda.now_ns, number))
            agenda.fold(agenda.now_ns, number)
            for _ in range(rng.choice((0, 0, 1, 2))):
                agenda.at(agenda.now_ns + rng.choice((0, 0, 1, 5, 1000)), happen, rng.randrange(1 << 60))

        for number in range(50):
            agenda.at(rng.randrange(20), happen, number)
        while agenda.step() and len(done) < 500:
            assert agenda.next_due_ns is None or agenda.next_due_ns >= agenda.now_ns
        agenda.run_to(agenda.now_ns + 3)
        return [*done, agenda.now_ns, len(agenda), agenda.digest()]

    assert run(Agenda(1 << 40, 1 << 40)) == run(twin_agenda.Agenda(1 << 40, 1 << 40))


@pytest.mark.parametrize("kind", [Agenda, twin_agenda.Agenda])
def test_an_agenda_stops_where_time_stands_still_and_where_too_much_happens(kind: Any) -> None:
    standing = kind(1000, 10)
    standing.at(0, lambda _: standing.at(0, lambda _: None, None), None)
    for _ in range(9):
        standing.at(0, lambda _: None, None)
    with pytest.raises(RuntimeError, match="ran away"):
        standing.run_to(5)
    many = kind(3, 1000)

    def count(_: Any) -> None:
        many.events += 1
        many.at(many.now_ns + 1, count, None)

    many.at(1, count, None)
    with pytest.raises(RuntimeError, match="ran away"):
        many.run_to(100)
    assert many.events == 4


@pytest.mark.parametrize("seed", range(10))
def test_draws_and_their_twin_draw_the_same(seed: int) -> None:
    def draw(draws: Any) -> list[Any]:
        rng = random.Random(seed)
        drawn: list[Any] = []
        for _ in range(200):
            match rng.randrange(5):
                case 0:
                    drawn.append(draws.below(rng.randint(1, 1 << 40)))
                case 1:
                    drawn.append(draws.uniform(rng.random(), rng.random() + 1))
                case 2:
                    drawn.append(draws.chance(rng.choice((0.0, 0.3, 1.0))))
                case 3:
                    drawn.append(draws.choice("abc"))
                case _:
                    drawn += draws.shuffled(range(5))
        return [*drawn, *draws.recorded]

    source = [random.Random(seed).random for _ in range(2)]
    native, twin = Draws("x", source[0]), twin_draws.Draws("x", source[1])
    assert draw(native) == draw(twin)
    edited = [value + random.Random(seed).randrange(3) for value in native.recorded[:100]]
    assert draw(Draws("x", None, edited)) == draw(twin_draws.Draws("x", None, edited))


TWINS = """
import sys
from tests.simulation import twin_agenda, twin_disk, twin_draws, twin_stage
sys.modules["core_ext.stage_disk"] = twin_disk
sys.modules["core_ext.agenda"] = twin_agenda
sys.modules["core_ext.draws"] = twin_draws
sys.modules["core_ext.stage"] = sys.modules["core_ext.stage_hands"] = sys.modules["core_ext.stage_link"] = twin_stage
from tests.simulation import programs
for seed in (1, 2):
    for model in programs.MODELS:
        simulation = programs.run(seed, model)
        assert type(simulation).__mro__[1] is twin_agenda.Agenda
        print(seed, model, simulation.events, simulation.digest())
"""


def test_whole_runs_on_the_twins_are_the_same_event_by_event() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWINS], cwd=ROOT, capture_output=True, text=True, timeout=55, check=True
    )
    ours = []
    for seed in (1, 2):
        for model in programs.MODELS:
            simulation = programs.run(seed, model)
            ours.append(f"{seed} {model} {simulation.events} {simulation.digest()}")
    assert done.stdout.splitlines() == ours
