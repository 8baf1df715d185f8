"""The peers that need a server: started when first needed, kept for all contests, stopped together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench.load import Load, preload
from bench.peers.etcd import Etcd
from bench.peers.redis import Redis


class Servers:
    """etcd and Redis for the contests of a run.

    Args:
        folder: where their data goes; the same file system as ours.
        keys: what reads find: every key of this load is set before.
    """

    def __init__(self, folder: Path, keys: Load) -> None:
        self._folder = folder
        self._keys = keys
        self._stack = ExitStack()
        self._etcd: Etcd | None = None
        self._redis: Redis | None = None
        self._started = 0

    def fresh_folder(self, name: str) -> Path:
        """A folder that no server used before."""
        self._started += 1
        return self._folder / f"{name}-{self._started}"

    def etcd(self) -> Etcd:
        """Three members."""
        if self._etcd is None:
            self._etcd = self._stack.enter_context(Etcd(self.fresh_folder("etcd")))
        return self._etcd

    def redis(self) -> Redis:
        """One server that syncs every write."""
        if self._redis is None:
            self._redis = self._stack.enter_context(Redis(self.fresh_folder("redis")))
            preload(self._redis.port, self._keys)
        return self._redis

    def stop(self) -> None:
        """Stop what runs; it is started anew when it is needed again."""
        self._stack.close()
        self._etcd = self._redis = None
