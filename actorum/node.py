"""One node in the real world: the actors of the store (``protocols.storage.node``), and the doors to them. Knows no
process, signal or exit code.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import Any

import msgspec

from actors.runtime.logs import LoopStallMonitor
from actors.runtime.system import ActorSystem
from actorum.health import Health
from actorum.http import HttpServer
from actorum.latency import MeasuredDoor
from actorum.node_process import Ready
from actorum.redis_door import RedisDoorSettings
from actorum.settings import NodeSection
from actorum.settings_file import Loaded
from protocols.storage.node import StoreActors, StoreSettings, spawn_store


class AddressInUse(Exception):
    """A port of this node cannot be had; names the setting, the address and what to do."""


class Node:
    """One node of a cluster, in the running event loop.

    Args:
        loaded: the cluster's settings.
        name: which node of it.
    """

    def __init__(self, loaded: Loaded, name: str) -> None:
        self.name = name
        self.loaded = loaded
        self.settings = loaded.settings
        self.where = loaded.node_settings(name)
        self.system = self._system()
        self._stack = contextlib.AsyncExitStack()
        self._health: Health | None = None

    def _system(self) -> ActorSystem:
        nodes = self.settings.nodes
        bound = f"tcp://{_bracketed(self.where.bind_address)}:{self.where.peer_port or '*'}"
        return ActorSystem(
            self.name,
            listen=bound if len(nodes) > 1 else None,
            also_listen=[_local_address(self.where)] if len(nodes) > 1 and _is_loopback(self.where.host) else (),
            advertise=_peer_address(self.where.host, self.where.peer_port) if len(nodes) > 1 else None,
            peers={
                other: link_address(self.where, node) for other, node in nodes.items() if other != self.name
            },
            data=self.loaded.data_folder(self.name),
            cluster_id=self.settings.cluster.id,
            settings=self.settings.runtime,
        )

    async def start(self) -> Ready:
        """Open the log, spawn the actors, open the doors.

        Returns:
            Where the doors are.

        Raises:
            AddressInUse: another process has one of the ports.
            LogError: the data folder cannot be used.
        """
        self._check_ports()
        self.loaded.data_folder(self.name).mkdir(parents=True, exist_ok=True)
        await self.system.start()
        self._stack.push_async_callback(self.system.stop)
        actors = self._spawn_actors()
        stalls = LoopStallMonitor(self.system.loop)
        stalls.start()
        self._stack.callback(stalls.stop)
        door = MeasuredDoor(self.system, actors.gateway, self._door_settings(), self._facts)
        health = self._health = Health(
            self.settings.cluster.id, self.system, actors, door, stalls, self.loaded.data_folder(self.name)
        )
        http = HttpServer(health.routes())
        health.http_port = await http.start(self.where.http_listen, self.where.http_port)
        self._stack.push_async_callback(http.close)
        await door.start()
        self._stack.push_async_callback(door.close, self.settings.process.drain_seconds)
        health.start()
        self._stack.push_async_callback(health.stop)
        return Ready(
            name=self.name, pid=health.pid, peer_port=self._peer_port(), redis_port=door.port,
            http_port=health.http_port,
        )

    def _spawn_actors(self) -> StoreActors:
        settings = self.settings
        return spawn_store(
            self.system.spawn, tuple(settings.nodes),
            StoreSettings(
                raft=settings.raft, detector=settings.detector, adapter=settings.adapter, shard=settings.shard,
                gateway=settings.gateway,
            ),
        )

    def _facts(self) -> dict[str, Any]:
        return self._health.facts() if self._health is not None else {}

    def _door_settings(self) -> RedisDoorSettings:
        limits = msgspec.structs.asdict(self.settings.redis)
        password = limits.pop("password") or None
        return RedisDoorSettings(
            host=self.where.bind_address, port=self.where.redis_port, password=password, **limits
        )

    def _peer_port(self) -> int:
        address = self.system.listen_address
        return int(address.rpartition(":")[2]) if address else 0

    def _check_ports(self) -> None:
        """Say which setting is at fault before anything is opened; the bind itself stays the judge."""
        for field, host in (
            ("peer_port", self.where.bind_address),
            ("redis_port", self.where.bind_address),
            ("http_port", self.where.http_listen),
        ):
            port = getattr(self.where, field)
            if not port:
                continue
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    raise AddressInUse(
                        f"{self.loaded.cluster_path}: nodes.{self.name}.{field}: cannot listen on {host}:{port}: "
                        f"{error.strerror}; stop the process that has it, or give the node another port"
                    ) from error

    async def stop(self) -> None:
        """In phases: no longer ready; the Redis door answers what is in flight; HTTP; actors; links and log."""
        if self._health is not None:
            self._health.stopping = True
        await self._stack.aclose()

    async def wait_stopped(self) -> BaseException | None:
        """Wait until the system has stopped by itself; why."""
        return await self.system.wait_stopped()


def link_address(where: NodeSection, other: NodeSection) -> str:
    """Where one node dials another. Nodes on one loopback interface share a kernel, and need no TCP.

    Args:
        where: the node that dials.
        other: the node that is dialled.

    Returns:
        An address of ZeroMQ's, ``ipc://`` or ``tcp://``.
    """
    if _is_loopback(where.host) and _is_loopback(other.host):
        return _local_address(other)
    return _peer_address(other.host, other.peer_port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _local_address(node: NodeSection) -> str:
    """A name without a file (unix(7), abstract): it is gone with its process, and as free as the node's port is, which
    is bound first. Seen where the loopback interface is seen: in one network namespace."""
    return f"ipc://@actorum-{node.host}:{node.peer_port}"


def _peer_address(host: str, port: int) -> str:
    return f"tcp://{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    """An IPv6 address as it stands before a port."""
    return f"[{host}]" if ":" in host else host
