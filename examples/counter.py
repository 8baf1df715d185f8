"""An actor is its fields and its handlers; everything it does to the outside goes through the context."""

import asyncio

from actorum import Actor, ActorSystem, Context, Message, Request, on


class Add(Message):
    amount: int


class Total(Request[int]):
    pass


class Counter(Actor):
    def __init__(self) -> None:
        self.total = 0

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        self.total += message.amount

    @on(Total)
    def report(self, message: Total, context: Context) -> None:
        context.reply(self.total)


async def main() -> None:
    async with ActorSystem() as system:
        counter = system.spawn(Counter, name="counter")
        for amount in range(1, 101):
            counter.tell(Add(amount=amount))
        print("total:", await counter.ask(Total()))


if __name__ == "__main__":
    asyncio.run(main())
