"""Many clients at once, well-behaved and not: the long tier."""

from __future__ import annotations

import asyncio
import random

import pytest
import uvloop

from actorum.redis_door import RedisDoor
from tests.door.fakes import open_door, request
from tests.door.test_door import Wire, until


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_good_clients_beside_bad_ones(seed: int) -> None:
    generator = random.Random(seed)

    async def good(door: RedisDoor, number: int) -> None:
        wire = await Wire.to(door)
        for turn in range(1, 6):
            wire.send(request("INCR", f"n{number}") + request("GET", f"n{number}"))
            await wire.expect(b":%d\r\n$1\r\n%d\r\n" % (turn, turn))
        await wire.close()

    async def bad(door: RedisDoor) -> None:
        wire = await Wire.to(door)
        kind = generator.randrange(4)
        if kind == 0:
            wire.send(b"*" + generator.randbytes(200))
        elif kind == 1:
            wire.send(request("SET", "a", generator.randbytes(5000))[: generator.randrange(5000)])
        elif kind == 2:
            wire.send(request("GET", "n1") * generator.randrange(1000))
        else:
            wire.send(generator.randbytes(generator.randrange(70_000)))
        await wire.writer.drain()
        if generator.random() < 0.5:
            wire.writer.transport.abort()
        await wire.close()

    async def main() -> None:
        async with open_door() as (door, gateway):
            async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
                for number in range(1000):
                    tasks.create_task(good(door, number))
                    tasks.create_task(bad(door))
            await until(lambda: door.counters["connections"] == 0)
            assert door.counters["batches_in_flight"] == 0
            assert gateway.store.stats()["keys"] >= 1000

    uvloop.run(main())
