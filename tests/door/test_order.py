"""Order: replies in the order of a connection's commands, effects too, however batches are cut and whenever their
outcomes come.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core_ext.store import COMMANDS, Store
from tests.door import twins
from tests.door.fakes import NOW_MS, request
from tests.door.harness import new_core, new_session

OPCODES = {opcode: name for name, (opcode, *_) in COMMANDS.items()}
SET, GET, INCR = (COMMANDS[name][0] for name in (b"SET", b"GET", b"INCR"))


class Client:
    """One connection, and what a Redis of its own would answer it: its keys are touched by nobody else."""

    def __init__(self, number: int, core: Any) -> None:
        self.core = core
        self.session, self.transport = new_session()
        self.key = f"key-{number}"
        self.value = 0
        self.resp2 = True
        self.expected: list[bytes] = []
        self.unsent = b""

    def issue(self, kind: str) -> None:
        if kind == "incr":
            self.value += 1
            self.unsent += request("INCR", self.key)
            self.expected.append(b":%d\r\n" % self.value)
        elif kind == "get":
            self.unsent += request("GET", self.key)
            shown = b"%d" % self.value
            if self.value:
                self.expected.append(b"$%d\r\n%b\r\n" % (len(shown), shown))
            else:
                self.expected.append(b"$-1\r\n" if self.resp2 else b"_\r\n")
        elif kind == "ping":
            self.unsent += request("PING", len(self.expected))
            shown = b"%d" % len(self.expected)
            self.expected.append(b"$%d\r\n%b\r\n" % (len(shown), shown))
        else:
            self.resp2 = not self.resp2
            self.unsent += request("HELLO", 2 if self.resp2 else 3)
            self.expected.append(b"+HELLO\r\n")

    def send(self, size: int) -> None:
        self.core.feed(self.session, self.unsent[:size])
        self.unsent = self.unsent[size:]


class World:
    """A gateway that runs Executes in order and Queries at any time, and tells of both at any time."""

    def __init__(self, **limits: int) -> None:
        self.core = new_core(**limits)
        self.store = Store()
        self.clients = [Client(number, self.core) for number in range(3)]
        self.executes: list[tuple[int, bytes]] = []
        self.queries: list[tuple[int, bytes]] = []
        self.outcomes: list[tuple[int, bytes]] = []

    def move(self, what: str, choice: int) -> None:
        if what == "take":
            self.take()
        elif what == "execute":
            self.run_execute()
        elif what == "query":
            self.run_query(choice)
        else:
            self.tell(choice)

    def take(self) -> None:
        for ticket, is_write, batch in self.core.take():
            (self.executes if is_write else self.queries).append((ticket, batch))

    def run_execute(self) -> None:
        if self.executes:
            ticket, batch = self.executes.pop(0)
            self.outcomes.append((ticket, self.store.apply(NOW_MS, batch)))

    def run_query(self, choice: int) -> None:
        if self.queries:
            ticket, batch = self.queries.pop(choice % len(self.queries))
            replies = self.store.read(NOW_MS, batch)
            assert replies is not None
            self.outcomes.append((ticket, replies))

    def tell(self, choice: int) -> None:
        if self.outcomes:
            ticket, replies = self.outcomes.pop(choice % len(self.outcomes))
            self.core.complete(ticket, replies, None)

    def settle(self) -> None:
        for client in self.clients:
            client.send(len(client.unsent))
        for _ in range(10_000):
            self.take()
            if not (self.executes or self.queries or self.outcomes):
                return
            self.run_execute()
            self.run_query(0)
            self.tell(0)
        raise AssertionError("it does not come to an end")


kinds = st.lists(st.sampled_from(["incr", "get", "get", "ping", "hello"]), min_size=1, max_size=3)
moves = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 2), kinds, st.sampled_from([20, 1000, 1000])),
    st.tuples(st.just("gateway"), st.sampled_from(["take", "execute", "query", "tell"]), st.integers(0, 5)),
)


@given(
    st.lists(moves, min_size=20, max_size=80),
    st.sampled_from([
        {}, {"max_batch_commands": 2}, {"max_batch_bytes": 40}, {"max_unanswered": 2}, {"max_in_flight_bytes": 30}
    ]),
)
def test_every_connection_is_answered_as_if_it_were_alone(script: list[Any], limits: dict[str, int]) -> None:
    world = World(**limits)
    for kind, *arguments in script:
        if kind == "send":
            number, issued, size = arguments
            for each in issued:
                world.clients[number].issue(each)
            world.clients[number].send(size)
            world.take()
        else:
            world.move(*arguments)
    world.settle()
    for client in world.clients:
        assert client.transport.output == b"".join(client.expected)
        assert client.session.unanswered == 0
        assert client.session.input_bytes == 0
        assert not client.transport.reading_paused


def test_reads_behind_a_write_of_the_same_piece_or_in_flight_travel_with_it() -> None:
    core = new_core()
    session, _ = new_session()
    core.feed(session, request("GET", "a") + request("SET", "a", 1) + request("GET", "a"))
    (_, is_write, batch), = core.take()
    assert is_write
    assert [opcode for opcode, _ in twins.decode_batch(batch)] == [GET, SET, GET]
    core.feed(session, request("GET", "a"))
    (_, is_write, batch), = core.take()
    assert (is_write, [opcode for opcode, _ in twins.decode_batch(batch)]) == (True, [GET])


def test_a_write_behind_a_read_in_flight_waits_for_it() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("GET", "a"))
    (ticket, is_write, _), = core.take()
    assert not is_write
    assert not core.feed(session, request("SET", "a", 1) + request("PING"))
    assert core.take() == []
    assert core.complete(ticket, twins.framed(b"_\r\n"), None)
    (ticket, is_write, _), = core.take()
    assert is_write
    assert transport.output == b"$-1\r\n"
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert transport.output == b"$-1\r\n+OK\r\n+PONG\r\n"


def test_all_connections_of_a_turn_share_one_write_and_one_read_batch() -> None:
    core = new_core()
    sessions = [new_session() for _ in range(10)]
    for number, (session, _) in enumerate(sessions):
        core.feed(session, request("GET", number) if number % 2 else request("SET", number, number) * 3)
    writes, reads = core.take()
    assert (writes[1], len(twins.decode_batch(writes[2]))) == (True, 15)
    assert (reads[1], len(twins.decode_batch(reads[2]))) == (False, 5)
    core.complete(writes[0], twins.framed(*[b"+OK\r\n"] * 15), None)
    assert all(transport.written == ([] if n % 2 else [b"+OK\r\n" * 3]) for n, (_, transport) in enumerate(sessions))


def test_ten_thousand_pipelined_commands_in_one_write() -> None:
    world = World(max_batch_commands=1000)
    client = world.clients[0]
    for _ in range(10_000):
        client.issue("incr")
    world.settle()
    assert client.transport.output == b"".join(client.expected)
    assert world.core.batches >= 10


def test_a_held_connection_is_not_read_from() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("GET", "a"))
    (ticket, _, _), = core.take()
    core.feed(session, request("SET", "a", b"v" * 60_000))
    assert not transport.reading_paused
    core.feed(session, request("SET", "a", b"v" * 60_000))
    assert transport.reading_paused
    core.complete(ticket, twins.framed(b"_\r\n"), None)
    assert not transport.reading_paused
    assert len(core.take()) == 1


def test_a_turn_beyond_a_batch_s_limits_makes_several() -> None:
    core = new_core(max_batch_commands=100, max_batch_bytes=10_000)
    for _ in range(7):
        core.feed(new_session()[0], request("SET", "a", "b") * 30)
    assert [len(twins.decode_batch(batch)) for _, _, batch in core.take()] == [90, 90, 30]
    for size in (6_000, 6_000, 50_000):
        core.feed(new_session()[0], request("SET", "a", b"v" * size))
    assert [len(twins.decode_batch(batch)) for _, _, batch in core.take()] == [1, 1, 1]


def test_errors_answer_every_command_of_the_batch() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("SET", 1, 2) * 2 + request("PING") + request("GET", 1))
    (ticket, _, _), = core.take()
    core.complete(ticket, None, b"UNKNOWN no answer\r\nfrom the leader")
    error = b"-UNKNOWN no answer  from the leader\r\n"
    assert transport.output == error * 2 + b"+PONG\r\n" + error


def test_replies_that_do_not_fit_their_commands_are_errors(caplog: Any) -> None:
    for replies in (twins.framed(b"+OK\r\n"), b"", twins.framed(b"+OK\r\n") + b"\xff\xff\xff\xff+", b"\0\0\0\0" * 3):
        core = new_core()
        session, transport = new_session()
        core.feed(session, request("SET", 1, 2) * 3)
        (ticket, _, _), = core.take()
        core.complete(ticket, replies, None)
        assert [str(reply).split()[0] for reply in twins.parse(transport.output)] == ["UNKNOWN"] * 3
    assert "do not fit" in caplog.text


def test_an_outcome_comes_once() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("SET", 1, 2))
    (ticket, _, _), = core.take()
    core.complete(ticket + 1, b"", None)
    assert core.unanswered(ticket) == [(ticket, True)]
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert transport.output == b"+OK\r\n"
    assert core.stray_outcomes == 2
    assert core.unanswered(ticket) == []


def test_commands_of_a_lost_connection_are_executed_and_their_replies_dropped() -> None:
    core = new_core()
    lost, lost_transport = new_session()
    kept, transport = new_session()
    core.feed(lost, request("SET", 1, 2) + request("SET", 3, 4))
    core.feed(kept, request("SET", 5, 6))
    core.lost(lost)
    (ticket, _, batch), = core.take()
    assert len(twins.decode_batch(batch)) == 3
    core.complete(ticket, twins.framed(b":1\r\n", b":2\r\n", b":3\r\n"), None)
    assert transport.output == b":3\r\n"
    assert lost_transport.output == b""


def test_quit_is_answered_after_what_came_before_and_then_closes() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("SET", 1, 2) + request("QUIT") + request("SET", 3, 4))
    (ticket, _, batch), = core.take()
    assert len(twins.decode_batch(batch)) == 1
    assert not transport.closed
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert transport.output == b"+OK\r\n+OK\r\n"
    assert transport.closed


def test_who_shuts_down_its_sending_side_gets_all_answers_first() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("GET", 1))
    core.feed(session, request("SET", 1, 2) + b"*2\r\n$3\r\nGE")
    core.end_of_input(session)
    for _ in range(2):
        assert not transport.closed
        (ticket, is_write, _), = core.take()
        core.complete(ticket, twins.framed(b"+OK\r\n" if is_write else b"_\r\n"), None)
    assert transport.output == b"$-1\r\n+OK\r\n"
    assert transport.closed


def test_a_client_that_does_not_read_is_held_and_then_aborted() -> None:
    core = new_core(max_output_bytes=1000)
    session, transport = new_session()
    core.feed(session, request("SET", 1, 2))
    (ticket, _, _), = core.take()
    core.output_blocked(session)
    core.feed(session, request("PING"))
    assert transport.output == b""
    assert not core.output_drained(session)
    assert transport.output == b""  # the SET is not answered yet
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert transport.output == b"+OK\r\n+PONG\r\n"
    core.feed(session, request("GET", 1))
    (ticket, _, _), = core.take()
    core.output_blocked(session)
    transport.unread = 1001
    core.complete(ticket, twins.framed(b"_\r\n"), None)
    assert transport.aborted
    assert session.output_overflowed


def test_local_replies_behind_an_unanswered_command_are_bounded() -> None:
    core = new_core()
    session, transport = new_session()
    core.feed(session, request("SET", 1, 2))
    (ticket, _, _), = core.take()
    for _ in range(100):
        core.feed(session, b"PING\r\n" * 1000)
    assert session.input_bytes > 400_000
    assert transport.reading_paused
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert transport.output == b"+OK\r\n" + b"+PONG\r\n" * 100_000
    assert not transport.reading_paused


def test_large_local_replies_are_written_as_they_come_and_a_slow_reader_stops_them() -> None:
    core = new_core()
    session, transport = new_session()
    transport.written_hook = lambda: core.output_blocked(session)
    core.feed(session, b"BIG\r\n" * 10_000)
    assert 1 << 20 < len(transport.output) < 2 << 20
    assert len(transport.written) == 1
    core.output_drained(session)
    assert len(transport.written) == 2


def test_a_lost_connection_leaves_a_long_queue_without_harm() -> None:
    core = new_core()
    session, _ = new_session()
    core.feed(session, request("SET", 1, 2))
    core.feed(session, b"PING\r\n" * 10_000)
    (ticket, _, _), = core.take()
    core.lost(session)
    core.complete(ticket, twins.framed(b"+OK\r\n"), None)
    assert session.unanswered == 0
