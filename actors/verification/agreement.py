"""The protocol verifier: any set of actors that should agree on a value, and the four questions of consensus.

Termination: every correct participant decides. Agreement: no two decide differently. Validity: what is decided was
proposed. Integrity: nobody decides twice. Each is answered by exhaustion within the stated bounds, or by a run.

The claim (time model, fault model, signatures, n, f) is held against the theorem that bounds it; one that goes beyond
is refused with the theorem's name, unless the run asks for it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from actors.actor import Actor
from actors.verification.actor_history import Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_view import View
from actors.verification.errors import ModelError
from actors.verification.properties import Property, always, eventually
from actors.verification.result import Options, ProgressCallback, Result, Verdict
from core_ext.mailbox import Reference

Decisions = tuple[tuple[str, Any], ...]

TERMINATION, AGREEMENT, VALIDITY, INTEGRITY = "termination", "agreement", "validity", "integrity"


class Time(enum.Enum):
    """What is known of delays."""

    SYNCHRONOUS = "synchronous"  # lock-step rounds
    PARTIALLY_SYNCHRONOUS = "partially synchronous"  # a bound holds after an unknown moment
    ASYNCHRONOUS = "asynchronous"  # none


class Fault(enum.Enum):
    """What the faulty ones may do."""

    CRASH = "crash"
    OMISSION = "omission"
    BYZANTINE = "byzantine"


class BeyondTheorem(ModelError):
    """The claim cannot be true of any protocol; names the theorem."""


class Claim(msgspec.Struct, frozen=True):
    """What a deterministic protocol is said to stand.

    Attributes:
        time, fault: the models.
        n: processes whose faults count (acceptors, replicas, generals).
        f: how many of them may be faulty in one run.
        signed: whether messages carry signatures that cannot be forged.
    """

    time: Time
    fault: Fault
    n: int
    f: int
    signed: bool = False

    def text(self) -> str:
        """The claim in words."""
        signed = ", signed" if self.signed else ""
        return f"{self.time.value}, {self.fault.value} faults{signed}, n = {self.n}, f = {self.f}"

    def theorem(self) -> tuple[str, bool]:
        """The bound that the claim is held against, by name, and whether the claim is within it."""
        n, f = self.n, self.f
        if self.time is Time.ASYNCHRONOUS:
            return "Fischer, Lynch and Paterson 1985 (FLP): asynchronous and deterministic, f = 0", f == 0
        if self.fault is Fault.BYZANTINE:
            if self.signed and self.time is Time.SYNCHRONOUS:
                return "Dolev and Strong 1983: synchronous, signed, f < n", f < n
            if self.signed:
                return "Dwork, Lynch and Stockmeyer 1988: partially synchronous Byzantine, signed, f < n/3", 3 * f < n
            return "Pease, Shostak and Lamport 1980: Byzantine without signatures, f < n/3", 3 * f < n
        if self.time is Time.PARTIALLY_SYNCHRONOUS:
            return "Dwork, Lynch and Stockmeyer 1988: partially synchronous crash or omission, f < n/2", 2 * f < n
        if self.fault is Fault.OMISSION:
            return "Perry and Toueg 1986: synchronous general omission, f < n/2", 2 * f < n
        return "Dolev and Strong 1983: synchronous crash, f < n", f < n


class DecisionHistory(Recorded):
    """Records who ever decided what; a second decision of one participant stands beside its first.

    Args:
        decision: what an actor has decided; None: nothing yet.
    """

    def __init__(self, decision: Callable[[Any], Hashable | None]) -> None:
        self.decision = decision
        self.deciders: set[str] = set()

    def observed(self, name: str, actor: Any) -> tuple[str, Hashable] | None:
        """The decision in an actor's state."""
        if name not in self.deciders:
            return None
        value = self.decision(actor)
        return None if value is None else (name, value)

    def after(self, history: Decisions, addition: tuple[str, Any]) -> Decisions:
        """One more decision."""
        return history if addition in history else tuple(sorted((*history, addition)))


class Agreement(ActorModel):
    """A consensus protocol under its claim. Derive from it and spawn in the constructor, or spawn from outside.

    Args:
        claim: what it is said to stand; the world follows: lock-step rounds when synchronous, ``f`` crashes for good
            when the faults are crashes. Byzantine participants are actors that lie (``faulty=True``), with
            ``context.choose`` where they may say anything.
        decision: what an actor has decided, None when nothing yet; by default its field ``decided``.
        beyond: go beyond the theorem on purpose.
        world: further settings of ``ActorModel``, which win over what follows from the claim.

    Raises:
        BeyondTheorem: no protocol can stand the claim.
        ModelError: the claim is no claim (n < 1, f < 0).
    """

    def __init__(
        self, claim: Claim, *, decision: Callable[[Any], Hashable | None] = lambda actor: actor.decided,
        beyond: bool = False, **world: Any,
    ) -> None:
        if claim.n < 1 or not 0 <= claim.f <= claim.n:
            raise ModelError(f"claim {claim.text()}: give n from 1 on, and f from 0 to n")
        theorem, within = claim.theorem()
        if not within and not beyond:
            raise BeyondTheorem(
                f"the claim ({claim.text()}) is beyond a theorem: {theorem}. No protocol stands it; give beyond=True "
                f"to see how this one fails"
            )
        history = DecisionHistory(decision)
        settings: dict[str, Any] = {"rounds": claim.time is Time.SYNCHRONOUS, "recover": False}
        if claim.fault is Fault.CRASH:
            settings["crashes"] = claim.f
        super().__init__(history=history, **{**settings, **world})
        self.claim = claim
        self._deciders = history.deciders
        self._correct: list[str] = []
        self._proposals: dict[str, Hashable] = {}

    def participant(
        self, actor_class: type[Actor], *args: Any, name: str, node: str | None = None, proposes: Hashable = None,
        decides: bool = True, faulty: bool = False, may_crash: bool = True,
    ) -> Reference:
        """Spawn one that takes part.

        Args:
            actor_class, args, name, node, may_crash: as for ``spawn``.
            proposes: its proposal; None: it has none.
            decides: whether it should decide.
            faulty: it lies; nothing is asked of it.
        """
        reference = self.spawn(actor_class, *args, name=name, node=node, may_crash=may_crash)
        if proposes is not None:
            self._proposals[name] = proposes
        if decides and not faulty:
            label = name if node is None or node == name else f"{node}/{name}"
            self._correct.append(label)
            self._deciders.add(label)
        if faulty:
            self._proposals.pop(name, None)
        return reference

    def valid(self, value: Hashable) -> bool:
        """Whether a decision is one that validity allows: proposed by somebody; under Byzantine faults, what all
        correct ones proposed when they proposed the same, else anything."""
        proposed = set(self._proposals.values())
        if self.claim.fault is Fault.BYZANTINE:
            return len(proposed) != 1 or value in proposed
        return value in proposed

    def terminated(self, state: View) -> bool:
        """Every correct participant that is up has decided."""
        decided = {name for name, _ in state.history}
        return all(name in decided or not state.is_up(name) for name in self._correct)

    def properties(self) -> Sequence[Property]:
        """The four questions."""
        return [
            eventually(TERMINATION, self.terminated),
            always(AGREEMENT, lambda state: len({value for _, value in state.history}) <= 1),
            always(VALIDITY, lambda state: all(self.valid(value) for _, value in state.history)),
            always(INTEGRITY, lambda state: len({name for name, _ in state.history}) == len(state.history)),
        ]

    def check_with(self, options: Options, progress: ProgressCallback | None = None) -> Result:
        """Ask the four questions. Partial synchrony promises to end only once messages are timely; the checked world
        has no such moment, so a run that never decides leaves termination unknown there, with the run beside it."""
        if not self._correct:
            raise ModelError(f"{type(self).__name__}: nobody decides in it; add participants")
        result = super().check_with(options, progress)
        if self.claim.time is not Time.PARTIALLY_SYNCHRONOUS:
            return result
        reason = (
            "a run without any bound on delays never decides (FLP: there must be one); whether the protocol decides "
            "once messages are timely is for a world that has time"
        )
        return msgspec.structs.replace(result, findings=tuple(
            msgspec.structs.replace(finding, verdict=Verdict.UNKNOWN, reason=reason)
            if finding.name == TERMINATION and finding.verdict is Verdict.VIOLATED else finding
            for finding in result.findings
        ))
