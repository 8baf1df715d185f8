"""The checked world: every interleaving of a model, and judges of what clients saw. Knows neither other world.

``Model`` is a system on a page; ``check`` explores it and says which of its properties hold.
"""

from actors.verification.errors import ModelError
from actors.verification.properties import Property, always, eventually, leads_to, sometimes
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

__all__ = [
    "Checkable", "Finding", "Kind", "ModelError", "Options", "Progress", "Property", "Result", "Step", "Strategy",
    "Trace", "Verdict", "always", "eventually", "leads_to", "sometimes",
]
