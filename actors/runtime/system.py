"""An actor system: what a program starts, spawns into and stops. One node, in the program's own event loop.

Owns the order of starting and stopping; the world does the work in between.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from actors.context import Mailbox, Supervision
from actors.errors import ContractError, SystemStopped
from actors.runtime import lifecycle
from actors.runtime.journal import JournalHub
from actors.runtime.settings import RuntimeSettings
from actors.runtime.world import World
from core_ext.log import Log
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell
    from actors.runtime.transport import Transport

SCHEME = "actorum://"
_FAILED_LOG_SECONDS = 1.0  # for actors to stop after the log failed
_STOPS_PER_STEP = 256  # idle actors stopped before the event loop gets its turn


class ActorSystem:
    """One node: actors in the running event loop, reachable from other nodes when it listens.

    ``async with ActorSystem() as system:`` starts it and stops it in order.

    Args:
        name: this node's name; other nodes say ``actorum://<name>/<actor>``.
        listen: where to be reachable (``tcp://127.0.0.1:0``, ``ipc:///path``); None: only in this process.
        also_listen: further addresses, for peers that know of them; the others are told of ``listen``.
        advertise: the address that peers are told, when it is not the one listened on.
        peers: addresses of other nodes by name.
        data: folder of this node's log; needed by durable actors only.
        cluster_id: nodes talk to each other, and open a data folder, only within one cluster.
        settings: limits and times.
        open_log: how ``data`` is opened, called like ``Log.open``: for programs that lead the disk themselves.

    Attributes:
        name: this node's name.
    """

    def __init__(
        self, name: str = "local", *, listen: str | None = None, also_listen: Sequence[str] = (),
        advertise: str | None = None, peers: Mapping[str, str] | None = None, data: str | Path | None = None,
        cluster_id: str = "local", settings: RuntimeSettings | None = None,
        open_log: Callable[..., Log] = Log.open,
    ) -> None:
        if not name or "/" in name:
            raise ContractError(f"ActorSystem(name={name!r}): a node's name is text without a slash")
        self.name = name
        self._listen = listen
        self._also_listen = also_listen
        self._advertise = advertise
        self._peers = dict(peers or {})
        self._data = data
        self._cluster_id = cluster_id
        self._settings = settings or RuntimeSettings()
        self._open_log = open_log
        self._world: World | None = None
        self._transport: Transport | None = None
        self._hub: JournalHub | None = None
        self._stopped: asyncio.Future[BaseException | None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._reason: BaseException | None = None
        self._signals: list[signal.Signals] = []
        self._log = logging.LoggerAdapter(logging.getLogger("actors"), {"node": name})

    # --- starting --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the log, listen, and take work. A system is started once.

        Raises:
            ContractError: it was started before.
            OSError: the address is taken; whatever opening the data folder raises.
        """
        if self._stopped is not None:
            raise ContractError(f"system {self.name!r} was started before; make a new ActorSystem")
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_future()
        world = self._world = World(self.name, self._settings, loop, self._fatal)
        try:
            if self._data is not None:
                self._hub = JournalHub.open(
                    self._data, self._cluster_id, self.name, world.remote.codec, loop=loop,
                    on_synced=world.log_synced, on_failure=self._log_failed, alone=not self._peers,
                    open_log=self._open_log,
                )
                world.keep_journals(self._hub)
            if self._listen is not None or self._peers:
                await self._start_transport(world, loop)
        except BaseException:
            world.close()
            if self._hub is not None:
                self._hub.close()
            self._stopped.set_result(None)
            raise

    async def _start_transport(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        from actors.runtime.transport import Transport

        transport = Transport(
            node=self.name, incarnation=world.incarnation, cluster_id=self._cluster_id,
            folder_id=self._hub.folder_id if self._hub is not None else "", listen=self._listen,
            also_listen=self._also_listen, advertise=self._advertise, peers=self._peers,
            settings=self._settings.transport, loop=loop,
            on_envelope=world.remote.arrivals, on_peer_up=world.remote.peer_up, on_peer_down=world.remote.peer_down,
            known_folders=self._hub.known_folders if self._hub is not None else None,
            remember_folder=self._hub.remember_folder if self._hub is not None else None,
        )
        await transport.start()
        self._transport = world.remote.carrier = transport

    # --- use ---------------------------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The running world; for the runtime's own parts and tests.

        Raises:
            SystemStopped: the system was not started.
        """
        if self._world is None:
            raise SystemStopped(f"system {self.name!r} is not started; use 'async with ActorSystem() as system:'")
        return self._world

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the system runs in."""
        return self.world.loop

    @property
    def listen_address(self) -> str | None:
        """Where this node is reachable, with the port that was bound; None without ``listen``."""
        return None if self._transport is None else self._transport.address

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None, supervision: Supervision | None = None,
        mailbox: Mailbox | None = None,
    ) -> Reference:
        """Start a top-level actor, supervised by the system.

        Args:
            actor_class: the class; ``args`` are its constructor's, also at every restart.
            name: unique on this node; needed by durable actors.
            supervision: what happens when it fails.
            mailbox: bound and policy of its data queue.

        Raises:
            ContractError: what is wrong with the class, the name or the mailbox.
            SystemStopped: the system is stopping.
        """
        cell = lifecycle.create(self.world, actor_class, args, name, supervision, mailbox, None)
        cell._launch()
        return cell.self

    def ref(self, address: str) -> Reference:
        """A reference by address: ``actorum://node/name``, or ``name`` on this node.

        It means whoever has the name when a message arrives; None is asked for, nothing is looked up now.
        """
        if not address.startswith(SCHEME):
            if "/" in address or not address:
                raise ContractError(f"ref({address!r}): say 'name' for this node, or '{SCHEME}node/name'")
            return self.world.reference(address)
        node, slash, name = address[len(SCHEME):].partition("/")
        if not (node and slash and name):
            raise ContractError(f"ref({address!r}): an address is '{SCHEME}node/name'")
        return self.world.reference(name, node)

    def bind(self, reference: Reference) -> Reference:
        """Make a reference that came in a message usable for ``tell`` and ``ask`` by outside code."""
        return self.world.bind(reference)

    async def terminate(self, reference: Reference) -> None:
        """Stop one actor in order, after what its mailbox already holds, and wait until it is gone.

        It is dropped when it takes longer than its supervision's ``shutdown_seconds``. An actor that is gone already
        is fine.
        """
        cell = self.world.find(reference)
        if cell is not None:
            await self._stop_actor(cell)

    async def _stop_actor(self, cell: ActorCell) -> None:
        gone = self.world.loop.create_future()
        cell._rarely().stop_waiters.append(gone)
        lifecycle.order_stop(cell)
        await gone

    def counters(self) -> dict[str, int | float]:
        """What the system has counted since it started."""
        world = self.world
        return {
            "messages": world.messages,
            "turns": world.turns,
            "actors": len(world.names),
            "failures": world.failures,
            "restarts": world.restarts,
            "dead_letters": world.dead_letters.count,
            "rejected": world.rejected,
            "control_rejected": world.control_rejected,
            "dropped": world.dropped,
            "late_answers": world.late_answers,
            "asks_pending": len(world.asks.pending),
            "mailbox_depth_max": world.depth_max,
            "slow_handlers": world.slow_handlers,
            "loop_stall_max_seconds": world.stall_max_seconds,
            "remote_refused": world.remote.refused,
            "remote_undecodable": world.remote.undecodable,
        }

    # --- stopping --------------------------------------------------------------------------------------------------

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT stop the system in order; a second one at once. Main thread only."""
        loop = self.world.loop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
            self._signals.append(number)

    def _signalled(self, number: signal.Signals) -> None:
        if self._stopping is None:
            self._log.info("%s: stopping in order; once more to stop at once", number.name)
            self._begin_stop(SystemStopped(f"system {self.name!r} got {number.name}"), None)
        else:
            self._log.warning("%s again: stopping at once", number.name)
            self.world.later(self._kill_all)

    def _fatal(self, reason: BaseException) -> None:
        self._begin_stop(reason, None)

    def _log_failed(self, reason: str) -> None:
        error = OSError(
            f"the log of node {self.name!r} failed: {reason}; nothing is acknowledged any more. Check the disk, then "
            f"start the node again"
        )
        self._log.critical("%s", error)
        self._begin_stop(error, _FAILED_LOG_SECONDS)  # what waits for the disk waits in vain

    async def wait_stopped(self) -> BaseException | None:
        """Wait until the system has stopped.

        Returns:
            Why: an escalated failure, a failed log, SystemStopped for a signal; None when the program stopped it.
        """
        if self._stopped is None:
            raise SystemStopped(f"system {self.name!r} was never started")
        return await asyncio.shield(self._stopped)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Stop in order: no new work; every actor after what its mailbox holds, youngest first; network; log.

        Args:
            grace_seconds: for all actors together (``settings.shutdown_seconds``); what still runs then is dropped.
        """
        if self._stopped is None or self._stopped.done():
            return
        await asyncio.shield(self._begin_stop(None, grace_seconds))

    def _begin_stop(self, reason: BaseException | None, grace_seconds: float | None) -> asyncio.Task[None]:
        if self._stopping is None:
            self._reason = reason
            grace = self._settings.shutdown_seconds if grace_seconds is None else grace_seconds
            self._stopping = self.world.loop.create_task(self._stop(grace), name=f"stop system {self.name}")
        return self._stopping

    async def _stop(self, grace_seconds: float) -> None:
        world = self.world
        world.refusing = True
        try:
            await self._stop_actors(world, grace_seconds)
            for ask in list(world.asks.pending.values()):
                ask.settle(None, SystemStopped(f"system {self.name!r} stopped before {ask.target!r} answered"))
            if self._transport is not None:
                world.remote.carrier = None
                await self._transport.close(self._settings.flush_seconds)
        finally:
            for number in self._signals:
                world.loop.remove_signal_handler(number)
            world.close()
            try:
                if self._hub is not None:
                    self._hub.close()
            except Exception as error:  # the last records did not reach the disk; the system has stopped all the same
                self._log.critical("closing the log: %s", error)
                self._reason = self._reason or error
            if self._stopped is not None and not self._stopped.done():
                self._stopped.set_result(self._reason)

    async def _stop_actors(self, world: World, grace_seconds: float) -> None:
        over = world.timers.call_later(grace_seconds, lambda: world.later(self._kill_all))
        while top := [cell for cell in world.names.values() if cell._parent is None]:
            for count, cell in enumerate(reversed(top)):
                if lifecycle.is_idle(cell):
                    lifecycle.begin_stop(cell)
                    if count % _STOPS_PER_STEP == 0:
                        await asyncio.sleep(0)
                elif cell._state != "stopped":
                    await self._stop_actor(cell)
        over.cancel()

    def _kill_all(self) -> None:
        for cell in reversed(list(self.world.names.values())):
            if cell._parent is None:
                lifecycle.kill(cell)
