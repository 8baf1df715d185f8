"""Runs a cluster's nodes on this host and keeps them running: ``actorum up``. Knows processes, and no actor."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

from actorum.cluster import Cluster
from actorum.exits import Exit
from actorum.launcher_view import View
from actorum.node_process import NodeProcess
from actorum.readiness import refusal

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
HEALTHY_SECONDS = 10.0
TICK_SECONDS = 0.05
# How long the first announcement waits for nodes that do not come up while others serve.
GRACE_SECONDS = 15.0


class Backoff:
    """When a node that ended is started again: 0.1 s doubling to 5 s, never giving up, from the start again after the
    node ran for 10 s.
    """

    def __init__(self) -> None:
        self._delay_seconds = FIRST_DELAY_SECONDS
        self._started = 0.0

    def started(self, now: float) -> None:
        """The node was started at ``now`` (seconds, any fixed origin)."""
        self._started = now

    def ended(self, now: float) -> float:
        """The node ended at ``now``: seconds to wait before it is started again."""
        if now - self._started >= HEALTHY_SECONDS:
            self._delay_seconds = FIRST_DELAY_SECONDS
        delay = self._delay_seconds
        self._delay_seconds = min(LONGEST_DELAY_SECONDS, 2 * delay)
        return delay


class Statuses:
    """Asks every node for its status, from a thread of its own: a node that hangs never holds up the launcher."""

    def __init__(self, nodes: list[NodeProcess]) -> None:
        self._nodes = nodes
        self._latest: dict[str, dict[str, Any]] = {}
        self._stop = threading.Event()
        self.interval_seconds = TICK_SECONDS
        self._thread = threading.Thread(target=self._run, name="statuses", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.interval_seconds):
            for node in self._nodes:
                status = node.status(0.5) if node.ready() is not None else None
                self._latest[node.name] = status or {}

    def of(self, node: NodeProcess) -> dict[str, Any]:
        """The latest status of the node's present process; empty when it gave none."""
        status = self._latest.get(node.name, {})
        return status if status.get("pid") == node.pid else {}

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._thread.join()


class Launcher:
    """Starts the nodes, restarts those that end, tells where the doors are, stops them on a signal.

    Args:
        cluster: the nodes of this host.
        restart: False leaves a node that ended alone.
        as_json: one JSON line when the cluster serves and one after each restart, instead of text.
        out: where announcements go.
        log: where what happens to nodes goes.
    """

    def __init__(
        self, cluster: Cluster, *, restart: bool, as_json: bool, out: TextIO | None = None, log: TextIO | None = None
    ) -> None:
        self._cluster = cluster
        self._restart = restart
        self._as_json = as_json
        self._out = out  # None: standard output as it is at that time; the view on a terminal replaces it
        self._log = log
        self._backoff = {node.name: Backoff() for node in cluster}
        self._due: dict[str, float] = {}
        self._ended: set[str] = set()
        self._announced: dict[str, int | None] = {}
        self._refused: dict[str, str | None] = {}
        self._signals = 0

    def run(self) -> Exit:
        """Run until a signal, or until nothing is left to run."""
        with self._signal_handlers():
            statuses = Statuses(self._cluster.nodes)
            terminal = (self._out or sys.stdout).isatty() and not self._as_json
            view = View(self._cluster) if terminal else None
            try:
                return self._run(statuses, view)
            finally:
                if view is not None:
                    view.close()
                statuses.close()
                self._cluster.stop()

    def _run(self, statuses: Statuses, view: View | None) -> Exit:
        begun = time.monotonic()
        for node in self._cluster:
            self._start(node)
        while not self._signals:
            now = time.monotonic()
            failed = self._failed_start()
            if failed is not None:
                return failed
            for node in self._cluster:
                if not node.running:
                    self._when_ended(node, now)
            if not self._restart and not any(node.running for node in self._cluster):
                self._say("every node ended, and --no-restart was given: nothing is left to run")
                return Exit.FAILED
            self._announce(statuses, now - begun)
            self._tell_refusals(statuses)
            if view is not None:
                view.show({node.name: statuses.of(node) for node in self._cluster})
            statuses.interval_seconds = TICK_SECONDS if self._is_news() else 0.5
            time.sleep(TICK_SECONDS)
        return Exit.OK

    def _start(self, node: NodeProcess) -> None:
        node.start()
        self._ended.discard(node.name)
        self._due.pop(node.name, None)
        self._backoff[node.name].started(time.monotonic())

    def _when_ended(self, node: NodeProcess, now: float) -> None:
        if node.name not in self._ended:
            self._ended.add(node.name)
            why = f"node {node.name} ended with {_describe_exit(node.exit_code)}"
            if not self._restart:
                self._say(f"{why}; it stays down (--no-restart)")
                return
            delay = self._backoff[node.name].ended(now)
            self._due[node.name] = now + delay
            last = f"; it said: {node.log_tail(1)}" if (node.exit_code or 0) > 0 else ""
            self._say(f"{why}; starting it again in {delay:g} s{last}")
        elif node.name in self._due and now >= self._due[node.name]:
            self._start(node)

    def _failed_start(self) -> Exit | None:
        """Before the cluster served for the first time, a mistake that a restart cannot cure ends everything."""
        if self._announced:
            return None
        for node in self._cluster:
            if not node.running and node.exit_code in (Exit.SETTINGS, Exit.ADDRESS_IN_USE):
                self._say(f"node {node.name} cannot start:\n{node.log_tail(1)}")
                return Exit(node.exit_code)
        return None

    def _is_news(self) -> bool:
        return any(node.running and self._announced.get(node.name) != node.pid for node in self._cluster)

    def _announce(self, statuses: Statuses, age_seconds: float) -> None:
        """Tell where the doors are: when the cluster first serves, and when a restarted node does."""
        serving = [node for node in self._cluster if statuses.of(node).get("ready")]
        first = not self._announced
        if first and len(serving) < len(self._cluster.nodes) and not (serving and age_seconds > GRACE_SECONDS):
            return
        if all(self._announced.get(node.name) == node.pid for node in serving):
            return
        for node in self._cluster:
            self._announced[node.name] = node.pid if node in serving else self._announced.get(node.name)
        if self._as_json:
            described = [_describe(node) for node in self._cluster]
            print(json.dumps({"nodes": described}), file=self._out, flush=True)
        elif first:
            print(f"The cluster of {self._cluster.config} serves. Redis clients connect to any of:", file=self._out)
            for node in serving:
                print(
                    f"  {node.name}  redis://{node.settings.host}:{node.redis_port}"
                    f"  http://{node.settings.http_host}:{node.http_port}/readyz?verbose  pid {node.pid}",
                    file=self._out,
                )
            print("Ctrl-C stops it and keeps the data.", file=self._out, flush=True)

    def _tell_refusals(self, statuses: Statuses) -> None:
        """A node that its peers refuse stays up and serves nobody until somebody acts: say so, once a reason."""
        for node in self._cluster:
            refused = refusal(statuses.of(node).get("refused_by") or {})
            if refused is not None and refused != self._refused.get(node.name):
                self._say(f"node {node.name} is up and not ready: {refused}")
            self._refused[node.name] = refused

    def _say(self, text: str) -> None:
        print(f"actorum: {text}", file=self._log or sys.stderr, flush=True)

    @contextlib.contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before: dict[signal.Signals, Any] = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        """The first signal drains; the second is immediate."""
        self._signals += 1
        if self._signals > 1:
            for node in self._cluster:
                if node.pid is not None:
                    node.send_signal(signal.SIGKILL)


def _describe(node: NodeProcess) -> dict[str, Any]:
    ready = node.ready()
    return {
        "name": node.name,
        "pid": node.pid,
        "redis_port": ready.redis_port if ready else node.settings.redis_port,
        "http_port": ready.http_port if ready else node.settings.http_port,
        "config": str(node.config),
        "data": str(node.data),
        "log": str(node.log_file),
    }


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    name = Exit(code).name.lower().replace("_", " ") if code in tuple(Exit) else "see docs/operations.md"
    return f"exit code {code} ({name})"
