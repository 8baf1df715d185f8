"""Every shipped actor model with a broken twin, and the property that the twin violates: what replays are tried on.

Each is checked once per process, however many tests replay what is found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from actors.verification.actor_model import ActorModel
from actors.verification.actor_view import View
from actors.verification.result import FAILURE, Options, Trace
from actorum.verify_models import load
from protocols.detector.model import Detector
from protocols.models.abd import AbdRegister
from protocols.models.alternating_bit import AlternatingBit
from protocols.models.cap import Cap
from protocols.models.flood_set import FloodSet
from protocols.models.flp import Flp
from protocols.models.oral_messages import OralMessages
from protocols.models.paxos import Paxos
from protocols.models.paxos_roles import PaxosRoles
from protocols.models.ping_pong import PingPong
from protocols.models.ring_election import RingElection
from protocols.models.single_copy import SingleCopyRegister
from protocols.raft.messages import RoleName
from protocols.raft.model import Raft, RaftFigure8, RaftReplication, role_name

BOX_OFFICE = Path(__file__).parents[2] / "examples" / "box_office" / "checked.py"


class LostAcknowledgement(RaftReplication):
    """Only n3 crashes, once n2 has committed with its help; then n1 stands."""

    def __init__(self) -> None:
        super().__init__(fires=(1, 1), role="acks-before-its-disk")

    def boundary(self, state: View) -> bool:
        one, two, three = (state.actors[role_name(node)] for node in self.nodes)
        if one is None or two is None:
            return False
        rests = one.role is RoleName.FOLLOWER and not one.canvassing and three is not None
        return two.commit > 1 or rests


class ForgottenVote(RaftReplication):
    """Only n3 crashes, and n1 stands when it has."""

    def __init__(self) -> None:
        super().__init__(fires=(1, 1), role="votes-before-its-disk")

    def boundary(self, state: View) -> bool:
        one, two, three = (state.actors[role_name(node)] for node in self.nodes)
        if one is None or two is None:
            return False
        return three is None or three.vote != "n2" or (one.role is RoleName.FOLLOWER and not one.canvassing)


def two_fans() -> ActorModel:
    return load(f"{BOX_OFFICE}:TwoFans", ())  # type: ignore[return-value]


BROKEN: dict[str, tuple[Callable[[], ActorModel], str]] = {
    "single-copy": (lambda: SingleCopyRegister(servers=2), "linearizable"),
    "abd": (lambda: AbdRegister(servers=3, wait=False), "linearizable"),
    "paxos, promises": (lambda: Paxos(heed_promises=False), "linearizable"),
    "paxos, ballots": (lambda: Paxos(heed_ballots=False), "linearizable"),
    "paxos-roles": (lambda: PaxosRoles(broken="heedless"), "agreement"),
    "ping-pong": (lambda: PingPong(careless=True), "counts differ by at most one"),
    "alternating-bit": (lambda: AlternatingBit(heed_bit=False), "in order, each once"),
    "ring-election": (lambda: RingElection(members=3, swallow=False), "one leader"),
    "flp": (Flp, "every live process decides"),
    "cap": (lambda: Cap(mode="eventual"), "linearizable"),
    "oral-messages": (lambda: OralMessages(3, 1), "IC2: they obey a loyal commander"),
    "oral-messages, any traitor": (lambda: OralMessages(3), "IC2: they obey a loyal commander"),
    "flood-set": (lambda: FloodSet(rounds=1), "agreement"),
    "raft votes twice": (lambda: Raft(role="votes-twice"), "election safety"),
    "raft votes before its disk": (ForgottenVote, "election safety"),
    "raft acks before its disk": (LostAcknowledgement, "leader completeness"),
    "raft figure 8": (lambda: RaftFigure8(role="counts-old-terms"), "leader completeness"),
    "detector": (
        lambda: Detector(grudging=True), "an answer to the newest ping takes a suspicion back"
    ),
    "box office": (two_fans, "no seat is sold twice"),
}


@functools.cache
def counterexample(name: str) -> Trace:
    """What the checker finds."""
    make, claim = BROKEN[name]
    return found_in(make(), claim)


def found_in(model: ActorModel, claim: str) -> Trace:
    """The counterexample to a claim."""
    result = model.check_with(Options(stop_on_violation=claim != FAILURE))
    trace = result[claim].trace
    assert trace is not None, result
    return trace
