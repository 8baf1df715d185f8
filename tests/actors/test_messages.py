"""Messages, answers and the release of effects: points 1 to 4 and 7 of the contract."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from actors import (
    Actor,
    Answer,
    AskFailed,
    AskRejected,
    AskTimeout,
    Context,
    ContractError,
    Lane,
    Message,
    Reference,
    Request,
    SystemStopped,
    Ticket,
    on,
    on_answer,
)
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total, run, until


def test_messages_are_handled_in_the_order_they_were_sent() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            for i in range(1000):
                recorder.tell(Note(str(i)))
            assert await recorder.ask(Notes()) == tuple(map(str, range(1000)))

    run(main())


def test_a_tell_is_an_enqueue_and_never_a_call() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
            counter.tell(Add(1))
            assert system.world.find(counter)._actor.total == 0
            assert await counter.ask(Total()) == 1

    run(main())


class Urgent(Message, wire="tests.urgent", lane=Lane.CONTROL):
    pass


def test_control_messages_overtake_data() -> None:
    class Listener(Recorder):
        @on(Urgent)
        def urgent(self, message: Urgent, context: Context) -> None:
            self.notes.append("urgent")

    async def main() -> None:
        async with ActorSystem() as system:
            listener = system.spawn(Listener)
            listener.tell(Note("first"))
            listener.tell(Urgent())
            assert await listener.ask(Notes()) == ("urgent", "first")

    run(main())


def test_no_effect_of_a_handler_that_raised() -> None:
    class Careless(Actor):
        def __init__(self, recorder: Reference) -> None:
            self.recorder = recorder

        @on(Fail)
        def fail(self, message: Fail, context: Context) -> None:
            context.send(self.recorder, Note("sent"))
            context.send_now(self.recorder, Note("sent now"))
            context.set_timer(Note("timer"), 0.001)
            context.spawn(Counter, name="child")
            context.stop()
            raise ValueError("after everything")

        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            context.send(self.recorder, message)

    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            careless = system.spawn(Careless, recorder)
            careless.tell(Fail())
            careless.tell(Note("later"))
            await until(lambda: system.world.find(recorder)._actor.notes, "the later note")
            await asyncio.sleep(0.01)  # the time-out of the timer that must not exist
            assert await recorder.ask(Notes()) == ("later",)
            assert "child" not in system.world.names
            system.spawn(Counter, name="child")

    run(main())


def test_effects_are_released_together_after_the_handler() -> None:
    seen: list[int] = []

    class Sender(Actor):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            child = context.spawn(Recorder)
            context.send(child, message)
            seen.append(context._world.find(child)._waiting)  # type: ignore[attr-defined]

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Sender).tell(Note("x"))
            await until(lambda: system.counters()["messages"] == 2, "the child's message")
            assert seen == [0]

    run(main())


def test_the_sender_is_the_actor_that_sent_and_none_for_outside_code() -> None:
    senders: list[Reference | None] = []

    class Inner(Actor):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            senders.append(context.sender)

        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            senders.append(context.sender)
            context.reply(0)

    class Outer(Actor):
        def __init__(self, inner: Reference) -> None:
            self.inner = inner

        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            context.send(self.inner, message)

    async def main() -> None:
        async with ActorSystem() as system:
            inner = system.spawn(Inner)
            outer = system.spawn(Outer, inner)
            inner.tell(Note("x"))
            await inner.ask(Total())
            outer.tell(Note("y"))
            await until(lambda: len(senders) == 3, "three messages")
            assert senders == [None, None, outer]

    run(main())


class Later(Request[str], wire="tests.later"):
    pass


class Deferring(Actor):
    """Answers when a note comes."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []

    @on(Later)
    def later(self, message: Later, context: Context) -> None:
        self.tickets.append(context.defer())

    @on(Note)
    def note(self, message: Note, context: Context) -> None:
        for ticket in self.tickets:
            context.reply(message.text, to=ticket)
        self.tickets.clear()


def test_a_deferred_answer_is_given_later() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Deferring)
            asked = [asyncio.ensure_future(actor.ask(Later())) for _ in range(3)]
            await until(lambda: len(system.world.find(actor)._actor.tickets) == 3, "three tickets")
            actor.tell(Note("now"))
            assert await asyncio.gather(*asked) == ["now"] * 3

    run(main())


def test_an_ask_that_is_neither_answered_nor_deferred_fails() -> None:
    class Silent(Actor):
        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            pass

    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(AskFailed, match=r"local/silent .*Silent.* without an answer"):
                await system.spawn(Silent, name="silent").ask(Total())

    run(main())


def test_an_ask_fails_at_once_when_the_handler_raises_or_calls_fail() -> None:
    class Failing(Actor):
        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            raise ValueError("no total today")

        @on(Later)
        def later(self, message: Later, context: Context) -> None:
            context.fail("no later either")

    async def main() -> None:
        async with ActorSystem() as system:
            failing = system.spawn(Failing, name="failing")
            with pytest.raises(AskFailed, match=r"local/failing .*Total: ValueError: no total today"):
                await failing.ask(Total())
            with pytest.raises(AskFailed, match="no later either"):
                await failing.ask(Later())

    run(main())


def test_an_ask_without_a_handler_or_an_actor_is_rejected() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder, name="recorder")
            with pytest.raises(AskRejected, match=r"local/recorder \(Recorder\) has no handler for Total"):
                await recorder.ask(Total())
            with pytest.raises(AskRejected, match="no actor 'nobody' on node 'local'"):
                await system.ref("nobody").ask(Total())

    run(main())


class Relay(Actor):
    """Asks the next actor, answers with its answer."""

    def __init__(self, target: Reference, timeout_seconds: float | None = None) -> None:
        self.target = target
        self.timeout_seconds = timeout_seconds

    @on(Later)
    def later(self, message: Later, context: Context) -> None:
        context.request(self.target, Later(), key=context.defer(), timeout_seconds=self.timeout_seconds)

    @on_answer(Later)
    def answered(self, answer: Answer, context: Context) -> None:
        if answer.failure is not None:
            context.fail(f"{type(answer.failure).__name__}: {answer.failure}", to=answer.key)
        else:
            context.reply(f"relayed {answer.value}", to=answer.key)


def test_an_actor_receives_answers_with_its_key() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            end = system.spawn(Deferring)
            relay = system.spawn(Relay, system.spawn(Relay, end))
            asked = asyncio.ensure_future(relay.ask(Later()))
            await until(lambda: system.world.find(end)._actor.tickets, "the ticket")
            end.tell(Note("hello"))
            assert await asked == "relayed relayed hello"

    run(main())


def test_an_actor_receives_failures_and_time_outs_of_its_requests() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(AskFailed, match="AskRejected: no actor 'nobody'"):
                await system.spawn(Relay, system.ref("nobody")).ask(Later())
            silent = system.spawn(Deferring, name="silent")
            with pytest.raises(AskFailed, match=r"AskTimeout: no answer within 0.02 s from local/silent \(Later\)"):
                await system.spawn(Relay, silent, 0.02).ask(Later())

    run(main())


def test_the_error_of_a_time_out_names_the_chain_that_was_waited_on() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            end = system.spawn(Deferring, name="end")
            middle = system.spawn(Relay, end, name="middle")
            first = system.spawn(Relay, middle, name="first")
            expected = (
                r"no answer within 0.05 s from local/first \(Later\) -> waited on local/middle \(Later\) "
                r"-> waited on local/end \(Later\), which holds a ticket for it"
            )
            with pytest.raises(AskTimeout, match=expected):
                await first.ask(Later(), timeout_seconds=0.05)

    run(main())


def test_a_late_answer_is_counted_and_ignored() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Deferring)
            with pytest.raises(AskTimeout):
                await actor.ask(Later(), timeout_seconds=0.01)
            actor.tell(Note("too late"))
            await until(lambda: system.counters()["late_answers"] == 1, "the late answer")
            assert system.counters()["asks_pending"] == 0

    run(main())


def test_an_ask_that_its_caller_gave_up_does_no_harm() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Deferring)
            asked = asyncio.ensure_future(actor.ask(Later()))
            await until(lambda: system.world.find(actor)._actor.tickets, "the ticket")
            asked.cancel()
            actor.tell(Note("nobody waits"))
            assert await system.spawn(Counter).ask(Total()) == 0
            assert system.counters()["asks_pending"] == 0

    run(main())


def test_batches_are_bounded_and_after_batch_runs_after_each() -> None:
    batches: list[int] = []

    class Batching(Actor):
        def __init__(self) -> None:
            self.seen = 0

        @on(Add)
        def add(self, message: Add, context: Context) -> None:
            self.seen += 1

        def after_batch(self, context: Context) -> None:
            batches.append(self.seen)
            self.seen = 0

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Batching)
            for _ in range(150):
                actor.tell(Add(1))
            await until(lambda: sum(batches) == 150, "all messages")
            assert batches == [64, 64, 22]

    run(main())


def test_a_busy_actor_does_not_starve_another() -> None:
    class Endless(Actor):
        @on(Add)
        def add(self, message: Add, context: Context) -> None:
            for _ in range(message.amount):
                context.send(context.self, Add(1))

    async def main() -> None:
        async with ActorSystem() as system:
            busy = system.spawn(Endless)
            busy.tell(Add(100))
            counter = system.spawn(Counter)
            for _ in range(20):
                counter.tell(Add(1))
                await asyncio.sleep(0)
            assert await counter.ask(Total()) == 20
            assert system.counters()["messages"] > 100

    run(main())


def test_code_outside_may_not_tell_inside_a_handler() -> None:
    class Bypassing(Actor):
        def __init__(self, counter: Reference) -> None:
            self.counter = counter

        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            self.counter.tell(Add(1))

    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(AskFailed, match=r"use context\.send or context\.request"):
                await system.spawn(Bypassing, system.spawn(Counter)).ask(Total())

    run(main())


def test_another_thread_may_not_tell() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
            errors: list[Exception] = []

            def other() -> None:
                try:
                    counter.tell(Add(1))
                except Exception as error:
                    errors.append(error)

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            assert len(errors) == 1
            assert "another thread" in str(errors[0])

    run(main())


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda context: context.reply(1) or context.reply(2), "answered or deferred already"),
        (lambda context: context.defer() and context.reply(2), "answered or deferred already"),
        (lambda context: context.send(context.self, "text"), r"sent a str \('text'\); messages are instances"),
        (lambda context: context.send(context.self, Note), r"sent the class Note; send an instance: Note\(...\)"),
        (lambda context: context.request(context.self, Total()), r"no @on_answer\(Total\)"),
        (lambda context: context.journal, "context.journal is for durable actors"),
        (lambda context: context.stop(context.ref("other")), "only a parent stops an actor"),
        (lambda context: context.set_timer(Note("x"), -1), "a delay of -1 seconds"),
        (lambda context: context.spawn(Counter, name="bad/name"), "must be 1 to 200 letters"),
        (lambda context: context.spawn(Counter, name="other"), "'other' is taken on node 'local' by local/other"),
        (lambda context: context.spawn(int), "the first argument is an actor class"),
    ],
)
def test_a_breach_of_the_contract_is_an_error_that_helps(act: Any, expected: str) -> None:
    class Breaking(Actor):
        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            act(context)

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Counter, name="other")
            with pytest.raises(AskFailed, match="ContractError") as caught:
                await system.spawn(Breaking).ask(Total())
            assert caught.match(expected)

    run(main())


def test_replying_to_no_request_and_using_a_context_later_are_errors() -> None:
    kept: list[Context] = []

    class Keeping(Actor):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            kept.append(context)
            with pytest.raises(ContractError, match="not a request that anyone asked"):
                context.reply(1)

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Keeping).tell(Note("x"))
            await until(lambda: kept, "the context")
            for use in (
                lambda: kept[0].send(kept[0].self, Note("y")),
                lambda: kept[0].set_timer(Note("y"), 1),
                lambda: kept[0].spawn(Counter),
                lambda: kept[0].reply(1),
                kept[0].stop,
            ):
                with pytest.raises(ContractError, match="used outside its handlers"):
                    use()

    run(main())


def test_asking_with_something_that_has_no_answer_is_refused() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(ContractError, match="only a Request has an answer"):
                system.spawn(Counter).ask(Add(1))  # type: ignore[arg-type]

    run(main())


def test_a_stopped_system_refuses_work() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
        with pytest.raises(SystemStopped):
            counter.tell(Add(1))
        with pytest.raises(SystemStopped):
            counter.ask(Total())
        with pytest.raises(SystemStopped):
            system.spawn(Counter)

    run(main())


def test_names_are_looked_up_when_a_message_arrives() -> None:
    async def main() -> None:
        async with ActorSystem("here") as system:
            by_name = system.ref("actorum://here/counter")
            system.spawn(Counter, name="counter").tell(Add(2))
            assert await by_name.ask(Total()) == 2
            assert await system.ref("counter").ask(Total()) == 2
            with pytest.raises(ContractError, match="an address is"):
                system.ref("actorum://here")

    run(main())


def test_a_message_for_a_dead_incarnation_never_reaches_its_successor() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            first = system.spawn(Counter, name="counter")
            await system.terminate(first)
            second = system.spawn(Counter, name="counter")
            first.tell(Add(5))
            with pytest.raises(AskRejected, match="belongs to another incarnation"):
                await first.ask(Total())
            assert await second.ask(Total()) == 0
            assert system.counters()["dead_letters"] == 1

    run(main())


def test_two_systems_live_in_one_process() -> None:
    async def main() -> None:
        async with ActorSystem("one") as one, ActorSystem("two") as two:
            first, second = one.spawn(Counter, name="same"), two.spawn(Counter, name="same")
            first.tell(Add(1))
            second.tell(Add(2))
            assert await first.ask(Total()) == 1
            assert await second.ask(Total()) == 2

    run(main())


def test_thousands_of_asks_that_time_out_together_do_not_hold_the_node_up() -> None:
    """Looking for each one's chain among all asks took 3 s here."""

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Deferring)
            asked = [actor.ask(Later(), timeout_seconds=0.3) for _ in range(8_000)]
            answers = asyncio.ensure_future(asyncio.gather(*asked, return_exceptions=True))
            longest, before = 0.0, time.monotonic()
            while not answers.done():
                await asyncio.sleep(0.001)
                longest, before = max(longest, time.monotonic() - before), time.monotonic()
            assert all(isinstance(answer, AskTimeout) for answer in await answers)
            assert longest < 3

    run(main())
