"""Timers are messages: point 5 of the contract."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from actors import Actor, Context, Message, on
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, run, until


class Set(Message, wire="tests.timer-set"):
    delay_seconds: float
    text: str
    key: str = ""


class Cancel(Message, wire="tests.timer-cancel"):
    key: str


class Clocked(Recorder):
    @on(Set)
    def set(self, message: Set, context: Context) -> None:
        context.set_timer(Note(message.text), message.delay_seconds, key=message.key or None)

    @on(Cancel)
    def cancel(self, message: Cancel, context: Context) -> None:
        context.cancel_timer(message.key)

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError


def _notes(system: ActorSystem, ref: Any) -> list[str]:
    notes: list[str] = system.world.find(ref)._actor.notes
    return notes


def test_a_timer_sends_its_message_after_its_delay() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            began = time.monotonic()
            actor.tell(Set(0.03, "rang"))
            await until(lambda: _notes(system, actor) == ["rang"], "the timer")
            assert time.monotonic() - began >= 0.028

    run(main())


def test_timers_of_different_keys_fire_in_the_order_they_are_due() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            for delay, text in ((0.03, "third"), (0.01, "first"), (0.02, "second")):
                actor.tell(Set(delay, text, text))
            await until(lambda: len(_notes(system, actor)) == 3, "three timers")
            assert _notes(system, actor) == ["first", "second", "third"]

    run(main())


def test_a_timer_replaces_the_one_with_its_key_sooner_or_later() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.2, "old", "a"))
            actor.tell(Set(0.3, "put off", "a"))
            actor.tell(Set(9, "old", "b"))
            actor.tell(Set(0.1, "sooner", "b"))
            await until(lambda: len(_notes(system, actor)) == 2, "two timers")
            await asyncio.sleep(0.02)
            assert _notes(system, actor) == ["sooner", "put off"]

    run(main())


def test_the_default_key_is_the_type_of_the_message() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.005, "old"))
            actor.tell(Set(0.01, "new"))
            await until(lambda: _notes(system, actor), "a timer")
            await asyncio.sleep(0.02)
            assert _notes(system, actor) == ["new"]

    run(main())


def test_a_due_timer_goes_behind_what_waits_in_the_mailbox() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.005, "timer"))
            await actor.ask(Notes())
            time.sleep(0.02)  # the loop stalls while the timer falls due
            for i in range(100):
                actor.tell(Note(str(i)))
            await until(lambda: len(_notes(system, actor)) == 101, "everything")
            assert _notes(system, actor)[-1] == "timer"

    run(main())


def test_sockets_are_drained_before_a_due_timer_is_enqueued() -> None:
    class Socket:
        """A carrier with a message that arrived while the process was stalled."""

        def __init__(self, deliver: Any) -> None:
            self.deliver = deliver
            self.waiting = 3

        def poll(self) -> int:
            if self.waiting == 0:
                return 0
            self.waiting -= 1
            self.deliver()
            return 1

        def flush(self) -> None:
            pass

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.005, "timer"))
            await actor.ask(Notes())
            system.world.remote.carrier = Socket(lambda: actor.tell(Note("from the socket")))  # type: ignore[assignment]
            await until(lambda: len(_notes(system, actor)) == 4, "everything")
            assert _notes(system, actor) == ["from the socket"] * 3 + ["timer"]

    run(main())


def test_a_cancelled_timer_is_not_delivered_even_when_it_waits_in_the_mailbox() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.005, "cancelled", "key"))
            await actor.ask(Notes())
            time.sleep(0.02)
            actor.tell(Cancel("key"))
            system.world.timers._fire()  # the due timer goes behind the order to cancel it
            assert system.world.find(actor)._waiting == 2
            actor.tell(Note("end"))
            await until(lambda: _notes(system, actor), "the end")
            assert _notes(system, actor) == ["end"]

    run(main())


def test_a_replaced_timer_is_not_delivered_even_when_it_waits_in_the_mailbox() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.005, "old", "key"))
            await actor.ask(Notes())
            time.sleep(0.02)
            actor.tell(Set(0.01, "new", "key"))
            system.world.timers._fire()
            await until(lambda: _notes(system, actor), "the new one")
            assert _notes(system, actor) == ["new"]

    run(main())


def test_a_restart_cancels_timers() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked)
            actor.tell(Set(0.01, "before"))
            actor.tell(Fail())
            await asyncio.sleep(0.03)
            assert await actor.ask(Notes()) == ()

    run(main())


def test_a_delay_drawn_from_a_range_stays_in_it() -> None:
    delays: list[float] = []

    class Drawing(Actor):
        def start(self, context: Context) -> None:
            self.began = context.now()
            context.set_timer(Add(1), (0.01, 0.02))

        @on(Add)
        def add(self, message: Add, context: Context) -> None:
            delays.append(context.now() - self.began)

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Drawing)
            await until(lambda: delays, "the timer")
            assert delays[0] >= 0.008

    run(main())


def test_timers_do_not_count_against_the_mailbox_bound() -> None:
    from actors import Mailbox

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Clocked, mailbox=Mailbox(capacity=2))
            actor.tell(Set(0.002, "timer"))
            await actor.ask(Notes())
            time.sleep(0.01)
            system.world.timers._fire()
            actor.tell(Note("one"))
            actor.tell(Note("two"))
            await until(lambda: len(_notes(system, actor)) == 3, "all three")
            assert system.counters()["rejected"] == 0

    run(main())


def test_the_heap_forgets_cancelled_timers() -> None:
    class Churning(Actor):
        @on(Add)
        def add(self, message: Add, context: Context) -> None:
            for i in range(message.amount):
                context.set_timer(Note("never"), 1000, key=i)
            for i in range(message.amount):
                context.cancel_timer(i)

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Churning)
            for _ in range(10):
                actor.tell(Add(1000))
            await until(lambda: system.counters()["messages"] == 10, "the churning")
            assert len(system.world.timers) < 2100
            system.spawn(Counter)

    run(main())


def test_an_alarm_of_the_runtime_that_raises_does_not_silence_the_timers_behind_it() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            reported: list[dict[str, Any]] = []
            system.loop.set_exception_handler(lambda _, context: reported.append(context))
            system.world.timers.call_later(0.005, lambda: 1 / 0)
            actor = system.spawn(Clocked)
            actor.tell(Set(0.02, "after"))
            await until(lambda: _notes(system, actor) == ["after"], "the timer behind the error")
            actor.tell(Set(0.02, "later"))
            await until(lambda: _notes(system, actor) == ["after", "later"], "a timer set after the error")
            assert len(reported) == 1

    run(main())
