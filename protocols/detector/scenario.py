"""The failure detector in the simulated world: its counts after every event, and what it says once the network is
timely: whoever is down is suspected by everybody, nobody else is.
"""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context, Directive, Supervision
from actors.message import Message
from actors.simulation import draws
from actors.simulation.draws import Menu
from actors.simulation.node import Node
from actors.simulation.swarm import Run, Scenario, ScenarioSettings
from protocols.detector import Alive, DetectorSettings, HeartbeatDetector, Subscribe, Suspect, properties

SIZES = (3, 5, 2, 7)
SUBSCRIBER_NAME = "subscriber"
DELAY_SECONDS = 0.5  # beyond what any link needs when all faults have ended
UNDER_WAY_SECONDS = 4.0  # by then everything has arrived that was late, held back or slow before
_MENU = Menu(disk_time=False, disk_full=False, corruption=False)
_SUPERVISION = Supervision(directive=Directive.ESCALATE)


class Subscriber(Actor):
    """Hears what one detector says.

    Args:
        detector: its name.
    """

    def __init__(self, detector: str) -> None:
        self._detector = detector
        self.news: list[Message] = []

    def start(self, context: Context) -> None:
        """Ask to be told."""
        context.send(context.ref(self._detector), Subscribe())

    @on(Suspect)
    def suspect(self, message: Suspect, context: Context) -> None:
        self.news.append(message)

    @on(Alive)
    def alive(self, message: Alive, context: Context) -> None:
        self.news.append(message)


class DetectorScenarioSettings(ScenarioSettings, frozen=True, kw_only=True):
    """What can be set.

    Attributes:
        nodes: that watch each other; 0: drawn.
    """

    seconds: float = 10.0
    nodes: int = 0


class DetectorScenario(Scenario):
    """Detectors that watch each other."""

    name = "detector"
    Settings = DetectorScenarioSettings
    goals = ("a suspicion", "a suspicion is taken back", "a node is down at the end")

    def play(self, run: Run) -> None:
        """One group of detectors."""
        swarm = run.swarm
        count = self.settings.nodes or swarm.choice(SIZES)
        names = [f"n{number}" for number in range(1, count + 1)]
        settings = DetectorSettings(
            interval_seconds=swarm.choice((0.2, 0.05)), timeout_seconds=swarm.choice((0.3, 0.1)),
            threshold=swarm.choice((3, 1, 5)),
        )
        simulation = run.world(
            faults=draws.draw_faults(swarm, _MENU, 0),
            time_model=draws.draw_time_model(swarm, self.settings.seconds), disk="memory",
        )
        simulation.invariant(
            "counts are bounded", lambda node, detector: properties.counts_are_bounded(detector), HeartbeatDetector
        )
        simulation.invariant("never oneself", _never_oneself, HeartbeatDetector)
        simulation.invariant("news alternate", _news_alternate, Subscriber)
        simulation.sometimes("a suspicion", lambda node, subscriber: subscriber.news, Subscriber)
        simulation.sometimes(
            "a suspicion is taken back", lambda node, subscriber: len(subscriber.news) > 1, Subscriber
        )

        def boot(node: Node) -> None:
            node.spawn(HeartbeatDetector, tuple(names), settings, name=settings.name, supervision=_SUPERVISION)
            node.spawn(Subscriber, settings.name, name=SUBSCRIBER_NAME, supervision=_SUPERVISION)

        for name in names:
            simulation.node(name, boot)
        simulation.run(self.settings.seconds)
        up = swarm.shuffled(names)[: 1 + swarm.below(count)]
        down = [name for name in names if name not in up]
        for name in down:
            simulation.kill(name)
        simulation.calm(up)
        if down:
            simulation.reached("a node is down at the end")
        simulation.run(UNDER_WAY_SECONDS)
        # a clock that drifts counts the time-outs by itself
        simulation.run(1.2 * properties.settling_seconds(settings, DELAY_SECONDS) + 1.0)
        for name in up:
            detector = simulation.nodes[name].names[settings.name].actor
            run.check("complete", properties.complete, detector, down)
            run.check("accurate", properties.accurate, detector, down)


def _never_oneself(node: str, detector: HeartbeatDetector) -> None:
    if detector.beat:  # it has started
        properties.never_oneself(detector, node)


def _news_alternate(node: str, subscriber: Subscriber) -> None:
    properties.news_alternate(subscriber.news)
