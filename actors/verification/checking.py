"""``check``: the one way in for every kind of model."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.verification.result import Checkable, Options, ProgressCallback, Result


def check(model: Checkable, *, progress: ProgressCallback | None = None, **options: Any) -> Result:
    """Explore a model and say what is known about each of its properties.

    Args:
        model: a ``Model``, an ``ActorModel``, or anything else with ``check_with``.
        progress: called a few times per second with a ``Progress``.
        options: the fields of ``Options``: strategy, max_depth, max_states, seconds, memory_bytes, exact, symmetry,
            stop_on_violation, walks, seed.

    Raises:
        ModelError: the model cannot be checked; names model, state and field.
        ValueError: an option that there is not, or a value that it cannot have.
    """
    unknown = sorted(options.keys() - set(Options.__struct_fields__))
    if unknown:
        raise ValueError(f"check has no option {unknown[0]!r}; it has {', '.join(Options.__struct_fields__)}")
    try:
        return model.check_with(msgspec.convert(options, Options), progress)
    except msgspec.ValidationError as error:
        raise ValueError(f"check: {error}") from error
