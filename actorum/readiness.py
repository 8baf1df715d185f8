"""What a node's status says about whether it serves, in words for people. Knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def refusal(refused_by: Mapping[str, str]) -> str | None:
    """In words: who refuses a node, and why (mostly all for the same reason). None when nobody does."""
    if not refused_by:
        return None
    peers = ", ".join(sorted(refused_by))
    return f"refused by its peer{'s' if len(refused_by) > 1 else ''} {peers}: {refused_by[min(refused_by)]}"


def problem(status: Mapping[str, Any]) -> str | None:
    """Why a node that answers is not ready, or who refuses it; None when all is well, or it does not answer."""
    if status.get("role") is None or "ready" not in status:
        return None
    refused = refusal(status.get("refused_by") or {})
    if status["ready"]:
        return refused
    reasons = [refused] if refused else [what for what in status["checks"].values() if what != "ok"]
    return f"up, not ready: {'; '.join(reasons)}"
