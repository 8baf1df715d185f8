"""One face for the real and the simulated world, so that one test can hold both to the same contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from actors import Mailbox, Message, Reference, Request, Supervision
from actors.runtime.blocking import BlockingActorSystem
from actors.simulation import Simulation
from tests.actors.support import Notes


class World(Protocol):
    """What a test may do with either world: one node called ``local``."""

    def __enter__(self) -> World: ...
    def __exit__(self, *error: Any) -> None: ...
    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None, supervision: Supervision | None = None,
        mailbox: Mailbox | None = None,
    ) -> Reference: ...
    def ref(self, name: str) -> Reference: ...
    def tell(self, target: Reference, message: Message) -> None: ...
    def ask(self, target: Reference, message: Request[Any], timeout_seconds: float | None = None) -> Any: ...
    def terminate(self, target: Reference) -> None: ...
    def restart(self) -> None: ...


class RealWorld:
    """The real runtime, on a real log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._system = BlockingActorSystem(data=folder)

    def __enter__(self) -> RealWorld:
        self._system.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._system.stop()

    def spawn(self, actor_class: type[Any], *args: Any, **options: Any) -> Reference:
        return self._system.spawn(actor_class, *args, **options)

    def ref(self, name: str) -> Reference:
        return self._system.ref(name)

    def tell(self, target: Reference, message: Message) -> None:
        self._system.tell(target, message)

    def ask(self, target: Reference, message: Request[Any], timeout_seconds: float | None = None) -> Any:
        return self._system.ask(target, message, timeout_seconds)

    def terminate(self, target: Reference) -> None:
        self._system.terminate(target)

    def restart(self) -> None:
        self._system.stop()
        self._system = BlockingActorSystem(data=self._folder)
        self._system.start()


class SimulatedWorld:
    """One simulated node; asking lets virtual time pass."""

    def __init__(self, disk: str) -> None:
        self.simulation = Simulation(1, disk=disk)
        self._node = self.simulation.node("local", lambda node: None)

    def __enter__(self) -> SimulatedWorld:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def spawn(self, actor_class: type[Any], *args: Any, **options: Any) -> Reference:
        return self._node.spawn(actor_class, *args, **options)

    def ref(self, name: str) -> Reference:
        return self._node.ref(name)

    def tell(self, target: Reference, message: Message) -> None:
        self.simulation.tell(target, message)
        self.simulation.run(0.0005)  # the real one's loop has run when its tell returns

    def ask(self, target: Reference, message: Request[Any], timeout_seconds: float | None = None) -> Any:
        pending = self.simulation.ask(target, message, timeout_seconds)
        self.simulation.run_until(lambda: pending.done, 30, "an answer")
        self.simulation.run(0.0005)  # as in the real world, where time passes between two asks
        return pending.result()

    def terminate(self, target: Reference) -> None:
        self._node.terminate(target)
        self.simulation.run_until(lambda: self._node.find(target) is None, 30, "the end of it")

    def restart(self) -> None:
        self._node.restart()


def make(kind: str, folder: Path) -> World:
    """A world by name: real, memory (simulated), wal (simulated, on the real log)."""
    return RealWorld(folder) if kind == "real" else SimulatedWorld(kind)


def notes_until(world: World, recorder: Reference, enough: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """Ask a recorder until it has noted enough; whatever it has after twenty seconds."""
    deadline = time.monotonic() + 20
    seen: tuple[str, ...] = world.ask(recorder, Notes())
    while not enough(seen) and time.monotonic() < deadline:
        seen = world.ask(recorder, Notes())
    return seen
