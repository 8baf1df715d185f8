"""The eventual level: once faults and writes have stopped, do all replicas agree, and on everything acknowledged?

Judged from the quiet mark on, by the last read of each key at each replica. The history keeps the level when

1. every key that was read or updated was read after the mark at every replica that ever answered a read;
2. for each key all last reads returned one value (agreement);
3. that value is explained by the updates (``eventual_updates.explain``): no acknowledged update is lost;
4. no read of the whole history returned a value from nowhere: never written, only by one that failed, or before its
   write was invoked.

Breaking 2 to 4 is a violation; where 1 does not hold, or there is no mark, the verdict is UNKNOWN. Replicas may still
disagree right after the mark: how long they did is reported. A read that does not name its ``node`` stands for a
replica of its own process. Must not know files or commands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from actors.verification.histories.eventual_updates import Kind, Problem, Undecided, Update, explain, updates_of
from actors.verification.histories.history import History, HistoryError, Key, Operation, Outcome, identity, show
from actors.verification.histories.models import Model
from actors.verification.histories.report import Report, Verdict, Witness
from actors.verification.histories.transactions_registers import name_of, unfit_model

Replica = tuple[str, Any]


class Read(NamedTuple):
    """One completed read of one key at one replica."""

    operation: Operation
    key: Key
    value: Any
    replica: Replica


def judge_eventual(history: History, model: str | Model, initial: Any, deadline: float | None) -> Report:
    """Judge eventual consistency.

    Args:
        history: updates and reads; reads name their ``node``. Locks cannot be judged.
        model: its name decides whether single appends add to strings (``key-value``) or lists (``list-append``).
        initial: what a key holds that was never updated; a list begins empty.
        deadline: not needed: the time is linear in the history, but for strings with limits of their own.

    Returns:
        A report whose details hold ``keys``, ``replicas``, and ``time_to_converge``: nanoseconds after the last event
        before the mark, ``at_least`` (when the last read that differs from the end was complete) and ``at_most`` (when
        every key had been read in its final value everywhere); null where the history has no times.

    Raises:
        HistoryError: an operation of which nothing remains, such as ``acquire``, or no such model.
    """
    name = name_of(model)
    unfit = unfit_model(model, "eventual", lists=True)
    if unfit:
        return Report("eventual", name, Verdict.UNKNOWN, reason=unfit)
    return _Judgement(history, name, initial).report()


class _Judgement:
    def __init__(self, history: History, name: str, initial: Any) -> None:
        self._history, self._name, self._initial = history, name, initial
        self._updates: dict[Key, list[Update]] = {}
        self._reads: list[Read] = []
        for operation in history.operations:
            if operation.outcome is not Outcome.FAIL:
                for key, update in updates_of(operation, name == "list-append"):
                    self._updates.setdefault(key, []).append(update)
            if operation.outcome is Outcome.OK:
                self._reads.extend(_reads_of(operation))
        lists = {key for key, updates in self._updates.items() if updates[0].kind is Kind.LIST_APPEND}
        self._lists = lists if name != "list-append" else {*self._updates, *(read.key for read in self._reads)}
        quiet = history.quiet
        self._final: dict[Key, dict[Replica, list[Read]]] = {}
        for read in self._reads:
            if quiet is not None and read.operation.invoked > quiet:
                self._final.setdefault(read.key, {}).setdefault(read.replica, []).append(read)
        for replicas in self._final.values():
            for reads in replicas.values():
                reads.sort(key=_completed)

    def report(self) -> Report:
        """Violations come before what is unknown."""
        details: dict[str, Any] = {"keys": len(self._keys()), "replicas": len(self._replicas())}
        late = self._late_update()
        if late:
            return Report("eventual", self._name, Verdict.UNKNOWN, None, details, late)
        witness = self._from_nowhere()
        reason = "" if self._history.quiet is not None else (
            "there is no {\"type\": \"quiet\"} mark: nothing says that faults and writes have stopped"
        )
        for key, replicas in self._final.items():
            try:
                witness = witness or self._disagreement(key, replicas) or self._unexplained(key, replicas)
            except Undecided as why:
                reason = reason or f"key {show(key)}: {why}"
        if witness:
            return Report("eventual", self._name, Verdict.VIOLATION, witness, details)
        reason = reason or self._missing()
        details["time_to_converge"] = self._convergence()
        verdict = Verdict.UNKNOWN if reason else Verdict.OK
        return Report("eventual", self._name, verdict, None, details, reason)

    def _keys(self) -> dict[Key, None]:
        """Every key that was updated or read, in order of appearance."""
        return dict.fromkeys((*self._updates, *(read.key for read in self._reads)))

    def _replicas(self) -> dict[Replica, None]:
        """Every replica that ever answered a read."""
        return dict.fromkeys(read.replica for read in self._reads)

    def _late_update(self) -> str:
        quiet = self._history.quiet
        for updates in self._updates.values():
            for update in updates:
                if quiet is not None and update.operation.invoked > quiet:
                    return (
                        f"{update.operation.describe()} was invoked after the quiet mark of line {quiet}, which says "
                        f"that no update comes any more; mark the end of the updates"
                    )
        return ""

    def _from_nowhere(self) -> Witness | None:
        """A read of a value that nobody had begun to write. Strings that grow are judged by their final value only."""
        first: dict[tuple[Key, Hashable], int] = {}
        texts: set[Key] = set()
        for key, updates in self._updates.items():
            for update in updates:
                if update.kind is Kind.TEXT_APPEND:
                    texts.add(key)
                mark = (key, identity(update.value))
                first[mark] = min(first.get(mark, update.operation.invoked), update.operation.invoked)
        for read in self._reads:
            if read.key in texts:
                continue
            listed = read.key in self._lists and isinstance(read.value, list)
            for value in read.value if listed else (read.value,):
                begun = first.get((read.key, identity(value)))
                never = not listed and identity(value) == (None if read.key in self._lists else identity(self._initial))
                if not never and (begun is None or begun > _completed(read)):
                    when = "was never written" if begun is None else f"was first written later, on line {begun}"
                    return Witness(
                        "value from nowhere", f"{read.operation.describe()} returned {show(value)}, which {when}.",
                        (read.operation,),
                    )
        return None

    def _disagreement(self, key: Key, replicas: dict[Replica, list[Read]]) -> Witness | None:
        last = sorted((reads[-1] for reads in replicas.values()), key=_completed)
        for read in last[:-1]:
            if self._state(read) != self._state(last[-1]):
                return Witness(
                    "disagreement", f"In the end {_name(read.replica)} holds {show(read.value)}{_at(key)}, and "
                    f"{_name(last[-1].replica)} holds {show(last[-1].value)}: no read after these agreed.",
                    (read.operation, last[-1].operation),
                )
        return None

    def _state(self, read: Read) -> Hashable:
        """What was read, by identity; null is the empty list where lists are."""
        return identity([] if read.value is None and read.key in self._lists else read.value)

    def _unexplained(self, key: Key, replicas: dict[Replica, list[Read]]) -> Witness | None:
        read = max((reads[-1] for reads in replicas.values()), key=_completed)
        problem = explain(read.value, self._updates.get(key, []), self._initial, key in self._lists)
        return None if problem is None else _witness(read, problem)

    def _missing(self) -> str:
        """Where nobody looked after the mark."""
        named = [replica for replica in self._replicas() if replica[0] == "node"]
        missing = [
            f"key {show(key)} at {_name(replica)}" for key in self._keys() for replica in named
            if replica not in self._final.get(key, {})
        ]
        missing += [f"key {show(key)}" for key in self._keys() if key not in self._final and not named]
        if not missing:
            return ""
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"not read after the quiet mark: {missing[0]}{more}; read every key at every replica in the end"

    def _convergence(self) -> dict[str, int | None] | None:
        quiet = self._history.quiet
        if quiet is None or not self._final:
            return None
        before = [
            time for operation in self._history.operations
            for position, time in (
                (operation.invoked, operation.time_invoked), (operation.completed, operation.time_completed)
            )
            if time is not None and position is not None and position < quiet
        ]
        at_least, at_most, timed = 0, 0, bool(before)
        start = max(before, default=0)
        for replicas in self._final.values():
            for reads in replicas.values():
                final = self._state(reads[-1])
                agree = len(reads)
                while agree and self._state(reads[agree - 1]) == final:
                    agree -= 1
                for at, read in enumerate(reads[: agree + 1]):
                    when = read.operation.time_completed
                    if when is None:
                        timed = False
                    elif at < agree:
                        at_least = max(at_least, when - start)
                    else:
                        at_most = max(at_most, when - start)
        return {"at_least": at_least if timed else None, "at_most": at_most if timed else None}


def _reads_of(operation: Operation) -> Iterator[Read]:
    """What an operation read; a transaction's reads of its own updates count as well as any."""
    replica: Replica = ("process", operation.process) if operation.node is None else ("node", operation.node)
    if operation.f in ("read", "get"):
        yield Read(operation, operation.key, operation.result, replica)
    elif operation.f == "txn":
        for f, key, value in operation.result:
            if f == "r":
                yield Read(operation, key, value, replica)


def _completed(read: Read) -> int:
    if read.operation.completed is None:
        raise HistoryError(f"{read.operation.describe()} is ok without a completion")
    return read.operation.completed


def _witness(read: Read, problem: Problem) -> Witness:
    text = f"In the end {_name(read.replica)} holds {show(read.value)}{_at(read.key)}: {problem.text}"
    return Witness(problem.name, text, (*problem.operations, read.operation))


def _name(replica: Replica) -> str:
    kind, name = replica
    return f"{kind} {name}" if kind == "node" else f"the replica that answers process {name}"


def _at(key: Key) -> str:
    return "" if key is None else f" at {show(key)}"
