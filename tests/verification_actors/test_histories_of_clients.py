"""The judges of small client histories: known ones, and random ones against a plain search over all orders."""

import itertools
import random

import pytest

from actors.verification.actor_history import ClientHistory, Complete, Invoke, causal, linearizable, sequential
from actors.verification.errors import ModelError

RECORDER = ClientHistory(lambda envelope: None, lambda envelope: None)


def history(*steps):
    """("a", "w1") invokes, ("a", None) or ("a", value) completes the open operation."""
    made = RECORDER.initial
    opened = {}
    for client, what in steps:
        if client not in opened:
            call = opened[client] = ("read",) if what == "r" else ("write", what)
            made = RECORDER.after(made, Invoke(client, call))
        else:
            del opened[client]
            made = RECORDER.after(made, Complete(client, what))
    return made


def one_after_the_other(*operations):
    """(client, "w" or "r", value): nothing overlaps."""
    steps = []
    for client, kind, value in operations:
        steps += [(client, value), (client, None)] if kind == "w" else [(client, "r"), (client, value)]
    return history(*steps)


# Who reads what after whose write: (history, linearizable, sequential, causal)
KNOWN = [
    (one_after_the_other(("a", "w", 1), ("b", "r", 1)), True, True, True),
    # a stale read: fine in the order "b, then a"
    (one_after_the_other(("a", "w", 1), ("b", "r", None)), False, True, True),
    # two readers who see two concurrent writes in different orders: the difference between sequential and causal
    (one_after_the_other(
        ("a", "w", 1), ("b", "w", 2), ("c", "r", 1), ("c", "r", 2), ("d", "r", 2), ("d", "r", 1),
    ), False, False, True),
    # b wrote 2 because it had read 1, and c sees them the other way round: not causal
    (one_after_the_other(
        ("a", "w", 1), ("b", "r", 1), ("b", "w", 2), ("c", "r", 2), ("c", "r", 1),
    ), False, False, False),
    # a client that does not see its own write
    (one_after_the_other(("a", "w", 1), ("a", "r", None)), False, False, False),
    # a value that nobody wrote
    (one_after_the_other(("a", "r", 7)), False, False, False),
    # a write that has not completed may have been seen, and seen by nobody
    (history(("a", 1), ("b", "r"), ("b", 1)), True, True, True),
    (history(("a", 1), ("b", "r"), ("b", None)), True, True, True),
]


@pytest.mark.parametrize(("seen", "strong", "in_sequence", "in_causal_order"), KNOWN)
def test_known_histories(seen, strong, in_sequence, in_causal_order):
    assert (linearizable(seen), sequential(seen), causal(seen)) == (strong, in_sequence, in_causal_order)


def test_a_value_written_twice_has_no_causal_order():
    with pytest.raises(ModelError, match="written twice"):
        causal(one_after_the_other(("a", "w", 1), ("b", "w", 1)))


def operations_of(seen):
    """(client, place, kind, value, seen) of every operation; an open read says nothing and is left out."""
    found = []
    for client, calls in seen:
        done = [(op.seen, op.call, op.result) for op in calls.done]
        if calls.open is not None and calls.open[1][0] == "write":
            done.append((*calls.open, None))
        for place, (before, call, result) in enumerate(done):
            found.append((client, place, call[0], call[1] if call[0] == "write" else result, dict(before)))
    return found


def explains(order):
    value = None
    for _, _, kind, its, _ in order:
        if kind == "write":
            value = its
        elif its != value:
            return False
    return True


def keeps(order, pairs):
    places = {operation[:2]: place for place, operation in enumerate(order)}
    return all(places[one] < places[other] for one, other in pairs if one in places and other in places)


def program_order(operations):
    return {(one[:2], other[:2]) for one in operations for other in operations
            if one[0] == other[0] and one[1] < other[1]}


def orders(seen):
    """Every order of all operations, with or without the writes that have not completed."""
    operations = operations_of(seen)
    done = {client: len(calls.done) for client, calls in seen}
    sure = [op for op in operations if op[1] < done[op[0]]]
    perhaps = [op for op in operations if op[1] >= done[op[0]]]
    for count in range(len(perhaps) + 1):
        for some in itertools.combinations(perhaps, count):
            yield from itertools.permutations([*sure, *some])


def plain_sequential(seen):
    pairs = program_order(operations_of(seen))
    return any(keeps(order, pairs) and explains(order) for order in orders(seen))


def plain_linearizable(seen):
    operations = operations_of(seen)
    pairs = program_order(operations) | {
        ((client, place), later[:2]) for later in operations for client, count in later[4].items()
        for place in range(count)
    }
    return any(keeps(order, pairs) and explains(order) for order in orders(seen))


def plain_causal(seen):
    operations = operations_of(seen)
    writers = {op[3]: op[:2] for op in operations if op[2] == "write"}
    pairs = program_order(operations)
    for op in operations:
        if op[2] == "read" and op[3] is not None:
            if op[3] not in writers:
                return False
            pairs.add((writers[op[3]], op[:2]))
    while True:
        more = pairs | {(one, last) for one, mid in pairs for first, last in pairs if mid == first}
        if more == pairs:
            break
        pairs = more
    if any(one == other for one, other in pairs):
        return False
    return all(
        any(keeps(order, pairs) and explains(order) for order in itertools.permutations(
            [op for op in operations if op[2] == "write" or op[0] == client]
        ))
        for client, _ in seen
    )


def drawn(draw):
    """Up to six operations of three clients; reads see some value that may be written, or none."""
    made = RECORDER.initial
    opened = {}
    values = itertools.count(1)
    began = 0
    for _ in range(draw.randint(2, 12)):
        client = draw.choice("abc")
        if client in opened:
            result = None if opened.pop(client) == "write" else draw.choice([None, *range(1, 4)])
            made = RECORDER.after(made, Complete(client, result))
        elif began < 6:
            began += 1
            opened[client] = kind = draw.choice(["write", "read"])
            made = RECORDER.after(made, Invoke(client, ("read",) if kind == "read" else ("write", next(values))))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_are_judged_like_by_a_search_over_all_orders(seed):
    draw = random.Random(seed)
    verdicts = set()
    for _ in range(400):
        seen = drawn(draw)
        found = linearizable(seen), sequential(seen), causal(seen)
        assert found == (plain_linearizable(seen), plain_sequential(seen), plain_causal(seen)), seen
        verdicts.add(found)
    assert {(True, True, True), (False, True, True), (False, False, False)} <= verdicts
