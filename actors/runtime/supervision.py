"""What happens after a handler raised: the decision of a supervisor, as OTP takes it. Knows no scheduler.

A parent supervises its children, the system its top-level actors. Restarts beyond the allowed intensity escalate: the
parent counts as failed. At the top, an actor told to ESCALATE stops the system in order; one that only used up its
restarts is stopped itself, so that an application actor never takes its node down.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actors.context import Directive
from actors.errors import ActorumError
from actors.message import Reason
from actors.runtime import lifecycle

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell


class Escalated(ActorumError):
    """A child failed in a way that its supervisor must answer for; the cause is the child's error."""


def decide(cell: ActorCell, error: BaseException) -> None:
    """Apply the directive of a failed actor."""
    directive = cell._supervision.directive
    if directive is Directive.RESUME and cell._actor is not None and cell._state == "running":
        return
    if directive is Directive.RESTART:
        if _may_restart(cell):
            cell._world.restarts += 1
            lifecycle.restart(cell)
            return
        rule = cell._supervision
        escalate(cell, error, f"failed again after {rule.max_restarts} restart(s) within {rule.within_seconds:g} s")
        return
    if directive is Directive.ESCALATE:
        escalate(cell, error, "failed and is supervised with ESCALATE")
        return
    lifecycle.begin_stop(cell, Reason.FAILED)


def escalate(cell: ActorCell, error: BaseException, why: str) -> None:
    """Stop the actor as failed, and let its supervisor count as failed."""
    world = cell._world
    escalated = Escalated(f"{cell._label} {why}: {type(error).__name__}: {error}")
    escalated.__cause__ = error
    parent = cell._parent
    lifecycle.begin_stop(cell, Reason.FAILED)
    if parent is not None:
        world.later(_fail_parent, parent, escalated)
    elif cell._supervision.directive is Directive.ESCALATE:
        world.stop_because(escalated)
    else:
        world.log.error("%s; it is stopped", escalated)


def _fail_parent(parent: ActorCell, error: Escalated) -> None:
    if parent._state in ("stopping", "stopped"):
        return
    task = parent._rarely().task
    if task is not None:  # an async parent in the middle of a handler: its task reports the failure
        parent._rarely().failure = error
        task.cancel()
        return
    parent._world.failed(parent, error, None, None)


def _may_restart(cell: ActorCell) -> bool:
    rule = cell._supervision
    if rule.max_restarts < 1:
        return False
    now = time.monotonic()
    restarts = cell._rarely().restarts
    restarts[:] = [at for at in restarts if now - at < rule.within_seconds]
    if len(restarts) >= rule.max_restarts:
        return False
    restarts.append(now)
    return True
