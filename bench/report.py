"""What a row measured, how it is printed, and where it is kept as JSON. Knows no row."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Measured:
    """One figure.

    Attributes:
        value: in ``unit``.
        unit: ``/s``, ``ms``, ``s``, ``bytes`` ...
        details: what else was seen: percentiles, syncs, errors, the load's shape.
    """

    value: float
    unit: str
    details: dict[str, Any] = field(default_factory=dict)


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3f}"


def line(name: str, measured: Measured) -> str:
    """One row of the printed table."""
    details = "  ".join(
        f"{key} {number(value) if isinstance(value, float) else value}" for key, value in measured.details.items()
    )
    return f"{name:26s} {number(measured.value) + ' ' + measured.unit:>18s}   {details}"


def save(kind: str, conditions: dict[str, Any], rows: dict[str, Any], path: Path | None = None) -> Path:
    """Write one run as JSON; the path it went to."""
    RESULTS.mkdir(exist_ok=True)
    target = path or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{kind}-{os.getpid()}.json"
    plain = {name: asdict(row) if isinstance(row, Measured) else row for name, row in rows.items()}
    target.write_text(json.dumps({"kind": kind, "conditions": conditions, "rows": plain}, indent=2) + "\n")
    return target
