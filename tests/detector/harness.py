"""A small world for detectors: virtual time, a lossy network, nodes that stop and come back, one seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Hashable
from typing import Any

from actors.message import Message
from core_ext.mailbox import Reference
from protocols.detector import DetectorSettings, HeartbeatDetector, properties


class Hands:
    """The ``Context`` of one detector."""

    def __init__(self, world: World, node: str, incarnation: int) -> None:
        self.world, self.node, self.incarnation = world, node, incarnation
        self.self = Reference(node, world.settings.name, incarnation)
        self.sender: Reference | None = None
        self.timers: dict[Hashable, int] = {}
        self.replies: list[Any] = []
        self.watching: list[Reference] = []

    def send(self, target: Reference, message: Message) -> None:
        self.world.route(self, target, message)

    def reply(self, value: Any) -> None:
        self.replies.append(value)

    def ref(self, name: str, node: str | None = None) -> Reference:
        return Reference(node or self.node, name)

    def set_timer(self, message: Message, delay_seconds: float, key: Hashable = None) -> None:
        key = type(message) if key is None else key
        self.world.count += 1
        self.timers[key] = number = self.world.count
        self.world.after(delay_seconds * self.world.drift, self.world.fire, self, key, number, message)

    def watch(self, target: Reference) -> None:
        self.watching.append(target)

    def unwatch(self, target: Reference) -> None:
        self.watching.remove(target)


class World:
    """Detectors on some nodes.

    Args:
        names: nodes.
        seed: of every choice.
        settings: of all detectors.
        drop: probability that a message is lost.
        delay_seconds: bounds of a message's delay.
    """

    def __init__(
        self, names: str = "abc", seed: int = 0, settings: DetectorSettings | None = None, drop: float = 0.0,
        delay_seconds: tuple[float, float] = (0.0001, 0.001),
    ) -> None:
        self.random = random.Random(seed)
        self.settings = settings or DetectorSettings()
        self.drop, self.delay_seconds, self.drift = drop, delay_seconds, 1.0
        self.names = list(names)
        self.time, self.count = 0.0, 0
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.detectors: dict[str, HeartbeatDetector] = {}
        self.hands: dict[str, Hands] = {}
        self.cut: set[tuple[str, str]] = set()
        self.news: dict[str, list[tuple[float, Message]]] = {}
        for name in self.names:
            self.boot(name)

    def after(self, delay: float, action: Callable[..., None], *arguments: Any) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.time + delay, self.count, action, arguments))

    def run(self, seconds: float) -> None:
        """Let virtual time pass; the safety properties are checked after every event."""
        end = self.time + seconds
        while self.events and self.events[0][0] <= end:
            self.time, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)
            for name, detector in self.detectors.items():
                properties.counts_are_bounded(detector)
                properties.never_oneself(detector, name)
        self.time = end
        for heard in self.news.values():
            properties.news_alternate([message for _, message in heard])

    def boot(self, name: str) -> None:
        incarnation = self.hands[name].incarnation + 1 if name in self.hands else 1
        self.detectors[name] = HeartbeatDetector(self.names, self.settings)
        self.hands[name] = Hands(self, name, incarnation)
        self.detectors[name].start(self.hands[name])

    def crash(self, name: str) -> None:
        del self.detectors[name]

    def subscribe(self, name: str, message: Message) -> None:
        """A subscriber on the node; it is written down in ``news``."""
        self.news.setdefault(name, [])
        self.deliver(Reference(name, "subscriber", 1), self.hands[name], message)

    def fire(self, hands: Hands, key: Hashable, number: int, message: Message) -> None:
        if self.hands[hands.node] is hands and hands.node in self.detectors and hands.timers.get(key) == number:
            del hands.timers[key]
            self.deliver(None, hands, message)

    def deliver(self, sender: Reference | None, hands: Hands, message: Message) -> None:
        hands.sender = sender
        detector = self.detectors[hands.node]
        detector.handlers[type(message)](detector, message, hands)

    def route(self, hands: Hands, target: Reference, message: Message) -> None:
        if target.name == "subscriber":
            self.news[target.node].append((self.time, message))
        elif (hands.node, target.node) not in self.cut and self.random.random() >= self.drop:
            self.after(self.random.uniform(*self.delay_seconds), self.arrive, hands.self, target, message)

    def arrive(self, sender: Reference, target: Reference, message: Message) -> None:
        hands = self.hands[target.node]
        if target.node in self.detectors and target.incarnation in (0, hands.incarnation):
            self.deliver(sender, hands, message)

    def heard(self, name: str) -> list[Message]:
        return [message for _, message in self.news[name]]
