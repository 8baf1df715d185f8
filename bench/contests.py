"""What is compared with whom, and what is to be reached. The measuring itself is in the rows and in the peers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from bench import fault_rows, judges, load, store_rows, verify_rows
from bench.lab import Lab
from bench.peers import erlang, etcd, porcupine, redis, tlc
from bench.peers.running import Servers
from bench.timing import run_module


@dataclass(frozen=True)
class Peer:
    """Somebody else's figure for the same thing."""

    name: str
    installed: Callable[[], bool]
    install: str
    run: Callable[[Lab, Servers], float]


@dataclass(frozen=True)
class Goal:
    """What is to be reached: a ratio to a peer's figure, or, with no peer, a figure."""

    peer: str
    bound: float


@dataclass(frozen=True)
class Contest:
    """One line of the table.

    Attributes:
        name: to select it by.
        what: is measured.
        unit: of the figures.
        ours: measures ours.
        peers: in the order in which they take their turns.
        at_least: the goal that must hold.
        aim: the goal that is hoped for.
        more_is_better: False for times and sizes.
        once: measured in one round only, because one round takes long and counts its own maximum.
        alone: nothing else may run beside it; shared servers are stopped first.
    """

    name: str
    what: str
    unit: str
    ours: Callable[[Lab], float]
    peers: tuple[Peer, ...]
    at_least: Goal
    aim: Goal
    more_is_better: bool = True
    once: bool = False
    alone: bool = False


def _python(module: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(module) is not None


def _always() -> bool:
    return True


def _ours_actor(module: str, row: str) -> Callable[[Lab], float]:
    return lambda lab: float(run_module(f"bench.{module}", row, "--seconds", lab.options.seconds)["value"])


def _ours_store(operation: str, clients: int, pipeline: int = 1, figure: str = "") -> Callable[[Lab], float]:
    def run(lab: Lab) -> float:
        measured = store_rows.closed(operation, clients, pipeline)(lab)
        return float(measured.details[figure]) if figure else measured.value

    return run


def _etcd(operation: str, clients: int, figure: str = "rate") -> Peer:
    def run(lab: Lab, servers: Servers) -> float:
        given = lab.options
        found = servers.etcd().run(operation, clients, given.seconds, given.value_bytes, given.key_space)
        return float(found[figure])

    return Peer("etcd", etcd.installed, etcd.INSTALL, run)


def _redis(operation: str, clients: int, pipeline: int = 1, figure: str = "rate") -> Peer:
    def run(lab: Lab, servers: Servers) -> float:
        return float(getattr(load.run(servers.redis().port, lab.options.load(operation, clients, pipeline)), figure))

    return Peer("one Redis", redis.installed, redis.INSTALL, run)


def _redis_recovery(lab: Lab, servers: Servers) -> float:
    server = redis.Redis(servers.fresh_folder("redis-recovery"), fsync="everysec")
    with server:
        load.preload(server.port, load.Load("set", 1, 1, lab.options.value_bytes, lab.options.keys))
        server.kill()
        return server.start()


def _pykka(row: str) -> Peer:
    return Peer(
        "Pykka", _python("pykka"), "pip install pykka",
        lambda lab, _: float(run_module("bench.peers.pykka_actors", row, lab.options.seconds)["value"]),
    )


def _xoscar(row: str) -> Peer:
    return Peer(
        "xoscar", _python("xoscar"), "pip install xoscar",
        lambda lab, _: float(run_module("bench.peers.xoscar_actors", row, lab.options.seconds)["value"]),
    )


def _erlang(run: Callable[[str, float], float], row: str) -> Peer:
    return Peer("Erlang", erlang.installed, erlang.INSTALL, lambda lab, _: run(row, lab.options.seconds))


PING_PONG = Peer(
    "bare pyzmq", _always, "pip install pyzmq",
    lambda lab, _: float(run_module("bench.peers.zmq_ping_pong", lab.options.seconds)["value"]),
)

CONTESTS = (
    Contest(
        "tell", "tell, local", "/s", _ours_actor("actors_local", "tell"),
        (_pykka("tell"), _erlang(erlang.local, "tell")), Goal("Pykka", 10), Goal("Erlang", 1),
    ),
    Contest(
        "remote-tell", "tell between two processes", "/s", _ours_actor("actors_remote", "tell"),
        (_erlang(erlang.remote, "tell"),), Goal("Erlang", 0.5), Goal("Erlang", 1),
    ),
    Contest(
        "ask", "ask awaited by asyncio, local", "/s", _ours_actor("actors_local", "ask"), (_xoscar("ask"),),
        Goal("xoscar", 1), Goal("xoscar", 2),
    ),
    Contest(
        "remote-ask", "ask between two processes, one at a time", "/s", _ours_actor("actors_remote", "ask"),
        (PING_PONG, _xoscar("remote-ask")), Goal("bare pyzmq", 0.7), Goal("bare pyzmq", 0.9),
    ),
    Contest(
        "remote-ask-1000", "ask between two processes, 1000 in flight", "/s", _ours_actor("actors_remote", "ask-1000"),
        (_xoscar("remote-ask-1000"),), Goal("xoscar", 10), Goal("xoscar", 20),
    ),
    Contest(
        "spawn", "spawn", "/s", _ours_actor("actors_local", "spawn"),
        (_pykka("spawn"), _erlang(erlang.local, "spawn")), Goal("Pykka", 40), Goal("Erlang", 1),
    ),
    Contest(
        "memory", "memory of an idle actor", "bytes", _ours_actor("actors_local", "memory"), (), Goal("", 1_500),
        Goal("", 700), more_is_better=False,
    ),
    Contest(
        "set-100", "SET, 100 clients", "/s", _ours_store("set", 100), (_etcd("put", 100), _redis("set", 100)),
        Goal("etcd", 4), Goal("etcd", 8),
    ),
    Contest(
        "set-100-P50", "SET, 100 clients with 50 in flight, against etcd's best put (1000 clients)", "/s",
        _ours_store("set", 100, 50), (_etcd("put", 1000), _redis("set", 100, 50)), Goal("etcd", 12), Goal("etcd", 30),
    ),
    Contest(
        "set-1", "SET, one client, p50", "ms", _ours_store("set", 1, figure="p50_ms"),
        (_etcd("put", 1, "p50_ms"), _redis("set", 1, figure="p50_ms")), Goal("etcd", 0.8), Goal("etcd", 0.4),
        more_is_better=False,
    ),
    Contest(
        "get-100", "GET (linearizable), 100 clients", "/s", _ours_store("get", 100),
        (_etcd("get", 100), _redis("get", 100)), Goal("etcd", 5), Goal("etcd", 10),
    ),
    Contest(
        "gap", "time without service after kill -9 of the leader, longest", "s",
        lambda lab: fault_rows.service_gap(lab).value, (), Goal("", 1.5), Goal("", 0.5), more_is_better=False,
        once=True, alone=True,
    ),
    Contest(
        "stall", "longest loop stall under load, snapshot and compaction; no leader change", "ms",
        lambda lab: fault_rows.loop_stall(lab).value, (), Goal("", 50), Goal("", 10), more_is_better=False,
        once=True, alone=True,
    ),
    Contest(
        "recovery", "recovery of all logged SETs", "s", lambda lab: fault_rows.recovery(lab).value,
        (Peer("one Redis", redis.installed, redis.INSTALL, _redis_recovery),), Goal("one Redis", 3),
        Goal("one Redis", 1), more_is_better=False, alone=True,
    ),
    Contest(
        "two-phase-commit", "model checking two-phase commit, 7 managers, from start to end of the process", "s",
        lambda lab: verify_rows.two_phase_commit(),
        (Peer(
            "TLC", tlc.installed, tlc.INSTALL,
            lambda lab, _: tlc.two_phase_commit(verify_rows.TWO_PHASE_MANAGERS, verify_rows.TWO_PHASE_STATES),
        ),),
        Goal("TLC", 1 / 3), Goal("TLC", 0.1), more_is_better=False,
    ),
    Contest(
        "linearizability", "judging 100,000 key-value operations, 10 clients, 100 keys; reading not included", "s",
        lambda lab: judges.ours(lab, "key-value"),
        (Peer(
            "Porcupine", porcupine.installed, porcupine.INSTALL, lambda lab, _: judges.porcupines(lab, "key-value")
        ),),
        Goal("Porcupine", 1), Goal("Porcupine", 0.2), more_is_better=False,
    ),
    Contest(
        "hot-register", "judging 100,000 operations on one register with unique values; reading not included", "s",
        lambda lab: judges.ours(lab, "hot-register"), (), Goal("", 2), Goal("", 0.3), more_is_better=False,
    ),
)
