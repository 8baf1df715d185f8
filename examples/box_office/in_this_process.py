"""The box office in the real world: the bank is a system of its own, across a socket. One fan after the other, then two
at the same time; what they saw is written down.

    python in_this_process.py HISTORY_FILE
"""

import asyncio
import sys
from pathlib import Path

from office import Bank, BoxOffice, Buy

from actors.verification.histories import HistoryWriter
from actorum import ActorSystem, Reference
from actorum.cluster import free_ports


async def visit(fan: int, office: Reference, history: HistoryWriter) -> None:
    """Buy. A seat is a lock that is never given back."""
    history.invoke(fan, "acquire", "the seat")
    if await office.ask(Buy()):
        history.ok(fan)
        print(f"fan {fan} has a seat")
    else:
        history.fail(fan)
        print(f"fan {fan} is too late")


async def sell(town: ActorSystem) -> None:
    """Two sales of one seat each."""
    bank = town.ref("actorum://bank/bank")

    print("one after the other")
    office = town.spawn(BoxOffice, bank, 1, name="matinee")
    history = HistoryWriter()
    await visit(1, office, history)
    await visit(2, office, history)

    print("both at once")
    office = town.spawn(BoxOffice, bank, 1, name="evening")
    history = HistoryWriter()
    await asyncio.gather(visit(1, office, history), visit(2, office, history))
    history.save(Path(sys.argv[1]))


async def main() -> None:
    here, there = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    async with (
        ActorSystem("bank", listen=there, peers={"town": here}) as other,
        ActorSystem("town", listen=here, peers={"bank": there}) as town,
    ):
        other.spawn(Bank, name="bank")
        await sell(town)


asyncio.run(main())
