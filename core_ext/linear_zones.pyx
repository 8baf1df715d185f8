"""Registers that write each value at most once: linearizable or not in O(n log n). Knows no search.

Gibbons and Korach (1997), section 4: the operations of one value (its write and its reads) span a zone, from the first
return to the last invocation. When that is forward in time, the register holds the value throughout it. A history is
linearizable exactly when every read returns a written value, not before its write is invoked, no two forward zones
overlap, and no backward zone (all of it at one time) lies inside a forward one. Here a write without completion that
nobody read is dropped, and one that was read returns at infinity; the initial value is written before everything.
"""

from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc, qsort

from core_ext.linear_problem cimport Entry, Problem
from core_ext.linear_table cimport READ, WRITE

cdef enum:
    NOBODY = -1


cdef struct Zone:
    int32_t first_return
    int32_t last_invocation
    int32_t write  # index of its operation in the history; NOBODY for the initial value
    int32_t write_invoked
    int32_t returns_first  # whose return and whose invocation they are
    int32_t invoked_last


cdef int by_first_return(const void *left, const void *right) noexcept nogil:
    cdef int32_t one = (<const Zone *> left).first_return, other = (<const Zone *> right).first_return
    return (one > other) - (one < other)


cdef inline void widen(Zone *zone, const Entry *entry) noexcept nogil:
    if entry.returned < zone.first_return:
        zone.first_return, zone.returns_first = entry.returned, entry.source
    if entry.invoked > zone.last_invocation:
        zone.last_invocation, zone.invoked_last = entry.invoked, entry.source


def judge_zones(Problem problem):
    """Judge a problem of reads and unique writes.

    Returns:
        None when the problem is not of this kind; else ``(name, sources)``: an empty name for a linearizable one, else
        ``unwritten``, ``early`` (read before its write was invoked), ``overlap`` (of two forward zones) or ``inside``
        (a backward zone in a forward one), and indices of the operations that show it: for zones those of the first,
        then None, then those of the second.

    Raises:
        MemoryError: there is not enough.
    """
    cdef int32_t count = problem.size + problem.optional, at, zones = 0, found
    cdef Zone *zone
    cdef Entry *entry
    if not applies(problem):
        return None
    zone = <Zone *> malloc((count + 1) * sizeof(Zone))
    if zone == NULL:
        raise MemoryError("no memory for the zones of a history")
    problem.table.ready_counts()
    cdef int32_t *number = problem.table.need  # of a value's zone, from 1; 0 again when this is over
    try:
        for at in range(-1, count):
            if at == -1:
                start(zone, NOBODY, -2, -1)
                number[problem.initial] = 1
                zones = 1
                continue
            entry = &problem.done[at] if at < problem.size else &problem.open[at - problem.size]
            if entry.kind == WRITE:
                start(&zone[zones], entry.source, entry.invoked, entry.returned)
                zones += 1
                number[entry.a] = zones
        for at in range(problem.size):
            entry = &problem.done[at]
            if entry.kind == READ:
                found = number[entry.a] - 1
                if found < 0:
                    return "unwritten", (entry.source,)
                if entry.returned < zone[found].write_invoked:
                    return "early", (entry.source, zone[found].write)
                widen(&zone[found], entry)
        return compare(zone, zones)
    finally:
        number[problem.initial] = 0
        for at in range(count):
            entry = &problem.done[at] if at < problem.size else &problem.open[at - problem.size]
            number[entry.a] = 0
        free(zone)


cdef void start(Zone *zone, int32_t write, int32_t invoked, int32_t returned) noexcept nogil:
    zone.write, zone.write_invoked = write, invoked
    zone.first_return, zone.last_invocation = returned, invoked
    zone.returns_first = zone.invoked_last = write


cdef bint applies(Problem problem) except -1:
    """Whether there are only reads and writes, and each value is written once and is not the initial one."""
    cdef int32_t count = problem.size + problem.optional, at, counted = 0
    cdef Entry *entry
    cdef bint unique = True
    problem.table.ready_counts()
    cdef int32_t *written = problem.table.makers  # 0 again when this is over
    written[problem.initial] = 1
    for at in range(count):
        entry = &problem.done[at] if at < problem.size else &problem.open[at - problem.size]
        if entry.kind == WRITE:
            unique = unique and written[entry.a] == 0
            written[entry.a] = 1
        elif entry.kind != READ:
            unique = False
        counted = at + 1
        if not unique:
            break
    written[problem.initial] = 0
    for at in range(counted):
        entry = &problem.done[at] if at < problem.size else &problem.open[at - problem.size]
        if entry.kind == WRITE:
            written[entry.a] = 0
    return unique


cdef tuple compare(Zone *zone, int32_t zones):
    """Sort forward zones to the front, by their beginning, and look for two that exclude one another."""
    cdef int32_t at, forward = 0, low, high, middle
    cdef Zone kept
    for at in range(zones):
        if zone[at].first_return < zone[at].last_invocation:
            kept = zone[at]
            zone[at], zone[forward] = zone[forward], kept
            forward += 1
    qsort(zone, forward, sizeof(Zone), by_first_return)
    for at in range(1, forward):
        if zone[at].first_return < zone[at - 1].last_invocation:
            return "overlap", members(&zone[at - 1]) + (None,) + members(&zone[at])
    for at in range(forward, zones):
        low, high = 0, forward
        while low < high:
            middle = (low + high) // 2
            if zone[middle].first_return < zone[at].last_invocation:
                low = middle + 1
            else:
                high = middle
        if low and zone[at].first_return < zone[low - 1].last_invocation:
            return "inside", members(&zone[low - 1]) + (None,) + members(&zone[at])
    return "", ()


cdef tuple members(Zone *zone):
    """The write, and the two operations between which the value certainly holds."""
    found = []
    for source in (zone.write, zone.returns_first, zone.invoked_last):
        if source != NOBODY and source not in found:
            found.append(source)
    return tuple(found)
