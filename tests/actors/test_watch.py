"""Watching: Terminated comes once, with the reason, and is final for that incarnation."""

from __future__ import annotations

from typing import Any

from actors import Actor, Context, Directive, Message, Reason, Reference, Supervision, Terminated, on
from actors.runtime.system import ActorSystem
from tests.actors.support import Counter, Fail, run, until


class WatchIt(Message, wire="tests.watch-it"):
    target: Reference


class UnwatchIt(Message, wire="tests.unwatch-it"):
    target: Reference


class Watcher(Actor):
    def __init__(self) -> None:
        self.ended: list[tuple[Reference, Reason]] = []

    @on(WatchIt)
    def watch(self, message: WatchIt, context: Context) -> None:
        context.watch(message.target)

    @on(UnwatchIt)
    def unwatch(self, message: UnwatchIt, context: Context) -> None:
        context.unwatch(message.target)

    @on(Terminated)
    def terminated(self, message: Terminated, context: Context) -> None:
        self.ended.append((message.actor, message.reason))

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError


def _ended(system: ActorSystem, watcher: Reference) -> list[Any]:
    ended: list[Any] = system.world.find(watcher)._actor.ended
    return ended


def test_a_watcher_is_told_of_a_stop_and_of_a_failure_once() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            watcher = system.spawn(Watcher)
            orderly = system.spawn(Counter)
            failing = system.spawn(Counter, supervision=Supervision(Directive.STOP))
            for target in (orderly, failing, orderly):
                watcher.tell(WatchIt(target))
            await until(lambda: system.counters()["messages"] == 3, "the watches")
            failing.tell(Fail())
            await until(lambda: len(_ended(system, watcher)) == 1, "the failure")
            await system.terminate(orderly)
            await until(lambda: len(_ended(system, watcher)) == 2, "the stop")
            assert _ended(system, watcher) == [(failing, Reason.FAILED), (orderly, Reason.STOPPED)]

    run(main())


def test_a_restart_is_not_the_end() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            watcher, counter = system.spawn(Watcher), system.spawn(Counter)
            watcher.tell(WatchIt(counter))
            counter.tell(Fail())
            await until(lambda: system.counters()["restarts"] == 1, "the restart")
            assert _ended(system, watcher) == []
            await system.terminate(counter)
            await until(lambda: _ended(system, watcher), "the stop")

    run(main())


def test_watching_what_is_gone_is_answered_at_once() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            watcher = system.spawn(Watcher)
            first = system.spawn(Counter, name="counter")
            await system.terminate(first)
            watcher.tell(WatchIt(first))
            await until(lambda: len(_ended(system, watcher)) == 1, "stopped")
            system.spawn(Counter, name="counter")
            watcher.tell(WatchIt(first))
            await until(lambda: len(_ended(system, watcher)) == 2, "replaced")
            assert _ended(system, watcher) == [(first, Reason.STOPPED), (first, Reason.REPLACED)]

    run(main())


def test_unwatch_and_a_restart_of_the_watcher_end_the_watch() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            watcher = system.spawn(Watcher)
            one, two = system.spawn(Counter), system.spawn(Counter)
            watcher.tell(WatchIt(one))
            watcher.tell(UnwatchIt(one))
            watcher.tell(WatchIt(two))
            watcher.tell(Fail())
            await until(lambda: system.counters()["restarts"] == 1, "the restart")
            await system.terminate(one)
            await system.terminate(two)
            assert _ended(system, watcher) == []
            assert system.world.watches._watched == {}

    run(main())


def test_a_node_that_cannot_be_reached_is_reported_as_unreachable() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            watcher = system.spawn(Watcher)
            elsewhere = system.ref("actorum://elsewhere/counter")
            watcher.tell(WatchIt(elsewhere))
            await until(lambda: _ended(system, watcher), "the end")
            assert _ended(system, watcher) == [(elsewhere, Reason.UNREACHABLE)]

    run(main())
