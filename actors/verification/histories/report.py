"""What a judge answers: a verdict of three values, and for a violation the smallest evidence. Knows no judge."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from actors.verification.histories.history import Operation


class Verdict(enum.StrEnum):
    """Three values: what was not decided is never presented as ok."""

    OK = "ok"
    VIOLATION = "violation"
    UNKNOWN = "unknown"  # a limit was reached first; the report's reason names it


class Edge(msgspec.Struct, frozen=True):
    """Why one operation must stand before another: one arrow of a cycle."""

    before: Operation
    why: str
    after: Operation


class Witness(msgspec.Struct, frozen=True):
    """The evidence of a violation.

    Attributes:
        what: the kind of evidence in the field's words: the name of a bad pattern, an anomaly, a broken guarantee.
        text: the explanation in whole sentences, for a reader who has not read the paper.
        operations: those at fault: the operation that cannot be placed, or a cycle in its order.
        window: the smallest set of operations found that is itself a violation, in order of invocation; empty when
            ``operations`` is that set.
        edges: the arrows of a cycle; empty otherwise.
    """

    what: str
    text: str
    operations: tuple[Operation, ...] = ()
    window: tuple[Operation, ...] = ()
    edges: tuple[Edge, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """The answer to one question about one history.

    Attributes:
        level: ``strong``, ``sequential``, ``causal``, ``eventual`` or ``transactions``.
        model: the model's name.
        verdict: see ``Verdict``.
        witness: of a violation; None otherwise.
        details: what else the judge found (verdicts of sub-levels, counts, times), plain values for JSON.
        reason: why the verdict is UNKNOWN; empty otherwise.
        seconds: how long judging took, reading not included.
    """

    level: str
    model: str
    verdict: Verdict
    witness: Witness | None = None
    details: dict[str, Any] = {}
    reason: str = ""
    seconds: float = 0.0
