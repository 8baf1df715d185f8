"""What a check found, for people and for programs. Knows results, neither models nor the search."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import click
import msgspec

from actors.trace import Event, What
from actors.verification.result import Finding, Result, Step, Strategy, Trace, Verdict

COLOURS = {Verdict.HOLDS: "green", Verdict.VIOLATED: "red", Verdict.BOUNDED: "yellow", Verdict.UNKNOWN: "yellow"}
MOST_STEPS = 200   # of a trace on a terminal; JSON has all


def as_json(result: Result) -> dict[str, Any]:
    """A result as JSON's values."""
    return {
        "model": result.model,
        "distinct": result.distinct,
        "generated": result.generated,
        "depth": result.depth,
        "seconds": result.seconds,
        "complete": result.complete,
        "bound": result.bound or None,
        "strategy": result.strategy.value,
        "exact": result.exact,
        "collision_probability": result.collision_probability,
        "bytes_per_state": result.bytes_per_state,
        "properties": [_finding(one) for one in result.findings],
    }


def _finding(one: Finding) -> dict[str, Any]:
    violated = one.verdict is Verdict.VIOLATED
    trace = None if one.trace is None else {
        "steps": [
            {"action": None if step.action is None else action_text(step.action), "state": _state(step.state)}
            for step in one.trace.steps
        ],
        "back_to": one.trace.back_to,
        "stuck": one.trace.stuck,
    }
    return {
        "name": one.name,
        "kind": one.kind.value,
        "verdict": one.verdict.value,
        "reason": one.reason or None,
        "counterexample": trace if violated else None,
        "example": None if violated else trace,
    }


def _state(state: Any) -> Any:
    fields = fields_of(state)
    return text_of(state) if fields is None else {name: text_of(value) for name, value in fields.items()}


def fields_of(state: Any) -> dict[str, Any] | None:
    """The fields of a state by name, or what it says of itself (``parts``); None when it has neither."""
    parts = getattr(type(state), "parts", None)
    if parts is not None and not isinstance(state, tuple | msgspec.Struct):
        return cast("dict[str, Any]", parts(state))
    if isinstance(state, msgspec.Struct):
        return {name: getattr(state, name) for name in state.__struct_fields__}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return dict(zip(state._fields, state, strict=True))
    return None


def action_text(action: Any) -> str:
    """An action in its own words, if its class has some; otherwise as any value."""
    own = isinstance(action, msgspec.Struct) and "__str__" in vars(type(action))
    return str(action) if own else text_of(action)


def text_of(value: Any) -> str:
    """A value as a reader wants to see it: enums by name, sets in order."""
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return value
    return _inner(value)


def _inner(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Counter):
        return ", ".join(sorted(value.elements())) or "none"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_inner, value))) + "}"
    made = getattr(type(value).__repr__, "__module__", "collections")   # where the class took its repr from
    if fields_of(value) is not None and made in ("collections", None):
        inner = ", ".join(f"{name}={_inner(item)}" for name, item in (fields_of(value) or {}).items())
        return f"{type(value).__name__}({inner})"
    if type(value) is tuple:
        return "(" + ", ".join(map(_inner, value)) + ")"
    return repr(value)


def as_text(result: Result) -> str:
    """A result as lines for a terminal."""
    lines = [click.style(result.model, bold=True), ""]
    width = max((len(one.name) for one in result.findings), default=0)
    for one in result.findings:
        said = one.verdict.value if one.verdict is not Verdict.BOUNDED else one.reason or one.verdict.value
        verdict = click.style(said, fg=COLOURS[one.verdict], bold=one.verdict is Verdict.VIOLATED)
        reason = f": {one.reason}" if one.reason and said != one.reason else ""
        lines.append(f"  {one.kind.value:13s}  {one.name:{width}s}  {verdict}{reason}")
    lines += ["", *_counts(result)]
    for one in result.findings:
        if one.verdict is Verdict.VIOLATED and one.trace is not None:
            lines += ["", *trace_lines(one, one.trace)]
    return "\n".join(lines)


def _counts(result: Result) -> list[str]:
    lines = [
        f"  {result.distinct:,} distinct states, {result.generated:,} generated, depth {result.depth}, "
        f"{result.seconds:.2f} s ({result.distinct / max(result.seconds, 1e-9):,.0f} states/s, "
        f"{result.bytes_per_state:,.0f} bytes per state)"
    ]
    if result.strategy is not Strategy.RANDOM:
        lines.append(
            "  compared as a whole: no collisions" if result.exact
            else f"  64-bit fingerprints: a collision hid a state with probability {result.collision_probability:.1e}"
        )
    lines.append(f"  not complete: {result.bound}" if result.bound else "  complete: every reachable state")
    return lines


def trace_lines(finding: Finding, trace: Trace) -> list[str]:
    """A run, step by step: what was done, and what it changed."""
    lines = [click.style(f"{finding.name}: {finding.reason}", fg="red")]
    before: dict[str, Any] | None = None
    shown = trace.steps if len(trace.steps) <= MOST_STEPS else trace.steps[-MOST_STEPS:]
    skipped = len(trace.steps) - len(shown)
    if skipped:
        lines.append(f"  ... {skipped:,} steps before are in the JSON")
    for number, step in enumerate(shown, skipped):
        fields = fields_of(step.state)
        lines.append(f"  {number:3d}  {_said(step)}")
        lines += [f"         {line}" for line in _changes(before, fields, step.state)]
        before = fields
    if trace.back_to is not None:
        lines.append(f"  and on as after step {trace.back_to}, for ever")
    elif trace.stuck:
        lines.append("  where nothing is enabled")
    return lines


def _said(step: Step) -> str:
    return click.style("start" if step.action is None else action_text(step.action), bold=True)


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None, state: Any) -> list[str]:
    if after is None:
        return [text_of(state)]
    lines: list[str] = []
    for name, value in after.items():
        known = before is not None and name in before
        if isinstance(value, Counter):
            lines += _bag(name, before[name] if before is not None and known else Counter(), value)
        elif before is None or not known:
            lines.append(f"{name} = {text_of(value)}")
        elif type(before[name]) is not type(value) or before[name] != value:
            lines.append(f"{name} = {_delta(before[name], value)}")
    return lines


def _bag(name: str, before: Counter[str], after: Counter[str]) -> list[str]:
    """What came into a bag. What left it is said only of several at once: of one, the step itself says it."""
    came = [f"{name}: {one}" for one in (after - before).elements()]
    went = [f"no longer {name}: {one}" for one in (before - after).elements()]
    return came + (went if len(went) > 1 else [])


def _delta(before: Any, after: Any) -> str:
    """A new value; of a set what came and went when that is shorter."""
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        came = [f"+ {_inner(one)}" for one in after - before]
        went = [f"- {_inner(one)}" for one in before - after]
        if len(came) + len(went) < len(after):
            return f"... {', '.join(sorted(came) + sorted(went))}"
    return text_of(after)


def first_violation(result: Result) -> Finding | None:
    """The first violated property."""
    return next((one for one in result.findings if one.verdict is Verdict.VIOLATED), None)


def events_of(finding: Finding) -> Sequence[Event]:
    """A counterexample as events for a diagram: the front end's own, or one per step."""
    trace = finding.trace
    if trace is None:
        return ()
    if trace.events:
        return trace.events
    events = [
        Event(What.START if step.action is None else What.CLIENT, node="model", text=_event_text(step))
        for step in trace.steps
    ]
    return [*events, Event(What.VIOLATION, text=f"{finding.name}: {finding.reason}")]


def _event_text(step: Step) -> str:
    return "start" if step.action is None else action_text(step.action)
