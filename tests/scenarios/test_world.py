"""What campaigns found in the simulated world itself: each as a short story."""

from __future__ import annotations

import pytest

from actors import Actor, Context, Message, on
from actors.simulation import BoundedDelay, Simulation


class Tick(Message):
    """Timer."""


class Word(Message):
    """From one node to the other."""


class Speaker(Actor):
    """Says something every 10 ms."""

    def start(self, context: Context) -> None:
        context.set_timer(Tick(), 0.01)

    @on(Tick)
    def tick(self, message: Tick, context: Context) -> None:
        context.send(context.ref("listener", "b"), Word())
        context.set_timer(Tick(), 0.01)


class Listener(Actor):
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0

    @on(Word)
    def word(self, message: Word, context: Context) -> None:
        self.heard += 1


@pytest.fixture
def world():
    """Two nodes, one of which speaks."""
    simulation = Simulation(1, time_model=BoundedDelay(low_seconds=0.001, high_seconds=0.002))
    simulation.node("a", lambda node: node.spawn(Speaker, name="speaker"))
    simulation.node("b", lambda node: node.spawn(Listener, name="listener"))
    simulation.run(0.1)
    return simulation


def test_a_node_that_crashed_between_a_handler_and_its_sends_speaks_again(world):
    """What it had not sent stood before everything that its next life sent, for ever."""
    world.nodes["a"].fuse = 1
    world.run(0.1)
    assert not world.nodes["a"].up
    before = world.nodes["b"].actor("listener").heard
    world.restart("a")
    world.run(0.2)
    assert world.nodes["b"].actor("listener").heard >= before + 15


def test_a_slow_link_is_slow_no_longer_than_it_is_said_to_be(world):
    """Messages keep their order, so that one that is late for minutes held up all that came behind it."""
    link = world.nodes["a"].links["b"]
    link.slow_until = world.now_ns + 1_000_000_000
    link.slow_factor = 1e6
    world.run(0.5)
    before = world.nodes["b"].actor("listener").heard
    world.run(0.6)
    assert world.nodes["b"].actor("listener").heard >= before + 90
