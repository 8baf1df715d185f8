"""Draws of a simulated run, recorded as small integers, 0 being the benign one; a replay gives them back."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

STEPS: Final[int]
"""A real number is drawn as one of so many equal steps of its range."""

class Draws:
    """One stream of draws.

    Args:
        label: what the draws are for.
        random: returns numbers from 0 up to, and without, 1; None gives back ``given``, and zeros after it.
        given: recorded draws; one beyond what is asked for counts as the largest one allowed.
    """

    label: str
    """What the draws are for."""
    recorded: list[int]
    """Every draw so far."""

    def __init__(self, label: str, random: Callable[[], float] | None, given: Sequence[int] = ()) -> None: ...
    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1; 0 is the benign one.

        Raises:
            ValueError: n is less than 1.
        """

    def choice(self, options: Sequence[T]) -> T:
        """One of the options; the first is the benign one.

        Raises:
            ValueError: there is none.
        """

    def uniform(self, low: float, high: float) -> float:
        """A number from low (the benign one) up to, and without, high; in ``STEPS`` steps."""

    def chance(self, p: float) -> bool:
        """True with probability p; False is the benign one. Nothing is drawn when p is 0."""

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a drawn order; all zeros leave them as they are."""
