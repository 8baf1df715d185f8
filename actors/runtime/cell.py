"""An actor's context in the real world: the part of it that is called now and then. Knows the contract and its world.

What every message needs (send, reply, request, the journal) stands in the native base class.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from actors.arguments import check_delay, check_key, check_target
from actors.context import Mailbox, Supervision
from actors.errors import ContractError
from actors.message import Message
from actors.runtime import lifecycle, tasks
from core_ext.cell import Cell
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    import asyncio

    from actors.message import Reason
    from actors.runtime.timers import Alarm
    from actors.runtime.world import World

T = TypeVar("T")


class Rare:
    """What most actors never need; made when first needed, so that an idle actor stays small."""

    __slots__ = ("alarm", "children", "failure", "restarts", "started", "stop_reason", "stop_waiters", "stopped_ran",
                 "task", "unlaunched", "watchers")

    def __init__(self) -> None:
        self.children: dict[ActorCell, None] = {}
        self.unlaunched: list[ActorCell] = []  # spawned by the handler that runs now
        self.watchers: dict[tuple[Reference, Reference], None] = {}  # (watcher, target as the watcher named it)
        self.restarts: list[float] = []
        self.stop_reason: Reason | None = None
        self.stop_waiters: list[asyncio.Future[None]] = []
        self.alarm: Alarm | None = None
        self.task: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self.started = False  # async actors: start(context) was called
        self.stopped_ran = False  # the children are gone and stopped(context) was called, or there is none


class ActorCell(Cell):
    """One actor: its cell and its context."""

    __slots__ = ()

    _parent: ActorCell | None
    _rare: Rare | None
    _supervision: Supervision
    _world: World

    # --- the contract ------------------------------------------------------------------------------------------

    @property
    def parent(self) -> Reference | None:
        """The supervisor; None for a top-level actor."""
        return None if self._parent is None else self._parent.self

    def set_timer(self, message: Message, delay_seconds: float | tuple[float, float], key: Hashable = None) -> None:
        """Send ``message`` to oneself after a delay, or one drawn from (low, high); see ``actors.context``."""
        self.check_in_handler("set_timer")
        self._world.check_message(message)
        check_delay(self._label, delay_seconds)
        if isinstance(delay_seconds, tuple):
            delay_seconds = self._world.random.uniform(*delay_seconds)
        if key is None:
            key = type(message)
        else:
            check_key(self._label, "set_timer", key)
        self.effect_now(self._world.timers.set, self, message, delay_seconds, key)

    def cancel_timer(self, key: Hashable) -> None:
        """Cancel the timer with this key; unknown keys are ignored."""
        self.check_in_handler("cancel_timer")
        check_key(self._label, "cancel_timer", key)
        self.effect_now(self._world.timers.cancel, self, key)

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None,
        supervision: Supervision | None = None, mailbox: Mailbox | None = None,
    ) -> Reference:
        """Create a child; it starts when this handler's effects are released."""
        self.check_in_handler("spawn")
        child = lifecycle.create(self._world, actor_class, args, name, supervision, mailbox, self)
        rare = self._rarely()
        rare.unlaunched.append(child)
        rare.children[child] = None
        self.effect_now(rare.unlaunched.clear)
        self.effect(child._launch)
        return child.self

    def stop(self, target: Reference | None = None) -> None:
        """Stop a child, or oneself, after what its mailbox already holds."""
        self.check_in_handler("stop")
        if target is not None:
            check_target(self._label, "stop", target)
        cell = self if target is None else self._world.find(target)
        if cell is None:
            return
        if cell is not self and cell._parent is not self:
            raise ContractError(
                f"{self._label}: stop({target!r}): only a parent stops an actor; send it a message that asks it to"
            )
        self.effect(cell._order_stop, False)

    def watch(self, target: Reference) -> None:
        """Receive Terminated when that incarnation is gone, for whatever reason."""
        self.check_in_handler("watch")
        check_target(self._label, "watch", target)
        self.effect(self._world.watches.watch, self, target)

    def unwatch(self, target: Reference) -> None:
        """No longer watch."""
        self.check_in_handler("unwatch")
        check_target(self._label, "unwatch", target)
        self.effect(self._world.watches.unwatch, self, target)

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, drawn at random."""
        return self._world.random.choice(options)

    def buggify(self, place: str) -> bool:
        """False in this world."""
        return False

    # --- for the runtime -----------------------------------------------------------------------------------------

    @property
    def _label(self) -> str:
        """How errors and logs name this actor: ``node/name (Class)``."""
        return f"{self.node}/{self.self.name} ({self._behaviour.actor_class.__qualname__})"

    def _rarely(self) -> Rare:
        if self._rare is None:
            self._rare = Rare()
        return self._rare

    def _begin(self) -> None:
        lifecycle.begin(self)

    def _not_started(self) -> None:
        lifecycle.not_started(self)

    def _begin_stop(self) -> None:
        lifecycle.begin_stop(self)

    def _gate_opened(self) -> None:
        lifecycle.gate_opened(self)

    def _serve_async(self) -> None:
        tasks.serve(self)
