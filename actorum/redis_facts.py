"""What the Redis door says about itself: INFO, CONFIG GET, COMMAND. Must not know connections or the hot path."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from actorum.redis_replies import array, bulk, collection, integer, mapping, null, simple

# Clients choose what they send by this: everything that Redis 7.2 added to the commands supported here is there.
REDIS_VERSION = "7.2.0"

_NO_KEYS = {b"DBSIZE", b"FLUSHDB", b"FLUSHALL", b"KEYS", b"SCAN"}
_MANY_KEYS = {b"DEL", b"UNLINK", b"EXISTS", b"MGET", b"TOUCH"}
_PAIRS = {b"MSET", b"MSETNX"}


class CommandFact(NamedTuple):
    """One row of COMMAND: as in the command table, arguments counted without the name, ``most`` -1 for any number."""

    name: bytes
    least: int
    most: int
    is_write: bool
    is_local: bool


def _keys(fact: CommandFact) -> tuple[int, int, int]:
    """Positions of the first and the last key, and the step between keys, as COMMAND INFO gives them."""
    if fact.is_local or fact.name in _NO_KEYS:
        return 0, 0, 0
    if fact.name in _MANY_KEYS:
        return 1, -1, 1
    return (1, -1, 2) if fact.name in _PAIRS else (1, 1, 1)


def command_info(fact: CommandFact, protocol: int) -> bytes:
    """One command as COMMAND INFO shows it (ten elements since Redis 7)."""
    arity = fact.least + 1 if fact.least == fact.most else -(fact.least + 1)
    flag = "fast" if fact.is_local else "write" if fact.is_write else "readonly"
    category = "@connection" if fact.is_local else "@write" if fact.is_write else "@read"
    return array([
        bulk(fact.name.lower()), integer(arity), collection([simple(flag)], protocol), *map(integer, _keys(fact)),
        collection([simple(category)], protocol), array([]), array([]), array([]),
    ])


def command_docs(fact: CommandFact, protocol: int) -> tuple[bytes, bytes]:
    """Name and description of one command as COMMAND DOCS pairs them."""
    group = "connection" if fact.is_local else "string" if _keys(fact)[0] else "generic"
    where = "answered by the node itself" if fact.is_local else "linearizable; as in Redis"
    pairs = [("summary", where), ("since", "1.0.0"), ("group", group)]
    return bulk(fact.name.lower()), mapping([(bulk(key), bulk(value)) for key, value in pairs], protocol)


def command_reply(facts: Mapping[bytes, CommandFact], arguments: Sequence[bytes], protocol: int) -> bytes | None:
    """COMMAND and its subcommands COUNT, LIST, INFO and DOCS; None for any other."""
    if not arguments:
        return array([command_info(fact, protocol) for fact in facts.values()])
    subcommand, names = arguments[0].upper(), [name.upper() for name in arguments[1:]]
    if subcommand == b"COUNT" and not names:
        return integer(len(facts))
    if subcommand == b"LIST" and not names:
        return array([bulk(name.lower()) for name in facts])
    if subcommand == b"INFO":
        wanted = names or list(facts)
        return array([command_info(facts[name], protocol) if name in facts else null(protocol) for name in wanted])
    if subcommand == b"DOCS":
        wanted = [name for name in names if name in facts] if names else list(facts)
        return mapping([command_docs(facts[name], protocol) for name in wanted], protocol)
    return None


def config_reply(parameters: Mapping[str, str], patterns: Sequence[bytes], protocol: int) -> bytes:
    """CONFIG GET: the parameters that match one of the glob patterns, in the parameters' order."""
    globs = [pattern.decode("utf-8", "replace").lower() for pattern in patterns]
    return mapping(
        [
            (bulk(name), bulk(value))
            for name, value in parameters.items()
            if any(fnmatchcase(name, glob) for glob in globs)
        ],
        protocol,
    )


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _keyspace(facts: Mapping[str, object]) -> dict[str, str]:
    """Redis's line of its one database; an empty one has none."""
    if not facts.get("keys"):
        return {}
    return {"db0": f"keys={facts['keys']},expires={facts.get('expiring_keys')},avg_ttl=0"}


def info_text(
    port: int, uptime_seconds: int, version: str, clients: Mapping[str, object], stats: Mapping[str, object],
    status: Callable[[], Mapping[str, object]], sections: Sequence[bytes],
) -> str:
    """The text of INFO.

    Args:
        port: where this door listens.
        uptime_seconds: since the door was opened.
        version: of Actorum.
        clients: lines of the section "Clients".
        stats: lines of the section "Stats".
        status: gives the node's own facts (its name, role, leader, term, commit index, keys, bytes on disk); they stand
            in "Replication" with the prefix ``actorum_``, because there ``role`` has Redis's meaning: any node takes
            writes. The keys stand in "Keyspace", too, as Redis has them.
        sections: what the client asked for; none, "all", "default" and "everything" mean all of them.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    facts = status()
    everything: dict[str, Mapping[str, object]] = {
        "Server": {
            "redis_version": REDIS_VERSION, "redis_mode": "standalone", "actorum_version": version,
            "os": f"{platform.system()} {platform.release()} {platform.machine()}", "arch_bits": 64,
            "process_id": os.getpid(), "tcp_port": port, "uptime_in_seconds": uptime_seconds,
            "uptime_in_days": uptime_seconds // 86400,
        },
        "Clients": clients,
        "Memory": {"used_memory": (used := _resident_bytes()), "used_memory_rss": used, "maxmemory": 0},
        "Persistence": {"loading": 0, "aof_enabled": 1},
        "Stats": stats,
        "Replication": {
            "role": "master", "connected_slaves": 0,
            **{f"actorum_{name}": "" if value is None else value for name, value in facts.items()},
        },
        "CPU": {"used_cpu_sys": f"{usage.ru_stime:.6f}", "used_cpu_user": f"{usage.ru_utime:.6f}"},
        "Cluster": {"cluster_enabled": 0},
        "Keyspace": _keyspace(facts),
    }
    wanted = {section.decode("utf-8", "replace").lower() for section in sections}
    shown = [
        f"# {title}\r\n" + "".join(f"{name}:{value}\r\n" for name, value in lines.items())
        for title, lines in everything.items()
        if not wanted or wanted & {"all", "default", "everything", title.lower()}
    ]
    return "\r\n".join(shown)
