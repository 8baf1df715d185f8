"""etcd: three members on loopback, fsync on, driven through its Go client. Needs Debian's etcd and Go packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from actorum.cluster import free_ports
from bench.timing import ROOT, RunFailed, run_json

INSTALL = "apt-get install etcd-server etcd-client golang-go golang-etcd-server-dev"
GO_PATH = Path("/usr/share/gocode")
SOURCE = Path(__file__).with_name("etcd_load.go")
LOAD = ROOT / "build" / "bench" / "etcd_load"
START_SECONDS = 30.0


def installed() -> bool:
    """Whether etcd, Go and etcd's Go client are here."""
    client = GO_PATH / "src" / "go.etcd.io" / "etcd" / "clientv3"
    return shutil.which("etcd") is not None and shutil.which("go") is not None and client.is_dir()


def built_load() -> Path:
    """The load program, built when its source is newer (the first time takes a minute)."""
    if not LOAD.exists() or LOAD.stat().st_mtime < SOURCE.stat().st_mtime:
        LOAD.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOPATH": str(GO_PATH), "GO111MODULE": "off"}
        subprocess.run(["go", "build", "-o", str(LOAD), str(SOURCE)], check=True, env=environment)
    return LOAD


class Etcd:
    """Three members; a context manager.

    Args:
        folder: where their data goes; must not hold any.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.load = built_load()
        ports = free_ports(6)
        self.client_ports, peer_ports = ports[:3], ports[3:]
        members = ",".join(f"m{i}=http://127.0.0.1:{port}" for i, port in enumerate(peer_ports))
        self.commands = [
            ["etcd", "--name", f"m{i}", "--data-dir", str(folder / f"m{i}"), "--log-level", "error",
             "--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls",
             f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", members,
             "--initial-cluster-state", "new"]
            for i, (client, peer) in enumerate(zip(self.client_ports, peer_ports, strict=True))
        ]
        self.members: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, command in enumerate(self.commands):
            with (self.folder / f"m{number}.log").open("wb") as log:
                self.members.append(subprocess.Popen(command, stdout=log, stderr=log))
        try:
            self.leader()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the members."""
        for member in self.members:
            member.kill()
            member.wait()

    def _metrics(self, port: int) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def leader(self) -> int:
        """Client port of the leader.

        Raises:
            RunFailed: none within half a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for port in self.client_ports:
                if re.search(r"^etcd_server_is_leader 1$", self._metrics(port), re.MULTILINE):
                    return port
            time.sleep(0.1)
        raise RunFailed(f"etcd has no leader after {START_SECONDS:g} s; see the logs in {self.folder}")

    def syncs(self) -> int:
        """How often the leader's log was synced so far."""
        found = re.search(r"^etcd_disk_wal_fsync_duration_seconds_count (\S+)", self._metrics(self.leader()), re.M)
        return int(float(found[1])) if found else 0

    def run(self, operation: str, clients: int, seconds: float, value_bytes: int, key_space: int) -> dict[str, Any]:
        """Put or get at the leader; rate, percentiles in milliseconds, operations."""
        return run_json([
            str(self.load), "-endpoints", f"127.0.0.1:{self.leader()}", "-operation", operation,
            "-clients", str(clients), "-seconds", str(seconds), "-size", str(value_bytes), "-keys", str(key_space),
        ])
