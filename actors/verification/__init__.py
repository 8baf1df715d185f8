"""The checked world: every interleaving of a model, and judges of what clients saw. Knows neither other world.

``Model`` is a system on a page; ``check`` explores it and says which of its properties hold.
"""

from actors.verification.checking import check
from actors.verification.errors import ModelError
from actors.verification.model import Model
from actors.verification.properties import Property, always, deadlock_free, eventually, leads_to, sometimes
from actors.verification.result import (
    Checkable,
    Finding,
    Kind,
    Options,
    Progress,
    Result,
    Step,
    Strategy,
    Trace,
    Verdict,
)
from actors.verification.state import State, put

__all__ = [
    "Checkable", "Finding", "Kind", "Model", "ModelError", "Options", "Progress", "Property", "Result", "State",
    "Step", "Strategy", "Trace", "Verdict", "always", "check", "deadlock_free", "eventually", "leads_to", "put",
    "sometimes",
]
