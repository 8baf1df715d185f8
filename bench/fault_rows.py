"""What faults and growth cost: the gap in service after kill -9 of the leader, recovery from the log, loop stalls."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import hiredis
import uvloop

from actorum.cluster import Cluster
from bench import load
from bench.lab import LONGEST_STALL, Lab, Watch, metrics, value_of
from bench.peers.redis import first_answer
from bench.report import Measured
from bench.timing import RunFailed

TICK_SECONDS = 0.005
CALM_SECONDS = 0.5  # of service before each kill, and after it
BACK_SECONDS = 15.0
RECOVERY_SECONDS = 600.0
NO_SNAPSHOT = ("raft.snapshot_after_bytes=1000000000000",)
STALL_SNAPSHOT_BYTES = 128 << 20
STALL_CLIENTS = 50


class Survivor(asyncio.Protocol):
    """One client on a door that stays up: a SET every 5 ms, whether the last one was answered or not."""

    def __init__(self) -> None:
        self.reader = hiredis.Reader()
        self.acknowledged: list[float] = []
        self.refused = 0
        self.unanswered: deque[float] = deque()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            self.unanswered.popleft()
            if isinstance(reply, Exception):
                self.refused += 1
            else:
                self.acknowledged.append(time.monotonic())

    async def run(self, port: int, stop: asyncio.Event) -> None:
        """Send until told to stop."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        assert self.transport is not None
        number = 0
        while not stop.is_set():
            self.unanswered.append(time.monotonic())
            self.transport.write(load.packed(b"SET", b"gap:%d" % port, b"%d" % number))
            number += 1
            await asyncio.sleep(TICK_SECONDS)
        self.transport.close()


async def one_gap(cluster: Cluster) -> tuple[float, int]:
    """Kill the leader under the survivors' clients: the longest time that one of them went without a yes, and refusals.

    Raises:
        RunFailed: no service again within 15 s.
    """
    leader = cluster.leader()
    doors = [node.redis_port for node in cluster if node is not leader]
    survivors = [Survivor() for _ in doors]
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.run(port, stop)) for one, port in zip(survivors, doors, strict=True)]
    try:
        await asyncio.sleep(CALM_SECONDS)
        killed = time.monotonic()
        await asyncio.to_thread(leader.kill)
        while not all(one.acknowledged and one.acknowledged[-1] > killed + CALM_SECONDS for one in survivors):
            if time.monotonic() > killed + BACK_SECONDS:
                raise RunFailed(f"no service {BACK_SECONDS:g} s after the leader was killed:\n{cluster.describe()}")
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.sleep(CALM_SECONDS)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
    gaps = [
        max(later - sooner for sooner, later in zip(one.acknowledged, one.acknowledged[1:], strict=False))
        for one in survivors
    ]
    return max(gaps), sum(one.refused for one in survivors)


def service_gap(lab: Lab) -> Measured:
    """Seconds without service over many kills; the longest counts."""
    lab.quiet()
    cluster = lab.start("gap", 3)
    gaps, refused = [], 0
    for _ in range(lab.options.kills):
        gap, errors = uvloop.run(one_gap(cluster))
        gaps.append(gap)
        refused += errors
        for node in cluster:
            if not node.running:
                node.restart()
        cluster.wait_stable()
    cluster.stop()
    return Measured(max(gaps), "s", {
        "kills": len(gaps), "median_s": statistics.median(gaps), "min_s": min(gaps), "refused": refused,
    })


def recovery(lab: Lab) -> Measured:
    """Seconds from the start of a killed one-node cluster to its first answer, with every SET still in the log."""
    lab.quiet()
    cluster = lab.start("recovery", 1, NO_SNAPSHOT)
    node = cluster.node(0)
    load.preload(node.redis_port, load.Load("set", 1, 1, lab.options.value_bytes, lab.options.keys))
    node.kill()
    start = time.perf_counter()
    node.start()
    node.wait_ready(RECOVERY_SECONDS)
    value = first_answer(node.redis_port, RECOVERY_SECONDS, load.key(lab.options.keys - 1))
    took = time.perf_counter() - start
    if value is None:
        raise RunFailed("the last key that was acknowledged before the kill is not there after the restart")
    cluster.stop()
    return Measured(took, "s", {"keys": lab.options.keys, "value_bytes": lab.options.value_bytes})


@contextmanager
def under_load(port: int, wanted: load.Load) -> Iterator[list[Exception]]:
    """Keep a load on a door while the body runs; its error, if any, is in the list."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            load.run(port, wanted)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield errors
    finally:
        thread.join()


def loop_stall(lab: Lab) -> Measured:
    """Milliseconds of the longest stall of a node's loop, under load, while a snapshot of many keys is taken."""
    lab.quiet()
    cluster = lab.start("stall", 3, (f"raft.snapshot_after_bytes={STALL_SNAPSHOT_BYTES}",))
    leader = cluster.leader()
    load.preload(leader.redis_port, load.Load("set", 1, 1, lab.options.value_bytes, lab.options.keys))
    cluster.wait_stable()
    snapshots = {node.name: snapshot_index(node.status()) for node in cluster}
    for node in cluster:
        metrics(node)  # what is reported from here on happened from here on
    seconds = max(lab.options.seconds, 20.0)
    wanted = load.Load("set", STALL_CLIENTS, 16, lab.options.value_bytes, lab.options.keys, seconds)
    with Watch(cluster) as watch, under_load(leader.redis_port, wanted) as errors:
        longest = {node.name: 0.0 for node in cluster}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in cluster:
                longest[node.name] = max(longest[node.name], value_of(metrics(node), LONGEST_STALL))
            time.sleep(1.0)
    if errors:
        raise errors[0]
    taken = sum(snapshot_index(node.status()) > snapshots[node.name] for node in cluster)
    cluster.stop()
    if not taken:
        raise RunFailed("no snapshot was taken while the load ran; give the row more --seconds")
    return Measured(max(longest.values()) * 1e3, "ms", {
        "keys": lab.options.keys, "nodes_with_snapshot": taken, "leader_changes": 0, "term": watch.term,
        **{f"{name}_ms": value * 1e3 for name, value in longest.items()},
    })


def snapshot_index(status: dict[str, object] | None) -> int:
    """Up to which index a node's log is in its snapshot; 0 when it does not say."""
    found = (status or {}).get("snapshot_index")
    return found if isinstance(found, int) else 0
