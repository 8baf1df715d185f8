"""A world for the door alone: a system with one actor, and a gateway that runs batches on a store at once, later, or
never. What is real: the door, its sockets and the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from actors import Reference
from actorum.redis_door import RedisDoor, RedisDoorSettings
from core_ext.store import Store
from protocols.storage.messages import Execute, Outcome, Query, Status

NOW_MS = 1_700_000_000_000


class FakeReference:
    """Stands for the door's actor; messages told to it are handled in the loop's next turn."""

    def __init__(self, system: FakeSystem) -> None:
        self._system = system

    def tell(self, message: Any) -> None:
        self._system.deliver(message)


class FakeContext:
    """The part of a context that the door's actor uses."""

    def __init__(self, system: FakeSystem) -> None:
        self._system = system
        self.timers: dict[Any, float] = {}

    def send(self, target: Any, message: Any) -> None:
        assert target is self._system.gateway_reference
        self._system.gateway(message)

    def set_timer(self, message: Any, delay_seconds: float) -> None:
        self.timers[message] = delay_seconds


class FakeSystem:
    """Runs one synchronous actor in batches, as the runtime does."""

    def __init__(self, gateway: Callable[[Any], None]) -> None:
        self.gateway = gateway
        self.gateway_reference = Reference("local", "gateway")
        self.context = FakeContext(self)
        self.actor: Any = None
        self.failure: Exception | None = None
        self._mailbox: deque[Any] = deque()
        self._scheduled = False

    def spawn(self, actor_class: Any, *args: Any, name: str | None = None, supervision: Any = None) -> Any:
        assert name == "door"
        self.actor = actor_class(*args)
        self.actor.start(self.context)
        return FakeReference(self)

    async def terminate(self, _reference: Any) -> None:
        self.actor = None

    def deliver(self, message: Any) -> None:
        self._mailbox.append(message)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        if self.actor is None:
            return
        while self._mailbox:
            message = self._mailbox.popleft()
            self.actor.handlers[type(message)](self.actor, message, self.context)
        self.actor.after_batch(self.context)


class StoreGateway:
    """Answers batches from a store, Executes in order; ``hold`` collects them instead until ``release``."""

    def __init__(self) -> None:
        self.store = Store()
        self.system = FakeSystem(self)
        self.hold = False
        self.held: deque[Execute | Query] = deque()
        self.seen: list[Execute | Query] = []
        self.status = Status.DONE
        self.reason = ""

    def __call__(self, message: Execute | Query) -> None:
        self.seen.append(message)
        if self.hold:
            self.held.append(message)
        else:
            self.answer(message)

    def answer(self, message: Execute | Query) -> None:
        self.system.deliver(self.outcome(message))

    def outcome(self, message: Execute | Query) -> Outcome:
        replies: bytes | None = b""
        if self.status is Status.DONE:
            if isinstance(message, Execute):
                replies = self.store.apply(NOW_MS, message.batch)
            else:
                replies = self.store.read(NOW_MS, message.batch)
                assert replies is not None
        return Outcome(ticket=message.ticket, status=self.status, replies=replies or b"", reason=self.reason)

    def release(self) -> None:
        self.hold = False
        while self.held:
            self.answer(self.held.popleft())


@asynccontextmanager
async def open_door(
    gateway: StoreGateway | None = None, *, status: Callable[[], dict[str, object]] | None = None, **settings: Any
) -> AsyncIterator[tuple[RedisDoor, StoreGateway]]:
    """A door on a free port, closed at the end."""
    gateway = gateway or StoreGateway()
    door = RedisDoor(
        gateway.system, gateway.system.gateway_reference,
        msgspec.convert({"port": 0, **settings}, RedisDoorSettings), status or (lambda: {"role": "leader", "term": 1}),
    )
    await door.start()
    try:
        yield door, gateway
    finally:
        gateway.release()
        await door.close(5.0)


def request(*arguments: bytes | str | int) -> bytes:
    """A command as clients send it."""
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
