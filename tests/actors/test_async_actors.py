"""Application actors with ``async def`` handlers."""

from __future__ import annotations

import asyncio

import pytest

from actors import Actor, AskFailed, Context, Directive, Message, Reference, Request, Supervision, on
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Fail, Note, Notes, Recorder, Total, run, until


class Sleep(Message, wire="tests.sleep"):
    seconds: float


class Fetch(Request[str], wire="tests.fetch"):
    text: str


class Fetching(Actor):
    """Waits as I/O would; counts how many of its handlers run at once."""

    def __init__(self, recorder: Reference | None = None) -> None:
        self.recorder = recorder
        self.running = 0
        self.most = 0
        self.total = 0
        self.started = False
        self.ended = asyncio.Event()

    async def start(self, context: Context) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.started = True

    @on(Fetch)
    async def fetch(self, message: Fetch, context: Context) -> None:
        assert self.started
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        context.reply(f"{message.text} {self.most}")

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        self.total += message.amount

    @on(Total)
    def answer(self, message: Total, context: Context) -> None:
        context.reply(self.total)

    @on(Fail)
    async def fail(self, message: Fail, context: Context) -> None:
        assert self.recorder is not None
        context.send(self.recorder, Note("must not arrive"))
        await asyncio.sleep(0)
        raise ValueError(message.text)

    @on(Note)
    async def note(self, message: Note, context: Context) -> None:
        assert self.recorder is not None
        context.send(self.recorder, Note("before"))
        notes = await self.recorder.ask(Notes())
        context.send(self.recorder, Note(f"saw {len(notes)}"))

    @on(Sleep)
    async def sleep(self, message: Sleep, context: Context) -> None:
        await asyncio.sleep(message.seconds)

    async def stopped(self, context: Context) -> None:
        if self.recorder is not None:
            await asyncio.sleep(0)
            context.send(self.recorder, Note("stopped"))


def test_async_handlers_run_one_at_a_time_and_answer() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Fetching)
            answers = await asyncio.gather(*[actor.ask(Fetch(str(i))) for i in range(10)])
            assert answers == [f"{i} 1" for i in range(10)]
            actor.tell(Add(2))
            assert await actor.ask(Total()) == 2

    run(main())


def test_other_actors_run_while_an_async_handler_waits() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor, recorder = system.spawn(Fetching), system.spawn(Recorder)
            actor.tell(Sleep(0.05))
            asked = asyncio.ensure_future(actor.ask(Total()))
            recorder.tell(Note("meanwhile"))
            assert await recorder.ask(Notes()) == ("meanwhile",)
            assert not asked.done()
            assert await asked == 0

    run(main())


def test_effects_of_an_async_handler_are_released_when_it_returned() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            system.spawn(Fetching, recorder).tell(Note("go"))
            await until(lambda: len(system.world.find(recorder)._actor.notes) == 2, "both notes")
            assert await recorder.ask(Notes()) == ("before", "saw 0")

    run(main())


def test_a_failed_async_handler_has_no_effects_and_is_supervised() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            actor = system.spawn(Fetching, recorder, supervision=Supervision(max_restarts=3))
            actor.tell(Add(5))
            actor.tell(Fail())
            assert await actor.ask(Total()) == 0
            assert await recorder.ask(Notes()) == ()
            assert system.counters()["restarts"] == 1

    run(main())


class Odd(BaseException):
    """No Exception, as pytest's outcomes and a library's signals are none."""


class Reaching(Actor):
    """Waits for something that others call off."""

    @on(Fetch)
    async def fetch(self, message: Fetch, context: Context) -> None:
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(found.cancel, message.text)
        await found

    @on(Total)
    async def total(self, message: Total, context: Context) -> None:
        raise Odd("never seen before")


def test_a_handler_whose_own_wait_was_cancelled_has_failed_with_that_reason() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            reaching = system.spawn(Reaching, supervision=Supervision(directive=Directive.RESUME))
            with pytest.raises(AskFailed, match="Fetch: CancelledError: called off"):
                await reaching.ask(Fetch("called off"), timeout_seconds=20)
            with pytest.raises(AskFailed, match="Total: Odd: never seen before"):
                await reaching.ask(Total(), timeout_seconds=20)
            with pytest.raises(AskFailed, match="CancelledError: again"):
                await reaching.ask(Fetch("again"), timeout_seconds=20)

    run(main())


def test_an_async_actor_stops_in_order() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            actor = system.spawn(Fetching, recorder)
            actor.tell(Sleep(0.01))
            actor.tell(Add(1))
            await system.terminate(actor)
            assert await recorder.ask(Notes()) == ("stopped",)
            assert system.counters()["dead_letters"] == 0

    run(main())


def test_an_async_handler_is_cancelled_when_its_time_to_stop_is_over(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Fetching, name="stuck", supervision=Supervision(shutdown_seconds=0.05))
            actor.tell(Sleep(1000))
            asked = asyncio.ensure_future(actor.ask(Total()))
            await asyncio.sleep(0)
            await system.terminate(actor)
            with pytest.raises(AskFailed if asked.done() and asked.cancelled() else Exception, match="stopped before"):
                await asked
        assert [task for task in asyncio.all_tasks() if "actor " in task.get_name()] == []

    run(main())
    assert "local/stuck (Fetching) did not stop in its time and was dropped" in caplog.text


def test_an_async_class_cannot_be_durable() -> None:
    from actors import ContractError

    with pytest.raises(ContractError, match="async handlers and recover"):

        class Bad(Actor):
            @on(Add)
            async def add(self, message: Add, context: Context) -> None: ...

            def recover(self, record: Message) -> None: ...
