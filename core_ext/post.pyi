from collections.abc import Callable
from typing import Any, Final

from core_ext.asks import Ask
from core_ext.cell import Cell
from core_ext.codec import MessageCodec
from core_ext.dispatch import Scheduler
from core_ext.flow import Receiver
from core_ext.mailbox import Reference

OUTSIDE: Final[str]
WORLD: Final[str]

class Post(Receiver):
    carrier: Any
    refused: int
    undecodable: int
    def __init__(
        self, world: Scheduler, codec: MessageCodec, answer_type: Callable[[Any], Any], lanes: tuple[Any, Any]
    ) -> None: ...
    @property
    def codec(self) -> MessageCodec: ...
    def encode(self, message: Any) -> bytes: ...
    def prepare_ask(self, sender: Cell | None, ask: Ask, message: Any, info: int) -> tuple[Any, ...]: ...
    def send_ask(self, body: bytes | None, sender: Cell | None, ask: Ask, message: Any, info: int) -> None: ...
    def prepare_answer(
        self, asker: Reference, correlation: int, value: object, failure: Exception | None
    ) -> tuple[Reference, int, int, bytes]: ...
    def send_answer(self, asker: Reference, correlation: int, kind: int, body: bytes) -> None: ...
    def send(
        self, target: Reference, lane: Any, kind: int, origin: tuple[str, int] | None, correlation: int, wire_id: int,
        body: bytes,
    ) -> str | None: ...
    def on_envelope(
        self, kind: int, target_name: str, target_incarnation: int, sender: Reference | None, correlation: int,
        wire_id: int, body: bytes | memoryview, lane: Any, /,
    ) -> None: ...
