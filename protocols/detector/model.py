"""The heartbeat failure detector under every interleaving: losses, a crash, timers in any order.

Its word may be wrong at any moment; what must hold always is that its counts stay in bounds and that an answer to the
newest ping takes a suspicion back. The broken twin bears a grudge.
"""

from __future__ import annotations

from actors.actor import on
from actors.context import Context
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_view import View
from actors.verification.properties import Property, always, sometimes
from protocols.detector import properties
from protocols.detector.detector import HeartbeatDetector
from protocols.detector.messages import Pong
from protocols.detector.settings import DetectorSettings


class GrudgingDetector(HeartbeatDetector):
    """The broken twin never takes a suspicion back."""

    @on(Pong)
    def pong(self, message: Pong, context: Context) -> None:
        watched = self.watched(context)
        suspected = watched is not None and watched.suspected
        super().pong(message, context)
        if watched is not None:
            watched.suspected = suspected


class Detector(ActorModel):
    """Two detectors that watch each other; the second one's node may crash and come back.

    Args:
        fires: how often the timers of each fire in one run.
        threshold: missed beats that make a suspicion.
        crashes: of the second node.
        grudging: the first one is the broken twin.
    """

    def __init__(self, fires: int = 3, threshold: int = 1, crashes: int = 1, grudging: bool = False) -> None:
        super().__init__(network=Network.ORDERED, crashes=crashes, timers={"n1": fires, "n2": 1})
        settings = DetectorSettings(threshold=threshold)
        first = GrudgingDetector if grudging else HeartbeatDetector
        self.nodes = ("n1", "n2")
        self.spawn(first, self.nodes, settings, name=settings.name, node="n1", may_crash=False)
        self.spawn(HeartbeatDetector, self.nodes, settings, name=settings.name, node="n2")
        self.names = {node: f"{node}/{settings.name}" for node in self.nodes}

    def sound(self, state: View) -> bool:
        """The safety properties of ``properties``, of every detector that is up."""
        for node, name in self.names.items():
            detector = state.actors[name]
            if detector is None:
                continue
            try:
                properties.counts_are_bounded(detector)
                properties.never_oneself(detector, node)
            except properties.Violation:
                return False
        return True

    def properties(self) -> list[Property]:
        def watched(state: View) -> tuple[int, bool, int]:
            detector = state.actors[self.names["n1"]]
            peer = detector.peers["n2"]
            return detector.beat, peer.suspected, peer.answered

        def takes_back(state: View) -> bool:
            beat, suspected, answered = watched(state)
            return not (suspected and answered == beat)

        return [
            always("counts are bounded", self.sound),
            always("an answer to the newest ping takes a suspicion back", takes_back),
            sometimes("a crash is suspected", lambda state: watched(state)[1] and not state.is_up(self.names["n2"])),
            sometimes("somebody who is up is suspected", lambda state: (
                watched(state)[1] and state.is_up(self.names["n2"])
            )),
        ]
