"""Histories as a real system would leave them: clients that overlap, each operation taking effect at one moment
between its invocation and its completion. Valid by construction; ``mutate`` makes suspects of them.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Sequence
from typing import Any

Event = dict[str, Any]

KEY_VALUE = {"get": 5, "put": 3, "append": 2}
REGISTER = {"read": 1, "write": 1}
CAS_REGISTER = {"read": 2, "write": 1, "cas": 2}
LOCK = {"acquire": 1, "release": 1}


class _Client:
    def __init__(self, process: int) -> None:
        self.process = process
        self.call: Event = {}
        self.end: Event = {}
        self.holds: set[str | None] = set()


def generate_transactions(
    seed: int, operations: int, *, clients: int = 4, keys: int = 3, lists: bool = False, values: int | None = None,
    info: float = 0.0,
) -> list[Event]:
    """Events of a strict serializable history of transactions on registers, or on lists that are appended to."""
    rng = random.Random(seed)
    state: dict[str, Any] = {}
    events: list[Event] = []
    waiting: dict[int, list[list[Any]]] = {}
    processes = list(range(clients))
    started = fresh = 0
    while started < operations or waiting:
        process = rng.choice(processes)
        if process not in waiting:
            if started == operations:
                continue
            started += 1
            asked: list[list[Any]] = []
            for _ in range(rng.randint(1, 3)):
                fresh += 1
                key, f = f"k{rng.randrange(keys)}", rng.choice(["r", "append" if lists else "w"])
                asked.append([f, key, None if f == "r" else fresh if values is None else rng.randrange(values)])
            waiting[process] = asked
            events.append({"process": process, "type": "invoke", "f": "txn", "value": [list(one) for one in asked]})
        elif rng.random() < 0.5:
            asked = waiting.pop(process)
            unknown = rng.random() < info
            if not unknown or rng.random() < 0.5:
                for step in asked:
                    f, key, value = step
                    if f == "r":
                        step[2] = state.get(key)
                    else:
                        state[key] = [*(state.get(key) or []), value] if lists else value
            end: Event = {"process": process, "type": "info" if unknown else "ok", "f": "txn"}
            if unknown:
                processes[processes.index(process)] = max(processes) + 1
            else:
                end["value"] = asked
            events.append(end)
    return events


def generate(
    seed: int, operations: int, *, clients: int = 5, keys: int = 1, mix: dict[str, int] | None = None,
    values: int | None = None, info: float = 0.0, fail: float = 0.0, think: float = 0.2,
) -> list[Event]:
    """Events of a linearizable history.

    Args:
        seed: of everything random.
        operations: how many are invoked.
        clients: how many take turns at once; a client whose operation ends in info goes on as a new process.
        keys: how many; with 1 the events have no key.
        mix: weights of the functions.
        values: how many different values are written; None: each is written once.
        info, fail: share of the operations of which the outcome is unknown, and which are refused.
        think: mean pause of a client between operations, where an operation takes 1 on average.
    """
    rng = random.Random(seed)
    weights = mix or KEY_VALUE
    names, shares = list(weights), list(weights.values())
    state: dict[str | None, Any] = {}
    events: list[Event] = []
    agenda: list[tuple[float, int, str, _Client]] = []
    order = 0
    fresh = 0
    started = 0
    next_process = clients

    def plan(at: float, what: str, client: _Client) -> None:
        nonlocal order
        order += 1
        heapq.heappush(agenda, (at, order, what, client))

    for number in range(clients):
        plan(rng.random(), "invoke", _Client(number))
    while agenda:
        now, _, what, client = heapq.heappop(agenda)
        if what == "invoke":
            if started == operations:
                continue
            started += 1
            key = f"k{rng.randrange(keys)}" if keys > 1 else None
            f = rng.choices(names, shares)[0]
            if f in ("acquire", "release"):
                f = "release" if key in client.holds else "acquire"
            client.call = {"process": client.process, "type": "invoke", "f": f, "time": int(now * 1e6)}
            if key is not None:
                client.call["key"] = key
            if f in ("write", "put", "append", "cas"):
                fresh += 1
                new: Any = fresh if values is None else rng.randrange(values)
                other: Any = rng.randrange(values or fresh)
                if "append" in weights:
                    new, other = f"{new};", f"{other};"
                client.call["value"] = [state.get(key) if rng.random() < 0.6 else other, new] if f == "cas" else new
            events.append(client.call)
            client.end = {name: client.call[name] for name in client.call if name not in ("time", "value")}
            lot = rng.random()
            client.end["type"] = "fail" if lot < fail else "info" if lot < fail + info else "ok"
            span = rng.expovariate(1.0)
            moment = now + span * rng.random()
            if client.end["type"] == "info":
                plan(now + span, "complete", client)
                late = _Client(-1)
                late.call, late.end = client.call, client.end
                if rng.random() < 0.7:
                    plan(now + span * rng.choice([0.5, 1.0, 5.0]) * rng.random(), "effect", late)
            else:
                if client.end["type"] == "ok":
                    plan(moment, "effect", client)
                plan(now + span, "complete", client)
        elif what == "effect":
            if not _effect(state, client):  # a lock that is taken: ask again later
                if client.process == -1:
                    continue
                client.end["type"] = "fail"
        else:
            client.end["time"] = int(now * 1e6)
            events.append(client.end)
            if client.end["type"] == "info":
                client = _Client(next_process)
                next_process += 1
            elif client.end["type"] == "ok" and client.call["f"] in ("acquire", "release"):
                key = client.call.get("key")
                (client.holds.add if client.call["f"] == "acquire" else client.holds.discard)(key)
            plan(now + rng.expovariate(1.0) * think, "invoke", client)
    return events


def _effect(state: dict[str | None, Any], client: _Client) -> bool:
    call, end = client.call, client.end
    key, f = call.get("key"), call["f"]
    known = end["type"] == "ok"
    if f in ("read", "get"):
        if known:
            end["value"] = state.get(key)
    elif f in ("write", "put"):
        state[key] = call["value"]
    elif f == "append":
        state[key] = (state.get(key) or "") + call["value"]
    elif f == "delete":
        state[key] = None
    elif f == "cas":
        old, new = call["value"]
        same = state.get(key) == old
        if same:
            state[key] = new
        elif known:
            end["result"] = False
    elif f == "acquire":
        if state.get(key) is not None:
            return False
        state[key] = call["process"]
    elif f == "release":
        if state.get(key) != call["process"]:
            return False
        state[key] = None
    return True


def mutate(events: Sequence[Event], rng: random.Random) -> list[Event]:
    """A copy with one to three small lies: a changed answer, two swapped lines of different processes."""
    copy = [dict(event) for event in events]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(copy))
        event = copy[at]
        if event["type"] == "ok" and event["f"] in ("read", "get"):
            others = [one["value"] for one in copy if one["type"] == "ok" and one["f"] == event["f"] and "value" in one]
            event["value"] = rng.choice([*others, None])
        elif event["type"] == "ok" and event["f"] == "txn":
            event["value"] = [
                [f, key, rng.choice([value, None, *([value[:-1]] if isinstance(value, list) else [1, 2])])]
                if f == "r" else [f, key, value]
                for f, key, value in event["value"]
            ]
        elif event["type"] == "ok" and event["f"] == "cas":
            event["result"] = not event.get("result", True)
        elif event["type"] == "fail":
            event["type"] = "ok"
            if event["f"] in ("read", "get"):
                event["value"] = None
        elif at + 1 < len(copy) and copy[at + 1]["process"] != event["process"]:
            copy[at], copy[at + 1] = copy[at + 1], event
    return copy


def to_lines(events: Sequence[Event]) -> str:
    """The events in the format of the file."""
    return "".join(json.dumps(event) + "\n" for event in events)
