"""From operations and a model to what the native search takes: one problem per part that can be judged apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NoReturn

from actors.verification.histories.history import HistoryError, Operation, Outcome, identity
from actors.verification.histories.models import BUILT_IN, Model, model_named
from core_ext.linear_problem import Problem, compile_problems
from core_ext.linear_table import Table


class Continued(Model):
    """A model that begins in a state that another had come to.

    Args:
        model: the other, or its name.
        operations, initial: that it was made with.
        start: the state.
    """

    def __init__(self, model: str | Model, operations: Sequence[Operation], initial: Any, start: Hashable) -> None:
        self._model = model_named(model, operations, initial) if isinstance(model, str) else model
        self.name = model if isinstance(model, str) else model.name or type(model).__name__
        self.process_matters = self._model.process_matters
        self.start = start
        self.step = self._model.step  # type: ignore[method-assign]
        self.partition = self._model.partition  # type: ignore[method-assign]
        self.reads_only = self._model.reads_only  # type: ignore[method-assign]
        self.describe = self._model.describe  # type: ignore[method-assign]

    def initial(self) -> Hashable:
        """The state that the other had come to."""
        return self.start


def problems_of(operations: Sequence[Operation], model: str | Model, initial: Any) -> list[Problem]:
    """What can be judged apart, as the native search takes it.

    Raises:
        HistoryError: the model does not exist, or does not have one of the operations.
    """
    if not isinstance(model, str):
        return _problems_of_own(operations, model)
    if model not in BUILT_IN:
        return _problems_of_own(operations, model_named(model, operations, initial))

    if model == "mutex" and initial is not None and not isinstance(initial, tuple):
        raise HistoryError("a mutex is free at first; leave the initial value out")

    def refuse(operation: Operation, why: str) -> NoReturn:
        raise HistoryError(f"line {operation.invoked}: a {model} {why}")

    return compile_problems(
        operations, Table(identity), initial, BUILT_IN[model], Outcome.OK, Outcome.FAIL, refuse
    )


class _Call:
    """An operation as a model may see it: two that are equal for it are one."""

    __slots__ = ("operation", "same")

    def __init__(self, operation: Operation, process_matters: bool) -> None:
        self.operation = operation
        self.same = (
            "call", operation.process if process_matters else None, operation.f, operation.key,
            identity(operation.value), identity(operation.result), operation.outcome,
        )


def _problems_of_own(operations: Sequence[Operation], model: Model) -> list[Problem]:
    name = model.name or type(model).__name__

    def step(state: Any, call: _Call) -> tuple[bool, Any]:
        try:
            allowed, after = model.step(state, call.operation)
            hash(after)
        except HistoryError:
            raise
        except Exception as error:
            raise HistoryError(
                f"line {call.operation.invoked}: the model {name} fails at {call.operation.short()} in state "
                f"{state!r}: {type(error).__name__}: {error}"
            ) from error
        return allowed, after

    def asked(what: str, function: Callable[..., Any], *given: Operation) -> Any:
        try:
            answer = function(*given)
            hash(answer)
            return answer
        except HistoryError:
            raise
        except Exception as error:
            where = f"line {given[0].invoked}: " if given else ""
            raise HistoryError(f"{where}the model {name} fails in {what}: {type(error).__name__}: {error}") from error

    table = Table(lambda thing: thing.same if type(thing) is _Call else thing, step)
    start = table.number_of(asked("initial", model.initial))
    problems: dict[Any, Problem] = {}
    for source, operation in enumerate(operations):
        if operation.outcome is not Outcome.FAIL:
            key = asked("partition", model.partition, operation)
            problem = problems.get(key)
            if problem is None:
                problem = problems[key] = Problem(table, start, key)
            call = table.number_of(_Call(operation, model.process_matters))
            reads_only = asked("reads_only", model.reads_only, operation)
            if reads_only and operation.outcome is Outcome.INFO:
                continue
            problem.add_call(call, reads_only, operation.invoked, operation.completed, source)
    return list(problems.values())
