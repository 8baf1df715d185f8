"""An actor with ``recover`` is durable: what it appended to its journal is there after a crash.

Run it twice: the counter goes on. The reply leaves only when the record is on disk, without a line of code for it.
"""

import asyncio
import sys

from actorum import Actor, ActorSystem, Context, Message, Request, on


class Added(Message, wire="example.added"):  # a journal record: its wire name must stay, also when the module moves
    amount: int


class Add(Request[int]):
    amount: int


class DurableCounter(Actor):
    def __init__(self) -> None:
        self.total = 0

    def recover(self, record: Message) -> None:
        assert isinstance(record, Added)
        self.total += record.amount

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        context.journal.append(Added(amount=message.amount))
        self.total += message.amount
        context.reply(self.total)  # waits for the disk


async def main(folder: str) -> None:
    async with ActorSystem(data=folder) as system:
        counter = system.spawn(DurableCounter, name="counter")
        print("total:", await counter.ask(Add(amount=5)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "counter-data"))
