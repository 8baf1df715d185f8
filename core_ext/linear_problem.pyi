from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from core_ext.linear_table import Table

FUNCTIONS: Final[dict[str, int]]

class Problem:
    table: Table
    key: Any
    initial: int
    size: int
    optional: int
    def __init__(self, table: Table, initial: int, key: Any = None) -> None: ...
    def add_call(
        self, operation: int, reads_only: bool, invoked: int, returned: int | None, source: int
    ) -> None: ...
    def sources(self) -> tuple[list[int], list[int]]: ...

def compile_problems(
    operations: Sequence[Any], table: Table, initial: Any, allowed: Iterable[str], ok: object, failed: object,
    refuse: Callable[[Any, str], None],
) -> list[Problem]: ...
