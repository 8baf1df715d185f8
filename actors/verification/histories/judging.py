"""One door to all judges: which level is whose. Imports a judge when it is asked for."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.verification.histories.history import History, HistoryError
from actors.verification.histories.report import Report

if TYPE_CHECKING:
    from actors.verification.histories.models import Model

Judge = Callable[[History, "str | Model", Any, float | None], Report]

LEVELS = {
    "strong": ("strong", "judge_strong"),
    "sequential": ("sequential", "judge_sequential"),
    "causal": ("causal", "judge_causal"),
    "eventual": ("eventual", "judge_eventual"),
    "transactions": ("transactions", "judge_transactions"),
}


def judge(
    history: History, level: str, model: str | Model, *, initial: Any = None, time_limit_seconds: float | None = None
) -> Report:
    """Does what the clients saw keep the promise of a consistency level?

    Args:
        history: what they asked and were told.
        level: ``strong``, ``sequential``, ``causal``, ``eventual`` or ``transactions``.
        model: what the object is, by name, or an object of a class of your own.
        initial: the value of a key that was never written.
        time_limit_seconds: UNKNOWN when judging takes longer; None: no limit.

    Raises:
        HistoryError: there is no such level or model, or the history holds operations that they cannot have.
    """
    if level not in LEVELS:
        raise HistoryError(f"no level {level!r}; there are {', '.join(LEVELS)}")
    module, function = LEVELS[level]
    chosen: Judge = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    started = time.monotonic()
    deadline = None if time_limit_seconds is None else started + time_limit_seconds
    report = chosen(history, model, initial, deadline)
    return msgspec.structs.replace(report, seconds=time.monotonic() - started)
