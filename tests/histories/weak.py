"""Small histories by hand and by chance, for the judges of the weak levels. Knows no judge."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from actors.verification.histories import History, Operation, Outcome

Line = tuple[Any, ...]  # process, f, key, value[, outcome]


def history(text: str) -> History:
    """A history in one line: sessions between bars, operations between commas, ``a: w x 1, r y null | b: w? x 2``.

    ``w!`` failed, ``w?`` is of unknown outcome. The invocations take turns, so that all sessions are concurrent.
    """
    return interleaved(parsed(text))


def parsed(text: str) -> list[list[Line]]:
    """The sessions of such a line."""
    sessions: list[list[Line]] = []
    for part in text.split("|"):
        process, _, operations = part.partition(":")
        lines: list[Line] = []
        for one in operations.split(","):
            f, key, value = one.split()
            outcome = {"!": Outcome.FAIL, "?": Outcome.INFO}.get(f[-1], Outcome.OK)
            lines.append((process.strip(), {"w": "write", "r": "read"}[f[0]], key, json.loads(value), outcome))
        sessions.append(lines)
    return sessions


def interleaved(sessions: Sequence[Sequence[Line]]) -> History:
    """All sessions at once: the n-th operations of all are invoked, then all completed."""
    operations: list[Operation] = []
    position = 0
    for turn in range(max(map(len, sessions))):
        present = [session[turn] for session in sessions if turn < len(session)]
        for place, line in enumerate(present):
            operations.append(operation(line, position + 1 + place, position + 1 + len(present) + place))
        position += 2 * len(present)
    return History(tuple(operations), None, position)


def operation(line: Line, invoked: int, completed: int) -> Operation:
    """One operation; of a read the value is what it returned."""
    process, f, key, value, outcome = line if len(line) == 5 else (*line, Outcome.OK)
    reads = f in ("read", "get")
    return Operation(
        process, f, key, None if reads else value, value if reads and outcome is Outcome.OK else None,
        invoked, None if outcome is Outcome.INFO else completed, outcome,
    )


def random_sessions(rng: random.Random, operations: int, sessions: int, keys: int) -> list[list[Line]]:
    """Reads and writes with unique values; reads return any value ever written to their key, or null."""
    lines: list[list[Line]] = [[] for _ in range(sessions)]
    written: dict[int, list[int]] = {}
    slots = [(rng.randrange(sessions), rng.randrange(keys), rng.random() < 0.5) for _ in range(operations)]
    for number, (_, key, write) in enumerate(slots):
        if write:
            written.setdefault(key, []).append(number + 1)
    for number, (session, key, write) in enumerate(slots):
        value = number + 1 if write else rng.choice([None, *written.get(key, [])])
        lines[session].append((session, "write" if write else "read", key, value))
    return [session for session in lines if session]


def causal_store(rng: random.Random, operations: int, sessions: int, keys: int, converge: bool) -> list[list[Line]]:
    """What clients of a causally consistent store see: each session has a replica, updates arrive in causal order.

    Args:
        converge: replicas keep the write with the largest (Lamport time, session), so that they agree in the end; else
            each keeps what arrived last.
    """
    replicas: list[dict[int, tuple[int, int, int]]] = [{} for _ in range(sessions)]
    clocks = [[0] * sessions for _ in range(sessions)]
    lamport = [0] * sessions
    log: list[list[tuple[list[int], int, tuple[int, int, int]]]] = [[] for _ in range(sessions)]
    lines: list[list[Line]] = [[] for _ in range(sessions)]

    def store(replica: int, key: int, stamped: tuple[int, int, int]) -> None:
        if not converge or stamped > replicas[replica].get(key, (-1, -1, 0)):
            replicas[replica][key] = stamped

    for number in range(operations):
        me, key = rng.randrange(sessions), rng.randrange(keys)
        for _ in range(rng.randrange(3)):
            other = rng.randrange(sessions)
            if other != me and clocks[me][other] < len(log[other]):
                needs, its_key, stamped = log[other][clocks[me][other]]
                if all(needs[s] <= clocks[me][s] for s in range(sessions) if s != other):
                    store(me, its_key, stamped)
                    clocks[me][other] += 1
                    lamport[me] = max(lamport[me], stamped[0])
        if rng.random() < 0.5:
            lamport[me] += rng.randrange(1, 4)
            stamped = (lamport[me], me, number + 1)
            log[me].append((list(clocks[me]), key, stamped))
            clocks[me][me] += 1
            store(me, key, stamped)
            lines[me].append((me, "write", key, number + 1))
        else:
            lines[me].append((me, "read", key, replicas[me][key][2] if key in replicas[me] else None))
    return [session for session in lines if session]


def serial_store(rng: random.Random, operations: int, sessions: int, keys: int) -> list[list[Line]]:
    """What clients of one copy see: sequentially consistent."""
    lines: list[list[Line]] = [[] for _ in range(sessions)]
    copy: dict[int, int] = {}
    for number in range(operations):
        me, key = rng.randrange(sessions), rng.randrange(keys)
        if rng.random() < 0.5:
            copy[key] = number + 1
            lines[me].append((me, "write", key, number + 1))
        else:
            lines[me].append((me, "read", key, copy.get(key)))
    return [session for session in lines if session]


def mutated(rng: random.Random, sessions: list[list[Line]]) -> list[list[Line]]:
    """The same with one read that returns another value of its key."""
    lines = [list(session) for session in sessions]
    reads = [(s, at) for s, session in enumerate(lines) for at, line in enumerate(session) if line[1] == "read"]
    if reads:
        s, at = rng.choice(reads)
        process, f, key = lines[s][at][:3]
        values = [line[3] for session in lines for line in session if line[1] == "write" and line[2] == key]
        lines[s][at] = (process, f, key, rng.choice([None, *values]))
    return lines


def disturbed(rng: random.Random, sessions: list[list[Line]]) -> list[list[Line]]:
    """The same with a few operations more at chance places, and perhaps a read that returns something else."""
    lines = [list(session) for session in sessions]
    keys = sorted({line[2] for session in lines for line in session})
    for number in range(rng.randrange(4)):
        session = rng.choice(lines)
        key, value = rng.choice(keys), 100 + number
        values = [line[3] for other in lines for line in other if line[1] == "write" and line[2] == key]
        new = ("write", key, value) if rng.random() < 0.4 else ("read", key, rng.choice([None, *values]))
        session.insert(rng.randrange(len(session) + 1), (session[0][0], *new))
    return mutated(rng, lines) if rng.random() < 0.3 else lines


def several(rng: random.Random, rounds: int, operations: int, sessions: int, keys: int) -> Iterator[list[list[Line]]]:
    """Histories of all kinds in turn: of each store, mutated, and of pure chance."""
    for number in range(rounds):
        size = rng.randrange(2, operations + 1)
        count = rng.randrange(1, sessions + 1)
        kind = number % 6
        if kind == 0:
            yield serial_store(rng, size, count, keys)
        elif kind in (1, 2):
            yield causal_store(rng, size, count, keys, kind == 1)
        elif kind == 3:
            yield mutated(rng, serial_store(rng, size, count, keys))
        elif kind == 4:
            yield mutated(rng, causal_store(rng, size, count, keys, rng.random() < 0.5))
        else:
            yield random_sessions(rng, size, count, keys)
