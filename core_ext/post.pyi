from collections.abc import Callable
from typing import Any, Final

from core_ext.cell import Far
from core_ext.codec import MessageCodec
from core_ext.dispatch import Scheduler
from core_ext.flow import Receiver
from core_ext.mailbox import Reference

OUTSIDE: Final[str]
WORLD: Final[str]

class Post(Far):
    carrier: Any
    refused: int
    undecodable: int
    def __init__(
        self, world: Scheduler, codec: MessageCodec, answer_type: Callable[[Any], Any], lanes: tuple[Any, Any]
    ) -> None: ...
    @property
    def arrivals(self) -> Receiver: ...
    @property
    def codec(self) -> MessageCodec: ...
    def encode(self, message: Any) -> bytes: ...
    def send_answer(
        self, asker: Reference, correlation: int, value: object, failure: Exception | None
    ) -> None: ...
    def send_urgently(self, asker: Reference, correlation: int, failure: Exception) -> str | None: ...
    def send_as_world(self, target: Reference, message: Any) -> str | None: ...
    def on_envelope(
        self, kind: int, target_name: str, target_incarnation: int, sender: Reference | None, correlation: int,
        wire_id: int, body: bytes | memoryview, lane: Any, /,
    ) -> None: ...
