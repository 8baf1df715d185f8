"""What heartbeat detectors say to each other, and to those who want to know. Knows no detector."""

from __future__ import annotations

from actors.message import Lane, Message, Request


class Ping(Message, wire="detector.ping", lane=Lane.CONTROL):
    """Detector to detector: are you there? ``beat`` numbers the question."""

    beat: int


class Pong(Message, wire="detector.pong", lane=Lane.CONTROL):
    """The answer to the Ping with that number."""

    beat: int


class Suspect(Message, wire="detector.suspect", lane=Lane.CONTROL):
    """Detector to subscriber: too many beats in a row of this node are missing. It may be wrong."""

    node: str


class Alive(Message, wire="detector.alive", lane=Lane.CONTROL):
    """Detector to subscriber: a node that was suspected answers again."""

    node: str


class Subscribe(Message, wire="detector.subscribe", lane=Lane.CONTROL):
    """To the detector: tell the sender of every Suspect and Alive from now on, and at once of those suspected now."""


class Unsubscribe(Message, wire="detector.unsubscribe", lane=Lane.CONTROL):
    """To the detector: no more."""


class Suspects(Request[tuple[str, ...]], wire="detector.suspects"):
    """To the detector: who is suspected now? Answered with node names in the order of the settings."""


# --- what a detector says to itself ----------------------------------------------------------------------------------


class Beat(Message, wire="detector.beat", lane=Lane.CONTROL):
    """Timer: the next round of pings."""


class BeatTimeout(Message, wire="detector.beat-timeout", lane=Lane.CONTROL):
    """Timer: whoever has not answered ``beat`` by now has missed it."""

    beat: int
