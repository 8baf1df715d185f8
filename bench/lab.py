"""What the rows measure on: a cluster of ours, started once for all rows that need it, and its counters."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from actorum.cluster import Cluster, generate
from actorum.node_process import NodeProcess
from bench.load import Load, preload
from bench.report import RESULTS

SYNC_COUNT = "actorum_log_sync_seconds_count"
SYNC_BUCKET = "actorum_log_sync_seconds_bucket"
LONGEST_STALL = "actorum_loop_longest_stall_seconds"  # since the last scrape


@dataclass(frozen=True)
class Options:
    """What holds for every row.

    Attributes:
        seconds: time of one row.
        folder: where data goes; never a file system in memory.
        value_bytes: of a SET.
        key_space: keys are drawn from this many.
        door: ``leader`` or ``follower``: whose door the load uses.
        own_load: use the own load generator although redis-benchmark is installed.
        rate: requests per second of the open-loop row.
        kills: of the leader, in the row of the service gap.
        keys: of the recovery and loop-stall rows.
    """

    seconds: float
    folder: Path
    value_bytes: int = 256
    key_space: int = 100_000
    door: str = "leader"
    own_load: bool = False
    rate: float = 5_000.0
    kills: int = 20
    keys: int = 1_000_000

    def load(self, operation: str, clients: int, pipeline: int = 1) -> Load:
        """A load of these options."""
        return Load(operation, clients, pipeline, self.value_bytes, self.key_space, self.seconds)


def data_folder(parent: Path | None) -> Path:
    """A fresh folder for data: below ``parent``, or beside the results (the file system of the checkout)."""
    place = parent or RESULTS
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="data-", dir=place))


class Lab:
    """Starts what rows need when they first need it, and stops all of it; a context manager."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._stack = ExitStack()
        self._cluster: Cluster | None = None
        self._started = 0

    def __enter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self.options.folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, name: str, nodes: int, overrides: Iterable[str] = ()) -> Cluster:
        """A cluster of its own, stopped with the lab or earlier; stopping twice does no harm."""
        self._started += 1
        cluster = Cluster(generate(self.options.folder / f"{name}-{self._started}", nodes), overrides=overrides)
        self._stack.callback(cluster.stop)
        cluster.start()
        return cluster

    def cluster(self) -> Cluster:
        """The three nodes that most rows share, every key of the key space set."""
        if self._cluster is None:
            self._cluster = self.start("three", 3)
            preload(self._cluster.leader().redis_port, self.options.load("set", 1))
        return self._cluster

    def quiet(self) -> None:
        """Stop the shared nodes, for a row beside which nothing else may run; they start anew when needed again."""
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster = None

    def door(self, whose: str) -> NodeProcess:
        """The node whose door a load uses: the ``leader``, or a ``follower``."""
        leader = self.cluster().leader()
        if whose == "leader":
            return leader
        return next(node for node in self.cluster() if node is not leader)


class Changed(Exception):
    """The leader changed during a row without faults: the figure would mean nothing."""


class Watch:
    """Counts the leader's syncs while a row runs, and insists that nobody else becomes leader."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __enter__(self) -> Self:
        self.node = self.cluster.wait_stable()
        self.term = self._term()
        self.before = metrics(self.node)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and (self.cluster.leader() is not self.node or self._term() != self.term):
            raise Changed(f"{self.node.name} lost its leadership of term {self.term} during a row without faults")

    def _term(self) -> int:
        status = self.node.status(timeout_seconds=10.0)
        return -1 if status is None else int(status["term"])

    def syncs(self) -> dict[str, float]:
        """The leader's syncs since the start, and their median in milliseconds (an upper bound: a bucket's edge)."""
        after = metrics(self.node)
        count = value_of(after, SYNC_COUNT) - value_of(self.before, SYNC_COUNT)
        buckets = sorted(
            (float(name.partition('le="')[2].partition('"')[0]), value - self.before.get(name, 0.0))
            for name, value in after.items() if name.startswith(SYNC_BUCKET)
        )
        median = next((edge for edge, below in buckets if below >= count / 2), 0.0)
        return {"syncs": count, "sync_p50_ms": median * 1e3}


def value_of(samples: dict[str, float], name: str) -> float:
    """A sample's value whatever its labels; the largest when there are several, 0.0 when there is none."""
    return max((value for key, value in samples.items() if key.partition("{")[0] == name), default=0.0)


def metrics(node: NodeProcess) -> dict[str, float]:
    """A node's /metrics: sample name with its labels to value; empty when it does not answer."""
    answer = node.http("/metrics", timeout_seconds=10.0)
    if answer is None or answer[0] != 200:
        return {}
    samples = {}
    for line in answer[1].decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = float(value)
    return samples
