"""xoscar: asks between actors of one process, and of two.

usage: python -m bench.peers.xoscar_actors ask|remote-ask|remote-ask-1000 SECONDS
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from typing import Any

import xoscar as xo

from actorum.cluster import free_ports
from bench.timing import async_rate

ASKS = 500
IN_FLIGHT = 1_000


class Counter(xo.Actor):
    """Answers, and measures how fast another one does."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    async def one_at_a_time(self, other: Any, seconds: float) -> float:
        async def chunk() -> int:
            for _ in range(ASKS):
                await other.add(1)
            return ASKS

        return await async_rate(chunk, seconds)

    async def many(self, other: Any, seconds: float) -> float:
        async def chunk() -> int:
            await asyncio.gather(*[other.add(1) for _ in range(IN_FLIGHT)])
            return IN_FLIGHT

        return await async_rate(chunk, seconds)


async def measure(what: str, seconds: float) -> float:
    """One measurement in a fresh pool of two processes."""
    pool = await xo.create_actor_pool(f"127.0.0.1:{free_ports(1)[0]}", n_process=2)
    async with pool:
        first, second = list(pool.sub_processes)[:2]
        asker = await xo.create_actor(Counter, address=first, uid="asker")
        where = first if what == "ask" else second
        other = await xo.create_actor(Counter, address=where, uid="other")
        if what == "remote-ask-1000":
            return float(await asker.many(other, seconds))
        return float(await asker.one_at_a_time(other, seconds))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    found = asyncio.run(measure(sys.argv[1], float(sys.argv[2])))
    print(json.dumps({"value": found}))
