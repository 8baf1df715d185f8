"""The store in plain Python, as slow and as obvious as possible: the oracle of the native one. Knows nothing of it.

Options and error texts are checked against Redis's own replies; here the state counts: values, deadlines, versions,
revision and log time after any sequence of commands.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.storage.batches import Command, raw

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
OK, NULL = b"+OK\r\n", b"_\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"


class Entry:
    """One key's value, deadline (None: for ever) and version."""

    def __init__(self, value: bytes, deadline: int | None, version: int) -> None:
        self.value, self.deadline, self.version = value, deadline, version

    def __repr__(self) -> str:
        return repr(vars(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class CommandError(Exception):
    """An error reply."""


def integer(text: bytes) -> int:
    """As Redis reads numbers: one way to write each, 64 bits."""
    try:
        value = int(text)
    except ValueError:
        raise CommandError(NOT_INTEGER) from None
    if str(value).encode() != text or not INT_MIN <= value <= INT_MAX:
        raise CommandError(NOT_INTEGER)
    return value


def number(value: int) -> bytes:
    """An integer reply."""
    return b":%d\r\n" % value


def bulk(entry: Entry | None) -> bytes:
    """A value reply."""
    return NULL if entry is None else b"$%d\r\n%s\r\n" % (len(entry.value), entry.value)


class Twin:
    """All live keys; what is past its deadline is removed at once."""

    def __init__(self) -> None:
        self.data: dict[bytes, Entry] = {}
        self.revision = 0
        self.log_time = 0

    def apply(self, time_ms: int, *commands: Command) -> list[bytes]:
        """Run commands, return replies."""
        self.log_time = max(self.log_time, time_ms)
        self._sweep()
        return [self._run(raw(name).decode(), [raw(each) for each in arguments]) for name, *arguments in commands]

    def _sweep(self) -> None:
        gone = [key for key, e in self.data.items() if e.deadline is not None and e.deadline <= self.log_time]
        for key in gone:
            del self.data[key]

    def _run(self, name: str, arguments: list[bytes]) -> bytes:
        handler: Callable[..., bytes] = getattr(self, "do_" + name.lower())
        before = {key: (e.value, e.deadline) for key, e in self.data.items()}
        self.touched: set[bytes] = set()
        try:
            reply = handler(*arguments)
        except CommandError as error:
            return error.args[0]
        self._sweep()
        if self.touched or set(before) != set(self.data):
            self.revision += 1
        for key in self.touched & set(self.data):
            self.data[key].version = self.revision
        return reply

    def put(self, key: bytes, value: bytes, deadline: int | None = None) -> None:
        """Set a key; one whose time is past already was never there."""
        if deadline is not None and deadline <= self.log_time:
            self.data.pop(key, None)
            return
        self.touched.add(key)
        self.data[key] = Entry(value, deadline, 0)

    def do_get(self, key: bytes) -> bytes:
        return bulk(self.data.get(key))

    def do_set(self, key: bytes, value: bytes, *options: bytes) -> bytes:
        words = [option.upper() for option in options]
        old, deadline = self.data.get(key), None
        for unit, scale, base in ((b"EX", 1000, self.log_time), (b"PX", 1, self.log_time), (b"PXAT", 1, 0)):
            if unit in words:
                deadline = int(options[words.index(unit) + 1]) * scale + base
        if (b"NX" in words and old) or (b"XX" in words and not old):
            return bulk(old) if b"GET" in words else NULL
        self.put(key, value, old.deadline if b"KEEPTTL" in words and old else deadline)
        return bulk(old) if b"GET" in words else OK

    def do_getdel(self, key: bytes) -> bytes:
        return bulk(self.data.pop(key, None))

    def do_getex(self, key: bytes, *options: bytes) -> bytes:
        entry = self.data.get(key)
        if entry is not None and options:
            word = options[0].upper()
            if word == b"PERSIST":
                if entry.deadline is not None:
                    self.put(key, entry.value)
            else:
                self.put(key, entry.value, self.log_time + int(options[1]))
        return bulk(entry)

    def do_append(self, key: bytes, value: bytes) -> bytes:
        old = self.data.get(key) or Entry(b"", None, 0)
        self.put(key, old.value + value, old.deadline)
        return number(len(old.value + value))

    def do_setrange(self, key: bytes, offset: bytes, piece: bytes) -> bytes:
        at = integer(offset)
        old = self.data.get(key) or Entry(b"", None, 0)
        if piece:
            value = old.value.ljust(at, b"\0")
            self.put(key, value[:at] + piece + value[at + len(piece) :], old.deadline)
            return number(len(self.data[key].value))
        return number(len(old.value))

    def do_incrby(self, key: bytes, by: bytes) -> bytes:
        old = self.data.get(key) or Entry(b"0", None, 0)
        amount = integer(by)
        value = integer(old.value) + amount
        if not INT_MIN <= value <= INT_MAX:
            raise CommandError(b"-ERR increment or decrement would overflow\r\n")
        self.put(key, b"%d" % value, old.deadline)
        return number(value)

    def do_mset(self, *pairs: bytes) -> bytes:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self.put(key, value)
        return OK

    def do_mget(self, *keys: bytes) -> bytes:
        return b"*%d\r\n" % len(keys) + b"".join(bulk(self.data.get(key)) for key in keys)

    def do_del(self, *keys: bytes) -> bytes:
        return number(sum(self.data.pop(key, None) is not None for key in keys))

    def do_pexpire(self, key: bytes, milliseconds: bytes) -> bytes:
        entry = self.data.get(key)
        if entry is None:
            return number(0)
        self.put(key, entry.value, self.log_time + integer(milliseconds))
        return number(1)

    def do_persist(self, key: bytes) -> bytes:
        entry = self.data.get(key)
        if entry is None or entry.deadline is None:
            return number(0)
        self.put(key, entry.value)
        return number(1)

    def do_pttl(self, key: bytes) -> bytes:
        entry = self.data.get(key)
        if entry is None:
            return number(-2)
        return number(-1 if entry.deadline is None else entry.deadline - self.log_time)

    def do_flushall(self) -> bytes:
        self.data.clear()
        return OK
