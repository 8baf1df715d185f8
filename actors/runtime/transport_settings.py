"""What can be set on the transport. Plain values; knows no socket."""

from __future__ import annotations

import math

import msgspec


class TransportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and times of the links between nodes.

    Attributes:
        max_frame_bytes: the largest message, and the largest frame, that is sent or received.
        frame_bytes: a frame that has grown to this size is closed, and the turn goes on with the next one.
        credit_bytes: data that one peer may have under way to this node; what it grants to each of its peers.
        send_queue_bytes: data that may wait here for a peer's credit before sends are refused; also the limit on
            control bytes under way.
        control_limit: control envelopes that may be under way to one peer before sends are refused.
        ping_interval_seconds: between two pings on a link.
        lost_after_seconds: silence after which a peer is lost; also how long sends wait for a first connection.
        reconnect_low_seconds: delay of the first attempt to reconnect; it doubles with every further one.
        reconnect_high_seconds: the longest delay between attempts.
        poll_frames: frames taken from the sockets before the event loop gets its turn.
        poll_bytes: bytes taken from the sockets before the event loop gets its turn.
        accept_unknown_peers: whether a node that is not in ``peers`` may introduce itself (embedding, clients).
        max_peers: links that may exist at once, unknown peers included.
    """

    max_frame_bytes: int = 64 << 20
    frame_bytes: int = 256 << 10
    credit_bytes: int = 16 << 20
    send_queue_bytes: int = 64 << 20
    control_limit: int = 65_536
    ping_interval_seconds: float = 0.25
    lost_after_seconds: float = 1.5
    reconnect_low_seconds: float = 0.05
    reconnect_high_seconds: float = 2.0
    poll_frames: int = 256
    poll_bytes: int = 4 << 20
    accept_unknown_peers: bool = True
    max_peers: int = 256

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, bool) and not value > 0:
                raise ValueError(f"transport setting {name} is {value!r}; it must be above zero")
        if self.lost_after_seconds < 2 * self.ping_interval_seconds:
            raise ValueError(
                f"transport setting lost_after_seconds is {self.lost_after_seconds}, less than two pings of "
                f"{self.ping_interval_seconds} s: every late pong would count as a lost peer; raise it"
            )

    @property
    def lost_after_ticks(self) -> int:
        """Ping intervals without a sign of life after which a peer is lost."""
        return math.ceil(self.lost_after_seconds / self.ping_interval_seconds)
