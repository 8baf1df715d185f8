"""Bounded mailboxes and their policies; dead letters."""

from __future__ import annotations

import pytest

from actors import (
    Actor,
    AskRejected,
    Context,
    ContractError,
    Lane,
    Mailbox,
    MailboxFull,
    Message,
    Overflow,
    Reference,
    Rejected,
    on,
)
from actors.runtime.settings import RuntimeSettings
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Note, Notes, Recorder, Total, run, until


async def _notes_of_a_full_mailbox(system: ActorSystem, overflow: Overflow) -> tuple[str, ...]:
    recorder = system.spawn(Recorder, mailbox=Mailbox(capacity=3, overflow=overflow))
    for text in "abcde":
        recorder.tell(Note(text))
    await until(lambda: system.world.find(recorder)._waiting == 0, "the messages")
    return await recorder.ask(Notes())


def test_reject_tells_outside_code_and_keeps_what_was_there() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder, name="small", mailbox=Mailbox(capacity=2))
            recorder.tell(Note("a"))
            recorder.tell(Note("b"))
            with pytest.raises(MailboxFull, match=r"mailbox of actorum://local/small.* is full and refused Note"):
                recorder.tell(Note("c"))
            with pytest.raises(AskRejected, match="is full and refused Notes"):
                await recorder.ask(Notes())
            await until(lambda: system.world.find(recorder)._waiting == 0, "the messages")
            assert await recorder.ask(Notes()) == ("a", "b")
            assert system.counters()["rejected"] == 2

    run(main())


@pytest.mark.parametrize(
    ("overflow", "kept"),
    [(Overflow.DROP_OLDEST, "cde"), (Overflow.DROP_NEWEST, "abc"), (Overflow.UNBOUNDED, "abcde")],
)
def test_the_other_policies_drop_or_keep(overflow: Overflow, kept: str) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            assert "".join(await _notes_of_a_full_mailbox(system, overflow)) == kept
            assert system.counters()["dropped"] == 5 - len(kept)

    run(main())


@pytest.mark.parametrize("overflow", [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST])
def test_a_dropped_ask_fails_at_once(overflow: Overflow) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter, mailbox=Mailbox(capacity=1, overflow=overflow))
            asked = [counter.ask(Total()), counter.ask(Total())]
            answered, dropped = reversed(asked) if overflow is Overflow.DROP_OLDEST else asked
            assert await answered == 0
            with pytest.raises(AskRejected, match="its mailbox was full"):
                await dropped

    run(main())


class Flood(Message, wire="tests.flood"):
    target: Reference


class Flooding(Recorder):
    @on(Flood)
    def flood(self, message: Flood, context: Context) -> None:
        for i in range(5):
            context.send(message.target, Note(str(i)))

    @on(Rejected)
    def rejected(self, message: Rejected, context: Context) -> None:
        self.notes.append(f"{message.target.name} refused {message.message_name}")


def test_an_actor_that_handles_rejected_is_told() -> None:
    class Unaware(Actor):
        @on(Flood)
        def flood(self, message: Flood, context: Context) -> None:
            for i in range(5):
                context.send(message.target, Note(str(i)))

    async def main() -> None:
        async with ActorSystem() as system:
            small = system.spawn(Recorder, name="small", mailbox=Mailbox(capacity=3))
            flooding = system.spawn(Flooding)
            flooding.tell(Flood(small))
            await until(lambda: system.world.find(flooding)._actor.notes, "the rejections")
            assert await flooding.ask(Notes()) == ("small refused Note",) * 2
            system.spawn(Unaware).tell(Flood(small))
            await until(lambda: system.counters()["rejected"] == 4, "the second flood")

    run(main())


class Pulse(Message, wire="tests.pulse", lane=Lane.CONTROL):
    pass


def test_a_flood_of_data_does_not_reject_control_and_control_has_its_own_bound() -> None:
    class Pulsed(Counter):
        @on(Pulse)
        def pulse(self, message: Pulse, context: Context) -> None:
            self.total += 100

    async def main() -> None:
        async with ActorSystem(settings=RuntimeSettings(control_capacity=4)) as system:
            actor = system.spawn(Pulsed, mailbox=Mailbox(capacity=2))
            actor.tell(Add(1))
            actor.tell(Add(1))
            for _ in range(4):
                actor.tell(Pulse())
            with pytest.raises(MailboxFull):
                actor.tell(Pulse())
            await until(lambda: system.world.find(actor)._waiting == 0, "the messages")
            assert await actor.ask(Total()) == 402
            assert system.counters()["control_rejected"] == 1

    run(main())


def test_dead_letters_are_counted_and_logged_with_their_target_at_a_bounded_rate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with ActorSystem(settings=RuntimeSettings(log_lines_per_second=3)) as system:
            for _ in range(50):
                system.ref("nobody").tell(Note("x"))
            assert system.counters()["dead_letters"] == 50

    run(main())
    lines = [record.getMessage() for record in caplog.records if "dead letter: " in record.getMessage()]
    assert 3 <= len(lines) <= 6
    assert lines[0].startswith("dead letter: Note to actorum://local/nobody: no actor 'nobody' on node 'local'")


def test_what_waits_when_an_actor_ends_is_a_dead_letter_and_its_asks_are_rejected() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter, name="counter")
            system.world.find(counter)._order_stop(False)
            counter.tell(Add(1))
            with pytest.raises(AskRejected, match=r"local/counter \(Counter\) stopped before it handled Total"):
                await counter.ask(Total())
            assert system.counters()["dead_letters"] == 1

    run(main())


def test_a_mailbox_of_no_messages_is_refused() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(ContractError, match="a mailbox of 0 messages"):
                system.spawn(Counter, mailbox=Mailbox(capacity=0))

    run(main())
