"""Judges of what clients saw: is a recorded history strong, sequential, causal, eventual, transactional?

``read_history`` or a ``HistoryWriter`` makes a ``History``; ``judge`` answers with a ``Report``. docs/histories.md is
the manual.
"""

from actors.verification.histories.history import (
    History,
    HistoryError,
    Key,
    Operation,
    Outcome,
    Process,
    identity,
    show,
)
from actors.verification.histories.judging import LEVELS, judge
from actors.verification.histories.models import Model
from actors.verification.histories.reader import parse_history, read_history
from actors.verification.histories.recording import HistoryWriter
from actors.verification.histories.report import Edge, Report, Verdict, Witness

__all__ = [
    "LEVELS", "Edge", "History", "HistoryError", "HistoryWriter", "Key", "Model", "Operation", "Outcome", "Process",
    "Report", "Verdict", "Witness", "identity", "judge", "parse_history", "read_history", "show",
]
