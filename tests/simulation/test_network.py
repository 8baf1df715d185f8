"""Links: order per lane, cuts of every shape, what a lost link means, and faults only where they are asked for."""

from __future__ import annotations

import itertools

import pytest

from actors import Actor, AskFailed, AskRejected, Context, Lane, Message, Reference, Request, Terminated, on
from actors.simulation import (
    Asynchronous,
    BoundedDelay,
    Faults,
    LinkFaults,
    LockStep,
    OldestDelayed,
    PartiallySynchronous,
    PriorityBased,
    Shape,
    Simulation,
    Tape,
    TimeModel,
    WireSettings,
)
from actors.simulation.partitions import draw


class Number(Message, wire="sim-tests.number"):
    value: int


class Urgent(Message, wire="sim-tests.urgent-number", lane=Lane.CONTROL):
    value: int


class Blob(Message, wire="sim-tests.blob"):
    data: bytes


class SendMany(Message, wire="sim-tests.send-many"):
    target: Reference
    count: int


class WatchAll(Message, wire="sim-tests.watch-all"):
    target: Reference


class Ping(Request[str], wire="sim-tests.ping"):
    pass


class Peer(Actor):
    """Sends and keeps numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.urgent: list[int] = []
        self.ended: list[str] = []

    @on(SendMany)
    def send_many(self, message: SendMany, context: Context) -> None:
        for value in range(message.count):
            context.send(message.target, Number(value))
            context.send(message.target, Urgent(value))

    @on(Number)
    def number(self, message: Number, context: Context) -> None:
        self.numbers.append(message.value)

    @on(Urgent)
    def take_urgent(self, message: Urgent, context: Context) -> None:
        self.urgent.append(message.value)

    @on(Blob)
    def blob(self, message: Blob, context: Context) -> None:
        context.send(context.ref("peer", "b"), message)

    @on(WatchAll)
    def watch(self, message: WatchAll, context: Context) -> None:
        context.watch(message.target)

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        self.ended.append(message.reason.value)

    @on(Ping)
    def ping(self, message: Ping, context: Context) -> None:
        context.reply(context.node)


class Relay(Actor):
    """Asks another node for the code around the simulation."""

    def __init__(self, target: Reference) -> None:
        self.target = target
        self.answers: list[object] = []

    @on(Number)
    def ask(self, message: Number, context: Context) -> None:
        context.request(self.target, Ping(), timeout_seconds=20)

    from actors import Answer, on_answer

    @on_answer(Ping)
    def answered(self, answer: Answer, context: Context) -> None:
        self.answers.append(answer.failure or answer.value)


def _three(time_model: TimeModel | None = None, faults: Faults | None = None, seed: int = 1,
           wire_settings: WireSettings | None = None, trace_limit: int = 0) -> Simulation:
    simulation = Simulation(
        seed, time_model=time_model, faults=faults, wire_settings=wire_settings, trace_limit=trace_limit
    )
    for name in "abc":
        simulation.node(name).spawn(Peer, name="peer")
    return simulation


def _peer(simulation: Simulation, node: str) -> Peer:
    found = simulation.nodes[node].actor("peer")
    assert isinstance(found, Peer)
    return found


@pytest.mark.parametrize(
    "model",
    [
        None, LockStep(), Asynchronous(), Asynchronous(scheduler=OldestDelayed()),
        Asynchronous(scheduler=PriorityBased()), PartiallySynchronous(stable_seconds=(0.1, 0.2)),
    ],
)
def test_a_lane_keeps_its_order_and_every_message_comes_once(model: TimeModel | None) -> None:
    simulation = _three(model)
    for _ in range(5):
        simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 40))
        simulation.run(0.01)
    simulation.run(60)
    assert _peer(simulation, "b").numbers == list(range(40)) * 5
    assert _peer(simulation, "b").urgent == list(range(40)) * 5


def test_in_lock_step_what_is_sent_in_a_round_arrives_with_the_next() -> None:
    simulation = _three(LockStep(round_seconds=0.5))
    simulation.run(0.7)
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 1))
    simulation.run(0.29)
    assert _peer(simulation, "b").numbers == []
    simulation.run(0.02)
    assert _peer(simulation, "b").numbers == [0]


def test_loss_duplication_and_disorder_come_only_when_asked_for_and_are_counted() -> None:
    lost = _three(faults=Faults(links=LinkFaults(loss=0.5)))
    twice = _three(faults=Faults(links=LinkFaults(duplicate=0.5)))
    mixed = _three(faults=Faults(links=LinkFaults(reorder=0.5)))
    for simulation in (lost, twice, mixed):
        simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 100))
        simulation.run(5)
    numbers = _peer(lost, "b").numbers
    assert numbers == sorted(set(numbers))
    assert 20 < len(numbers) < 80
    assert lost.injected["loss"] == 200 - len(numbers) - len(_peer(lost, "b").urgent)
    numbers = _peer(twice, "b").numbers
    assert set(numbers) == set(range(100))
    assert len(numbers) + len(_peer(twice, "b").urgent) == 200 + twice.injected["duplicate"]
    numbers = _peer(mixed, "b").numbers
    assert sorted(numbers) == list(range(100))
    assert numbers != sorted(numbers)


def test_a_cut_is_one_way_and_heals() -> None:
    simulation = _three()
    simulation.cut("a", "b")
    for source, target in (("a", "b"), ("b", "a"), ("a", "c")):
        simulation.tell(simulation.ref(source, "peer"), SendMany(simulation.ref(target, "peer"), 1))
    simulation.run(0.5)
    assert [_peer(simulation, node).numbers for node in "abc"] == [[0], [], [0]]
    simulation.heal()
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 1))
    simulation.run(0.5)
    assert _peer(simulation, "b").numbers == [0]


def test_partitions_add_up_and_end_one_by_one() -> None:
    simulation = _three()
    a, b = simulation.nodes["a"], simulation.nodes["b"]
    simulation.partition("a", "bc")
    simulation.network.cut(a, b)
    simulation.network.mend(a, b)
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 1))
    simulation.run(0.1)
    assert _peer(simulation, "b").numbers == []
    simulation.isolate("c")
    simulation.heal()
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("c", "peer"), 1))
    simulation.run(0.1)
    assert _peer(simulation, "c").numbers == [0]


@pytest.mark.parametrize("shape", list(Shape))
def test_every_shape_cuts_what_its_name_says(shape: Shape) -> None:
    nodes = ["a", "b", "c", "d", "e"]
    for seed in range(20):
        cuts = set(draw(shape, nodes, Tape(seed).stream("faults")))
        hears = {node: {other for other in nodes if other != node and (other, node) not in cuts} for node in nodes}
        symmetric = all((two, one) in cuts for one, two in cuts)
        sizes = sorted(len(heard) for heard in hears.values())
        match shape:
            case Shape.HALVES:
                assert symmetric
                assert sizes == [1, 1, 2, 2, 2]
            case Shape.ISOLATE:
                assert sizes == [0, 3, 3, 3, 3]
            case Shape.BRIDGE:
                assert symmetric
                assert sizes == [2, 2, 2, 2, 4]
            case Shape.RING:
                assert sizes == [2] * 5
            case Shape.ONE_WAY:
                assert len(cuts) == 4
                assert not symmetric
            case Shape.UNIFORM:
                assert symmetric
    assert all(one != two for one, two in itertools.chain(cuts))


def test_a_dead_node_is_unreachable_after_a_while_and_asks_to_it_fail() -> None:
    simulation = _three()
    target = simulation.ref("b", "peer")
    relay = simulation.nodes["a"].spawn(Relay, target, name="relay")
    simulation.tell(simulation.ref("a", "peer"), WatchAll(target))
    simulation.tell(relay, Number(0))
    simulation.run(0.5)
    answers = simulation.nodes["a"].actor("relay").answers
    assert answers == ["b"]
    simulation.kill("b")
    simulation.tell(relay, Number(1))
    simulation.run(1.0)
    assert _peer(simulation, "a").ended == []
    simulation.run(1.0)
    assert _peer(simulation, "a").ended == ["unreachable"]
    assert isinstance(answers[1], AskFailed)
    simulation.tell(relay, Number(2))
    simulation.run(0.1)
    assert isinstance(answers[2], AskRejected)
    simulation.restart("b")
    simulation.tell(relay, Number(3))
    simulation.run(0.1)
    assert answers[3] == "b"


def test_a_restart_is_noticed_at_once_and_the_old_incarnation_is_gone() -> None:
    simulation = _three()
    old = simulation.nodes["b"].find(simulation.ref("b", "peer"))
    assert old is not None
    reference = old.own
    simulation.tell(simulation.ref("a", "peer"), WatchAll(reference))
    simulation.run(0.1)
    simulation.restart("b")
    simulation.run(0.1)
    assert _peer(simulation, "a").ended == ["unreachable"]
    simulation.tell(simulation.ref("a", "peer"), SendMany(reference, 1))
    simulation.run(0.1)
    assert _peer(simulation, "b").numbers == []
    assert simulation.nodes["b"].counters["dead_letters"] == 2


def test_a_partition_that_lasts_is_a_lost_link_on_both_sides() -> None:
    simulation = _three(wire_settings=WireSettings(lost_after_seconds=0.3))
    for one, two in (("a", "b"), ("b", "a")):
        simulation.tell(simulation.ref(one, "peer"), WatchAll(simulation.ref(two, "peer")))
    simulation.run(0.1)
    simulation.partition("a", "b")
    simulation.run(0.2)
    simulation.heal()
    simulation.run(1)
    assert _peer(simulation, "a").ended == _peer(simulation, "b").ended == []
    simulation.partition("a", "b")
    simulation.run(0.4)
    assert _peer(simulation, "a").ended == _peer(simulation, "b").ended == ["unreachable"]


def test_a_paused_node_reads_its_sockets_before_its_timers() -> None:
    class Timer(Message, wire="sim-tests.timer"):
        pass

    class Sleeper(Peer):
        def start(self, context: Context) -> None:
            context.set_timer(Timer(), 0.2)

        @on(Timer)
        def timer(self, message: Timer, context: Context) -> None:
            self.numbers.append(-1)

    simulation = _three()
    simulation.nodes["b"].spawn(Sleeper, name="sleeper")
    simulation.run(0.1)
    simulation.pause("b")
    simulation.run(0.5)  # the timer is due
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "sleeper"), 2))
    simulation.run(0.5)
    sleeper = simulation.nodes["b"].actor("sleeper")
    assert sleeper.numbers == []
    simulation.resume("b")
    simulation.run(0.1)
    assert sleeper.numbers == [0, 1, -1]


def test_a_message_above_the_limit_is_refused_and_counted() -> None:
    simulation = _three(wire_settings=WireSettings(max_frame_bytes=1000))
    simulation.tell(simulation.ref("a", "peer"), Blob(bytes(2000)))
    simulation.run(0.1)
    assert simulation.nodes["a"].counters["refused"] == 1


def test_the_trace_joins_a_send_with_what_became_of_it() -> None:
    simulation = _three(trace_limit=100)
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "peer"), 1))
    simulation.run(0.1)
    assert simulation.trace is not None
    by_number: dict[int, list[str]] = {}
    for event in simulation.trace:
        if event.number:
            by_number.setdefault(event.number, []).append(f"{event.what} at {event.node}")
    assert list(by_number.values()) == [["send at a", "deliver at b"]] * 2


@pytest.mark.parametrize("wire", ["codec", "objects"])
def test_the_trace_shows_requests_and_answers_as_people_write_them(wire: str) -> None:
    simulation = Simulation(1, trace_limit=100, wire=wire)
    simulation.node("b").spawn(Peer, name="peer")
    relay = simulation.node("a").spawn(Relay, simulation.ref("b", "peer"), name="relay")
    simulation.tell(relay, Number(1))
    simulation.run(0.1)
    assert simulation.trace is not None
    assert [event.text for event in simulation.trace if event.number] == ["Ping()", "Ping()", "'b'", "'b'"]


def test_what_comes_while_a_node_is_busy_is_read_before_a_timer_that_fell_due_meanwhile() -> None:
    class Due(Message, wire="sim-tests.due"):
        pass

    class Busy(Peer):
        def start(self, context: Context) -> None:
            context.set_timer(Due(), 1.05)

        @on(Due)
        def due(self, message: Due, context: Context) -> None:
            self.numbers.append(-1)

    simulation = _three(BoundedDelay(low_seconds=0.01, high_seconds=0.01, handler_seconds=0.06))
    simulation.nodes["b"].spawn(Busy, name="busy")
    simulation.run(1.0)
    simulation.tell(simulation.ref("a", "peer"), SendMany(simulation.ref("b", "busy"), 1))  # arrives at 1.07
    simulation.run(0.02)
    simulation.tell(simulation.ref("b", "busy"), Number(7))  # b is busy from 1.02 to 1.08, the timer falls due at 1.05
    simulation.run(1)
    busy = simulation.nodes["b"].actor("busy")
    assert busy.numbers == [7, 0, -1]
