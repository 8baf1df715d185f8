"""Let it crash: a parent restarts its child, and whoever watches hears when it is gone for good."""

import asyncio

from actorum import Actor, ActorSystem, Context, Directive, Message, Reference, Request, Supervision, Terminated, on


class Divide(Message):
    by: int


class Work(Message):
    by: int


class Report(Request[str]):
    pass


class Worker(Actor):
    """Fails on what it cannot do; its supervisor gives it a fresh start."""

    @on(Divide)
    def divide(self, message: Divide, context: Context) -> None:
        print(f"60 / {message.by} = {60 // message.by}")


class Manager(Actor):
    """Supervises one worker: two restarts in five seconds, then it is given up."""

    def __init__(self) -> None:
        self.worker: Reference | None = None
        self.state = "working"

    def start(self, context: Context) -> None:
        policy = Supervision(directive=Directive.RESTART, max_restarts=2, within_seconds=5)
        self.worker = context.spawn(Worker, name="worker", supervision=policy)
        context.watch(self.worker)

    @on(Work)
    def work(self, message: Work, context: Context) -> None:
        if self.worker is not None:
            context.send(self.worker, Divide(by=message.by))

    @on(Terminated)
    def worker_gone(self, message: Terminated, context: Context) -> None:
        self.state = f"the worker {message.reason.value}"

    @on(Report)
    def report(self, message: Report, context: Context) -> None:
        context.reply(self.state)


async def main() -> None:
    async with ActorSystem() as system:
        manager = system.spawn(Manager, name="manager")
        for by in (3, 0, 4, 0, 5):  # two failures, two fresh starts
            manager.tell(Work(by=by))
        print(await manager.ask(Report()))


if __name__ == "__main__":
    asyncio.run(main())
