"""The last reply arrives: a connection that the door ends is not reset under a client that is still sending.

Clients here are plain blocking sockets in a thread: they send all they have, and read only then.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from actorum.redis_door import RedisDoor
from tests.door.fakes import StoreGateway, open_door, request
from tests.door.test_door import DEADLINE_SECONDS, Wire, run, until

REST = request("SET", "late", b"x" * 100_000) * 80  # 8 MB: more than the kernel holds on both sides together


def connected(door: RedisDoor) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", door.port), DEADLINE_SECONDS)
    client.settimeout(DEADLINE_SECONDS)
    return client


def speak(door: RedisDoor, data: bytes) -> bytes:
    """Send everything, then read to the end."""
    with connected(door) as client:
        client.sendall(data)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
@pytest.mark.parametrize(("first", "expected"), [
    (request("SET", "a", 1) + b"*1\r\n!!\r\n", b"+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (request("QUIT"), b"+OK\r\n"),
], ids=["protocol", "too-large", "quit"])
def test_a_client_that_reads_after_it_has_sent_everything_gets_the_last_reply(
    first: bytes, expected: bytes, loop: Callable[..., None]
) -> None:
    async def main() -> None:
        async with open_door() as (door, _):
            assert await asyncio.to_thread(speak, door, first + REST) == expected
            await until(lambda: door.counters["connections"] == 0)

    run(main(), loop)


def test_a_client_too_many_that_sends_at_once_is_told_so() -> None:
    async def main() -> None:
        async with open_door(max_clients=1) as (door, _):
            first = await Wire.to(door)
            assert await first.ask("PING") == b"+PONG\r\n"
            told = await asyncio.to_thread(speak, door, REST)
            assert told == b"-ERR max number of clients reached\r\n"
            await first.close()

    run(main())


def test_a_client_that_falls_silent_and_does_not_go_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actorum.redis_connection.PARTING_SECONDS", 60.0)

    async def main() -> None:
        async with open_door() as (door, _):
            wire = await Wire.to(door)
            wire.send(b"*1\r\n!!\r\n")
            assert (await wire.rest()).startswith(b"-ERR Protocol error")
            assert door.counters["connections"] == 1, "half-closed"
            await until(lambda: door.counters["connections"] == 0)
            await wire.close()

    run(main())


def drip(door: RedisDoor) -> float:
    """Send a byte every now and then after the error, for as long as it works; the seconds that it worked."""
    with connected(door) as client:
        client.sendall(b"*1\r\n!!\r\n")
        began = time.monotonic()
        while time.monotonic() < began + DEADLINE_SECONDS:
            try:
                client.sendall(b"x")
            except OSError:
                break
            time.sleep(0.02)
        return time.monotonic() - began


def test_a_client_that_sends_drop_by_drop_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actorum.redis_connection.PARTING_SECONDS", 0.4)

    async def main() -> None:
        async with open_door() as (door, _):
            assert 0.3 < await asyncio.to_thread(drip, door) < DEADLINE_SECONDS
            await until(lambda: door.counters["connections"] == 0)

    run(main())


def test_a_client_that_goes_on_sending_is_cut_off_after_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actorum.redis_connection.PARTING_SECONDS", 60.0)
    monkeypatch.setattr("actorum.redis_connection.PARTING_BYTES", 1 << 20)

    async def main() -> None:
        async with open_door() as (door, _):
            with pytest.raises(OSError):
                await asyncio.to_thread(speak, door, b"*1\r\n!!\r\n" + REST * 4)
            await until(lambda: door.counters["connections"] == 0)

    run(main())


def test_only_so_many_part_slowly_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actorum.redis_connection.PARTING_QUIET_SECONDS", 60.0)
    monkeypatch.setattr("actorum.redis_door._MAX_PARTING", 3)

    async def main() -> None:
        async with open_door() as (door, _):
            wires = [await Wire.to(door) for _ in range(8)]
            for wire in wires:
                wire.send(b"*1\r\n!!\r\n")
            for wire in wires:
                await wire.reader.read(-1)
            await until(lambda: door.counters["connections"] == 3)
            for wire in wires:
                await wire.close()
            await until(lambda: door.counters["connections"] == 0)

    run(main())


def test_a_door_that_closes_waits_for_nobody_who_has_nothing_to_read() -> None:
    async def main() -> None:
        async with open_door(max_clients=3) as (door, _):
            wires = [await Wire.to(door) for _ in range(4)]
            for wire in wires[:2]:
                assert await wire.ask("PING") == b"+PONG\r\n"
            await wires[3].reader.readexactly(len(b"-ERR max number of clients reached\r\n"))
            began = time.monotonic()
            await door.close(DEADLINE_SECONDS)
            assert time.monotonic() - began < 1.0
            for wire in wires:
                await wire.close()

    run(main())


def test_replies_arrive_from_a_door_that_closes_under_a_client_that_is_sending() -> None:
    async def main() -> None:
        gateway = StoreGateway()
        async with open_door(gateway) as (door, _):
            gateway.hold = True
            speaking: Any = asyncio.create_task(asyncio.to_thread(speak, door, request("SET", "a", 1) + REST))
            await until(lambda: len(gateway.held) > 0)
            closing = asyncio.create_task(door.close(DEADLINE_SECONDS))
            await asyncio.sleep(0)
            gateway.release()
            gateway.hold = False
            assert (await speaking).startswith(b"+OK\r\n")
            await closing

    run(main())
