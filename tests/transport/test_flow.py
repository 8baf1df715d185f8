"""Flow control by itself: what is under way is bounded, what waits is bounded, and reports open the window again."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from core_ext.codec import Kind, read_frame
from core_ext.flow import FRAME_ENVELOPES, Outbox, Senders
from core_ext.inlet import Intake
from tests.transport.outbox_twin import Outbox as Twin


def _outbox(**limits: int) -> Outbox:
    given = {"frame_bytes": 10_000, "queue_bytes": 100_000, "window_bytes": 50_000, "window_count": 1000} | limits
    return Outbox(7, given["frame_bytes"], given["queue_bytes"], given["window_bytes"], given["window_count"], 1 << 20)


def _add(outbox: Outbox, size: int = 1000, correlation: int = 0) -> str | None:
    return outbox.add(Kind.TELL, ("t", 0), ("s", 1), correlation, 42, b"x" * size)


def test_what_was_added_comes_out_in_order_in_frames_of_bounded_size() -> None:
    outbox = _outbox()
    for number in range(40):
        assert _add(outbox, correlation=number) is None
    seen = []
    while (parts := outbox.next_frame(99)) is not None:
        frame = read_frame(parts)
        assert frame.size <= 10_000
        assert (frame.sender_incarnation, frame.receiver_incarnation) == (7, 99)
        seen += [envelope.correlation for envelope in frame]
    assert seen == list(range(40))
    assert outbox.waiting == outbox.waiting_bytes == 0


def test_a_frame_holds_a_bounded_number_of_envelopes() -> None:
    outbox = _outbox(frame_bytes=1 << 20, queue_bytes=1 << 20, window_count=1 << 20, window_bytes=1 << 20)
    for _ in range(FRAME_ENVELOPES + 1):
        assert _add(outbox, 0) is None
    assert len(read_frame(outbox.next_frame(1) or [])) == FRAME_ENVELOPES
    assert len(read_frame(outbox.next_frame(1) or [])) == 1


def test_the_window_closes_until_the_receiver_reports() -> None:
    outbox = _outbox(window_bytes=25_000)
    for _ in range(60):
        assert _add(outbox) is None
    sent = 0
    while (parts := outbox.next_frame(1)) is not None:
        sent += sum(map(len, parts))
    assert 15_000 < sent <= 25_000
    assert outbox.waiting
    outbox.acknowledge(sent, outbox.count_sent)
    assert outbox.next_frame(1) is not None


def test_more_than_may_wait_is_refused_and_taken_again_once_there_is_credit() -> None:
    outbox = _outbox(window_bytes=20_000, queue_bytes=30_000)
    taken = 0
    while (refusal := _add(outbox)) is None:
        taken += 1
    assert "out of credit" in refusal
    assert 25 <= taken <= 30
    assert outbox.waiting_bytes <= 30_000
    while outbox.next_frame(1) is not None:
        pass
    outbox.acknowledge(outbox.bytes_sent, outbox.count_sent)
    while outbox.next_frame(1) is not None:
        pass
    assert _add(outbox) is None


def test_a_message_larger_than_window_and_queue_goes_out_alone() -> None:
    outbox = _outbox(window_bytes=20_000, queue_bytes=30_000)
    assert _add(outbox, 200_000) is None
    assert "out of credit" in str(_add(outbox, 10))
    parts = outbox.next_frame(1)
    assert parts is not None
    assert [len(envelope.body) for envelope in read_frame(parts)] == [200_000]
    assert _add(outbox, 10) is None
    assert outbox.next_frame(1) is None
    outbox.acknowledge(outbox.bytes_sent, outbox.count_sent)
    assert outbox.next_frame(1) is not None


def test_a_message_above_the_frame_limit_is_refused_with_the_limit() -> None:
    outbox = _outbox()
    assert "too large" in str(_add(outbox, 1 << 20))
    assert outbox.waiting == 0


def test_the_count_of_envelopes_under_way_is_limited_too() -> None:
    outbox = _outbox(window_count=10)
    for _ in range(10):
        assert _add(outbox, 1) is None
    outbox.next_frame(1)
    assert "10 envelopes" in str(_add(outbox, 1))
    outbox.acknowledge(outbox.bytes_sent, 4)
    for _ in range(4):
        assert _add(outbox, 1) is None
    assert _add(outbox, 1) is not None


def test_a_name_that_cannot_travel_is_refused_not_raised() -> None:
    outbox = _outbox()
    assert "1024" in str(outbox.add(Kind.TELL, ("n" * 2000, 0), None, 0, 1, b""))
    assert outbox.waiting == 0


def test_reports_that_cannot_be_true_change_nothing() -> None:
    outbox = _outbox()
    _add(outbox)
    outbox.next_frame(1)
    outbox.acknowledge(outbox.bytes_sent + 1, outbox.count_sent + 1)
    assert (outbox.bytes_acknowledged, outbox.count_acknowledged) == (0, 0)
    outbox.acknowledge(outbox.bytes_sent, outbox.count_sent)
    outbox.acknowledge(1, 0)
    assert outbox.bytes_acknowledged == outbox.bytes_sent


def test_a_reset_forgets_what_waits_and_what_is_under_way() -> None:
    outbox = _outbox()
    for _ in range(30):
        _add(outbox)
    outbox.next_frame(1)
    waiting = outbox.waiting
    assert outbox.reset() == waiting > 0
    assert (outbox.waiting, outbox.bytes_sent, outbox.next_frame(1)) == (0, 0, None)


def test_sender_and_receiver_agree_under_random_traffic() -> None:
    chance = random.Random(4)
    outbox = _outbox(window_bytes=30_000, queue_bytes=60_000, window_count=1 << 20)
    intake = Intake(30_000, 1 << 20)
    in_flight: list[list[bytes]] = []
    accepted = received = 0
    for _ in range(20_000):
        if chance.random() < 0.6:
            accepted += _add(outbox, chance.randrange(0, 3000)) is None
        if (parts := outbox.next_frame(1)) is not None:
            in_flight.append(parts)
        assert outbox.bytes_sent - outbox.bytes_acknowledged <= 30_000
        if in_flight and chance.random() < 0.5:
            frame = read_frame(in_flight.pop(0))
            received += len(frame)
            if intake.take(frame.size, len(frame)):
                outbox.acknowledge(*intake.report())
    assert received > 1000
    assert accepted == received + outbox.waiting + sum(len(read_frame(parts)) for parts in in_flight)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5000)),
        st.tuples(st.just("add"), st.integers(60_000, 300_000)),
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("acknowledge"), st.integers(0, 4)),
        st.tuples(st.just("window"), st.integers(1, 60_000)),
        st.tuples(st.just("reset"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_native_outbox_does_what_its_plain_twin_does(steps: list[tuple[str, int]]) -> None:
    native, twin = Outbox(7, 10_000, 100_000, 50_000, 40, 200_000), Twin(7, 10_000, 100_000, 50_000, 40, 200_000)
    for step, number in steps:
        match step:
            case "add":
                given_ = (Kind.ASK, ("target", 3), ("s", 1) if number % 2 else None, number, 9, b"x" * number)
                assert native.add(*given_) == twin.add(*given_)
            case "send":
                assert native.next_frame(5) == twin.next_frame(5)
            case "acknowledge":
                share = (twin.bytes_sent * number // 4, twin.count_sent * number // 4)
                native.acknowledge(*share)
                twin.acknowledge(*share)
            case "window":
                native.window_bytes = twin.window_bytes = number
            case "reset":
                assert native.reset() == twin.reset()
        assert (native.waiting, native.waiting_bytes) == (twin.waiting, twin.waiting_bytes)
        assert (native.bytes_sent, native.bytes_acknowledged) == (twin.bytes_sent, twin.bytes_acknowledged)
        assert (native.count_sent, native.count_acknowledged) == (twin.count_sent, twin.count_acknowledged)


def test_senders_of_a_peer_are_remembered_within_a_bound() -> None:
    senders = Senders("a")
    first = senders.get("x", 1)
    assert first is not None
    assert (first.node, first.name, first.incarnation) == ("a", "x", 1)
    assert senders.get("x", 2) != first
    assert senders.get("x", 1) is first
    assert senders.get(None, 0) is None
    for number in range(10_000):
        senders.get("y", number)
    assert senders.get("x", 1) == first
