"""One node as a process: signals, the parent's death, the ready-file, exit codes. Knows not what a node is made of."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import uvloop

from actors import SystemStopped
from actors.runtime.logs import configure, install_stack_dump
from actors.runtime.metrics import busiest_mailboxes
from actorum.exits import Exit
from actorum.node import AddressInUse, Node
from actorum.node_process import write_atomically
from actorum.settings import SettingsError
from actorum.settings_file import Loaded, load
from core_ext.log_errors import LogCorrupted, LogError, LogFailed, LogForeign, LogFull, LogLocked
from protocols.raft import DiskLost

PR_SET_PDEATHSIG = 1
_log = logging.getLogger("actorum.node")


def run_node(
    config: Path, name: str | None, *, ready_file: Path | None = None, stop_with_parent: bool = False,
    overrides: Iterable[str] = (),
) -> Exit:
    """Run one node until it is told to stop, or fails.

    Args:
        config: a node file, or a cluster file.
        name: which node of a cluster file; a node file says so itself.
        ready_file: written when the doors are open, removed at the end.
        stop_with_parent: stop in order when standard input closes: whoever started the node holds the other end.
        overrides: ``section.field=value``.

    Returns:
        The exit code.

    Raises:
        SettingsError: the settings cannot be used, or do not say which node this is.
    """
    loaded = load(config, overrides=overrides)
    name = _which(loaded, name)
    process = loaded.settings.process
    configure(name, json_lines=process.log_json, level=process.log_level.upper())
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # of a former process that was killed
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(Node(loaded, name), ready_file, stop_with_parent))


def _which(loaded: Loaded, name: str | None) -> str:
    found = name or loaded.node
    if found is None:
        if len(loaded.settings.nodes) > 1:
            raise SettingsError(
                f"{loaded.path} is a cluster file with {', '.join(loaded.settings.nodes)}; say which with --name"
            )
        (found,) = loaded.settings.nodes
    loaded.node_settings(found)
    return found


class _Stopper:
    """Signals and the end of the parent: the first one drains, the second one is immediate."""

    def __init__(self, with_parent: bool) -> None:
        self.asked = asyncio.Event()
        self.why = ""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, number)
        if with_parent:
            # A stopped process sees nothing: let the kernel wake it when the parent's thread ends, to read the end of
            # file. SIGCONT does nothing else, so it does no harm when only a thread of the parent has ended.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGCONT))
            loop.add_reader(sys.stdin.fileno(), self._on_input)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.asked.is_set():
            # What was acknowledged is on disk; nothing is left that must not be dropped.
            os._exit(Exit.ENDED_AT_ONCE)
        self.why = number.name
        self.asked.set()

    def _on_input(self) -> None:
        if os.read(sys.stdin.fileno(), 4096) == b"":
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.why = "the end of the parent process"
            self.asked.set()


async def _serve(node: Node, ready_file: Path | None, stop_with_parent: bool) -> Exit:
    stopper = _Stopper(stop_with_parent)
    # for as long as the process lives
    install_stack_dump(asyncio.get_running_loop(), lambda: busiest_mailboxes(node.system))
    try:
        ready = await node.start()
    except Exception as error:
        await node.stop()
        # An actor that failed while the node was being put together stopped the system: that is the reason then.
        reason = await node.wait_stopped() if isinstance(error, SystemStopped) else error
        return _failed(node.name, reason or error)
    # What exists now lives as long as the node; the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    if ready_file is not None:
        write_atomically(ready_file, msgspec.json.encode(ready).decode())
    _log.info("serving: Redis on port %d, HTTP on port %d", ready.redis_port, ready.http_port)
    asked = asyncio.ensure_future(stopper.asked.wait())
    ended = asyncio.ensure_future(node.wait_stopped())
    await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    reason = ended.result() if ended.done() else None
    if reason is None:
        _log.info("stopping in order because of %s", stopper.why)
    for future in (asked, ended):
        future.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await future
    await node.stop()
    return Exit.OK if reason is None or isinstance(reason, SystemStopped) else _failed(node.name, reason)


def _failed(name: str, error: BaseException) -> Exit:
    """The exit code of a failure, and one line that says what happened and what to do."""
    code = exit_code_of(error)
    if code is Exit.NODE_FAILED:
        _log.error("node failed", exc_info=error)
    try:
        print(f"actorum: node {name}: {error}", file=sys.stderr, flush=True)
    except OSError:
        # The disk that failed may hold the log of what we print, too. What waits in the buffer must not fail once more
        # when the interpreter ends, or the exit code is lost.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return code


def exit_code_of(error: BaseException) -> Exit:
    """What a failure means for whoever started the process."""
    if isinstance(error, AddressInUse):
        return Exit.ADDRESS_IN_USE
    if isinstance(error, (LogLocked, LogForeign, LogCorrupted, DiskLost)):
        return Exit.DATA_REFUSED
    if isinstance(error, (LogFull, LogFailed, LogError, OSError)):
        return Exit.DISK_FAILED
    return Exit.NODE_FAILED
