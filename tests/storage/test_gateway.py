"""The gateway against a scripted log and shard: what it sends, sends again, gives up, and what it then says."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from actors.actor import Actor, on
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage.gateway import Gateway
from protocols.storage.messages import (
    AskLeadership,
    Barrier,
    Execute,
    Leadership,
    Outcome,
    Query,
    ReadAnswer,
    ReadResult,
    Status,
    Submit,
    SubmitOutcome,
    SubmitStatus,
)
from protocols.storage.settings import GATEWAY_NAME, LOG_NAME, MAX_BATCH_BYTES, GatewaySettings
from tests.storage.cluster import Door
from tests.storage.world import World


class Notebook(Actor):
    """Writes down what it gets and does nothing."""

    def __init__(self) -> None:
        self.got: list[object] = []

    @on(Submit)
    def submit(self, message: Submit, context: Context) -> None:
        self.got.append(message)

    @on(Barrier)
    def barrier(self, message: Barrier, context: Context) -> None:
        self.got.append(message)

    @on(AskLeadership)
    def ask(self, message: AskLeadership, context: Context) -> None:
        self.got.append(message)


class Stage:
    """A gateway on node "a"; logs on "a" and "b" that only take notes, also for the shard; a door."""

    def __init__(self, settings: GatewaySettings | None = None) -> None:
        self.world = World()
        self.logs = {node: Notebook() for node in "ab"}
        self.answers: dict[int, Outcome] = {}
        for node, log in self.logs.items():
            self.world.spawn(node, LOG_NAME, log)
        self.door = self.world.spawn("a", "door", Door(self.answers)).self
        self.gateway = Gateway(settings)
        self.world.spawn("a", GATEWAY_NAME, self.gateway)
        self.run()
        assert self.take("a") == [AskLeadership()]

    def run(self, seconds: float = 0.01) -> None:
        self.world.run(seconds)

    def tell(self, *messages: object, door: bool = False) -> None:
        for message in messages:
            self.world.tell(Reference("a", GATEWAY_NAME), message, self.door if door else None)
        self.run()

    def take(self, node: str) -> list[object]:
        """What a log got since the last look."""
        found, self.logs[node].got = self.logs[node].got, []
        return found

    def lead(self, node: str | None, term: int = 1) -> None:
        self.tell(Leadership(leader=node, term=term))

    def open(self, node: str = "a", session: int = 1) -> None:
        """Let the log open the session that the gateway asks for."""
        (asked,) = self.take(node)
        assert isinstance(asked, Submit)
        assert (asked.session, asked.serial) == (0, 0)
        self.answer(asked, SubmitStatus.DONE, session.to_bytes(8, "little"))

    def ready(self) -> None:
        self.lead("a")
        self.open()

    def execute(self, *tickets: int) -> None:
        self.tell(*[Execute(ticket=ticket, batch=b"batch %d" % ticket) for ticket in tickets], door=True)

    def answer(self, submit: object, status: SubmitStatus, replies: bytes = b"", leader: str | None = None) -> None:
        assert isinstance(submit, Submit)
        self.tell(
            SubmitOutcome(
                session=submit.session, serial=submit.serial, status=status, replies=replies, leader=leader,
                origin=submit.origin,
            )
        )

    def barriers(self) -> list[Barrier]:
        """Those that came to the log since the last look."""
        return [each for each in self.take("a") if isinstance(each, Barrier)]

    def result(self, barrier: Barrier, *answers: ReadAnswer, refused: bool = False) -> None:
        self.tell(ReadResult(tag=barrier.tag, answers=answers, refused=refused))

    def outcomes(self) -> dict[int, Status]:
        return {ticket: outcome.status for ticket, outcome in self.answers.items()}


def serials(submits: Iterable[object]) -> list[tuple[int, int, int]]:
    """(session, serial, floor) of submits."""
    return [(s.session, s.serial, s.floor) for s in submits if isinstance(s, Submit)]


def test_batches_get_serials_in_the_order_of_arrival_and_a_floor() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(10, 11, 12)
    submits = stage.take("a")
    assert serials(submits) == [(1, 1, 0), (1, 2, 0), (1, 3, 0)]
    stage.answer(submits[1], SubmitStatus.DONE, b"two")
    stage.answer(submits[0], SubmitStatus.DONE, b"one")
    assert stage.answers[10].replies == b"one"
    assert stage.answers[11].replies == b"two"
    stage.execute(13)
    assert serials(stage.take("a")) == [(1, 4, 2)]


def test_a_new_leader_gets_everything_unanswered_again_in_order() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1, 2)
    first = stage.take("a")
    stage.answer(first[0], SubmitStatus.DONE)
    stage.lead("b", term=2)
    again = stage.take("b")
    assert serials(again) == [(1, 2, 1)]
    assert again[0].batch == b"batch 2"
    stage.answer(again[0], SubmitStatus.DONE)
    assert stage.outcomes() == {1: Status.DONE, 2: Status.DONE}


def test_an_older_terms_leader_is_not_followed_back() -> None:
    stage = Stage()
    stage.lead("b", term=5)
    stage.open("b")
    stage.lead("a", term=4)
    stage.execute(1)
    assert serials(stage.take("b")) == [(1, 1, 0)]


def test_a_lost_answer_is_asked_for_again() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    stage.take("a")
    stage.run(0.8)
    assert stage.take("a") == []
    stage.run(0.4)
    (again,) = stage.take("a")
    assert serials([again]) == [(1, 1, 0)]
    stage.answer(again, SubmitStatus.DONE)
    stage.answer(again, SubmitStatus.DONE)
    assert stage.outcomes() == {1: Status.DONE}


def test_a_refused_batch_is_tried_again_soon_and_a_hint_followed_at_once() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    stage.answer(stage.take("a")[0], SubmitStatus.OVERLOADED)
    assert stage.take("a") == []
    stage.run(0.1)
    stage.answer(stage.take("a")[0], SubmitStatus.NOT_LEADER, leader="b")
    assert serials(stage.take("b")) == [(1, 1, 0)]


def test_two_logs_that_name_each_other_do_not_make_it_spin() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    sent = 0
    for _ in range(200):
        for node, other in (("a", "b"), ("b", "a")):
            for submit in stage.take(node):
                sent += 1
                stage.answer(submit, SubmitStatus.NOT_LEADER, leader=other)
    assert stage.outcomes() == {}
    assert sent < stage.world.time / 0.05 * 2 + 5


def test_what_was_never_sent_or_always_refused_is_not_executed() -> None:
    stage = Stage()
    stage.execute(1)
    stage.run(5.5)
    assert stage.outcomes() == {1: Status.NOT_EXECUTED}
    stage.ready()
    stage.execute(2)
    for _ in range(60):
        for submit in stage.take("a"):
            stage.answer(submit, SubmitStatus.OVERLOADED)
        stage.run(0.1)
    assert stage.outcomes() == {1: Status.NOT_EXECUTED, 2: Status.NOT_EXECUTED}


@pytest.mark.parametrize("status", [None, SubmitStatus.LEADERSHIP_LOST])
def test_what_was_sent_and_not_refused_is_unknown_and_its_session_left_behind(status: SubmitStatus | None) -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    (first,) = stage.take("a")
    if status is not None:
        stage.answer(first, status)
    stage.run(5.5)
    assert stage.outcomes() == {1: Status.UNKNOWN}
    opened = [s for s in stage.take("a") if isinstance(s, Submit) and s.session == 0]
    stage.answer(opened[0], SubmitStatus.DONE, (7).to_bytes(8, "little"))
    stage.execute(2)
    assert serials(stage.take("a"))[-1] == (7, 1, 0)
    stage.answer(first, SubmitStatus.DONE)
    assert stage.outcomes() == {1: Status.UNKNOWN}


def test_an_expired_session_is_replaced_and_nobody_notices() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1, 2)
    for submit in stage.take("a"):
        stage.answer(submit, SubmitStatus.SESSION_EXPIRED)
    stage.open(session=2)
    again = stage.take("a")
    assert serials(again) == [(2, 1, 0), (2, 2, 0)]
    assert [each.batch for each in again] == [b"batch 1", b"batch 2"]


def test_a_retried_batch_whose_session_expired_is_unknown() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    stage.take("a")
    stage.lead("b", term=2)
    stage.answer(stage.take("b")[0], SubmitStatus.SESSION_EXPIRED)
    stage.run(1.2)
    assert stage.outcomes() == {1: Status.UNKNOWN}


def test_the_window_and_the_queue_are_bounded() -> None:
    stage = Stage(GatewaySettings(max_in_flight=2, max_waiting=3))
    stage.ready()
    stage.execute(*range(10))
    assert len(stage.take("a")) == 2
    assert stage.outcomes() == dict.fromkeys(range(5, 10), Status.NOT_EXECUTED)
    assert "too many" in stage.answers[9].reason


def test_a_large_batch_goes_alone() -> None:
    stage = Stage(GatewaySettings(max_in_flight_bytes=100))
    stage.ready()
    stage.tell(Execute(ticket=1, batch=b"x" * 500), Execute(ticket=2, batch=b"y"), door=True)
    (only,) = stage.take("a")
    stage.answer(only, SubmitStatus.DONE)
    assert serials(stage.take("a")) == [(1, 2, 1)]


def test_the_queries_of_a_turn_share_one_barrier() -> None:
    stage = Stage()
    stage.ready()
    stage.world.faults.batch = 1000
    stage.world.random.randint = lambda low, high: high  # type: ignore[method-assign]
    stage.tell(*[Query(ticket=ticket, batch=b"q%d" % ticket) for ticket in range(5)], door=True)
    (barrier,) = stage.barriers()
    assert [read.batch for read in barrier.reads] == [b"q%d" % ticket for ticket in range(5)]
    stage.result(barrier, *[ReadAnswer(ticket=read.ticket, replies=read.batch) for read in barrier.reads])
    assert [stage.answers[ticket].replies for ticket in range(5)] == [b"q%d" % ticket for ticket in range(5)]


def test_a_refused_barrier_is_asked_again_until_the_time_is_up() -> None:
    stage = Stage()
    stage.ready()
    stage.tell(Query(ticket=1, batch=b"q"), door=True)
    asked = 0
    while 1 not in stage.answers:
        for barrier in stage.barriers():
            asked += 1
            stage.result(barrier, refused=True)
        stage.run(0.05)
    assert stage.outcomes() == {1: Status.NOT_EXECUTED}
    assert asked > 20
    assert stage.world.time < 6


def test_the_answer_to_any_of_its_barriers_serves_a_query_once() -> None:
    """Each of them was asked after the query came; what an earlier one could not say means nothing any more."""
    stage = Stage()
    stage.ready()
    stage.tell(*[Query(ticket=ticket, batch=b"q%d" % ticket) for ticket in (1, 2)], door=True)
    stage.run(1.2)
    barriers = stage.barriers()
    first, second = barriers[0], barriers[-1]
    one, other = [read.ticket for barrier in barriers[: len(barriers) // 2] for read in barrier.reads]
    stage.result(first, refused=True)
    stage.result(first, ReadAnswer(ticket=one, replies=b"1"), ReadAnswer(ticket=other, replies=b"", tick_needed=True))
    assert stage.outcomes() == {1: Status.DONE}
    assert stage.take("a") == []  # neither another barrier nor a wish for time
    stage.result(second, ReadAnswer(ticket=one, replies=b"x"), ReadAnswer(ticket=other, replies=b"2"))
    assert {ticket: outcome.replies for ticket, outcome in stage.answers.items()} == {1: b"1", 2: b"2"}


def test_an_answer_may_come_in_the_turn_in_which_a_query_asks_again() -> None:
    stage = Stage()
    stage.ready()
    stage.tell(Query(ticket=1, batch=b"q"), door=True)
    (barrier,) = stage.barriers()
    stage.world.faults.batch = 1000
    stage.world.random.randint = lambda low, high: high  # type: ignore[method-assign]
    answer = ReadAnswer(ticket=barrier.reads[0].ticket, replies=b"r")
    stage.tell(Leadership(leader="a", term=2), ReadResult(tag=barrier.tag, answers=(answer,)))
    assert stage.answers[1].replies == b"r"
    assert stage.barriers() == []


def test_a_read_that_needs_time_waits_for_an_empty_batch_and_then_goes_by_log_time() -> None:
    stage = Stage()
    stage.ready()
    stage.tell(Query(ticket=1, batch=b"q"), door=True)
    (first,) = stage.barriers()
    (read,) = first.reads
    assert not read.at_log_time
    stage.result(first, ReadAnswer(ticket=read.ticket, replies=b"", tick_needed=True))
    (tick,) = stage.take("a")
    assert (tick.serial, tick.batch) == (1, b"")
    stage.answer(tick, SubmitStatus.DONE)
    (second,) = stage.barriers()
    assert second.reads[0].at_log_time
    stage.result(second, ReadAnswer(ticket=read.ticket, replies=b"r"))
    assert stage.answers[1].replies == b"r"


def test_nothing_is_armed_while_nothing_waits() -> None:
    stage = Stage()
    stage.ready()
    stage.execute(1)
    stage.answer(stage.take("a")[0], SubmitStatus.DONE)
    stage.run(1.0)
    assert stage.world.cells["a", GATEWAY_NAME].timers == {}


@pytest.mark.parametrize(
    "settings",
    [{"tick_seconds": 0}, {"retry_seconds": 10}, {"session_seconds": 1}, {"max_in_flight": 0}, {"max_reads": 0}],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="gateway settings"):
        GatewaySettings(**settings)


def test_a_batch_that_could_not_travel_is_refused_before_it_enters_the_log() -> None:
    stage = Stage()
    stage.ready()
    stage.tell(Execute(ticket=1, batch=bytes(MAX_BATCH_BYTES)), door=True)
    assert len(stage.take("a")) == 1
    stage.tell(Execute(ticket=2, batch=bytes(MAX_BATCH_BYTES + 1)), door=True)
    assert stage.take("a") == []
    assert stage.outcomes() == {2: Status.NOT_EXECUTED}
    assert "35651585 bytes" in stage.answers[2].reason


def test_a_malformed_answer_to_an_open_session_is_asked_for_again() -> None:
    stage = Stage()
    stage.lead("a")
    (asked,) = stage.take("a")
    stage.answer(asked, SubmitStatus.DONE, b"short")
    stage.run(0.1)
    stage.open()


def test_a_new_session_ends_the_one_that_was_left() -> None:
    stage = Stage(GatewaySettings(request_timeout_seconds=1.0, session_seconds=10.0, retry_seconds=0.5))
    stage.ready()
    stage.execute(1)
    stage.run(1.2)
    assert stage.outcomes() == {1: Status.UNKNOWN}
    opening = [each for each in stage.take("a") if isinstance(each, Submit) and each.session == 0]
    assert opening
    assert {each.batch[8:] for each in opening} == {(1).to_bytes(8, "little")}
