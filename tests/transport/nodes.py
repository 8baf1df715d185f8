"""Bare nodes for transport tests: a Transport and a record of what it delivered. No actors."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import uvloop

from actors.message import Lane
from actors.runtime.transport import Transport
from actors.runtime.transport_settings import TransportSettings
from core_ext.codec import Kind
from core_ext.mailbox import Reference

uvloop.new_event_loop().close()  # libuv keeps one pipe per process; open it before a test is watched for leaks

_incarnations = itertools.count(1000)
FAST = TransportSettings(
    ping_interval_seconds=0.03, lost_after_seconds=0.3, reconnect_low_seconds=0.01, reconnect_high_seconds=0.1
)


class Delivered(NamedTuple):
    """One envelope, as the runtime would see it."""

    kind: int
    target: tuple[str, int]
    sender: Reference | None
    correlation: int
    wire_id: int
    body: bytes
    lane: Lane


class Node:
    """A transport whose deliveries, ups and downs are kept."""

    def __init__(
        self,
        name: str,
        peers: Mapping[str, str] | None = None,
        *,
        settings: TransportSettings = FAST,
        on_delivered: Callable[[Delivered], None] | None = None,
        cluster_id: str = "test",
        incarnation: int | None = None,
        **options: Any,
    ) -> None:
        self.name = name
        self.got: list[Delivered] = []
        self.ups: list[tuple[str, int]] = []
        self.downs: list[tuple[str, int, str]] = []
        self.folders: dict[str, str] = {}
        self.incarnation = incarnation if incarnation is not None else next(_incarnations)
        self._on_delivered = on_delivered
        self.transport = Transport(
            node=name,
            incarnation=self.incarnation,
            cluster_id=cluster_id,
            peers=peers,
            settings=settings,
            loop=asyncio.get_running_loop(),
            on_envelope=self._deliver,
            on_peer_up=lambda *up: self.ups.append(up),
            on_peer_down=lambda *down: self.downs.append(down),
            remember_folder=self.folders.__setitem__,
            **options,
        )

    def _deliver(
        self, kind: int, target_name: str, target_incarnation: int, sender: Reference | None, correlation: int,
        wire_id: int, body: bytes | memoryview, lane: Lane,
    ) -> None:
        found = Delivered(
            kind, (target_name, target_incarnation), sender, correlation, wire_id, bytes(body), lane
        )
        if self._on_delivered is not None:
            self._on_delivered(found)
        else:
            self.got.append(found)

    async def __aenter__(self) -> Node:
        await self.transport.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.close(0.5)

    @property
    def address(self) -> str:
        return self.transport.address

    @property
    def counters(self) -> dict[str, int]:
        return self.transport.counters

    def tell(self, node: str, body: bytes = b"", lane: Lane = Lane.DATA, number: int = 0) -> str | None:
        """Queue one envelope; ``number`` travels as its correlation."""
        return self.transport.send(node, lane, Kind.TELL, ("target", 0), ("sender", 7), number, 42, body)

    def tell_now(self, node: str, body: bytes = b"", lane: Lane = Lane.DATA, number: int = 0) -> str | None:
        """Queue one envelope and end the turn."""
        refused = self.tell(node, body, lane, number)
        self.transport.flush()
        return refused

    def numbers(self, lane: Lane | None = None) -> list[int]:
        """Correlations of what came, in order."""
        return [found.correlation for found in self.got if lane is None or found.lane == lane]

    async def crash(self) -> None:
        """Vanish without a goodbye, as a killed process does."""
        for link in self.transport.links.values():
            link.close()
        await self.transport.close(0.0)


async def until(condition: Callable[[], Any], why: str = "", seconds: float = 10.0) -> None:
    """Wait for a condition, or fail with ``why``."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {why or condition}") from None


def run(scenario: Callable[[], Any]) -> None:
    """Run a scenario on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def fast(**changes: Any) -> TransportSettings:
    """Settings with short times, changed."""
    return msgspec.structs.replace(FAST, **changes)
