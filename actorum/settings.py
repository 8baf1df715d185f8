"""Every setting of a cluster as one typed tree. Knows no file (that is ``settings_file``), actor, process or socket."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from actors.runtime.settings import RuntimeSettings
from protocols.detector.settings import DetectorSettings
from protocols.raft.settings import RaftSettings
from protocols.storage.settings import LARGEST_MESSAGE_BYTES, GatewaySettings, LogSettings, ShardSettings

LARGEST_COMMAND_BYTES = 32 << 20  # a batch may hold 1 MiB before it, and lengths: below storage's MAX_BATCH_BYTES

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class SettingsError(Exception):
    """Settings that cannot be used; the message names the file or variable, the path of the setting, and what to do."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table of the settings file."""


class ClusterSection(Section, frozen=True):
    """What makes nodes one cluster.

    Attributes:
        id: nodes with another id are refused; never changes once data exists.
        consensus: the protocol under the store; fixed when the data folder is created.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "local"
    consensus: Literal["raft"] = "raft"


class NodeSection(Section, frozen=True):
    """Where one node is.

    Attributes:
        host: the name or address by which others reach the node (advertised), and which decides whose host it is.
        listen: the address that the peer port and the Redis port are bound to; ``host`` when empty.
        http_listen: the address that the HTTP port is bound to.
        peer_port: where the other nodes connect (ZeroMQ).
        redis_port: where Redis clients connect; 0: any free port, told in the ready-file.
        http_port: livez, readyz, metrics, status; 0: any free port, told in the ready-file.
        data: the node's data folder, relative to the cluster file; the node's name when empty.
    """

    host: str = "127.0.0.1"
    listen: str = ""
    http_listen: str = "127.0.0.1"
    peer_port: Port = 0
    redis_port: Port = 0
    http_port: Port = 0
    data: str = ""

    @property
    def bind_address(self) -> str:
        """The address to listen on for peers and Redis clients."""
        return self.listen or self.host

    @property
    def http_host(self) -> str:
        """The address at which the HTTP port is reached."""
        return self.host if self.http_listen in ("", "0.0.0.0", "::") else self.http_listen


class RedisSection(Section, frozen=True):
    """What clients of the Redis door may use; see ``RedisDoorSettings`` for each limit.

    Attributes:
        password: what AUTH wants for the user "default"; empty lets everyone in.
        max_clients: connections at a time.
        max_argument_bytes: largest key or value; the store takes 16 MiB.
        max_command_bytes: largest sum of a command's arguments; at most 32 MiB, because a command travels between nodes
            and into the log as one message.
        max_output_bytes: replies that a client has not read, above which it is disconnected.
        answer_seconds: the last line against hanging clients; must be longer than the gateway's own limits.
    """

    password: str = ""
    max_clients: Count = 10_000
    max_argument_bytes: Count = 16 << 20
    max_command_bytes: Count = 32 << 20
    max_output_bytes: Count = 256 << 20
    answer_seconds: Seconds = 30.0


class ProcessSection(Section, frozen=True):
    """One node's process.

    Attributes:
        drain_seconds: after SIGTERM: how long open requests may take to finish, before actors, links and the log stop
            (``runtime.shutdown_seconds``).
        log_level: of what the node prints.
        log_json: JSON lines instead of key=value.
    """

    drain_seconds: Seconds = 2.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False


class Settings(Section, frozen=True):
    """The whole tree; one field is one table of the file. The protocols keep their own settings beside their code."""

    cluster: ClusterSection = ClusterSection()
    nodes: dict[Name, NodeSection] = {}
    raft: RaftSettings = RaftSettings()
    detector: DetectorSettings = DetectorSettings()
    gateway: GatewaySettings = GatewaySettings()
    adapter: LogSettings = LogSettings()
    shard: ShardSettings = ShardSettings()
    redis: RedisSection = RedisSection()
    process: ProcessSection = ProcessSection()
    runtime: RuntimeSettings = RuntimeSettings()

    def __post_init__(self) -> None:
        largest = self.runtime.transport.max_frame_bytes
        if largest < LARGEST_MESSAGE_BYTES:
            raise ValueError(
                f"runtime.transport.max_frame_bytes is {largest}; a node of the store needs {LARGEST_MESSAGE_BYTES} or "
                f"more, else its largest commands and replies could not travel"
            )
        if self.redis.max_command_bytes > LARGEST_COMMAND_BYTES:
            raise ValueError(
                f"redis.max_command_bytes is {self.redis.max_command_bytes}; give {LARGEST_COMMAND_BYTES} or less, "
                f"else a command could not enter the log"
            )
