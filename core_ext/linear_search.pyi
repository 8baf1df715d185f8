from typing import Final

from core_ext.linear_layout import Layout

LINEARIZABLE: Final[int]
NOT_LINEARIZABLE: Final[int]
BUDGET_SPENT: Final[int]
TIME_OVER: Final[int]
MEMORY_FULL: Final[int]

class Search:
    furthest: int
    steps: int
    def __init__(self, layout: Layout, memory_bytes: int = ...) -> None: ...
    def run(self, budget: int, by_return: bool, deadline: float | None = None) -> int: ...
    def placed(self) -> list[int]: ...
    def stuck(self) -> int: ...
