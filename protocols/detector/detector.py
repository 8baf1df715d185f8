"""The heartbeat failure detector: pings every peer, suspects one that misses too many beats, and takes it back.

Chandra and Toueg 1996: complete (a dead node is suspected for ever), accurate once the network is timely. Its word may
affect liveness, never safety. Written against the actor contract alone; not durable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message, Terminated
from core_ext.mailbox import Reference
from protocols.detector.messages import (
    Alive,
    Beat,
    BeatTimeout,
    Ping,
    Pong,
    Subscribe,
    Suspect,
    Suspects,
    Unsubscribe,
)
from protocols.detector.settings import DetectorSettings


class Watched:
    """What is known of one peer.

    Attributes:
        missed: beats that it owes; grows with each missed one, up to the threshold, and goes down with each answer.
        suspected: whether subscribers were told so.
        answered: number of the newest beat that it answered.
    """

    __slots__ = ("answered", "missed", "suspected")

    def __init__(self) -> None:
        self.missed = 0
        self.suspected = False
        self.answered = 0

    def snapshot(self) -> tuple[Any, ...]:
        """A plain copy, for worlds that compare states."""
        return (self.missed, self.suspected, self.answered)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Become what ``snapshot`` returned."""
        self.missed, self.suspected, self.answered = state


class HeartbeatDetector(Actor):
    """Watches the detectors of other nodes.

    Args:
        peers: node names to watch; the own one is left out.
        settings: the same on every node.
    """

    def __init__(self, peers: Iterable[str], settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self.peers = {peer: Watched() for peer in peers}
        self.subscribers: list[Reference] = []
        self.beat = 0

    def start(self, context: Context) -> None:
        """The first pings go out at once."""
        self.peers.pop(context.node, None)
        self.ping_all(context)

    @on(Beat)
    def next_beat(self, message: Beat, context: Context) -> None:
        self.ping_all(context)

    def ping_all(self, context: Context) -> None:
        """One beat: a question to everybody, and a timer for the answers."""
        self.beat += 1
        for peer in self.peers:
            context.send(context.ref(self.settings.name, peer), Ping(beat=self.beat))
        context.set_timer(BeatTimeout(beat=self.beat), self.settings.timeout_seconds, key=self.beat)
        context.set_timer(Beat(), self.settings.interval_seconds)

    @on(Ping)
    def ping(self, message: Ping, context: Context) -> None:
        """Answered whatever this node thinks of the asker."""
        if context.sender is not None:
            context.send(context.sender, Pong(beat=message.beat))

    @on(Pong)
    def pong(self, message: Pong, context: Context) -> None:
        """It is there: the count goes down, never only up, and a suspicion is taken back."""
        watched = self.watched(context)
        if watched is None or not watched.answered < message.beat <= self.beat:
            return  # an answer to an earlier incarnation's ping, or one that was counted already
        watched.answered = message.beat
        watched.missed = max(watched.missed - 1, 0)
        if watched.suspected:
            watched.suspected = False
            # suspected again only after as many misses as the first time
            watched.missed = 0
            assert context.sender is not None
            self.tell(context, Alive(node=context.sender.node))

    @on(BeatTimeout)
    def beat_timeout(self, message: BeatTimeout, context: Context) -> None:
        """Time is up for one beat: by this message, never by a difference of clocks."""
        for peer, watched in self.peers.items():
            if watched.answered >= message.beat:
                continue
            watched.missed = min(watched.missed + 1, self.settings.threshold)
            if watched.missed == self.settings.threshold and not watched.suspected:
                watched.suspected = True
                self.tell(context, Suspect(node=peer))

    def watched(self, context: Context) -> Watched | None:
        """The peer whose detector sent the message being handled."""
        sender = context.sender
        return self.peers.get(sender.node) if sender is not None and sender.name == self.settings.name else None

    # --- subscribers ---

    @on(Subscribe)
    def subscribe(self, message: Subscribe, context: Context) -> None:
        """A second subscription changes nothing but repeats what is suspected now."""
        subscriber = context.sender
        if subscriber is None:
            return
        if subscriber not in self.subscribers:
            if len(self.subscribers) >= self.settings.max_subscribers:
                return
            self.subscribers.append(subscriber)
            context.watch(subscriber)
        for node in self.suspected():
            context.send(subscriber, Suspect(node=node))

    @on(Unsubscribe)
    def unsubscribe(self, message: Unsubscribe, context: Context) -> None:
        if context.sender is not None and context.sender in self.subscribers:
            self.subscribers.remove(context.sender)
            context.unwatch(context.sender)

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        """A subscriber is gone."""
        if message.actor in self.subscribers:
            self.subscribers.remove(message.actor)

    @on(Suspects)
    def suspects(self, message: Suspects, context: Context) -> None:
        context.reply(self.suspected())

    def suspected(self) -> tuple[str, ...]:
        """Names of the nodes that are suspected now."""
        return tuple(peer for peer, watched in self.peers.items() if watched.suspected)

    def tell(self, context: Context, news: Message) -> None:
        """The same to every subscriber, in the order of subscription."""
        for subscriber in self.subscribers:
            context.send(subscriber, news)
