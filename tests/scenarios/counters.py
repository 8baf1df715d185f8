"""A counter that keeps what it counts, and one that acknowledges before its disk has it: the simulator must tell them
apart. A whole user's scenario in one file.
"""

from __future__ import annotations

from actors import Actor, Context, Message, on
from actors.simulation import BoundedDelay, Faults
from actors.simulation.swarm import Run, Scenario


class Add(Message):
    """Client to counter."""

    number: int


class Added(Message):
    """Counter to client: it is kept."""

    number: int


class Tick(Message):
    """Timer of a client."""


class Counter(Actor):
    """Counts; the acknowledgement waits for the disk."""

    def __init__(self) -> None:
        self.count = 0

    def recover(self, record: Message) -> None:
        self.count += 1

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        self.count += 1
        context.journal.append(message)
        self.answer(message, context)

    def answer(self, message: Add, context: Context) -> None:
        context.send(context.sender, Added(message.number))


class HastyCounter(Counter):
    """The acknowledgement does not wait."""

    def answer(self, message: Add, context: Context) -> None:
        context.send_now(context.sender, Added(message.number))


class Client(Actor):
    """Adds, and counts what was acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged = 0

    def start(self, context: Context) -> None:
        context.set_timer(Tick(), 0.01)

    @on(Tick)
    def tick(self, message: Tick, context: Context) -> None:
        self.sent += 1
        context.send(context.ref("counter", "server"), Add(self.sent))
        context.set_timer(Tick(), 0.01)

    @on(Added)
    def added(self, message: Added, context: Context) -> None:
        self.acknowledged += 1


class Durable(Scenario):
    """What is acknowledged is kept."""

    name = "durable"
    goals = ("a crash",)
    counter: type[Counter] = Counter

    def play(self, run: Run) -> None:
        faults = Faults(crash=run.swarm.choice((0.0, 1.0, 3.0)), down_seconds=(0.05, 0.2))
        simulation = run.world(faults=faults, time_model=BoundedDelay())
        client = simulation.node("client", mortal=False)
        client.spawn(Client, name="client")
        simulation.node("server", lambda node: node.spawn(self.counter, name="counter"))
        simulation.run(self.settings.seconds)
        if simulation.injected["crash"]:
            simulation.reached("a crash")
        simulation.calm()
        simulation.run(1.0)
        acknowledged = client.names["client"].actor.acknowledged
        kept = simulation.nodes["server"].names["counter"].actor.count
        if kept < acknowledged:
            raise run.violation("durability", f"{acknowledged} were acknowledged and {kept} are kept")


class Hasty(Durable):
    """The wrong one."""

    name = "hasty"
    counter = HastyCounter
