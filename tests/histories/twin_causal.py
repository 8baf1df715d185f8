"""Slow and obvious judges of causal consistency, for tiny histories: the definitions enumerated, and the bad patterns
by transitive closure. Bouajjani, Enea, Guerraoui, Hamza, POPL 2017, sections 3 and 5.

Sessions are lists of (process, f, key, value); values are unique per key and None is the initial one.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

from tests.histories.weak import Line

Sessions = list[list[Line]]
Poset = tuple[int, ...]  # per operation the set of those before it, as bits


@cache
def shape_orders(shape: tuple[int, ...]) -> list[Poset]:
    """Every strict partial order on operations in sessions of these lengths that holds the session order."""
    total = sum(shape)
    base = [0] * total
    first = 0
    for length in shape:
        for at in range(first, first + length):
            base[at] = sum(1 << other for other in range(first, at))
        first += length
    found: set[Poset] = set()
    todo = [tuple(base)]
    while todo:
        past = todo.pop()
        if past in found:
            continue
        found.add(past)
        for one in range(total):
            for other in range(total):
                if one != other and not past[other] >> one & 1 and not past[one] >> other & 1:
                    more = past[one] | 1 << one
                    todo.append(tuple(
                        old | more if node == other or old >> other & 1 else old for node, old in enumerate(past)
                    ))
    return sorted(found, key=lambda past: sum(bin(bits).count("1") for bits in past))


@cache
def extensions(past: Poset, members: int) -> list[tuple[int, ...]]:
    """The total orders of some operations that hold a partial order."""
    chosen = [node for node in range(len(past)) if members >> node & 1]
    return [
        order for order in permutations(chosen)
        if all(not past[before] >> after & 1 for at, after in enumerate(order) for before in order[:at])
    ]


def explains(order: tuple[int, ...], lines: list[Line], kept: int) -> bool:
    """Whether the operations, run in this order, return what they did, as far as their returns are kept."""
    copy: dict[object, object] = {}
    for node in order:
        _, f, key, value = lines[node][:4]
        if f == "write":
            copy[key] = value
        elif kept >> node & 1 and copy.get(key) != value:
            return False
    return True


def by_definition(sessions: Sessions) -> dict[str, bool]:
    """CC, CCv and CM, each: is there a causal order (and for CCv one arbitration) that explains every operation?"""
    lines = [line for session in sessions for line in session]
    shape = tuple(map(len, sessions))
    session_past = shape_orders(shape)[0]
    orders = shape_orders(shape)
    everything = (1 << len(lines)) - 1

    def local(past: Poset, node: int, kept: int) -> bool:
        members = past[node] | 1 << node
        return any(explains(order, lines, kept) for order in extensions(past, members) if order[-1] == node)

    def cc(past: Poset) -> bool:
        return all(local(past, node, 1 << node) for node in range(len(lines)))

    def cm(past: Poset) -> bool:
        return all(local(past, node, session_past[node] | 1 << node) for node in range(len(lines)))

    def ccv(past: Poset) -> bool:
        return any(
            all(
                explains((*(other for other in order if past[node] >> other & 1), node), lines, 1 << node)
                for node in range(len(lines))
            )
            for order in extensions(past, everything)
        )

    candidates = [past for past in orders if cc(past)]  # CM and CCv are stronger than CC with the same causal order
    return {"CC": bool(candidates), "CCv": any(map(ccv, candidates)), "CM": any(map(cm, candidates))}


def closed(past: list[int]) -> list[int]:
    """The transitive closure of a relation given by pasts."""
    past = list(past)
    for middle in range(len(past)):
        for node in range(len(past)):
            if past[node] >> middle & 1:
                past[node] |= past[middle]
    return past


def cyclic(past: list[int]) -> bool:
    """Whether a closed relation has a cycle."""
    return any(past[node] >> node & 1 for node in range(len(past)))


def by_patterns(sessions: Sessions) -> dict[str, set[str]]:
    """All bad patterns of each sense, by the tables of the paper and with its names."""
    lines = [line for session in sessions for line in session]
    count = len(lines)
    writer = {(line[2], line[3]): node for node, line in enumerate(lines) if line[1] == "write"}
    writes = list(writer.values())
    reads = [node for node in range(count) if lines[node][1] == "read"]
    source: dict[int, int] = {}
    for read in reads:
        value = (lines[read][2], lines[read][3])
        if value[1] is not None:
            if value not in writer:
                return {sense: {"ThinAirRead"} for sense in ("CC", "CCv", "CM")}
            source[read] = writer[value]
    session_past = shape_past(tuple(map(len, sessions)))
    co = closed([bits | (1 << source[node] if node in source else 0) for node, bits in enumerate(session_past)])
    if cyclic(co):
        return {sense: {"CyclicCO"} for sense in ("CC", "CCv", "CM")}

    def known(order: list[int], read: int) -> list[int]:
        """The writes of a read's key that are before it, but for the one that it returned."""
        return [
            write for write in writes
            if lines[write][2] == lines[read][2] and order[read] >> write & 1 and source.get(read) != write
        ]

    common: set[str] = set()
    conflicts = list(co)
    for read in reads:
        for write in known(co, read):
            if read not in source:
                common.add("WriteCOInitRead")
            else:
                conflicts[source[read]] |= 1 << write
                if co[write] >> source[read] & 1:
                    common.add("WriteCORead")
    found = {"CC": set(common), "CCv": set(common), "CM": set(common)}
    if cyclic(closed(conflicts)):
        found["CCv"].add("CyclicCF")
    for last in range(count):
        inside = co[last] | 1 << last
        order = [bits if inside >> node & 1 else 0 for node, bits in enumerate(co)]
        mine = [read for read in reads if read == last or session_past[last] >> read & 1]
        while True:
            more = list(order)
            for read in mine:
                for write in known(order, read):
                    if read in source:
                        more[source[read]] |= 1 << write
            more = closed(more)
            if more == order:
                break
            order = more
        if cyclic(order):
            found["CM"].add("CyclicHB")
        if any(read not in source and known(order, read) for read in mine):
            found["CM"].add("WriteHBInitRead")
    return found


def shape_past(shape: tuple[int, ...]) -> Poset:
    """The session order alone."""
    past: list[int] = []
    for length in shape:
        first = len(past)
        past += [sum(1 << other for other in range(first, first + at)) for at in range(length)]
    return tuple(past)
