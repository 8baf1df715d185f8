"""Starting and stopping a system, and its synchronous face."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from actors import Actor, AskError, AskTimeout, Context, ContractError, Reference, Supervision, SystemStopped
from actors.runtime.blocking import BlockingActorSystem
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total, run, until
from tests.actors.test_async_actors import Fetching, Sleep
from tests.actors.test_messages import Deferring, Later


def test_a_stop_lets_actors_handle_what_they_hold_youngest_first() -> None:
    ended: list[str] = []

    class Draining(Counter):
        def stopped(self, context: Context) -> None:
            ended.append(f"{context.self.name} {self.total}")

    async def main() -> None:
        async with ActorSystem() as system:
            for name in ("one", "two", "three"):
                actor = system.spawn(Draining, name=name)
                for _ in range(1000):
                    actor.tell(Add(1))
        assert ended == ["three 1000", "two 1000", "one 1000"]
        assert await system.wait_stopped() is None

    run(main())


def test_actors_may_talk_to_older_ones_while_the_system_stops() -> None:
    class Reporting(Actor):
        def __init__(self, recorder: Reference) -> None:
            self.recorder = recorder

        def stopped(self, context: Context) -> None:
            context.send(self.recorder, Note("last words"))

    heard: list[str] = []

    class Hearing(Recorder):
        def stopped(self, context: Context) -> None:
            heard.extend(self.notes)

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Reporting, system.spawn(Hearing))
        assert heard == ["last words"]

    run(main())


def test_an_actor_that_will_not_stop_is_dropped_after_its_time() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        system.spawn(Fetching, supervision=Supervision(shutdown_seconds=0.05)).tell(Sleep(1000))
        await asyncio.sleep(0)
        began = system.loop.time()
        await system.stop()
        assert system.loop.time() - began < 3

    run(main())


def test_the_grace_of_a_stop_covers_all_actors_together() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        for _ in range(10):
            system.spawn(Fetching).tell(Sleep(1000))
        await asyncio.sleep(0)
        began = system.loop.time()
        await system.stop(grace_seconds=0.05)
        assert system.loop.time() - began < 3

    run(main())


def test_asks_that_a_stop_leaves_open_fail() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            asked = asyncio.ensure_future(system.spawn(Deferring).ask(Later()))
            await asyncio.sleep(0.01)
        with pytest.raises((SystemStopped, AskError)):
            await asked

    run(main())


def test_many_actors_that_hold_tickets_stop_in_time_that_grows_with_their_number() -> None:
    """Looking for each actor's tickets among all asks took 8 s and more here."""

    async def main() -> None:
        system = ActorSystem()
        await system.start()
        many = [system.spawn(Deferring) for _ in range(30_000)]
        asked = [actor.ask(Later(), timeout_seconds=60) for actor in many]
        await until(lambda: system.world.find(many[-1])._actor.tickets, "the last ask")
        begun = time.monotonic()
        await system.stop(60)
        assert time.monotonic() - begun < 8
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all("before it answered Later" in str(answer) for answer in answers)

    run(main())


def test_the_first_signal_drains() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        system.install_signal_handlers()
        counter = system.spawn(Counter)
        counter.tell(Add(1))
        os.kill(os.getpid(), signal.SIGTERM)
        reason = await system.wait_stopped()
        assert isinstance(reason, SystemStopped)
        assert "SIGTERM" in str(reason)

    run(main())


def test_the_second_signal_is_immediate() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        system.install_signal_handlers()
        system.spawn(Fetching, supervision=Supervision(shutdown_seconds=1000)).tell(Sleep(1000))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: system.world.refusing, "the first signal")
        os.kill(os.getpid(), signal.SIGINT)
        began = system.loop.time()
        await system.wait_stopped()
        assert system.loop.time() - began < 3

    run(main())


def test_a_system_is_started_once_and_stopped_any_number_of_times() -> None:
    async def main() -> None:
        system = ActorSystem()
        with pytest.raises(SystemStopped, match="is not started"):
            system.spawn(Counter)
        await system.start()
        with pytest.raises(ContractError, match="was started before"):
            await system.start()
        await asyncio.gather(system.stop(), system.stop())
        await system.stop()
        with pytest.raises(ContractError, match="was started before"):
            await system.start()

    run(main())


def test_scripts_have_a_synchronous_system() -> None:
    with BlockingActorSystem("script") as system:
        counter = system.spawn(Counter, 1, name="counter")
        system.tell(counter, Add(2))
        assert system.ask(counter, Total()) == 3
        assert system.ask(system.ref("counter"), Total()) == 3
        with pytest.raises(AskTimeout):
            system.ask(system.spawn(Deferring), Later(), timeout_seconds=0.02)
        recorder = system.spawn(Recorder)

        def tell_many() -> None:
            for i in range(20):
                system.tell(recorder, Note(str(i)))

        threads = [threading.Thread(target=tell_many) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(system.ask(recorder, Notes())) == 60
        system.terminate(counter)
        with pytest.raises(ContractError):
            system.tell(recorder, "text")  # type: ignore[arg-type]
        assert system.counters()["actors"] == 2
    with pytest.raises(SystemStopped):
        system.spawn(Counter)


def test_a_synchronous_system_reports_why_it_cannot_start() -> None:
    with pytest.raises(ContractError, match="a node's name"):
        BlockingActorSystem("a/b").start()


def test_an_escalation_ends_a_synchronous_system() -> None:
    from actors import Directive

    with BlockingActorSystem() as system:
        counter = system.spawn(Counter, supervision=Supervision(Directive.ESCALATE))
        system.tell(counter, Fail())
        assert system._thread is not None
        system._thread.join(10)
        with pytest.raises(SystemStopped):
            system.spawn(Counter)
