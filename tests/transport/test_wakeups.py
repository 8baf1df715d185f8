"""No wake-up is lost: with pings far apart, nothing but the sockets' own descriptors moves the messages."""

from __future__ import annotations

import asyncio
import random

import pytest

from actors.message import Lane
from actors.runtime.transport_settings import TransportSettings
from tests.transport.nodes import Node, run, until

QUIET = TransportSettings(
    ping_interval_seconds=30.0, lost_after_seconds=90.0, credit_bytes=300_000, frame_bytes=20_000, poll_frames=8,
    send_queue_bytes=1 << 30, control_limit=500,
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_bursts_both_ways_all_arrive_in_order(seed: int) -> None:
    async def scenario() -> None:
        chance = random.Random(seed)
        async with (
            Node("b", settings=QUIET) as b,
            Node("a", {"b": b.address}, settings=QUIET) as a,
            Node("c", {"b": b.address, "a": a.address}, settings=QUIET) as c,
        ):
            nodes = {"a": a, "b": b, "c": c}
            pairs = [(x, y) for x in nodes for y in nodes if x != y]
            sent: dict[tuple[str, str, Lane], list[int]] = {(x, y, lane): [] for x, y in pairs for lane in Lane}
            await until(lambda: all(len(node.ups) == 2 for node in nodes.values()), "not connected")
            number = 0
            end = asyncio.get_running_loop().time() + 2.0
            while asyncio.get_running_loop().time() < end:
                for _ in range(chance.randrange(1, 6)):
                    x, y = chance.choice(pairs)
                    for _ in range(chance.choice([1, 1, 1, 5, 50])):
                        lane = Lane(chance.randrange(2))
                        number += 1
                        if nodes[x].tell(y, b"x" * chance.choice([0, 10, 3000]), lane, number) is None:
                            sent[x, y, lane].append(number)
                    nodes[x].transport.flush()
                match chance.randrange(4):
                    case 0:
                        await asyncio.sleep(0)
                    case 1:
                        await asyncio.sleep(chance.random() * 0.002)
                    case 2:
                        chance.choice([a, b, c]).transport.poll()
            for (x, y, lane), numbers in sent.items():

                def arrived(x: str = x, y: str = y, lane: Lane = lane) -> list[int]:
                    return [
                        found.correlation
                        for found in nodes[y].got
                        if found.lane == lane and found.sender is not None and found.sender.node == x
                    ]

                await until(lambda: len(arrived()) >= len(numbers), f"{x} to {y}, {lane.name}")  # noqa: B023
                assert arrived() == numbers
            assert number > 1000

    run(scenario)


def test_ping_pong_never_stalls() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        longest = 0.0
        async with Node("b", settings=QUIET) as b, Node("a", {"b": b.address}, settings=QUIET) as a:
            await until(lambda: a.ups and b.ups)
            for number in range(2000):
                before = loop.time()
                lane = Lane(number % 2)
                assert a.tell_now("b", lane=lane, number=number) is None
                while not b.got:
                    await asyncio.sleep(0)
                b.got.clear()
                assert b.tell_now("a", lane=lane, number=number) is None
                while not a.got:
                    await asyncio.sleep(0)
                a.got.clear()
                longest = max(longest, loop.time() - before)
        assert longest < 5.0

    run(scenario)
