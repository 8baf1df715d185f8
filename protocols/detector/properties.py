"""What must hold of a heartbeat detector. Knows no world: it is told who was down when.

Safety properties hold after every step; completeness and accuracy (Chandra and Toueg 1996) hold eventually: they are
asked of a state after the network has been timely, and everybody's fate settled, for ``settling_seconds``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from actors.message import Message
from protocols.detector.detector import HeartbeatDetector
from protocols.detector.messages import Alive, Suspect
from protocols.detector.settings import DetectorSettings


class Violation(AssertionError):
    """A property does not hold."""


def settling_seconds(settings: DetectorSettings, delay_seconds: float) -> float:
    """How long after a crash or a recovery the detector may take to tell, with messages at most this late."""
    return settings.threshold * settings.interval_seconds + settings.timeout_seconds + 2 * delay_seconds


def counts_are_bounded(detector: HeartbeatDetector) -> None:
    """Missed beats stay between 0 and the threshold; a suspicion stands exactly when the threshold was reached since
    the last recovery."""
    for peer, watched in detector.peers.items():
        if not 0 <= watched.missed <= detector.settings.threshold:
            raise Violation(f"{peer} is counted with {watched.missed} missed beats")
        if watched.missed == detector.settings.threshold and not watched.suspected:
            raise Violation(f"{peer} has missed {watched.missed} beats and is not suspected")


def never_oneself(detector: HeartbeatDetector, node: str) -> None:
    """A detector does not watch its own node."""
    if node in detector.peers:
        raise Violation(f"the detector of {node} watches itself")


def news_alternate(news: Sequence[Message]) -> None:
    """A subscriber hears Suspect and Alive of a node in turn, beginning with Suspect."""
    last: dict[str, type[Message]] = {}
    for message in news:
        if not isinstance(message, Suspect | Alive):
            continue
        expected = Alive if last.get(message.node) is Suspect else Suspect
        if type(message) is not expected:
            raise Violation(f"{type(message).__name__} of {message.node} after {last.get(message.node)}")
        last[message.node] = type(message)


def complete(detector: HeartbeatDetector, down: Collection[str]) -> None:
    """Strong completeness: every node that is down is suspected by everybody. Eventually."""
    missing = [node for node in down if node in detector.peers and node not in detector.suspected()]
    if missing:
        raise Violation(f"{missing} are down and not suspected")


def accurate(detector: HeartbeatDetector, down: Collection[str]) -> None:
    """Eventual strong accuracy: nobody that is up and reachable is suspected. Eventually."""
    wrong = [node for node in detector.suspected() if node not in down]
    if wrong:
        raise Violation(f"{wrong} are up and suspected")
