from typing import Any

from core_ext.linear_layout import Layout

class Sweep:
    first: int
    steps: int
    cut: int
    cut_state: int
    cut_placed: list[int]
    def __init__(self, layout: Layout, memory_bytes: int = ...) -> None: ...
    def run(self, budget: int, deadline: float | None = None) -> int: ...
    def stuck(self) -> int: ...
    def states(self) -> list[Any]: ...
