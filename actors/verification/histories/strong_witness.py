"""Why a history is not linearizable: the operation that fits nowhere, and the few operations that suffice to see it.

Knows the native search and the models. What is left out of the evidence is only what cannot have saved the history: if
the operations shown are not linearizable, then neither is the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from actors.verification.histories.history import Operation, Outcome, identity, show
from actors.verification.histories.models import BUILT_IN, NAMES, Model
from actors.verification.histories.problems import Continued, problems_of
from actors.verification.histories.report import Witness
from core_ext.linear_layout import Layout
from core_ext.linear_problem import Problem
from core_ext.linear_search import NOT_LINEARIZABLE, Search
from core_ext.linear_sweep import Sweep
from core_ext.linear_zones import judge_zones

SWEEP_STEPS = 50_000_000
SWEEP_SECONDS = 10.0
SHRINK_SECONDS = 3.0
TRIAL_STEPS = 200_000
SHOWN_STATES = 5
UNPLACEABLE = "an operation that cannot be placed"


def explain(
    operations: Sequence[Operation], problem: Problem, model: str | Model, initial: Any, deadline: float | None
) -> Witness:
    """The evidence for a problem that has no linearization.

    Args:
        operations: of the whole history.
        problem: of one key.
        model, initial: as given to the judge.
        deadline: by ``time.monotonic``, or None; when it comes first, the evidence is larger than need be.
    """
    zones = judge_zones(problem)
    if zones is not None and zones[0]:
        return _explain_zones(zones[0], zones[1], operations, model, initial)
    completed, optional = problem.sources()
    own = [operations[source] for source in sorted([*completed, *optional])]
    end = time.monotonic() + SWEEP_SECONDS
    sweep = Sweep(Layout(problem))
    if sweep.run(SWEEP_STEPS, end if deadline is None else min(deadline, end)) != NOT_LINEARIZABLE:
        text = f"No order of these {len(own)} operations that respects real time gives every one its result."
        return Witness(UNPLACEABLE, text, (), tuple(own))
    stuck = operations[sweep.stuck()]
    assert stuck.completed is not None
    placed = {operations[source].invoked for source in sweep.cut_placed}
    window = [
        one for one in own
        if one.invoked < stuck.completed and one.invoked not in placed
        and (one.completed is None or one.completed > sweep.cut)
    ]
    before = problem.table.value_of(sweep.cut_state)
    started, first = (model, before) if model in BUILT_IN else (Continued(model, operations, initial, before), None)
    past = [
        one for one in own if one.invoked in placed or (one.completed is not None and one.completed <= sweep.cut)
    ]
    return _explain_search(_shrink(window, started, first), own, started, first, sweep.cut, _maker(past, model, before))


def _maker(past: Sequence[Operation], model: str | Model, state: Any) -> list[Operation]:
    """The operation that left the state in which the evidence begins, for the picture; none when nobody can say."""
    changing = [one for one in past if one.completed is not None and one.f not in ("read", "get")]
    if model == "mutex" and state is not None:
        changing = [one for one in changing if one.f == "acquire" and one.process == state[1]]
    elif model in BUILT_IN and model != "mutex":
        changing = [
            one for one in changing
            if (one.f in ("write", "put") and identity(one.value) == identity(state))
            or (one.f == "append" and isinstance(state, str) and state.endswith(str(one.value)))
        ]
    else:
        return []
    return changing[-1:]


def _violated(operations: Sequence[Operation], model: str | Model, initial: Any) -> bool:
    """Whether a few operations certainly are not linearizable."""
    for problem in problems_of(operations, model, initial):
        zones = judge_zones(problem)
        if zones is None:
            if Search(Layout(problem)).run(TRIAL_STEPS, True) == NOT_LINEARIZABLE:
                return True
        elif zones[0]:
            return True
    return False


def _shrink(operations: list[Operation], model: str | Model, initial: Any) -> list[Operation]:
    """Leave out groups of operations, large chunks first, as long as what is left is a violation."""
    end = time.monotonic() + SHRINK_SECONDS
    if not _violated(operations, model, initial):
        return operations
    while True:
        smaller = operations
        for groups in (_reads(smaller, model), _values(smaller, model), _turns(smaller, model)):
            smaller = _without(smaller, groups, lambda left: _violated(left, model, initial), end)
        if len(smaller) == len(operations) or time.monotonic() > end:
            return smaller
        operations = smaller


def _without(
    operations: list[Operation], groups: list[list[Operation]], violated: Callable[[list[Operation]], bool], end: float
) -> list[Operation]:
    size = len(groups)
    while size >= 1:
        at = 0
        while at < len(groups) and time.monotonic() < end:
            out = {one.invoked for group in groups[at : at + size] for one in group}
            left = [one for one in operations if one.invoked not in out]
            if len(left) < len(operations) and violated(left):
                operations = left
                del groups[at : at + size]
            else:
                at += size
        size //= 2
    return operations


def _reads(operations: Sequence[Operation], model: str | Model) -> list[list[Operation]]:
    """Operations that never change anything: without one, an order of the others stays right."""
    if isinstance(model, Model):
        return [[one] for one in operations if model.reads_only(one)]
    return [[one] for one in operations if one.f in ("read", "get") or (one.f == "cas" and one.result is False)]


def _values(operations: Sequence[Operation], model: str | Model) -> list[list[Operation]]:
    """All writes and reads of one value: without them, an order of the others stays right, where nothing else can tell
    one value from another."""
    if isinstance(model, Model) or any(
        one.f in ("append", "delete", "acquire", "release") or (one.f == "cas" and one.result is False)
        for one in operations
    ):
        return []
    compared = {identity(value) for one in operations if one.f == "cas" for value in one.value}
    groups: dict[Hashable, list[Operation]] = {}
    for one in operations:
        if one.f != "cas":
            value = identity(one.result if one.f in ("read", "get") else one.value)
            if value not in compared:
                groups.setdefault(value, []).append(one)
    return list(groups.values())


def _turns(operations: Sequence[Operation], model: str | Model) -> list[list[Operation]]:
    """Each completed acquire of a lock with the release that follows it in the same process."""
    if model != "mutex":
        return []
    groups = []
    held: dict[Any, Operation] = {}
    for one in operations:
        if one.f == "acquire" and one.outcome is Outcome.OK:
            held[one.process] = one
        elif one.f == "release" and one.outcome is Outcome.OK and one.process in held:
            groups.append([held.pop(one.process), one])
    return groups


def _explain_search(
    window: list[Operation], own: Sequence[Operation], model: str | Model, initial: Any, cut: int,
    maker: list[Operation],
) -> Witness:
    for problem in problems_of(window, model, initial):
        sweep = Sweep(Layout(problem))
        if sweep.run(SWEEP_STEPS, time.monotonic() + SHRINK_SECONDS) == NOT_LINEARIZABLE:
            stuck = window[sweep.stuck()]
            states = sweep.states()
            break
    shown = tuple(window)
    parts = [f"{stuck.describe()} fits nowhere."]
    if _is_shipped(model) and stuck.f in ("read", "get") and not _written(stuck, own, initial):
        parts.append(f"Nobody ever wrote {show(stuck.result)}.")
        return Witness(UNPLACEABLE, " ".join(parts), (stuck,), (stuck,))
    if cut >= 0:
        start = _state_words(model, model.start if isinstance(model, Continued) else initial)
        parts.append(f"Whatever came before, after line {cut} the {_subject(model)} was certainly {start}.")
    if len(shown) > 1:
        parts.append(f"No order of the {len(shown)} operations from there on that respects real time allows it.")
    found = sorted({_state_words(model, state) for state in states})
    if len(found) > SHOWN_STATES:
        found = [*found[:SHOWN_STATES], "…"]
    possible = " or ".join(found)
    parts.append(f"When it returned, in line {stuck.completed}, the {_subject(model)} could only be {possible}.")
    return Witness(UNPLACEABLE, " ".join(parts), (stuck,), tuple(sorted((*maker, *shown), key=_when)))


def _is_shipped(model: str | Model) -> bool:
    """Whether reads return what was written; in a model of somebody's own a read may return a sum."""
    return isinstance(model, str) or (isinstance(model, Continued) and model.name in NAMES)


def _written(read: Operation, own: Sequence[Operation], initial: Any) -> bool:
    """Whether a value that was read can come from anywhere at all."""
    wanted = identity(read.result)
    if wanted == identity(initial) or wanted is None or any(one.f in ("append", "delete") for one in own):
        return True
    return any(
        wanted == identity(one.value[1] if one.f == "cas" else one.value)
        for one in own if one.f not in ("read", "get", "txn")
    ) or any(one.f == "txn" for one in own)


def _state_words(model: str | Model, state: Any) -> str:
    if isinstance(model, Model):
        return model.describe(state)
    if model == "mutex":
        return "free" if state is None else f"held by process {state[1]}"
    return show(state)


def _subject(model: str | Model) -> str:
    return "state" if isinstance(model, Model) else "lock" if model == "mutex" else "value"


def _explain_zones(
    name: str, sources: Sequence[int | None], operations: Sequence[Operation], model: str | Model, initial: Any
) -> Witness:
    if name == "unwritten":
        read = operations[sources[0]]  # type: ignore[index]
        text = f"{read.describe()} fits nowhere. Nobody ever wrote {show(_value(read))}."
        return Witness(UNPLACEABLE, text, (read,), (read,))
    if name == "early":
        read, write = (operations[source] for source in sources if source is not None)
        text = (
            f"{read.describe()} fits nowhere. It had returned before the only write of {show(_value(read))} was "
            f"invoked, in line {write.invoked}."
        )
        return Witness(UNPLACEABLE, text, (read,), (read, write))
    middle = sources.index(None)
    one = [operations[source] for source in sources[:middle] if source is not None]
    other = [operations[source] for source in sources[middle + 1 :] if source is not None]
    window = sorted({operation.invoked: operation for operation in [*one, *other]}.values(), key=_when)
    sweep = Sweep(Layout(problems_of(window, model, initial)[0]))
    sweep.run(SWEEP_STEPS)
    stuck = window[sweep.stuck()]
    if name == "overlap":
        why = f"{_holds(one)} {_holds(other)} Each is written once, and a register holds one value at a time."
    else:
        early, late = _bounds(other)
        why = (
            f"{_holds(one)} Within that time, between line {late.invoked} and line {early.completed}, there must be a "
            f"moment at which it was {show(_value(other[0]))}, and each value is written once."
        )
    return Witness(UNPLACEABLE, f"{stuck.describe()} fits nowhere. {why}", (stuck,), tuple(window))


def _when(operation: Operation) -> int:
    return operation.invoked


def _value(operation: Operation) -> Any:
    return operation.result if operation.f in ("read", "get") else operation.value


def _bounds(members: list[Operation]) -> tuple[Operation, Operation]:
    """Of operations on one value: which returned first, and which was invoked last."""
    returned = [one for one in members if one.completed is not None]
    return min(returned, key=lambda one: one.completed or 0), max(members, key=_when)


def _holds(members: list[Operation]) -> str:
    """Between which lines the value of a forward zone certainly was the register's."""
    value, (early, late) = show(_value(members[0])), _bounds(members)
    if not any(one.f in ("write", "put") for one in members):
        return f"The value certainly was still the initial one, {value}, in line {late.invoked}: {late.describe()}."
    return (
        f"From line {early.completed} to line {late.invoked} the value certainly was {value}: {early.describe()} had "
        f"ended, and {late.describe()} had not begun."
    )
