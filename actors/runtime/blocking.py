"""A synchronous face of an actor system, for scripts: the system runs in an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from actors.context import Mailbox, Supervision
from actors.errors import SystemStopped
from actors.message import Message, Request
from actors.runtime.system import ActorSystem
from core_ext.mailbox import Reference

T = TypeVar("T")


class BlockingActorSystem:
    """``with BlockingActorSystem() as system:`` in code without an event loop; usable from any thread.

    References that it returns are told and asked through it: ``system.ask(reference, message)``.

    Args:
        arguments, keywords: those of ActorSystem.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self._make: Callable[[], ActorSystem] = lambda: ActorSystem(*arguments, **keywords)
        self._system: ActorSystem | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread and the system in it; raises what ActorSystem.start raises."""
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(started)), name="actor system", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._loop = None
            raise

    async def _main(self, started: concurrent.futures.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self._system = self._make()
            await self._system.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(None)
        await self._system.wait_stopped()

    def stop(self, grace_seconds: float | None = None) -> None:
        """Stop in order and wait for it; fine when it has stopped already."""
        if self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(SystemStopped):  # it may stop by itself meanwhile
                self._run(self._running().stop(grace_seconds))
            self._thread.join()

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None, supervision: Supervision | None = None,
        mailbox: Mailbox | None = None,
    ) -> Reference:
        """Start a top-level actor (``ActorSystem.spawn``)."""
        system = self._running()
        return self._call(
            lambda: system.spawn(actor_class, *args, name=name, supervision=supervision, mailbox=mailbox)
        )

    def ref(self, address: str) -> Reference:
        """A reference by address (``ActorSystem.ref``)."""
        return self._running().ref(address)

    def tell(self, target: Reference, message: Message) -> None:
        """Put a message into the target's mailbox; returns when it is there."""
        self._call(lambda: target.tell(message))

    def ask(self, target: Reference, message: Request[T], timeout_seconds: float | None = None) -> T:
        """Send a request and wait for its answer; raises AskTimeout, AskRejected or AskFailed."""

        async def asked() -> T:
            return await target.ask(message, timeout_seconds)

        return self._run(asked())

    def terminate(self, reference: Reference) -> None:
        """Stop one actor in order and wait until it is gone."""
        self._run(self._running().terminate(reference))

    def counters(self) -> dict[str, int | float]:
        """What the system has counted since it started."""
        return self._call(self._running().counters)

    def _running(self) -> ActorSystem:
        if self._system is None or self._thread is None or not self._thread.is_alive():
            raise SystemStopped("this BlockingActorSystem is not running; use 'with BlockingActorSystem() as system:'")
        return self._system

    def _call(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self._run(call())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loop = self._loop
        if loop is None or loop.is_closed():
            coroutine.close()
            raise SystemStopped("this BlockingActorSystem has stopped")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        while True:
            try:
                return future.result(timeout=1.0)
            except concurrent.futures.TimeoutError:
                if future.done():
                    raise
                if loop.is_closed():
                    raise SystemStopped("this BlockingActorSystem stopped before it answered") from None
