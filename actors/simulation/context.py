"""An actor's hands in the simulated world: the shared recorder, with the checks that the real world makes at the call.

What a call cannot do fails in the handler that makes it, so that the handler's other effects do not happen either.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.arguments import check_delay, check_key, check_target
from actors.context import Mailbox, Supervision
from actors.errors import ContractError
from actors.message import Request
from actors.recording import Recorder
from actors.simulation import lifecycle
from core_ext.mailbox import Reference
from core_ext.stage_hands import StageHands

if TYPE_CHECKING:
    from actors.simulation.cell import Cell


class Launch(NamedTuple):
    """``spawn``: the child was made when the handler asked for it, and starts when its effects are released."""

    cell: Cell


class Hands(StageHands, Recorder):
    """One actor's context.

    Args:
        cell: the actor.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.own, cell.node)
        self.parent = None if cell.parent is None else cell.parent.own
        self._answers = frozenset(cell.answers)
        self._cell = cell
        self._node = cell.node

    def request(
        self, target: Reference, message: Request[Any], key: Hashable = None, timeout_seconds: float | None = None
    ) -> None:
        """See ``Context.request``."""
        if timeout_seconds is not None and not timeout_seconds > 0:
            raise ValueError(f"ask {target!r}: timeout_seconds must be more than 0, it is {timeout_seconds!r}")
        if target.node != self.node:
            self._node.pack(message)  # what cannot travel fails here
        super().request(target, message, key, timeout_seconds)

    def check_timer(self, delay_seconds: float | tuple[float, float], key: Hashable) -> None:
        """Refuse a timer with a delay or a key that cannot be; asked for those that are not obviously right."""
        check_delay(self._cell.label, delay_seconds)
        if key is not None:
            check_key(self._cell.label, "set_timer", key)

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None,
        supervision: Supervision | None = None, mailbox: Mailbox | None = None,
    ) -> Reference:
        """See ``Context.spawn``."""
        cell = self._cell
        child = lifecycle.create(self._node, actor_class, args, name, supervision, mailbox, cell)
        cell.unlaunched.append(child)
        cell.children[child] = None
        self.effects.append(Launch(child))
        return child.own

    def stop(self, target: Reference | None = None) -> None:
        """See ``Context.stop``."""
        if target is not None:
            check_target(self._cell.label, "stop", target)
        cell = self._cell if target is None else self._node.find(target)
        if cell is None:
            return
        if cell is not self._cell and cell.parent is not self._cell:
            raise ContractError(
                f"{self._cell.label}: stop({target!r}): only a parent stops an actor; send it a message that asks it to"
            )
        super().stop(cell.own)

    def buggify(self, place: str) -> bool:
        """See ``Context.buggify``."""
        return self._node.simulation.buggify(place)

    def injected(self, kind: str) -> None:
        """A fault that an actor itself commits (a lie) is counted; not part of the contract."""
        self._node.simulation.count(kind)
