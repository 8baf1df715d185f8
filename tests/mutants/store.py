"""Wrong versions of the replicated store: one rule of docs/storage.md at a time. Where the native store enforces a
rule (its time never goes back), the call into it is what is wrong; rules of sessions are broken in the plain twins."""

from __future__ import annotations

from protocols.storage import shard
from protocols.storage.gateway import Gateway
from protocols.storage.gateway_reads import ReadDesk
from protocols.storage.gateway_writes import WriteWindow
from protocols.storage.log_adapter import LogAdapter
from protocols.storage.raft_log import RaftLog
from protocols.storage.shard import StorageShard
from tests.mutants.mutant import Mutant
from tests.storage.twin_sessions import Applier, SessionTable

ONCE = "a serial applies once, in order"
UNKNOWN = "it was never sent, or every sending of it was answered by a refusal"
DETERMINED = "Replies, content, versions and digest are a function of the entries"
REPLICATED = "The session table is part of the replicated state"
LINEARIZABLE = "the barrier is asked after the read arrived, the shard waits until it has applied that index"

#: Shards that run on the plain twins: what is wrong in those is wrong everywhere.
TWINS = ((shard, "SessionTable", SessionTable), (shard, "Applier", Applier))

MUTANTS = [
    # --- sessions ---
    Mutant("executes a repeated serial again", SessionTable, "admit", "if serial == session.serial + 1:",
           "if serial <= session.serial + 1:", ONCE, TWINS),
    Mutant("executes a serial that comes too early", SessionTable, "admit", "if serial == session.serial + 1:",
           "if serial >= session.serial + 1:", "one that comes too early is refused", TWINS),
    Mutant("answers a repeated serial with the newest reply", SessionTable, "admit",
           "session.kept.get(serial)", "session.kept.get(session.serial)", "a repeated one gets its kept reply", TWINS),
    Mutant("forgets replies above the floor", SessionTable, "admit", "self._forget(session, floor)",
           "self._forget(session, serial)", "a repeated one gets its kept reply", TWINS),
    Mutant("creates an expired session again", SessionTable, "admit", "if session is None:",
           "if session is None:\n        session = self._sessions[number] = Session(10_000, now_ms, serial - 1, {}, 0)"
           "\n    if session is None:", "is refused, never recreated", TWINS),
    Mutant("does not end the session that was left", WriteWindow, "_leave_session",
           "self._left_session = self.session", "pass", "the next session's opening ends it"),
    Mutant("reuses the serials of its session", WriteWindow, "_leave_session", "self.session = None",
           "self._next_serial = 1", "A gateway numbers its batches 1, 2, 3 … within a session"),
    Mutant("stays in a session that may lack a serial", WriteWindow, "on_tick", "if overdue or left_long_ago:",
           "if left_long_ago:", "After an `UNKNOWN` the gateway leaves its session behind"),
    Mutant("sends what may be executed again in a new session", WriteWindow, "_leave_session",
           "for batch in self.in_flight.values() if batch.certain]", "for batch in self.in_flight.values()]", ONCE),
    Mutant("asks for a session as in its former life", Gateway, "start",
           'f"{context.node} {context.self.incarnation}"', "context.node",
           "A gateway numbers its batches 1, 2, 3 … within a session"),
    Mutant("gives a session to two that ask", LogAdapter, "answer",
           "if outcome.session == commands.NO_SESSION and len(served) > 1:", "if False:", ONCE),
    # --- outcomes ---
    Mutant("says not executed of what may be", WriteWindow, "_give_up", "if batch.certain:", "if True:", UNKNOWN),
    Mutant("takes a lost leadership for a refusal", RaftLog, "role_changed", "SubmitStatus.LEADERSHIP_LOST",
           "SubmitStatus.NOT_LEADER", UNKNOWN),
    Mutant("acknowledges what is only proposed", RaftLog, "submit", "self._submits.append(message)",
           "self._submits.append(message)\n"
           "        if message.session:\n"
           "            import msgspec\n"
           "            done = refusal(key, SubmitStatus.DONE, None)\n"
           '            context.send(asker, msgspec.structs.replace(done, replies=b"\\x05\\0\\0\\0+OK\\r\\n"))',
           "Every Execute and Query gets exactly one Outcome"),
    Mutant("answers a batch twice", WriteWindow, "outcome",
           'self._finish(batch, _DONE, message.replies, "", context)',
           'self._finish(batch, _DONE, message.replies, "", context)\n'
           '            self._finish(batch, _DONE, message.replies, "", context)',
           "Every Execute and Query gets exactly one Outcome"),
    # --- reads ---
    Mutant("reads without waiting for the index", StorageShard, "read", "if message.index <= self._applied:",
           "if True:", LINEARIZABLE),
    Mutant("reads without asking the log", ReadDesk, "end_turn",
           "context.send(log, Barrier(tag=self._next_barrier, reads=tuple(reads)))",
           "from protocols.storage.messages import Read; context.send(context.ref('shard-0'), Read("
           "tag=self._next_barrier, index=0, reads=tuple(reads), asker=context.self))", LINEARIZABLE),
    Mutant("answers a barrier from its own commit index", RaftLog, "barrier",
           "context.send(self.role, ReadBarrier(tag=tag))",
           "self._read(tag, self._given, context)", LINEARIZABLE),
    Mutant("answers reads before the entries that they wait for", StorageShard, "_answer_reads",
           "self._reads[0][0] <= self._applied", "self._reads[0][0] <= self._applied + 1", LINEARIZABLE),
    Mutant("gives the reads of a barrier that was refused to the shard", RaftLog, "barrier_refused",
           "context.send(gateway, ReadResult(tag=barrier.tag, answers=(), refused=True))",
           "self._barriers[message.tag] = waiting; self._read(message.tag, self._given, context)", LINEARIZABLE),
    Mutant("goes by log time before it has advanced", ReadDesk, "end_turn", "at_log_time=query.at_log_time",
           "at_log_time=True", "first lets log time advance (an empty batch), and then goes by"),
    Mutant("reads a key past its deadline", StorageShard, "_look", "time_ms = 0 if read.at_log_time else now_ms",
           "time_ms = 0",
           "A read that meets a deadline between log time and its node's clock first lets log time advance"),
    # --- the state machine ---
    Mutant("expires by the local clock", StorageShard, "apply", "self._applier.run(message.commands,",
           'self._applier.run(tuple([struct.pack("<q", int(context.now() * 1000)) + each[8:]'
           " for each in message.commands]),",
           "A key is gone when log time reaches its deadline, on all replicas at the same entry"),
    Mutant("forgets entries that do not fit into one Apply", RaftLog, "committed",
           "context.send(self.shard, Apply(index=entry.index - 1, commands=found, first=first, report=report))", "pass",
           DETERMINED),
    Mutant("executes every batch twice", Applier, "_execute", "self._store.apply(now_ms, batch)",
           "self._store.apply(now_ms, batch) + self._store.apply(now_ms, batch)[:0]", ONCE, TWINS),
    Mutant("takes a snapshot without the sessions", StorageShard, "take_snapshot", "self._sessions.snapshot()",
           "SessionTable().snapshot()", REPLICATED),
    Mutant("restores the keys and not the sessions", StorageShard, "restore_state",
           "self._sessions.restore(self._restored_sessions)", "pass", REPLICATED),
    Mutant("names its snapshot after an earlier index", StorageShard, "take_snapshot",
           "self._walk_index = self._applied", "self._walk_index = self._applied - 1", DETERMINED),
    Mutant("forgets the ends of restored sessions", SessionTable, "restore", "heapq.heapify(self._ends)",
           "self._ends.clear()", "A session ends after `session_seconds` of silence", TWINS),
    Mutant("begins to lead without knowing the deadlines", RaftLog, "role_changed", "elif self.orders():",
           "elif False:",
           "Without traffic the leader's adapter brings a tick when deadlines are due"),
    Mutant("waits for a word of the shard that it did not ask for", RaftLog, "report_applied",
           "if self._applied < self._given:", "if False:", "asked when the role wants to know"),
    Mutant("never brings time by itself", LogAdapter, "arm_tick", "self._tick_armed = True", "return",
           "Without traffic the leader's adapter brings a tick when deadlines are due"),
]
