"""``actorum verify --replay``: the counterexamples of a check, followed in another world, and what to say of that.

Knows whom to ask; neither the search nor a replay's machinery.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import click
import msgspec

from actors.verification.actor_model import ActorModel
from actors.verification.errors import ModelError
from actors.verification.result import Finding, Result, Trace, Verdict

WORLDS = {"simulator": "in the simulator", "real": "over real ZeroMQ"}


class Outcome(enum.StrEnum):
    """What came of a replay."""

    VIOLATED = "violated"  # the same states, the same violation
    NOT_VIOLATED = "not violated"  # the same states, and the property holds of them there
    DIVERGED = "diverged"  # another state: the worlds do not agree
    REFUSED = "refused"  # this run cannot be followed there


class Replay(msgspec.Struct, frozen=True):
    """One counterexample in another world.

    Attributes:
        property: that it violates in the checked world.
        world: a key of ``WORLDS``.
        outcome: what came of it.
        steps: of the run.
        reason: for people, when it was refused or diverged.
    """

    property: str
    world: str
    outcome: Outcome
    steps: int
    reason: str = ""


def refuse_other_models(model: object, world: str) -> None:
    """Refuse what no other world can run.

    Raises:
        ModelError: the model has no actors.
    """
    if not isinstance(model, ActorModel):
        raise ModelError(
            f"--replay {world}: {type(model).__name__} is a plain Model, and only actors live in other worlds; leave "
            f"--replay out, or make an ActorModel of it"
        )


def replays(result: Result, make: Callable[[], Any], world: str) -> list[Replay]:
    """Follow every counterexample.

    Args:
        result: of the check.
        make: makes the model that was checked, anew for each replay.
        world: a key of ``WORLDS``.
    """
    return [
        _replay(one, one.trace, make(), world) for one in result.findings
        if one.verdict is Verdict.VIOLATED and one.trace is not None
    ]


def _replay(finding: Finding, trace: Trace, model: ActorModel, world: str) -> Replay:
    from protocols.replaying import Diverged, replay

    steps = len(trace.steps) - 1
    try:
        if world == "real":
            from actorum.replaying_real import replay_real

            violated = replay_real(model, trace).violates(finding.name)
        else:
            violated = replay(model, trace).violates(finding.name)
    except Diverged as error:
        return Replay(finding.name, world, Outcome.DIVERGED, steps, str(error))
    except ModelError as error:
        return Replay(finding.name, world, Outcome.REFUSED, steps, str(error))
    return Replay(finding.name, world, Outcome.VIOLATED if violated else Outcome.NOT_VIOLATED, steps)


def as_text(found: list[Replay]) -> str:
    """A line for each."""
    lines = []
    for one in found:
        where = WORLDS[one.world]
        match one.outcome:
            case Outcome.VIOLATED:
                said = f"replayed {where}: {one.steps} steps, the same states, violated there, too"
            case Outcome.NOT_VIOLATED:
                said = f"replayed {where}: {one.steps} steps, the same states, but not violated there"
            case Outcome.DIVERGED:
                said = f"goes another way {where}: {one.reason}"
            case _:
                said = f"cannot be replayed {where}: {one.reason}"
        colour = "green" if one.outcome is Outcome.VIOLATED else "yellow"
        lines.append(f"{click.style(one.property, fg=colour)}: {said}")
    return "\n".join(lines)
