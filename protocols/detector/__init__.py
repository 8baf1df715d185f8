"""The heartbeat failure detector: spawn a ``HeartbeatDetector`` on every node, subscribe to it."""

from protocols.detector.detector import HeartbeatDetector
from protocols.detector.messages import Alive, Subscribe, Suspect, Suspects, Unsubscribe
from protocols.detector.settings import DetectorSettings

__all__ = ["Alive", "DetectorSettings", "HeartbeatDetector", "Subscribe", "Suspect", "Suspects", "Unsubscribe"]
