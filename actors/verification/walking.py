"""Random walks, whatever is walked: how long they go on, and what they say of a property. Knows no model.

They find violations in what is too large to explore, and prove nothing.
"""

from __future__ import annotations

import time
from typing import Protocol

from actors.verification.properties import Property
from actors.verification.result import Finding, Kind, Options, Progress, ProgressCallback, Trace, Verdict

WALK_STATES = 100        # of one walk, when no depth is given
PROGRESS_SECONDS = 0.25


class Walker(Protocol):
    """Who walks.

    Attributes:
        distinct: states that were seen, each counted once.
        generated, depth: as in ``Result``.
        bytes_used: by all tables.
        violated: a walk has come to a violation.
        failed: why no further walk is of use; empty while they are.
    """

    @property
    def distinct(self) -> int: ...
    @property
    def generated(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def bytes_used(self) -> int: ...
    @property
    def violated(self) -> bool: ...
    @property
    def failed(self) -> str: ...

    def walk(self) -> bool:
        """Begin a walk, or go on with it for a while; whether it has ended."""


def longest_walk(options: Options) -> int:
    """States of one walk, at most."""
    return options.max_depth or WALK_STATES


def run_walks(walker: Walker, options: Options, progress: ProgressCallback | None) -> str:
    """Walk until the bounds.

    Args:
        walker: see there.
        options: the bounds.
        progress: called a few times per second.

    Returns:
        What was walked, and what ended it, for people; never empty.
    """
    start = shown = time.monotonic()
    walks = 0
    ended = ""
    while walks < options.walks and not ended:
        walks += walker.walk()
        now = time.monotonic()
        if walker.failed:
            ended = f", ended because {walker.failed}"
        elif options.seconds is not None and now - start >= options.seconds:
            ended = f", ended by the bound of {options.seconds:g} s"
        elif options.max_states is not None and walker.distinct >= options.max_states:
            ended = f", ended by the bound of {options.max_states:,} states"
        elif walker.bytes_used > options.memory_bytes:
            ended = f", ended by the bound of {options.memory_bytes >> 20:,} MB"
        elif options.stop_on_violation and walker.violated:
            ended = ", ended by a violation"
        if progress is not None and now - shown >= PROGRESS_SECONDS:
            shown = now
            progress(Progress(walker.distinct, walker.generated, 0, walker.depth, now - start, walker.bytes_used))
    return f"{walks:,} random walks of at most {longest_walk(options):,} states{ended}"


def judged(one: Property, trace: Trace | None, bound: str) -> Finding:
    """What walks say of a property.

    Args:
        one: the property.
        trace: the walk that refutes it, or for a ``sometimes`` the one that reaches it; None when there was none.
        bound: what was walked.
    """
    if one.kind is Kind.SOMETIMES:
        if trace is None:
            return Finding(one.name, one.kind, Verdict.UNKNOWN, f"not reached within {bound}")
        return Finding(one.name, one.kind, Verdict.HOLDS, "", trace)
    if trace is not None:
        return Finding(one.name, one.kind, Verdict.VIOLATED, "seen on a random walk", trace)
    if one.kind in (Kind.ALWAYS, Kind.DEADLOCK_FREE):
        return Finding(one.name, one.kind, Verdict.BOUNDED, f"no violation within {bound}")
    return Finding(one.name, one.kind, Verdict.UNKNOWN, "random walks do not decide what happens for ever")
