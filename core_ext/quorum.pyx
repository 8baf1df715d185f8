"""Quorums: majority, joint and Byzantine, over votes and over match indices. Values in, values out; knows no protocol.

A *group* is a collection of voter names. Votes and match indices come as mappings from voter to value; a voter that is
missing there has not voted, or matches 0. A joint configuration is two groups, and both must agree (Raft thesis,
section 4.3); an empty group asks nobody: its vote is won, and its committed index is NO_LIMIT.
"""

import enum

from libc.stdint cimport int64_t

cdef enum:
    MAX_VOTERS = 1024

NO_LIMIT = (1 << 63) - 1


class Vote(enum.IntEnum):
    """What a count of votes came to."""

    PENDING = 0
    WON = 1
    LOST = 2


cpdef int majority(int voters) except -1:
    """How many of ``voters`` are a majority; 0 of none.

    Raises:
        ValueError: the number is negative.
    """
    if voters < 0:
        raise ValueError(f"a majority of {voters} voters: the number of voters cannot be negative")
    return voters // 2 + 1 if voters else 0


cpdef int byzantine_quorum(int replicas, int faulty) except -1:
    """The smallest quorum of which any two meet in a correct replica: ceil((n + f + 1) / 2).

    2f + 1 is the same only for n = 3f + 1 (Castro and Liskov 1999, section 4): of 5 replicas with one faulty, two sets
    of 3 may have nobody but the faulty one in common.

    Args:
        replicas: n, how many there are.
        faulty: f, how many of them may do anything.

    Raises:
        ValueError: n < 3f + 1: no quorum size is both safe and reachable (Pease, Shostak, Lamport 1980).
    """
    if faulty < 0 or replicas < 3 * faulty + 1:
        raise ValueError(
            f"{replicas} replicas cannot tolerate {faulty} Byzantine: at least {3 * faulty + 1} are needed (3f + 1)"
        )
    return (replicas + faulty + 2) // 2


cdef int count(group, votes, int needed) except -1:
    cdef int granted = 0, rejected = 0, voters = len(group)
    if voters == 0:
        return 1
    for voter in group:
        vote = votes.get(voter)
        if vote is True:
            granted += 1
        elif vote is False:
            rejected += 1
        elif vote is not None:
            raise TypeError(f"the vote of {voter!r} is {vote!r}; it must be True, False, or None (has not voted)")
    if granted >= needed:
        return 1
    return 2 if voters - rejected < needed else 0


cpdef object vote_result(group, votes):
    """Did a majority of the group grant its vote, can it no longer, or is it open?

    Args:
        group: the voters' names, each once.
        votes: a mapping from voter to True (granted) or False (rejected); others' votes do not count.
    """
    return _VOTES[count(group, votes, majority(len(group)))]


cpdef object joint_vote_result(old, new, votes):
    """The same of both halves of a joint configuration: won when both are, lost when one is."""
    cdef int first = count(old, votes, majority(len(old)))
    cdef int second = count(new, votes, majority(len(new)))
    if first == second:
        return _VOTES[first]
    return _VOTES[2 if first == 2 or second == 2 else 0]


cpdef object byzantine_vote_result(group, votes, int faulty):
    """The same with a Byzantine quorum of the group, of which ``faulty`` may do anything."""
    return _VOTES[count(group, votes, byzantine_quorum(len(group), faulty))]


cdef int64_t kth_largest(int64_t *values, int length, int k) noexcept nogil:
    """Insertion sort, descending: groups have 3 to 7 voters."""
    cdef int i, j
    cdef int64_t value
    for i in range(1, length):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] < value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values[k - 1]


cdef int64_t committed(group, match, int needed) except -1:
    cdef int64_t values[MAX_VOTERS]
    cdef int voters = len(group), i = 0
    if voters == 0:
        return NO_LIMIT
    if voters > MAX_VOTERS:
        raise ValueError(f"a group of {voters} voters; at most {MAX_VOTERS} are supported")
    for voter in group:
        value = match.get(voter)
        values[i] = 0 if value is None else value
        if values[i] < 0:
            raise ValueError(f"the match index of {voter!r} is {value}; indices count from 0")
        i += 1
    return kth_largest(values, voters, needed)


cpdef object committed_index(group, match):
    """The largest index that a majority of the group holds.

    Args:
        group: the voters' names, each once.
        match: a mapping from voter to the last index that it is known to hold.
    """
    return committed(group, match, majority(len(group)))


cpdef object joint_committed_index(old, new, match):
    """The same for a joint configuration: the smaller of what its halves hold."""
    return min(
        committed(old, match, majority(len(old))),
        committed(new, match, majority(len(new))),
    )


cpdef object byzantine_committed_index(group, match, int faulty):
    """The largest index that a Byzantine quorum of the group holds."""
    return committed(group, match, byzantine_quorum(len(group), faulty))


def committed_of(indices):
    """``committed_index`` of a sequence that holds each voter's index: the short way when there is one already.

    Raises:
        ValueError: more voters than are supported, or a negative index.
    """
    cdef int64_t values[MAX_VOTERS]
    cdef int voters = len(indices), i
    if voters == 0:
        return NO_LIMIT
    if voters > MAX_VOTERS:
        raise ValueError(f"a group of {voters} voters; at most {MAX_VOTERS} are supported")
    for i in range(voters):
        values[i] = indices[i]
        if values[i] < 0:
            raise ValueError(f"match index {values[i]}; indices count from 0")
    return kth_largest(values, voters, majority(voters))


_VOTES = (Vote.PENDING, Vote.WON, Vote.LOST)
