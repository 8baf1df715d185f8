"""Two systems in two processes: a reference works the same, wherever its actor lives.

The first process starts the second one, which greets whoever asks; both are ordinary asyncio programs.
"""

import asyncio
import sys

from actorum import Actor, ActorSystem, Context, Request, on
from actorum.cluster import free_ports


class Greet(Request[str], wire="example.greet"):  # a name of its own: the two processes may differ in their modules
    name: str


class Greeter(Actor):
    @on(Greet)
    def greet(self, message: Greet, context: Context) -> None:
        context.reply(f"Hello {message.name}, this is {context.node}")


async def serve(addresses: dict[str, str]) -> None:
    """The second process: serves until its standard input closes."""
    async with ActorSystem("server", listen=addresses["server"], peers={"client": addresses["client"]}) as system:
        system.spawn(Greeter, name="greeter")
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def ask(addresses: dict[str, str]) -> None:
    """The first process."""
    async with ActorSystem("client", listen=addresses["client"], peers={"server": addresses["server"]}) as system:
        greeter = system.ref("actorum://server/greeter")
        print(await greeter.ask(Greet(name="world"), timeout_seconds=10))


async def main() -> None:
    ports = free_ports(2)
    addresses = {name: f"tcp://127.0.0.1:{port}" for name, port in zip(("server", "client"), ports, strict=True)}
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    server = await asyncio.create_subprocess_exec(sys.executable, __file__, *addresses.values(), **pipes)
    assert server.stdin is not None
    assert server.stdout is not None
    await server.stdout.readline()  # "ready"
    await ask(addresses)
    server.stdin.close()
    await server.wait()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(serve({"server": sys.argv[1], "client": sys.argv[2]}))
    else:
        asyncio.run(main())
