"""What actors cost, and that they give it back."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

from actors import Actor, AskTimeout, Context, Reference, on
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Note, Total, run, until

BYTES_PER_IDLE_ACTOR = 1000  # of Python objects; the aim for the whole process is 700


class Silent(Actor):
    """Takes questions and never answers."""

    @on(Total)
    def total(self, message: Total, context: Context) -> None:
        context.defer()


def test_an_idle_actor_is_small() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Counter)
            gc.collect()
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                actors = [system.spawn(Counter) for _ in range(10_000)]
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert (after - before) / len(actors) < BYTES_PER_IDLE_ACTOR

    run(main())


def test_an_actor_that_was_busy_is_small_again() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
            for _ in range(50_000):
                counter.tell(Add(1))
            assert await counter.ask(Total()) == 50_000
            await until(lambda: system.world.find(counter)._waiting == 0, "an empty mailbox")
            assert system.world.find(counter)._ring_entries <= 256

    run(main())


def test_a_hundred_thousand_actors_free_their_memory_when_they_stop() -> None:
    class Born(Counter):
        alive = 0

        def __init__(self) -> None:
            super().__init__()
            type(self).alive += 1

        def __del__(self) -> None:
            type(self).alive -= 1

    async def main() -> None:
        async with ActorSystem() as system:
            for _ in range(10):
                actors = [system.spawn(Born) for _ in range(10_000)]
                for actor in actors:
                    actor.tell(Add(1))
                assert await actors[-1].ask(Total()) == 1
                for actor in actors:
                    system.world.find(actor)._order_stop(False)
                await until(lambda: not system.world.names, "all of them stopped")
                assert Born.alive == 0  # by reference counts alone: no cycle keeps an actor
            del actors, actor
            gc.collect()
            cells = sum(type(thing).__name__ == "ActorCell" for thing in gc.get_objects())
            assert cells == 0

    run(main())


def test_many_idle_actors_do_not_slow_a_stop_down() -> None:
    async def main() -> None:
        system = ActorSystem()
        await system.start()
        for _ in range(20_000):
            system.spawn(Counter)
        began = system.loop.time()
        await system.stop()
        assert system.loop.time() - began < 10
        assert system.world.names == {}

    run(main())


def test_children_and_timers_do_not_keep_a_stopped_actor() -> None:
    class Parent(Actor):
        alive = 0

        def __init__(self) -> None:
            type(self).alive += 1
            self.child: Reference | None = None

        def __del__(self) -> None:
            type(self).alive -= 1

        def start(self, context: Context) -> None:
            self.child = context.spawn(Counter)
            context.watch(self.child)
            context.set_timer(Note("never"), 1000)

        @on(Note)
        def note(self, message: Note, context: Context) -> None: ...

    async def main() -> None:
        async with ActorSystem() as system:
            parents = [system.spawn(Parent) for _ in range(100)]
            await until(lambda: len(system.world.names) == 200, "the children")
            for parent in parents:
                await system.terminate(parent)
            await asyncio.sleep(0)
            assert Parent.alive == 0
            assert system.world.names == {}
            assert system.world.watches._watched == {}

    run(main())


def test_asks_that_ran_out_of_time_leave_nothing_whatever_their_time_out_was() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            silent = system.spawn(Silent)
            for _ in range(3):
                answers = [silent.ask(Total(), timeout_seconds=0.01 + number * 1e-6) for number in range(200)]
                results = await asyncio.gather(*answers, return_exceptions=True)
                assert all(isinstance(result, AskTimeout) for result in results)
            await asyncio.sleep(0)
            del answers, results
            gc.collect()
            assert system.world.asks.pending == {}
            assert sum(type(thing).__name__ == "AskQueue" for thing in gc.get_objects()) == 0

    run(main())
