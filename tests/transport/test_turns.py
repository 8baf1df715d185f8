"""What a turn sends to one peer on one lane travels in one frame."""

from __future__ import annotations

from actors.message import Lane
from tests.transport.nodes import Node, run, until


def test_the_envelopes_of_a_turn_travel_in_one_frame_a_lane() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await until(lambda: a.ups, "not connected")
            before = a.counters["frames_sent"]
            for number in range(100):
                assert a.tell("b", number=number) is None
                assert a.tell("b", lane=Lane.CONTROL, number=number) is None
            a.transport.flush()
            await until(lambda: len(b.got) == 200, "the envelopes did not come")
            assert a.counters["frames_sent"] - before == 2
            assert b.numbers(Lane.DATA) == b.numbers(Lane.CONTROL) == list(range(100))

    run(scenario)
