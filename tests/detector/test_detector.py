"""The heartbeat detector: who is suspected, when, and that it is taken back."""

from __future__ import annotations

import random

import pytest

from actors.message import Reason, Terminated
from core_ext.mailbox import Reference
from protocols.detector import Alive, DetectorSettings, HeartbeatDetector, Subscribe, Suspect, Suspects, Unsubscribe
from protocols.detector.messages import Pong
from protocols.detector.properties import Violation, accurate, complete, news_alternate, settling_seconds
from tests.detector.harness import World


def test_nobody_is_suspected_while_everybody_answers():
    world = World()
    world.subscribe("a", Subscribe())
    world.run(20.0)
    assert world.heard("a") == []


def test_a_dead_node_is_suspected_within_the_stated_time_and_for_ever():
    world = World()
    world.subscribe("a", Subscribe())
    world.run(5.05)
    died = world.time
    world.crash("b")
    world.run(30.0)
    assert world.heard("a") == [Suspect(node="b")]
    assert world.news["a"][0][0] - died <= settling_seconds(world.settings, 0.001)
    complete(world.detectors["a"], {"b"})


def test_a_node_that_answers_again_is_alive_again_and_needs_as_many_misses_as_before():
    world = World()
    world.subscribe("a", Subscribe())
    world.run(1.0)
    world.crash("b")
    world.run(3.0)
    world.boot("b")
    world.run(3.0)
    assert world.heard("a") == [Suspect(node="b"), Alive(node="b")]
    assert world.detectors["a"].peers["b"].missed == 0
    world.crash("b")
    world.run(3.0)
    assert world.heard("a")[2:] == [Suspect(node="b")]


def test_the_count_goes_down_with_every_answer():
    """Lost messages now and then never add up to a suspicion."""
    world = World("ab", settings=DetectorSettings(threshold=2, timeout_seconds=0.1))
    world.subscribe("a", Subscribe())
    world.run(1.05)
    for _ in range(10):
        world.cut = {("a", "b")}
        world.run(0.2)  # one ping is lost
        world.cut = set()
        world.run(1.0)
    assert world.heard("a") == []
    assert world.detectors["a"].peers["b"].missed == 0


def test_a_count_that_only_goes_up_is_noticed(monkeypatch):
    original = HeartbeatDetector.handlers[Pong]

    def only_up(self, message, context):
        before = self.peers[context.sender.node].missed
        original(self, message, context)
        self.peers[context.sender.node].missed = before

    monkeypatch.setitem(HeartbeatDetector.handlers, Pong, only_up)
    with pytest.raises(AssertionError):
        test_the_count_goes_down_with_every_answer()


def test_an_answer_after_the_timeout_counts_as_missed_but_takes_a_suspicion_back():
    world = World("ab", delay_seconds=(0.4, 0.4))
    world.subscribe("a", Subscribe())
    world.run(3.0)
    assert world.heard("a")[:2] == [Suspect(node="b"), Alive(node="b")]


def test_an_answer_is_counted_once_and_only_to_a_question_that_was_asked():
    world = World("ab")
    world.run(1.0)
    world.crash("b")
    world.run(0.65)
    detector, before = world.detectors["a"], world.detectors["a"].peers["b"].missed
    assert before > 0
    for beat in (1, detector.peers["b"].answered, detector.beat + 5):
        world.deliver(Reference("b", "detector", 1), world.hands["a"], Pong(beat=beat))
    assert detector.peers["b"].missed == before


def test_subscribers_come_and_go():
    world = World()
    world.run(1.0)
    world.crash("b")
    world.run(3.0)
    world.subscribe("a", Subscribe())
    assert world.heard("a") == [Suspect(node="b")]  # what is known already is told at once
    world.subscribe("a", Unsubscribe())
    world.boot("b")
    world.run(3.0)
    assert world.heard("a") == [Suspect(node="b")]
    assert world.hands["a"].watching == []


def test_a_subscriber_that_is_gone_is_forgotten():
    world = World()
    world.subscribe("a", Subscribe())
    (subscriber,) = world.detectors["a"].subscribers
    assert world.hands["a"].watching == [subscriber]
    world.deliver(None, world.hands["a"], Terminated(actor=subscriber, reason=Reason.STOPPED))
    assert world.detectors["a"].subscribers == []


def test_subscribers_are_bounded():
    world = World(settings=DetectorSettings(max_subscribers=2))
    for number in range(5):
        world.deliver(Reference("a", f"subscriber-{number}", 1), world.hands["a"], Subscribe())
    assert len(world.detectors["a"].subscribers) == 2


def test_suspects_can_be_asked_for():
    world = World()
    world.run(1.0)
    world.crash("c")
    world.run(3.0)
    world.deliver(None, world.hands["a"], Suspects())
    assert world.hands["a"].replies == [("c",)]


@pytest.mark.parametrize("seed", range(60))
def test_complete_and_accurate_once_the_network_is_timely(seed):
    """Crashes, restarts, cuts, loss and drifting timers; then everything settles."""
    draw = random.Random(seed)
    names = draw.choice(("ab", "abc", "abcde"))
    settings = DetectorSettings(threshold=draw.choice((1, 2, 5)), timeout_seconds=draw.choice((0.1, 0.3, 0.9)))
    world = World(names, seed, settings, drop=draw.choice((0.0, 0.1, 0.5)))
    world.subscribe("a", Subscribe())
    for _ in range(40):
        world.drift = draw.uniform(0.5, 1.5)
        world.delay_seconds = (0.0, draw.choice((0.001, 0.5)))
        name = draw.choice(names[1:])
        if name in world.detectors:
            world.crash(name) if draw.random() < 0.3 else None
        else:
            world.boot(name)
        world.cut = {(draw.choice(names), draw.choice(names)) for _ in range(draw.randrange(4))}
        world.run(draw.uniform(0.0, 1.0))
    world.drop, world.cut, world.drift, world.delay_seconds = 0.0, set(), 1.0, (0.0001, 0.001)
    world.run(1.0 + settling_seconds(settings, 0.5))
    down = set(names) - set(world.detectors)
    for detector in world.detectors.values():
        complete(detector, down)
        accurate(detector, down)


def test_the_properties_have_teeth():
    world = World()
    with pytest.raises(Violation):
        complete(world.detectors["a"], {"b"})
    world.detectors["a"].peers["b"].suspected = True
    with pytest.raises(Violation):
        accurate(world.detectors["a"], set())
    with pytest.raises(Violation):
        news_alternate([Suspect(node="b"), Suspect(node="b")])


@pytest.mark.parametrize("field", ["interval_seconds", "timeout_seconds", "threshold", "max_subscribers"])
def test_settings_must_be_positive(field):
    with pytest.raises(ValueError, match=field):
        DetectorSettings(**{field: 0})
