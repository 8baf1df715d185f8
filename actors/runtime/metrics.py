"""What a system has counted, in Prometheus' text format. Counters are read when somebody asks, and cost nothing before.

Knows the counters' names and nothing of how they come about.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actors.runtime.transport import Transport

if TYPE_CHECKING:
    from actors.runtime.system import ActorSystem

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_FIRST_SYNC_BUCKET_SECONDS = 16e-6  # the log's bucket b counts syncs below 16 * 2**b microseconds
_GAUGES = frozenset(
    {
        "actors", "asks_pending", "mailbox_depth_max", "loop_stall_max_seconds", "queue", "segments", "live_bytes",
        "unsynced_bytes",
    }
)
_NOT_EXPORTED = frozenset({"sync_buckets", "sync_seconds", "last_sync_end_ns", "segment", "synced"})


class PeerSource(Protocol):
    """The transport, as metrics see it."""

    counters: dict[str, int]

    def peers(self) -> Mapping[str, tuple[str, int, int]]:
        """Node -> (link state, bytes that wait, bytes under way)."""


class Stalls(Protocol):
    """The watch over the event loop (``logs.LoopStallMonitor``)."""

    stalls: int
    total_seconds: float

    def take_longest(self) -> float:
        """Longest delay since it was last asked, in seconds."""


class SystemCollector(Collector):
    """Reads the plain counters of one system at scrape time.

    Args:
        node: its name, the label of everything.
        counters: the system's own counters (``ActorSystem.counters``).
        transport: its transport; None when it talks to no other node.
        log_stats: its log's counters (``JournalHub.stats``); None without a data folder.
        stalls: the watch over its event loop.
        busiest: the fullest mailboxes as (actor, messages that wait); a handful, not all.
    """

    def __init__(
        self,
        node: str,
        counters: Callable[[], Mapping[str, float]],
        *,
        transport: PeerSource | None = None,
        log_stats: Callable[[], Mapping[str, Any]] | None = None,
        stalls: Stalls | None = None,
        busiest: Callable[[], Iterable[tuple[str, int]]] | None = None,
    ) -> None:
        self._node = node
        self._counters = counters
        self._transport = transport
        self._log_stats = log_stats
        self._stalls = stalls
        self._busiest = busiest

    @classmethod
    def of(cls, system: ActorSystem, stalls: Stalls | None = None) -> SystemCollector:
        """The collector of a system that was started: its counters, its transport and its log."""
        world = system.world
        carrier = world.remote.carrier

        def busiest() -> list[tuple[str, int]]:
            return busiest_mailboxes(system)

        return cls(
            system.name,
            system.counters,
            transport=carrier if isinstance(carrier, Transport) else None,
            log_stats=world.journals.stats if world.journals is not None else None,
            stalls=stalls,
            busiest=busiest,
        )

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        yield from self._plain("actorum", self._counters(), "of the actor system")
        if self._transport is not None:
            yield from self._plain("actorum_transport", self._transport.counters, "of the transport")
            yield from self._peers(self._transport.peers())
        if self._log_stats is not None:
            stats = self._log_stats()
            yield from self._plain("actorum_log", stats, "of the write-ahead log")
            yield self._sync_histogram(stats)
        if self._stalls is not None:
            yield from self._plain(
                "actorum_loop", {"stalls": self._stalls.stalls, "stall_seconds": self._stalls.total_seconds},
                "of the event loop",
            )
            yield self._gauge(
                "actorum_loop_longest_stall_seconds", "longest delay since the last scrape", self._stalls.take_longest()
            )
        if self._busiest is not None:
            depth = GaugeMetricFamily(
                "actorum_mailbox_depth", "messages that wait, of the fullest mailboxes", labels=["node", "actor"]
            )
            for actor, waiting in self._busiest():
                depth.add_metric([self._node, actor], waiting)
            yield depth

    def _gauge(self, name: str, what: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, what, labels=["node"])
        family.add_metric([self._node], value)
        return family

    def _plain(self, prefix: str, values: Mapping[str, Any], what: str) -> Iterator[Metric]:
        for name, value in values.items():
            if name in _NOT_EXPORTED:
                continue
            text = f"{name.replace('_', ' ')} {what}"
            if name in _GAUGES:
                yield self._gauge(f"{prefix}_{name}", text, value)
            else:
                counter = CounterMetricFamily(f"{prefix}_{name}", text, labels=["node"])
                counter.add_metric([self._node], value)
                yield counter

    def _peers(self, peers: Mapping[str, tuple[str, int, int]]) -> Iterator[Metric]:
        labels = ["node", "peer"]
        up = GaugeMetricFamily("actorum_peer_up", "1 when the link to the peer is up", labels=labels)
        waiting = GaugeMetricFamily("actorum_peer_waiting_bytes", "bytes that wait for credit", labels=labels)
        under_way = GaugeMetricFamily("actorum_peer_under_way_bytes", "bytes sent and not taken in yet", labels=labels)
        for peer, (state, waiting_bytes, under_way_bytes) in peers.items():
            where = [self._node, peer]
            up.add_metric(where, float(state == "up"))
            waiting.add_metric(where, waiting_bytes)
            under_way.add_metric(where, under_way_bytes)
        yield from (up, waiting, under_way)

    def _sync_histogram(self, stats: Mapping[str, Any]) -> Metric:
        buckets: list[tuple[str, float]] = []
        total = 0
        for number, count in enumerate(stats["sync_buckets"]):
            total += count
            buckets.append((repr(_FIRST_SYNC_BUCKET_SECONDS * 2**number), total))
        buckets[-1] = ("+Inf", total)  # the last bucket takes whatever is longer
        family = HistogramMetricFamily("actorum_log_sync_seconds", "time of one write and sync", labels=["node"])
        family.add_metric([self._node], buckets, stats["sync_seconds"])
        return family


def busiest_mailboxes(system: ActorSystem, limit: int = 10) -> list[tuple[str, int]]:
    """The fullest mailboxes of a system that hold anything: (actor, messages that wait), fullest first."""
    depths = ((name, cell._waiting) for name, cell in system.world.names.items())
    return heapq.nlargest(limit, (found for found in depths if found[1]), key=lambda found: found[1])


def exposition(*collectors: Collector) -> bytes:
    """The text of a scrape: every metric of these collectors (content type: ``CONTENT_TYPE``)."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
