"""The door in a real actor system: its actor sends batches and receives outcomes as messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
import uvloop
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from actors import Actor, Context, SystemStopped, on
from actors.runtime.system import ActorSystem
from actorum.redis_door import RedisDoor, RedisDoorSettings
from core_ext.store import Store
from protocols.storage.messages import Execute, Outcome, Query, Status
from tests.door.fakes import NOW_MS


class LocalGateway(Actor):
    """A gateway to a store of its own."""

    def __init__(self) -> None:
        self.store: Any = Store()

    @on(Execute)
    def execute(self, message: Execute, context: Context) -> None:
        assert context.sender is not None
        replies = self.store.apply(NOW_MS, message.batch)
        context.send(context.sender, Outcome(ticket=message.ticket, status=Status.DONE, replies=replies))

    @on(Query)
    def query(self, message: Query, context: Context) -> None:
        assert context.sender is not None
        replies = self.store.read(NOW_MS, message.batch)
        context.send(context.sender, Outcome(ticket=message.ticket, status=Status.DONE, replies=replies))


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_clients_of_a_system(loop: Any) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            gateway = system.spawn(LocalGateway, name="gateway")
            door = RedisDoor(system, gateway, RedisDoorSettings(port=0), dict)
            port = await door.start()
            clients = [redis.asyncio.Redis(port=port, retry=Retry(NoBackoff(), 0)) for _ in range(20)]
            async with asyncio.timeout(20):
                for number in range(20):
                    await asyncio.gather(*(client.incr("n") for client in clients))
                    assert await clients[number].get("n") == b"%d" % (20 * (number + 1))
            await asyncio.gather(*(client.aclose() for client in clients))
            await door.close(5.0)
            assert door.counters["batches_in_flight"] == door.counters["connections"] == 0

    loop(main())


def test_a_door_whose_system_has_stopped_says_that_nothing_was_executed() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        gateway = system.spawn(LocalGateway, name="gateway")
        door = RedisDoor(system, gateway, RedisDoorSettings(port=0), dict)
        port = await door.start()
        await system.stop()
        client = redis.asyncio.Redis(port=port, retry=Retry(NoBackoff(), 0))
        async with asyncio.timeout(10):
            with pytest.raises(redis.RedisError, match="stop"):
                await client.set("a", 1)
        await client.aclose()
        await door.close(1.0)

    uvloop.run(main())


def test_a_door_is_not_left_open_when_its_system_has_stopped() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        gateway = system.spawn(LocalGateway, name="gateway")
        await system.stop()
        door = RedisDoor(system, gateway, RedisDoorSettings(port=0), dict)
        with pytest.raises(SystemStopped):
            await door.start()
        await door.close(1.0)

    uvloop.run(main())
