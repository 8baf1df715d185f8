"""Transactions of "r" and "w", and single operations beside them, as units of reads and writes. Knows no level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.verification.histories.causal_accesses import Unit, Value
from actors.verification.histories.history import HistoryError, Key, Operation, Outcome, identity, show
from actors.verification.histories.models import NAMES, Model
from actors.verification.histories.report import Witness

REGISTERS = frozenset({"register", "cas-register", "multi-register", "key-value"})
LISTS = "list-append"


def name_of(model: str | Model) -> str:
    """A model's name for reports.

    Raises:
        HistoryError: there is no model of that name.
    """
    if isinstance(model, Model):
        return model.name or type(model).__name__
    if model not in NAMES:
        raise HistoryError(f"no model {model!r}; there are {', '.join(NAMES)}")
    return model


def unfit_model(model: str | Model, level: str, lists: bool) -> str:
    """Why a level that looks at values, and runs no model, cannot judge an object; empty if it can.

    Args:
        lists: whether the level knows lists beside registers.
    """
    if isinstance(model, str) and (model in REGISTERS or (lists and model == LISTS)):
        return ""
    known = ", ".join((*sorted(REGISTERS), *([LISTS] if lists else [])))
    return f"the level {level} is defined for {known}, and not for {name_of(model)}"


def steps_of(operation: Operation) -> list[tuple[str, Key, Any]] | None:
    """The micro-operations in order; None when there are others than reads and writes.

    A successful cas reads the old value and writes the new one. A failed one, or a delete that told whether there was
    a value, says only what it did not read: that is no read here.
    """
    f, known = operation.f, operation.outcome is Outcome.OK
    if f in ("read", "get"):
        return [("r", operation.key, operation.result)] if known else []
    if f in ("write", "put") or (f == "delete" and operation.result is None):
        return [("w", operation.key, operation.value)]
    if f == "cas":
        old, new = operation.value
        return None if known and operation.result is False else [("r", operation.key, old), ("w", operation.key, new)]
    if f != "txn":
        return None
    steps = operation.result if known else [step for step in operation.value if step[0] != "r"]
    return None if any(step[0] == "append" for step in steps) else [(step[0], step[1], step[2]) for step in steps]


def unit_of(operation: Operation) -> Unit | Witness | None:
    """One operation as reads from outside and last writes.

    Returns:
        The unit; or the evidence that a transaction did not read its own write; or None: it is not one of reads and
        writes.
    """
    steps = steps_of(operation)
    if steps is None:
        return None
    reads: list[Value] = []
    written: dict[Key, Any] = {}
    hidden: list[Value] = []
    for f, key, value in steps:
        if f == "w":
            if key in written:
                hidden.append((key, written[key]))
            written[key] = value
        elif key not in written:
            reads.append((key, value))
        elif identity(written[key]) != identity(value):
            return Witness(
                "internal", f"{operation.describe()} wrote {show(written[key])} to {show(key)}, and then read "
                f"{show(value)} there: it did not see its own write.", (operation,),
            )
    return Unit(operation, reads, list(written.items()), hidden)


def units_of(operations: Iterable[Operation]) -> list[Unit] | Witness | None:
    """All operations as units, or what ``unit_of`` said of the first that is none."""
    units: list[Unit] = []
    for operation in operations:
        unit = unit_of(operation)
        if not isinstance(unit, Unit):
            return unit
        if unit.reads or unit.writes:
            units.append(unit)
    return units


