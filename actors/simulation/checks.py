"""What must always hold, and what should be seen once: looked at after every event that may have changed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.simulation.errors import SimulationError

if TYPE_CHECKING:
    from actors.simulation.cell import Cell
    from actors.simulation.simulation import Simulation

Predicate = Callable[[str, Any], object]


class Check(NamedTuple):
    """One property.

    Attributes:
        name: for the report.
        function: called with (node name, actor).
        of: the class of actors that it looks at; None: all.
        always: it must hold; otherwise it should be true once.
    """

    name: str
    function: Predicate
    of: type[Any] | None
    always: bool


class Checks:
    """The properties of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._all: list[Check] = []

    def add(self, check: Check) -> None:
        """From now on."""
        self._all.append(check)
        self._spread()

    def of(self, actor_class: type[Any]) -> tuple[Check, ...]:
        """What looks at actors of this class."""
        return tuple(check for check in self._all if check.of is None or issubclass(actor_class, check.of))

    def _spread(self) -> None:
        for node in self._simulation.nodes.values():
            for cell in node.names.values():
                cell.checks = self.of(cell.actor_class)

    def run(self, cell: Cell) -> None:
        """An actor has moved.

        Raises:
            Violation: a property does not hold.
            SimulationError: a property raised something else than AssertionError.
        """
        if cell.actor is None:
            return
        for check in cell.checks:
            try:
                holds = check.function(cell.node.name, cell.actor)
            except SimulationError:
                raise
            except AssertionError as error:
                raise self._simulation.violation(check.name, str(error)) from error
            except Exception as error:
                raise SimulationError(
                    f"property {check.name!r} raised {type(error).__name__}: {error} (after {cell.label} moved); a "
                    f"property returns False or raises AssertionError when it does not hold"
                ) from error
            if check.always:
                if holds is False:
                    raise self._simulation.violation(check.name, f"after {cell.label} moved")
            elif holds:
                self._simulation.goals[check.name] = 1
                self._all = [other for other in self._all if other is not check]
                self._spread()
