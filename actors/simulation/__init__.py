"""The simulated world: the same actors under one seed, in one thread, on virtual time, with every fault injected.

``Simulation`` is the way in; ``docs/simulation.md`` says how it is used and what it does not do.
"""

from actors.simulation.asks import Pending
from actors.simulation.errors import SimulationError, Violation
from actors.simulation.faults import DiskFaults, Faults, LinkFaults, Shape
from actors.simulation.network import WireSettings
from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from actors.simulation.tape import Stream, Tape
from actors.simulation.time_models import (
    Asynchronous,
    BoundedDelay,
    LockStep,
    OldestDelayed,
    PartiallySynchronous,
    PriorityBased,
    RandomDelays,
    TimeModel,
)

__all__ = [
    "Asynchronous", "BoundedDelay", "DiskFaults", "Faults", "LinkFaults", "LockStep", "Node", "OldestDelayed",
    "PartiallySynchronous", "Pending", "PriorityBased", "RandomDelays", "Shape", "Simulation", "SimulationError",
    "Stream", "Tape", "TimeModel", "Violation", "WireSettings",
]
