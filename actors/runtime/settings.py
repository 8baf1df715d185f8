"""The numbers of one actor system, with the reasons for their defaults. Knows no actor."""

from __future__ import annotations

import msgspec

from actors.runtime.transport_settings import TransportSettings


class RuntimeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and times of a system.

    Attributes:
        ask_timeout_seconds: how long an ask or request waits when the call does not say.
        turn_seconds: time of one scheduler turn; then the event loop may serve sockets and other tasks.
        slow_handler_seconds: a handler that runs longer is reported by name; it blocks the whole node.
        control_capacity: control messages that may wait in one mailbox.
        shutdown_seconds: the whole of an orderly stop; what still runs then is dropped.
        flush_seconds: how long a stopping system waits for its peers to take what was sent.
        log_lines_per_second: dead letters, failures and slow handlers logged one by one; more are summed up.
        transport: limits and times of the links to other nodes.
    """

    ask_timeout_seconds: float = 5.0
    turn_seconds: float = 0.005
    slow_handler_seconds: float = 0.1
    control_capacity: int = 65_536
    shutdown_seconds: float = 15.0
    flush_seconds: float = 2.0
    log_lines_per_second: int = 20
    transport: TransportSettings = TransportSettings()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name != "transport" and not getattr(self, name) > 0:
                raise ValueError(f"RuntimeSettings.{name} must be more than 0, it is {getattr(self, name)!r}")
