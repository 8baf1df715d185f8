"""The checked world: every interleaving of a model, and judges of what clients saw. Knows neither other world.

``Model`` is a system on a page, ``ActorModel`` takes a system's real actors; ``check`` explores either and says which
of its properties hold. What actor models need is loaded at first use, so that a plain model is checked without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from actors.verification.actor_history import ClientHistory
    from actors.verification.actor_model import ActorModel, Fairness
    from actors.verification.actor_network import Network
    from actors.verification.actor_view import View
    from actors.verification.agreement import Agreement

__all__ = [
    "ActorModel", "Agreement", "Checkable", "ClientHistory", "Fairness", "Finding", "Kind", "Model", "ModelError",
    "Network", "Options", "Progress", "Property", "Result", "State", "Step", "Strategy", "Trace", "Verdict", "View",
    "always", "check", "deadlock_free", "eventually", "leads_to", "put", "sometimes",
]

_LAZY = {
    "ActorModel": "actor_model", "Agreement": "agreement", "ClientHistory": "actor_history", "Fairness": "actor_model",
    "Network": "actor_network", "View": "actor_view",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = found
    return found
