"""Load on a Redis door: redis-benchmark when it is installed, an own generator always. Knows no cluster."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import hiredis
import uvloop

from bench.histogram import Histogram

PROBE_BATCHES = 20
PRELOAD_PIPELINE = 2_000


class LoadFailed(Exception):
    """The load could not be run to its end, or the door answered with errors."""


@dataclass(frozen=True)
class Load:
    """What the clients do.

    Attributes:
        operation: ``set`` or ``get``.
        clients: connections.
        pipeline: requests that each keeps in flight.
        value_bytes: of a SET.
        key_space: keys are drawn from this many.
        seconds: how long, about.
    """

    operation: str
    clients: int
    pipeline: int = 1
    value_bytes: int = 256
    key_space: int = 100_000
    seconds: float = 10.0


@dataclass(frozen=True)
class Outcome:
    """What came of a load: operations per second, and the latency of one."""

    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    operations: int
    tool: str


def run(port: int, load: Load, *, own: bool = False) -> Outcome:
    """Put a load on a door of this host.

    Args:
        port: where the door listens.
        load: what to do.
        own: use the own generator although redis-benchmark is installed.

    Raises:
        LoadFailed: an error reply, or the connection was lost.
    """
    if own or shutil.which("redis-benchmark") is None:
        return uvloop.run(_own(port, load))
    probe = _redis_benchmark(port, load, load.clients * load.pipeline * PROBE_BATCHES)
    return _redis_benchmark(port, load, max(int(probe.rate * load.seconds), load.clients * load.pipeline))


def _redis_benchmark(port: int, load: Load, requests: int) -> Outcome:
    command = [
        "redis-benchmark", "-p", str(port), "-t", load.operation, "-c", str(load.clients), "-P", str(load.pipeline),
        "-d", str(load.value_bytes), "-r", str(load.key_space), "-n", str(requests), "--csv",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 + 20 * load.seconds)
    rows = [row for row in csv.DictReader(io.StringIO(done.stdout)) if (row.get("test") or "").upper().startswith(
        load.operation.upper())]
    if done.returncode != 0 or not rows or "Error from server" in done.stdout + done.stderr:
        raise LoadFailed(f"{' '.join(command)}: {(done.stderr + done.stdout).strip()[-500:]}")
    row = rows[0]
    return Outcome(
        rate=float(row["rps"]), p50_ms=float(row["p50_latency_ms"]), p99_ms=float(row["p99_latency_ms"]),
        max_ms=float(row["max_latency_ms"]), operations=requests, tool="redis-benchmark",
    )


def key(number: int) -> bytes:
    """The name that redis-benchmark gives to its key of this number."""
    return b"key:%012d" % number


def packed(*words: bytes) -> bytes:
    """A command as a client sends it."""
    request: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub knows tuples of one word only
    return request


def command(load: Load, rng: random.Random) -> bytes:
    """One request of the load."""
    name = key(rng.randrange(load.key_space))
    if load.operation == "get":
        return packed(b"GET", name)
    return packed(b"SET", name, b"x" * load.value_bytes)


class Connection(asyncio.Protocol):
    """One client that keeps ``pipeline`` requests in flight until the time is over."""

    def __init__(self, load: Load, histogram: Histogram, deadline: float, seed: int) -> None:
        self.rng = random.Random(seed)
        # Built before the clock starts, so that the generator's own work stays small beside the door's.
        self.batches = [
            b"".join(command(load, self.rng) for _ in range(load.pipeline)) for _ in range(max(64 // load.pipeline, 8))
        ]
        self.load = load
        self.histogram = histogram
        self.deadline = deadline
        self.reader = hiredis.Reader()
        self.waiting = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        self.started = time.perf_counter()
        self.waiting = self.load.pipeline
        self.transport.write(self.rng.choice(self.batches))

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while self.waiting:
            reply = self.reader.gets()
            if reply is False:
                return
            if isinstance(reply, Exception):
                self.fail(f"the door answered {reply}")
                return
            self.histogram.record(time.perf_counter() - self.started)
            self.waiting -= 1
        if time.perf_counter() < self.deadline:
            self.send()
        else:
            self.transport.close()

    def fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(LoadFailed(reason))
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            if error is not None or self.waiting:
                self.finished.set_exception(LoadFailed(f"the door closed a connection: {error}"))
            else:
                self.finished.set_result(None)


async def _own(port: int, load: Load) -> Outcome:
    loop = asyncio.get_running_loop()
    histogram = Histogram()
    start = time.perf_counter()
    connections: list[Connection] = []
    for seed in range(load.clients):
        _, connection = await loop.create_connection(
            partial(Connection, load, histogram, start + load.seconds, seed), "127.0.0.1", port
        )
        connections.append(connection)
    await asyncio.gather(*(connection.finished for connection in connections))
    elapsed = time.perf_counter() - start
    return Outcome(
        rate=histogram.count / elapsed, p50_ms=histogram.percentile(50) * 1e3, p99_ms=histogram.percentile(99) * 1e3,
        max_ms=histogram.maximum * 1e3, operations=histogram.count, tool="own generator",
    )


class OpenLoopConnection(asyncio.Protocol):
    """One client that is told when to send, and measures from the moment at which it should have."""

    def __init__(self, histogram: Histogram) -> None:
        self.histogram = histogram
        self.reader = hiredis.Reader()
        self.due: deque[float] = deque()
        self.errors = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, due: float) -> None:
        self.due.append(due)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            self.errors += isinstance(reply, Exception)
            self.histogram.record(time.perf_counter() - self.due.popleft())

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


async def open_loop(port: int, load: Load, rate: float) -> tuple[Histogram, int]:
    """Requests at a fixed rate, whatever the door does: no coordinated omission.

    Args:
        port: where the door listens.
        load: what to send, over how many connections, how long.
        rate: requests per second, all connections together.

    Returns:
        Latencies from the moment each request was due, and how many were answered with an error.

    Raises:
        LoadFailed: a connection was lost, or answers were missing 10 s after the end.
    """
    loop = asyncio.get_running_loop()
    histogram = Histogram()
    connections = [
        (await loop.create_connection(lambda: OpenLoopConnection(histogram), "127.0.0.1", port))[1]
        for _ in range(load.clients)
    ]
    rng = random.Random(1)
    requests = [command(load, rng) for _ in range(4_096)]
    start = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - start) < load.seconds:
        while sent < int(now * rate):
            connections[sent % len(connections)].send(requests[sent % len(requests)], start + sent / rate)
            sent += 1
        await asyncio.sleep(0.0005)
    deadline = time.perf_counter() + 10
    while histogram.count < sent and time.perf_counter() < deadline and not any(c.lost for c in connections):
        await asyncio.sleep(0.01)
    for connection in connections:
        connection.transport.close()
    if histogram.count < sent:
        raise LoadFailed(f"{sent - histogram.count} of {sent} requests were never answered")
    return histogram, sum(connection.errors for connection in connections)


def preload(port: int, load: Load, first: int = 0) -> None:
    """Set every key of the key space once, pipelined, so that reads find them.

    Raises:
        LoadFailed: an error reply.
    """
    uvloop.run(_preload(port, load, first))


async def _preload(port: int, load: Load, first: int) -> None:
    reader_stream, writer = await asyncio.open_connection("127.0.0.1", port)
    value = b"x" * load.value_bytes
    try:
        for begin in range(first, load.key_space, PRELOAD_PIPELINE):
            names = range(begin, min(begin + PRELOAD_PIPELINE, load.key_space))
            writer.write(b"".join(packed(b"SET", key(number), value) for number in names))
            reader = hiredis.Reader()
            missing = len(names)
            while missing:
                data = await reader_stream.read(1 << 16)
                if not data:
                    raise LoadFailed("the door closed the connection while the keys were loaded")
                reader.feed(data)
                while missing and (reply := reader.gets()) is not False:
                    if isinstance(reply, Exception):
                        raise LoadFailed(f"the door answered {reply} while the keys were loaded")
                    missing -= 1
    finally:
        writer.close()
        await writer.wait_closed()


def shorter(load: Load, seconds: float) -> Load:
    """The same load for another time."""
    return replace(load, seconds=seconds)
