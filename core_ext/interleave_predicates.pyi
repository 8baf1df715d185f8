from collections.abc import Callable
from typing import Any

class Predicate:
    evaluations: int
    def __init__(self, evaluate: Callable[[tuple[int, ...]], tuple[bool, list[tuple[int, Any]]]]) -> None: ...
