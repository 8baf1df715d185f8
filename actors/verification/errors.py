"""What can be wrong with a model, as opposed to what a model does wrong (that is a finding, never an exception)."""

from __future__ import annotations

from actors.errors import ActorumError


class ModelError(ActorumError):
    """The model cannot be checked: names the model, the state and the field, and what to do."""
