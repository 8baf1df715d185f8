"""A node in a process of its own: answers every envelope with the same correlation and body, on the same lane.

Run as ``python -m tests.transport.remote_node NAME LISTEN``; prints the address and incarnation that it has.
"""

from __future__ import annotations

import asyncio
import os
import sys

from tests.transport.nodes import Delivered, Node, fast, run


async def main(name: str, listen: str) -> None:
    """Serve until killed, or until standard input ends with the parent."""
    node: Node

    def echo(found: Delivered) -> None:
        assert found.sender is not None
        node.tell(found.sender.node, found.body, found.lane, found.correlation)

    node = Node(
        name, listen=listen, on_delivered=echo, incarnation=int.from_bytes(os.urandom(6), "big"),
        settings=fast(lost_after_seconds=10.0),  # it is the tests' side that loses peers
    )
    async with node:
        print(node.address, node.incarnation, flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
        await ended.wait()


if __name__ == "__main__":
    run(lambda: main(sys.argv[1], sys.argv[2]))
