"""What happens after a handler raised: the decision of a supervisor, as OTP takes it. Knows no turn and no network.

The rules are the real world's: restarts beyond the allowed intensity escalate, the parent counts as failed; at the top
an actor told to ESCALATE stops the node in order, one that only used up its restarts is stopped itself.
"""

from __future__ import annotations

from actors.context import Directive
from actors.errors import ActorumError
from actors.message import Reason
from actors.simulation import lifecycle
from actors.simulation.cell import Cell
from core_ext.stage import RUNNING, STOPPED, STOPPING


class Escalated(ActorumError):
    """A child failed in a way that its supervisor must answer for; the cause is the child's error."""


def decide(cell: Cell, error: BaseException) -> None:
    """Apply the directive of a failed actor."""
    rule = cell.supervision
    if rule.directive is Directive.RESUME and cell.actor is not None and cell.state == RUNNING:
        return
    if rule.directive is Directive.RESTART:
        if _may_restart(cell):
            cell.node.counters["restarts"] += 1
            lifecycle.restart(cell)
        else:
            _escalate(
                cell, error, f"failed again after {rule.max_restarts} restart(s) within {rule.within_seconds:g} s"
            )
        return
    if rule.directive is Directive.ESCALATE:
        _escalate(cell, error, "failed and is supervised with ESCALATE")
        return
    lifecycle.begin_stop(cell, Reason.FAILED)


def _escalate(cell: Cell, error: BaseException, why: str) -> None:
    escalated = Escalated(f"{cell.label} {why}: {type(error).__name__}: {error}")
    escalated.__cause__ = error
    lifecycle.begin_stop(cell, Reason.FAILED)
    if cell.parent is not None:
        cell.node.later(_fail_parent, cell.parent, escalated)
    elif cell.supervision.directive is Directive.ESCALATE:
        cell.node.stop_because(escalated)


def _fail_parent(parent: Cell, error: Escalated) -> None:
    if parent.state not in (STOPPING, STOPPED):
        parent.node.failed(parent, error, None)


def _may_restart(cell: Cell) -> bool:
    rule = cell.supervision
    if rule.max_restarts < 1:
        return False
    now = cell.node.monotonic_ns()
    window = int(rule.within_seconds * 1e9)
    cell.restarts = [at for at in cell.restarts if now - at < window]
    if len(cell.restarts) >= rule.max_restarts:
        return False
    cell.restarts.append(now)
    return True
