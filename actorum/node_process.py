"""One node as a child process: its files, its signals, its HTTP door. Blocking. Knows no actor and no other node.

Beside the data folder ``NAME/`` of a node stand ``NAME.toml`` (its node file), ``NAME.log`` (what it printed) and
``NAME.ready.json`` (written by the node when its doors are open).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec

from actorum.client import Client
from actorum.settings_file import Loaded, NodeFile, to_toml

START_SECONDS = 30.0
STOP_SECONDS = 20.0  # drain and shutdown of the default settings, and a little
MAX_LOG_BYTES = 32 * 1024 * 1024


class ClusterError(Exception):
    """A cluster could not be started, or did not become what was waited for; says what to look at."""


class ClusterInUse(ClusterError):
    """Another launcher has the cluster."""


class Ready(msgspec.Struct, frozen=True):
    """What a node writes into its ready-file.

    Attributes:
        name: the node.
        pid: its process.
        peer_port: where other nodes connect.
        redis_port: where Redis clients connect.
        http_port: where health, metrics and status are.
    """

    name: str
    pid: int
    peer_port: int
    redis_port: int
    http_port: int


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


def beside(data: Path, ending: str) -> Path:
    """The file of a node that stands beside its data folder."""
    return data.with_name(f"{data.name}.{ending}")


def read_ready(path: Path) -> Ready | None:
    """A node's ready-file; None when there is none (yet)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ready)
    except (OSError, msgspec.MsgspecError):
        return None


class NodeProcess:
    """One node of a cluster, as a process of this one.

    Args:
        loaded: the cluster's settings.
        name: the node.
        overrides: ``section.field=value`` for this process only.
    """

    def __init__(self, loaded: Loaded, name: str, overrides: Iterable[str] = ()) -> None:
        self.name = name
        self.settings = loaded.node_settings(name)
        self.data = loaded.data_folder(name)
        self.config = beside(self.data, "toml")
        self.ready_file = beside(self.data, "ready.json")
        self.log_file = beside(self.data, "log")
        self.paused = False
        self.exit_code: int | None = None
        self._overrides = tuple(overrides)
        self._process: subprocess.Popen[bytes] | None = None
        self._write_config(loaded)

    def _write_config(self, loaded: Loaded) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        if not self.config.exists():
            head = NodeFile(node=self.name, cluster=os.path.relpath(loaded.cluster_path, self.config.parent))
            write_atomically(self.config, to_toml(head))

    def start(self) -> None:
        """Start the process; it dies with this one."""
        if self.running:
            return
        self.ready_file.unlink(missing_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > MAX_LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        command = [sys.executable, "-m", "actorum", "node", "--config", str(self.config)]
        command += ["--ready-file", str(self.ready_file), "--stop-with-parent"]
        for override in self._overrides:
            command += ["--set", override]
        self._close_pipe()
        with self.log_file.open("ab") as log:
            # A process group of its own: Ctrl-C on the terminal reaches the launcher only, which stops its nodes in
            # order. The pipe on standard input is how the node sees that its parent is gone.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, process_group=0
            )
        self.exit_code = None
        self.paused = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process exists (a paused one does)."""
        if self._process is None:
            return False
        self.exit_code = self._process.poll()
        return self.exit_code is None

    def ready(self) -> Ready | None:
        """What the running process wrote when its doors were open; None until then."""
        ready = read_ready(self.ready_file)
        return ready if ready is not None and ready.pid == self.pid else None

    @property
    def redis_port(self) -> int:
        """Where Redis clients connect."""
        return self.settings.redis_port or self._bound().redis_port

    @property
    def http_port(self) -> int:
        """Where health, metrics and status are."""
        return self.settings.http_port or self._bound().http_port

    def _bound(self) -> Ready:
        ready = self.ready()
        if ready is None:
            raise ClusterError(f"node {self.name} takes any free port, and is not ready to tell which")
        return ready

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal when the process still exists."""
        if self.running and self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.send_signal(signal.SIGKILL)
        self._reap(STOP_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: the process hangs with all its connections open."""
        self.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        """SIGCONT."""
        self.send_signal(signal.SIGCONT)
        self.paused = False

    def terminate(self) -> None:
        """SIGTERM: ask it to drain and stop; does not wait."""
        if self.paused:
            self.resume()
        self.send_signal(signal.SIGTERM)

    def wait_stopped(self, timeout_seconds: float = STOP_SECONDS) -> int | None:
        """Wait until the process is gone, killing it when that takes too long; its exit code."""
        try:
            self._reap(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.exit_code

    def stop(self) -> int | None:
        """Drain and stop; the exit code."""
        self.terminate()
        return self.wait_stopped()

    def restart(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start again (after ``kill``), or stop in order and start again; returns when the doors are open."""
        if self.running:
            self.stop()
        self.start()
        self.wait_ready(timeout_seconds)

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> Ready:
        """Wait until the doors are open.

        Raises:
            ClusterError: the process ended, or did not get there in time; quotes the end of its log.
        """
        deadline = time.monotonic() + timeout_seconds
        while (ready := self.ready()) is None:
            if not self.running:
                raise ClusterError(f"node {self.name} ended with exit code {self.exit_code}; {self._log_quote()}")
            if time.monotonic() > deadline:
                raise ClusterError(f"node {self.name} is not ready after {timeout_seconds:g} s; {self._log_quote()}")
            time.sleep(0.02)
        return ready

    def status(self, timeout_seconds: float = 1.0) -> dict[str, Any] | None:
        """What the node says about itself; None when it does not answer in time."""
        found = self.http("/api/v1/status", timeout_seconds)
        return json.loads(found[1]) if found is not None and found[0] == 200 else None

    def http(self, path: str, timeout_seconds: float = 1.0) -> tuple[int, bytes] | None:
        """GET a path from the node's HTTP door: (status, body), or None when it does not answer in time."""
        try:
            return http_get(self.settings.http_host, self.http_port, path, timeout_seconds)
        except ClusterError:
            return None

    def client(self, timeout_seconds: float = 10.0) -> Client:
        """A blocking client of this node's Redis door; close it."""
        return Client(self.settings.host, self.redis_port, timeout_seconds=timeout_seconds)

    def log_tail(self, lines: int = 30) -> str:
        """The end of what the node printed."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(0, self.log_file.stat().st_size - 64 * 1024))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _log_quote(self) -> str:
        return f"its log {self.log_file} ends with:\n{self.log_tail(8) or '(nothing)'}"

    def _reap(self, timeout_seconds: float) -> None:
        if self._process is not None:
            self.exit_code = self._process.wait(timeout_seconds)
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def http_get(host: str, port: int, path: str, timeout_seconds: float) -> tuple[int, bytes] | None:
    """GET from a node's HTTP door: (status, body), or None when nothing answers in time."""
    connection = HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
