from collections.abc import Callable
from typing import Any, final

from core_ext.mailbox import Reference
from core_ext.waiting import AskFuture

@final
class Ask:
    correlation: int
    target: Reference
    request_type: type[Any]
    future: AskFuture | None
    owner: Any
    key: Any
    cause: int
    def settle(self, value: object, failure: BaseException | None) -> None: ...

@final
class AskQueue:
    seconds: float
    def __init__(self, seconds: float) -> None: ...

class Asks:
    pending: dict[int, Ask]
    arm: Callable[[AskQueue, float], object] | None
    def __init__(self, default_seconds: float) -> None: ...
    def register(self, ask: Ask) -> None: ...
    def expire(self, queue: AskQueue) -> list[Ask]: ...
