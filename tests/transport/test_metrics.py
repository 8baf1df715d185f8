"""What a system has counted, as Prometheus reads it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.runtime.logs import LoopStallMonitor
from actors.runtime.metrics import SystemCollector, busiest_mailboxes, exposition
from actors.runtime.system import ActorSystem


class Put(Message, wire="test.metrics.put"):
    """A record."""

    number: int


class Keeper(Actor):
    """Journals what it gets."""

    def __init__(self) -> None:
        self.total = 0

    @on(Put)
    def put(self, message: Put, context: Context) -> None:
        context.journal.append(message)
        self.total += message.number

    def recover(self, record: Any) -> None:
        self.total += record.number


def _samples(text: bytes) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("peer") or sample.labels.get("le") or ""): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_scrape_shows_system_transport_and_log(tmp_path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with (
            ActorSystem("b", listen="tcp://127.0.0.1:*") as b,
            ActorSystem("a", peers={"b": str(b.listen_address)}, data=tmp_path) as a,
        ):
            stalls = LoopStallMonitor(loop)
            stalls.start()
            keeper = a.spawn(Keeper, name="keeper")
            for number in range(10):
                keeper.tell(Put(number=number))
            assert busiest_mailboxes(a) == [("keeper", 10)]
            collector = SystemCollector.of(a, stalls)
            async with asyncio.timeout(10):
                while True:
                    found = _samples(exposition(collector))
                    if found["actorum_peer_up", "b"] and found["actorum_log_syncs_total", ""]:
                        break
                    await asyncio.sleep(0.005)
            assert found["actorum_messages_total", ""] >= 10
            assert found["actorum_actors", ""] == 1
            assert found["actorum_log_sync_seconds_count", ""] == found["actorum_log_syncs_total", ""]
            assert found["actorum_log_sync_seconds_bucket", "+Inf"] == found["actorum_log_syncs_total", ""]
            assert found["actorum_transport_links_up_total", ""] == 1
            assert ("actorum_loop_longest_stall_seconds", "") in found
            stalls.stop()

    asyncio.run(scenario())


def test_the_sync_histogram_is_cumulative_and_its_last_bucket_is_open() -> None:
    stats = {"syncs": 6, "sync_seconds": 0.5, "sync_buckets": [1, 2, 3]}
    found = _samples(exposition(SystemCollector("n", dict, log_stats=lambda: stats)))
    assert found["actorum_log_sync_seconds_bucket", "1.6e-05"] == 1
    assert found["actorum_log_sync_seconds_bucket", "3.2e-05"] == 3
    assert found["actorum_log_sync_seconds_bucket", "+Inf"] == 6
    assert found["actorum_log_sync_seconds_sum", ""] == 0.5
