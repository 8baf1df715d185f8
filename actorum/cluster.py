"""A cluster's nodes on this host, as processes. Blocking; used by the launcher, the pytest plugin, the main job and the
benchmarks. Knows no actor.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actorum.client import Client
from actorum.node_process import START_SECONDS, ClusterError, ClusterInUse, NodeProcess, write_atomically
from actorum.settings import ClusterSection, NodeSection, Settings, SettingsError
from actorum.settings_file import load, to_toml

T = TypeVar("T")

CLUSTER_FILE = "cluster.toml"
DEFAULT_FOLDER = "actorum-data"
# Below the range that Linux gives to outgoing connections (32768 and up), so that nobody has a node's port by chance
# while the node is down.
PORTS = range(10_000, 32_000)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody listens on now.

    Raises:
        ClusterError: too few are free.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(PORTS, len(PORTS)):
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                probe.close()
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise ClusterError(f"{count} free ports between {PORTS.start} and {PORTS.stop} are needed on {host}")


def belongs_here(host: str) -> bool:
    """Whether an address, or a name that stands for one, is this machine's."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return host == socket.gethostname()
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind(address)
            except OSError:
                continue
            return True
    return False


def generate(folder: Path, nodes: int, settings: Settings | None = None) -> Path:
    """Write the cluster file of a new local cluster: nodes n1, n2, … on free ports, which stay theirs.

    Args:
        folder: where it goes; made when missing.
        nodes: how many.
        settings: everything but cluster id and nodes is taken from here.

    Returns:
        Path of the cluster file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = iter(free_ports(3 * nodes))
    made = msgspec.structs.replace(
        settings or Settings(),
        cluster=ClusterSection(id=secrets.token_hex(8)),
        nodes={
            f"n{number}": NodeSection(peer_port=next(ports), redis_port=next(ports), http_port=next(ports))
            for number in range(1, nodes + 1)
        },
    )
    path = folder / CLUSTER_FILE
    note = "# One file for every host of this cluster. `actorum config show` prints every setting with its default.\n\n"
    write_atomically(path, note + to_toml(made, defaults=False))
    return path


class Cluster:
    """The nodes of one cluster file that belong to this host, as processes.

    Args:
        config: the cluster file.
        overrides: ``section.field=value`` for every node process.
        host: start the nodes with exactly this ``host`` instead of those whose address is this machine's.

    Raises:
        SettingsError: the file cannot be used, or none of its nodes belongs here.
        ClusterInUse: another launcher has the cluster.
    """

    def __init__(self, config: Path, *, overrides: Iterable[str] = (), host: str | None = None) -> None:
        overrides = tuple(overrides)
        self.loaded = load(config, overrides=overrides)
        self.config = self.loaded.cluster_path
        mine = [
            name for name, node in self.loaded.settings.nodes.items()
            if (node.host == host if host is not None else belongs_here(node.host))
        ]
        if not mine:
            hosts = ", ".join(sorted({node.host for node in self.loaded.settings.nodes.values()}))
            raise SettingsError(
                f"{self.config}: no node of it belongs to this machine (hosts: {hosts}); name one with --host"
            )
        self._lock = self._take_lock()
        self.nodes = [NodeProcess(self.loaded, name, overrides) for name in mine]

    def _take_lock(self) -> int:
        path = self.config.with_name(f".{self.config.name}.lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode(errors="replace").strip()
            os.close(lock)
            raise ClusterInUse(
                f"{self.config.parent}: this cluster is already started here by process {holder or '(unknown)'}; "
                f"stop that one, or give another folder with --data"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return lock

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start every node and wait until all serve."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready(timeout_seconds)
        self.wait_stable(timeout_seconds)

    def stop(self) -> None:
        """Stop every node in order and give the cluster's lock back; safe to call again."""
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.wait_stopped()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def node(self, which: int | str) -> NodeProcess:
        """A node by number (from 0) or name.

        Raises:
            ClusterError: there is none; names those that there are.
        """
        for number, node in enumerate(self.nodes):
            if which in (number, node.name):
                return node
        raise ClusterError(f"there is no node {which!r} here; there are {', '.join(node.name for node in self.nodes)}")

    def live(self) -> list[NodeProcess]:
        """Nodes whose process runs and is not paused."""
        return [node for node in self.nodes if node.running and not node.paused]

    def find_leader(self) -> NodeProcess | None:
        """The live node that says it leads in the highest term; None when none does."""
        leaders: list[tuple[int, NodeProcess]] = []
        for node in self.live():
            status = node.status()
            if status is not None and status["role"] == "leader":
                leaders.append((status["term"], node))
        return max(leaders, key=lambda found: found[0])[1] if leaders else None

    def leader(self, timeout_seconds: float = START_SECONDS) -> NodeProcess:
        """Wait until a live node leads, and return it."""
        return wait_for(self.find_leader, timeout_seconds, "no live node became leader", self.describe)

    def wait_stable(self, timeout_seconds: float = START_SECONDS) -> NodeProcess:
        """Wait until every live node is ready, all name the same leader and term, and have applied what was committed
        when they first did: under load the newest entries are always a heartbeat ahead of a follower.

        Returns:
            The leader.
        """
        goals: dict[tuple[int, str], int] = {}  # by term and leader, the index to be applied
        return wait_for(
            lambda: self._stable_leader(goals), timeout_seconds, "the cluster is not stable", self.describe
        )

    def _stable_leader(self, goals: dict[tuple[int, str], int]) -> NodeProcess | None:
        statuses: list[dict[str, Any]] = []
        for node in self.live():
            status = node.status()
            if node.ready() is None or status is None or not status["ready"]:
                return None
            statuses.append(status)
        agreed = {(status["term"], status["leader"]) for status in statuses}
        if len(agreed) != 1:
            return None
        ((term, leader),) = agreed
        goal = goals.setdefault((term, leader), max(status["commit_index"] for status in statuses))
        if any(status["applied_index"] < goal for status in statuses):
            return None
        return next((node for node in self.live() if node.name == leader), None)

    def describe(self) -> str:
        """One line per node: what its process does and what it says."""
        lines = []
        for node in self.nodes:
            if not node.running:
                state = f"not running, exit code {node.exit_code}"
            elif node.paused:
                state = "paused"
            else:
                state = json.dumps(node.status())
            lines.append(f"  {node.name}: {state}")
        return "\n".join(lines)

    def client(self, which: int | str = 0, timeout_seconds: float = 10.0) -> Client:
        """A blocking client of one node's Redis door; close it."""
        return self.node(which).client(timeout_seconds)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[NodeProcess]:
        return iter(self.nodes)


def wait_for(
    probe: Callable[[], T | None], timeout_seconds: float, failure: str, describe: Callable[[], str]
) -> T:
    """Ask until the answer is not None.

    Raises:
        ClusterError: the time is over; says ``failure`` and what ``describe`` returns.
    """
    deadline = time.monotonic() + timeout_seconds
    while (found := probe()) is None:
        if time.monotonic() > deadline:
            raise ClusterError(f"{failure} after {timeout_seconds:g} s:\n{describe()}")
        time.sleep(0.03)
    return found
