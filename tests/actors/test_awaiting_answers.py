"""What ``ask`` returns is a future to asyncio: the same as asyncio's own in everything that can be seen of it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import threading
import weakref
from typing import Any

import pytest

from actors import Actor, Context, Request, Ticket, on
from actors.runtime.system import ActorSystem
from core_ext.waiting import AskFuture, Resumption
from tests.actors.support import run

_OPERATIONS = ("add", "add", "remove", "cancel", "cancel with", "value", "error", "result", "exception", "look", "turn")


def _outcome(action: Any) -> Any:
    try:
        return action()
    except (Exception, asyncio.CancelledError) as error:
        return type(error), error.args if not isinstance(error, asyncio.InvalidStateError) else ()


async def _same_as_asyncio(seed: int) -> None:
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    resumption = Resumption(loop)
    ours, theirs = resumption.future(), loop.create_future()
    called: dict[Any, list[int]] = {ours: [], theirs: []}
    callbacks = [lambda future, number=number: called[future].append(number) for number in range(4)]
    for _ in range(chance.randrange(1, 15)):
        operation = chance.choice(_OPERATIONS)
        callback = chance.choice(callbacks)
        match operation:
            case "add":
                ours.add_done_callback(callback)
                theirs.add_done_callback(callback)
            case "remove":
                assert ours.remove_done_callback(callback) == theirs.remove_done_callback(callback)
            case "cancel":
                assert ours.cancel() == theirs.cancel()
            case "cancel with":
                assert ours.cancel(msg="enough") == theirs.cancel(msg="enough")
            case "value":
                resumption.settle(ours, 7)
                if not theirs.done():
                    theirs.set_result(7)
            case "error":
                resumption.settle(ours, None, ValueError("no"))
                if not theirs.done():
                    theirs.set_exception(ValueError("no"))
            case "result":
                assert _outcome(ours.result) == _outcome(theirs.result), seed
            case "exception":
                first, second = _outcome(ours.exception), _outcome(theirs.exception)
                assert first == second or (type(first), str(first)) == (type(second), str(second)), seed
            case "look":
                assert (ours.done(), ours.cancelled()) == (theirs.done(), theirs.cancelled())
            case "turn":
                await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert called[ours] == called[theirs], seed
    for future in (ours, theirs):
        if future.done() and not future.cancelled():
            future.exception()


def test_it_does_what_an_asyncio_future_does() -> None:
    async def main() -> None:
        for seed in range(300):
            await _same_as_asyncio(seed)

    run(main())


class Hold(Request[str]):
    """Answered when somebody says so."""


class Free(Request[int]):
    """Answer everything that is held; says how many."""


class Fail(Request[str]):
    """Fails."""


class Holder(Actor):
    """Holds requests until it is told to answer them."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []

    @on(Hold)
    def _hold(self, message: Hold, context: Context) -> None:
        self.tickets.append(context.defer())

    @on(Free)
    def _free(self, message: Free, context: Context) -> None:
        for number, ticket in enumerate(self.tickets):
            context.reply(str(number), to=ticket)
        context.reply(len(self.tickets))
        self.tickets = []

    @on(Fail)
    def _fail(self, message: Fail, context: Context) -> None:
        context.fail("as asked")


def test_everything_of_asyncio_that_takes_a_future_takes_it() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            holder = system.spawn(Holder)
            assert asyncio.isfuture(holder.ask(Hold()))
            assert await asyncio.gather(holder.ask(Hold()), holder.ask(Hold()), holder.ask(Free())) == ["1", "2", 3]
            shielded = asyncio.shield(holder.ask(Hold()))
            waiting = asyncio.ensure_future(holder.ask(Hold()))
            assert await asyncio.wait_for(holder.ask(Free()), 5) == 2
            done, pending = await asyncio.wait([shielded, waiting], timeout=5)
            assert sorted(future.result() for future in done) == ["0", "1"]
            assert not pending
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(holder.ask(Hold()), 0.01)
            async with asyncio.timeout(5):
                assert await holder.ask(Free()) == 1
            results = await asyncio.gather(holder.ask(Fail()), return_exceptions=True)
            assert "as asked" in str(results[0])

    run(main())


def test_a_cancelled_task_stops_waiting_and_the_late_answer_is_dropped() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            holder = system.spawn(Holder)

            async def wait() -> str:
                return str(await holder.ask(Hold()))

            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            task.cancel("enough")
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await holder.ask(Free()) == 1

    run(main())


def test_whoever_waits_goes_on_in_the_context_it_waited_in() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def main() -> None:
        async with ActorSystem() as system:
            holder = system.spawn(Holder)
            seen: list[tuple[int, str]] = []

            async def wait(number: int) -> None:
                variable.set(number)
                answer = await holder.ask(Hold())
                seen.append((variable.get(), str(answer)))

            tasks = [asyncio.create_task(wait(number)) for number in range(20)]
            await asyncio.sleep(0.01)
            assert await holder.ask(Free()) == 20
            await asyncio.gather(*tasks)
            assert sorted(seen) == sorted((number, str(number)) for number in range(20))

    run(main())


def test_a_turn_that_a_task_runs_resumes_nobody_within_that_task() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            holder = system.spawn(Holder)

            async def wait() -> str:
                return str(await holder.ask(Hold()))

            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0.01)
            holder.ask(Free())
            system.world.run()
            assert not waiting.done()
            assert await asyncio.wait_for(waiting, 5) == "0"

    run(main())


def test_a_callback_that_fails_is_reported_and_the_others_go_on() -> None:
    async def main() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        resumption = Resumption(asyncio.get_running_loop())
        called: list[AskFuture] = []
        futures = [resumption.future() for _ in range(3)]

        def fail(_: AskFuture) -> None:
            raise ValueError("in a callback")

        for future in futures:
            future.add_done_callback(fail if future is futures[1] else called.append)
            resumption.settle(future, 1)
        await asyncio.sleep(0)
        assert called == [futures[0], futures[2]]
        assert [str(context["exception"]) for context in reported] == ["in a callback"]

    run(main())


def test_an_interrupt_in_a_callback_leaves_nobody_behind() -> None:
    async def main() -> None:
        resumption = Resumption(asyncio.get_running_loop())
        called: list[AskFuture] = []
        futures = [resumption.future() for _ in range(3)]

        def leave(_: AskFuture) -> None:
            raise SystemExit(3)

        for future in futures:
            future.add_done_callback(leave if future is futures[0] else called.append)
            resumption.settle(future, 1)
        with pytest.raises(SystemExit):
            resumption.resume()
        await asyncio.sleep(0)
        assert called == futures[1:]

    run(main())


def test_an_error_that_nobody_looked_at_is_reported() -> None:
    async def main() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with ActorSystem() as system:
            holder = system.spawn(Holder)
            holder.ask(Fail())
            await asyncio.sleep(0.01)
            gc.collect()
            assert ["as asked" in str(context["exception"]) for context in reported] == [True]

    run(main())


def test_handlers_do_not_run_on_another_thread_that_awaits_by_mistake() -> None:
    threads: list[int] = []

    class Where(Actor):
        @on(Hold)
        def _hold(self, message: Hold, context: Context) -> None:
            threads.append(threading.get_ident())
            context.reply("here")

    async def main() -> None:
        async with ActorSystem() as system:
            answer = system.spawn(Where).ask(Hold())

            async def mistaken() -> None:
                await answer

            def elsewhere() -> None:
                with pytest.raises(RuntimeError, match="attached to a different loop"):
                    asyncio.run(mistaken())

            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()
            assert threads == []
            assert await answer == "here"
            assert threads == [threading.get_ident()]

    run(main())


def test_a_callback_may_stop_the_system_and_ask_again() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        holder = system.spawn(Holder)
        stopping: list[asyncio.Task[None]] = []
        outcomes: list[str] = []

        def stop(_: AskFuture) -> None:
            stopping.append(asyncio.ensure_future(system.stop()))

        def again(_: AskFuture) -> None:
            holder.ask(Hold()).add_done_callback(lambda future: outcomes.append(str(future.exception())))

        answers = [holder.ask(Hold()) for _ in range(20)]
        for number, answer in enumerate(answers):
            answer.add_done_callback(stop if number == 0 else again)
        assert await holder.ask(Free()) == 20
        await asyncio.gather(*answers)
        await stopping[0]
        await asyncio.sleep(0)
        assert len(outcomes) == 19
        assert all("stop" in outcome for outcome in outcomes), outcomes

    run(main())


def test_what_is_awaited_outside_of_a_task_says_so_and_is_let_go() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            holder = system.spawn(Holder)
            answer = holder.ask(Hold())
            waiting = answer.__await__()
            assert waiting.send(None) is answer
            with pytest.raises(RuntimeError, match="no asyncio task"):
                waiting.send(None)
            waiting = answer.__await__()
            waiting.send(None)
            with pytest.raises(ValueError, match="thrown in"):
                waiting.throw(ValueError("thrown in"))
            assert await holder.ask(Free()) == 1
            gone = weakref.ref(answer)
            del answer, waiting
            await asyncio.sleep(0)
            assert gone() is None

    run(main())
