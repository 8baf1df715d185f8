from collections.abc import Callable, Mapping
from typing import Any, final

from core_ext.durations import Durations
from core_ext.sessions import Session

@final
class DoorCore:
    last_ticket: int
    commands: int
    batches: int
    bytes_in: int
    bytes_out: int
    protocol_errors: int
    stray_outcomes: int
    def __init__(
        self,
        commands: Mapping[bytes, tuple[int, int, int, bool]],
        local: Mapping[bytes, tuple[Callable[[Any, list[bytes]], bytes], int, int, bool]],
        unknown: Callable[[Any, list[bytes]], bytes],
        *,
        max_argument_bytes: int,
        max_command_bytes: int,
        max_inline_bytes: int,
        max_arguments: int,
        max_batch_bytes: int,
        max_batch_commands: int,
        max_unanswered: int,
        max_in_flight_bytes: int,
        max_output_bytes: int,
        durations: Durations | None = None,
    ) -> None: ...
    def feed(self, session: Session, data: bytes) -> bool: ...
    def take(self) -> list[tuple[int, bool, bytes]]: ...
    def complete(self, ticket: int, replies: bytes | None, error: bytes | None) -> bool: ...
    def end_of_input(self, session: Session) -> None: ...
    def output_blocked(self, session: Session) -> None: ...
    def output_drained(self, session: Session) -> bool: ...
    def lost(self, session: Session) -> None: ...
    def unanswered(self, up_to: int) -> list[tuple[int, bool]]: ...
    @property
    def waits(self) -> bool: ...
    @property
    def in_flight_batches(self) -> int: ...
