"""Names of the shipped models; a line is added here for every model. Imports none of them."""

from __future__ import annotations

# Name for ``actorum verify``: (module below protocols.models, class or function that makes the model).
MODELS: dict[str, tuple[str, str]] = {
    "two-phase-commit": ("two_phase_commit", "TwoPhaseCommit"),
    "two-phase-commit-hasty": ("two_phase_commit", "HastyTwoPhaseCommit"),
    "increment": ("increment", "Increment"),
    "increment-locked": ("increment", "LockedIncrement"),
    "dining-philosophers": ("dining_philosophers", "DiningPhilosophers"),
    "dining-philosophers-ordered": ("dining_philosophers", "OrderedPhilosophers"),
}
