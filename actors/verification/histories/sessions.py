"""The four session guarantees by name: what a session itself can notice of a store that forgets or goes backwards.

Terry et al., "Session guarantees for weakly consistent replicated data", PDIS 1994, stated over reads that are traced
to their writes. One version of a key is *known older* than another when it is the initial one, or before it in the
causal order. A read r of key x returned version v; the guarantee is broken when

- read your writes: r's session wrote x before r, and v is known older than that write;
- monotonic reads: r's session read x before r, and v is known older than what it read; or it had read or written v,
  then read another version of x, and now v again;
- monotonic writes: r's session saw (read, at or before r) a write of another session to another key, which had written
  x before that one, and v is known older than that write; or the write it saw is of x, and v is an earlier write of
  that session;
- writes follow reads: r's session saw a write of another session, which had read x before that write, and v is known
  older than what it had read; or the write it saw is of x, and v is what its session had read of x before.

A history without a pattern of CC keeps all four, but for a version that comes back: CC lets a session change its mind
about the order of concurrent writes, CM does not. Knows accesses, and no report.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from actors.verification.histories.causal_accesses import INITIAL, Accesses
from actors.verification.histories.causal_patterns import FINE, Finding
from actors.verification.histories.history import Operation
from actors.verification.histories.report import Verdict, Witness
from core_ext.causal import Causality

READ_YOUR_WRITES = "read your writes"
MONOTONIC_READS = "monotonic reads"
MONOTONIC_WRITES = "monotonic writes"
WRITES_FOLLOW_READS = "writes follow reads"
GUARANTEES = (READ_YOUR_WRITES, MONOTONIC_READS, MONOTONIC_WRITES, WRITES_FOLLOW_READS)


def check_guarantees(
    accesses: Accesses, causality: Causality, overwritten: list[tuple[int, int, int]], expired: Callable[[], bool]
) -> dict[str, Finding]:
    """Which guarantees hold, each with the first evidence found against it.

    Args:
        accesses: of single operations: at most one read and one write each.
        causality: with the clocks of the causal order.
        overwritten: all reads that returned what their past had overwritten. Every broken guarantee but a version
            that comes back is among these, so that a clean history costs one walk.
        expired: whether to give up.
    """
    walk = _Walk(accesses, causality, {reader for _, _, reader in overwritten})
    for session in range(causality.sessions):
        if expired():
            break
        walk.session(session)
    else:
        return {name: walk.found.get(name, FINE) for name in GUARANTEES}
    unknown = Finding(Verdict.UNKNOWN, reason="session guarantees: the time limit was reached")
    return {name: walk.found.get(name, unknown) for name in GUARANTEES}


class _Seen:
    """The writes of one other session that a session has read: the last of each key, and the last two of two keys."""

    def __init__(self) -> None:
        self._of_key: dict[int, int] = {}
        self._last = self._last_of_others = (-1, -1)  # (write, key); the second is the last of any other key

    def add(self, key: int, write: int) -> None:
        """A write of a key was read."""
        self._of_key[key] = max(self._of_key.get(key, write), write)
        if key != self._last[1]:
            self._last_of_others = max(self._last_of_others, min(self._last, (write, key)))
        if write > self._last[0]:
            self._last = write, key

    def that_matter(self, key: int) -> set[int]:
        """For a read of a key: the last write of the key, and the last one of another key. What earlier ones say,
        these say as well."""
        last_of_another = (self._last if self._last[1] != key else self._last_of_others)[0]
        return {write for write in (self._of_key.get(key, -1), last_of_another) if write >= 0}


class _Walk:
    """One pass over the sessions, each with what it has seen so far."""

    def __init__(self, accesses: Accesses, causality: Causality, suspects: set[int]) -> None:
        self.found: dict[str, Finding] = {}
        self._accesses = accesses
        self._suspects = suspects
        self._before = causality.before
        self._session_of: list[int] = []
        self._writes: dict[tuple[int, int], list[int]] = {}  # per session and key, in session order
        self._reads: dict[tuple[int, int], list[tuple[int, int]]] = {}  # the same with sources
        for session in range(causality.sessions if suspects else 0):  # a clean history never asks for these
            for node in range(accesses.starts[session], accesses.starts[session + 1]):
                self._session_of.append(session)
                for key in accesses.writes_of(node):
                    self._writes.setdefault((session, key), []).append(node)
                for key, source in accesses.reads_of(node):
                    self._reads.setdefault((session, key), []).append((node, source))

    def session(self, session: int) -> None:
        """Judge every read of a session."""
        accesses, suspects = self._accesses, self._suspects
        reads, sources, read_starts = accesses.reads, accesses.sources, accesses.read_starts
        seen: dict[int, _Seen] = {}  # per other session
        versions: dict[int, dict[int, int]] = {}  # per key the versions read or written, and where last
        last: dict[int, tuple[int, int]] = {}  # per key the last read and its version
        for node in range(accesses.starts[session], accesses.starts[session + 1]):
            for at in range(read_starts[node], read_starts[node + 1]):
                key, version = reads[at], sources[at]
                known = versions.setdefault(key, {})
                reader, newest = last.get(key, (node, version))
                if newest != version and version in known and known[version] < reader:
                    self._report(MONOTONIC_READS, node, "the process knew this version, then read another one, and now "
                                 "this one again", known[version], reader)
                if suspects:
                    if version != INITIAL and self._session_of[version] != session:
                        writer = self._session_of[version]
                        seen.setdefault(writer, _Seen()).add(key, version)
                    if node in suspects:
                        self._suspect(session, node, key, version, known, seen)
                known[version] = node
                last[key] = (node, version)
            for key in accesses.writes[accesses.write_starts[node] : accesses.write_starts[node + 1]]:
                versions.setdefault(key, {})[node] = node

    def _suspect(
        self, session: int, node: int, key: int, version: int, known: dict[int, int], seen: dict[int, _Seen]
    ) -> None:
        """Which guarantees a read broke that returned what its past had overwritten."""
        self._read_your_writes(session, node, key, version)
        self._monotonic_reads(node, version, known)
        for other, its in seen.items():
            for write in its.that_matter(key):
                self._monotonic_writes(node, key, version, other, write)
                self._writes_follow_reads(node, key, version, other, write)

    def _older(self, version: int, than: int) -> bool:
        return version == INITIAL or self._before(version, than)

    def _read_your_writes(self, session: int, node: int, key: int, version: int) -> None:
        mine = self._writes.get((session, key), [])
        at = bisect_left(mine, node)
        if at and mine[at - 1] != version and self._older(version, mine[at - 1]):
            self._report(READ_YOUR_WRITES, node, "the process had written a newer version itself", mine[at - 1],
                         version)

    def _monotonic_reads(self, node: int, version: int, known: dict[int, int]) -> None:
        for newer, reader in known.items():
            if newer not in (INITIAL, version, reader) and self._older(version, newer):
                self._report(MONOTONIC_READS, node, "the process had read a newer version before", newer, reader,
                             version)
                return

    def _monotonic_writes(self, node: int, key: int, version: int, other: int, write: int) -> None:
        theirs = self._writes.get((other, key), [])
        at = bisect_left(theirs, write)
        reader = self._reader(node, write)
        if at < len(theirs) and theirs[at] == write:
            broken = version != INITIAL and version < write and self._session_of[version] == other
            if broken:
                self._report(MONOTONIC_WRITES, node, "the process had seen a later write of the same session",
                             version, write, reader)
        elif at and theirs[at - 1] != version and self._older(version, theirs[at - 1]):
            self._report(MONOTONIC_WRITES, node, "the process had seen a write that its session made after a newer "
                         "version of this key", theirs[at - 1], write, reader, version)

    def _writes_follow_reads(self, node: int, key: int, version: int, other: int, write: int) -> None:
        same_key = key in self._accesses.writes_of(write)
        for reader, source in self._reads.get((other, key), ()):
            if reader > write:
                return
            if source == INITIAL:
                continue
            if (source == version and same_key) or (source != version and self._older(version, source)):
                self._report(WRITES_FOLLOW_READS, node, "the process had seen a write that its session made after it "
                             "read this key", source, reader, write, self._reader(node, write), version)
                return

    def _reader(self, node: int, write: int) -> int:
        """The first operation of a node's session that read a write, at or before the node."""
        key = self._accesses.writes_of(write)[0]
        for reader, source in self._reads[self._session_of[node], key]:
            if source == write:
                return reader
        return node

    def _report(self, name: str, node: int, why: str, *others: int) -> None:
        operations: list[Operation] = self._accesses.operations
        read = operations[node]
        earlier = self.found.get(name)
        if earlier and earlier.witness and earlier.witness.operations[-1].invoked <= read.invoked:
            return
        involved = sorted({other for other in others if other not in (INITIAL, node)},
                          key=lambda other: operations[other].invoked)
        text = f"{read.describe()} returned an old version: {why}."
        self.found[name] = Finding(
            Verdict.VIOLATION, Witness(name, text, (*(operations[other] for other in involved), read))
        )
