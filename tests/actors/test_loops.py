"""A system needs asyncio, not a particular event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvloop

from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Total, until
from tests.actors.test_async_actors import Fetch, Fetching
from tests.actors.test_durable import Save, Savings
from tests.actors.test_timers import Clocked, Set


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_system_runs_in_any_event_loop(run: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            counter = system.spawn(Counter)
            counter.tell(Add(2))
            assert await counter.ask(Total()) == 2
            assert await asyncio.gather(*[counter.ask(Total()) for _ in range(100)]) == [2] * 100
            assert await asyncio.wait_for(counter.ask(Total()), 5) == 2
            assert await system.spawn(Fetching).ask(Fetch("x")) == "x 1"
            assert await system.spawn(Savings, name="savings").ask(Save(1)) == 1
            clocked = system.spawn(Clocked)
            clocked.tell(Set(0.005, "rang"))
            await until(lambda: system.world.find(clocked)._actor.notes, "the timer")

    run(main())


def test_a_task_that_asks_again_and_again_leaves_the_event_loop_its_turns() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await asyncio.sleep(0)
                    ticks += 1

            other = asyncio.ensure_future(tick())
            for _ in range(3300):
                await counter.ask(Total())
            other.cancel()
            assert ticks >= 90  # at least one for every 33 asks, within a little

    asyncio.run(main())
