"""Redis commands that a node answers by itself: connection state and facts about the node. Must not know the store.

Error texts and edge cases are Redis's own (7.x), because clients compare them.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from actorum.redis_facts import REDIS_VERSION, CommandFact, command_reply, config_reply
from actorum.redis_replies import OK, array, bulk, error, integer, mapping, null, simple, verbatim

if TYPE_CHECKING:
    from actorum.redis_connection import RedisConnection

Handler = Callable[["RedisConnection", list[bytes]], bytes]

_SYNTAX_ERROR = error("ERR syntax error")
_WRONG_PASSWORD = error("WRONGPASS invalid username-password pair or user is disabled.")
_NOT_AN_INTEGER = error("ERR value is not an integer or out of range")
_NO_PASSWORD_SET = error(
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)
_HELLO_NEEDS_AUTH = error(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
    "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)
_BAD_NAME = error("ERR Client names cannot contain spaces, newlines or special characters.")
_SHOWN_ARGUMENT_BYTES = 128


class DoorFacts(Protocol):
    """What local commands ask of the door that they stand at."""

    @property
    def password(self) -> str | None: ...
    @property
    def connections(self) -> Iterable[RedisConnection]: ...
    def config(self) -> Mapping[str, str]: ...
    def info(self, sections: list[bytes]) -> str: ...


def unknown_command(_connection: RedisConnection, arguments: list[bytes]) -> bytes:
    """Redis's own answer to a command that it does not know."""
    shown = b""
    for argument in arguments[1:]:
        if len(shown) >= _SHOWN_ARGUMENT_BYTES:
            break
        shown += b"'" + argument.split(b"\0")[0][: _SHOWN_ARGUMENT_BYTES - len(shown)] + b"' "
    name = arguments[0].split(b"\0")[0][:_SHOWN_ARGUMENT_BYTES]
    text = b"ERR unknown command '" + name + b"', with args beginning with: " + shown
    return b"-" + text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"


def _integer(text: bytes) -> int | None:
    """A 64-bit integer as Redis reads one (no blanks, signs but '-', or leading zeros)."""
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > 19 or (digits[:1] == b"0" and text != b"0"):
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


def _printable(text: bytes) -> bool:
    """Redis's rule for names: from '!' to '~' only."""
    return all(33 <= byte <= 126 for byte in text)


_CLIENT_TYPES = (b"normal", b"master", b"replica", b"slave", b"pubsub")
_CLIENT_HELP = (
    "GETNAME", "    Return the name of the current connection.",
    "ID", "    Return the ID of the current connection.",
    "INFO", "    Return information about the current client connection.",
    "LIST [options ...]", "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "      Return clients of specified type; all are normal.",
    "    * ID <id> [<id> ...]", "      Return clients of these IDs.",
    "NO-EVICT (ON|OFF)", "    Accepted: nothing is ever evicted.",
    "NO-TOUCH (ON|OFF)", "    Accepted: nothing is ever evicted.",
    "SETINFO <option> <value>", "    Set lib-name or lib-ver of the current connection.",
    "SETNAME <name>", "    Assign the name <name> to the current connection.",
)
_COMMAND_HELP = (
    "(no subcommand)", "    Return details about all commands.",
    "COUNT", "    Return the total number of commands.",
    "DOCS [<command-name> ...]", "    Return documentation details about multiple commands.",
    "INFO [<command-name> ...]", "    Return details about multiple commands.",
    "LIST", "    Return a list of all commands.",
)
_CONFIG_HELP = (
    "GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
)


def _wrong_arity(name: str) -> bytes:
    return error(f"ERR wrong number of arguments for '{name}' command")


def _unknown_subcommand(container: str, subcommand: bytes) -> bytes:
    shown = subcommand[:_SHOWN_ARGUMENT_BYTES].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return error(f"ERR unknown subcommand '{shown}'. Try {container} HELP.")


def _help(container: str, lines: Iterable[str]) -> bytes:
    """The answer to a container's HELP, in Redis's form."""
    head = f"{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    return array([simple(line) for line in (head, *lines, "HELP", "    Print this help.")])


class LocalCommands:
    """The handlers, bound to one door.

    Args:
        door: the door's own facts.
        store: the store's command table, for COMMAND.
    """

    def __init__(self, door: DoorFacts, store: Mapping[bytes, tuple[int, int, int, bool]]) -> None:
        self._door = door
        self.table: dict[bytes, tuple[Handler, int, int, bool]] = {
            b"PING": (self.ping, 0, 1, False),
            b"ECHO": (self.echo, 1, 1, False),
            b"HELLO": (self.hello, 0, -1, True),
            b"AUTH": (self.auth, 1, -1, True),
            b"SELECT": (self.select, 1, 1, False),
            b"QUIT": (self.quit, 0, -1, True),
            b"RESET": (self.reset, 0, 0, True),
            b"CLIENT": (self.client, 1, -1, False),
            b"COMMAND": (self.command, 0, -1, False),
            b"CONFIG": (self.config, 1, -1, False),
            b"INFO": (self.info, 0, -1, False),
            # A browser that is tricked into talking to this port begins like this; Redis closes at once, too.
            b"POST": (self.cross_protocol, 0, -1, True),
            b"HOST:": (self.cross_protocol, 0, -1, True),
        }
        self._facts = {
            name: CommandFact(name, least, most, is_write, False) for name, (_, least, most, is_write) in store.items()
        }
        self._facts.update({
            name: CommandFact(name, least, most, False, True)
            for name, (handler, least, most, _) in self.table.items()
            if handler != self.cross_protocol
        })
        self._client: dict[bytes, tuple[Handler, int]] = {
            b"ID": (lambda connection, _: integer(connection.id), 0),
            b"GETNAME": (self._client_getname, 0),
            b"SETNAME": (self._client_setname, 1),
            b"SETINFO": (self._client_setinfo, 2),
            b"INFO": (lambda connection, _: self._described(connection, [connection]), 0),
            b"NO-EVICT": (self._client_switch, 1),
            b"NO-TOUCH": (self._client_switch, 1),
        }

    def ping(self, _connection: RedisConnection, arguments: list[bytes]) -> bytes:
        return bulk(arguments[0]) if arguments else b"+PONG\r\n"

    def echo(self, _connection: RedisConnection, arguments: list[bytes]) -> bytes:
        return bulk(arguments[0])

    def select(self, _connection: RedisConnection, arguments: list[bytes]) -> bytes:
        index = _integer(arguments[0])
        if index is None:
            return _NOT_AN_INTEGER
        return OK if index == 0 else error("ERR DB index is out of range")

    def quit(self, connection: RedisConnection, _arguments: list[bytes]) -> bytes:
        connection.close_after_replies()
        return OK

    def reset(self, connection: RedisConnection, _arguments: list[bytes]) -> bytes:
        connection.name = b""
        connection.session.protocol = 2
        connection.session.authenticated = self._door.password is None
        return simple("RESET")

    def cross_protocol(self, connection: RedisConnection, _arguments: list[bytes]) -> bytes:
        connection.close_after_replies()
        return error("ERR Possible SECURITY ATTACK detected: this is HTTP, not the Redis protocol. Connection aborted.")

    # --- who is there ---

    def _password_fits(self, user: bytes, password: bytes) -> bool:
        wanted = self._door.password
        if user != b"default":
            return False
        return wanted is None or hmac.compare_digest(wanted.encode(), password)

    def auth(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        if len(arguments) > 2:
            return _SYNTAX_ERROR
        if len(arguments) == 1 and self._door.password is None:
            return _NO_PASSWORD_SET
        user, password = (b"default", arguments[0]) if len(arguments) == 1 else arguments
        if not self._password_fits(user, password):
            return _WRONG_PASSWORD
        connection.session.authenticated = True
        return OK

    def hello(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        session = connection.session
        version: int | None = session.protocol
        if arguments:
            version = _integer(arguments[0])
            if version is None:
                return error("ERR Protocol version is not an integer or out of range")
            if version not in (2, 3):
                return error("NOPROTO unsupported protocol version")
        options = arguments[1:]
        credentials: tuple[bytes, bytes] | None = None
        name: bytes | None = None
        while options:
            option = options[0].upper()
            if option == b"AUTH" and len(options) >= 3:
                credentials, options = (options[1], options[2]), options[3:]
            elif option == b"SETNAME" and len(options) >= 2:
                name, options = options[1], options[2:]
                if not _printable(name):
                    return _BAD_NAME
            else:
                return error(f"ERR Syntax error in HELLO option '{options[0].decode('utf-8', 'surrogateescape')}'")
        if credentials is not None:
            if not self._password_fits(*credentials):
                return _WRONG_PASSWORD
            session.authenticated = True
        if not session.authenticated:
            return _HELLO_NEEDS_AUTH
        if name is not None:
            connection.name = name
        session.protocol = version or 2
        facts: list[tuple[str, bytes]] = [
            ("server", bulk("redis")), ("version", bulk(REDIS_VERSION)), ("proto", integer(session.protocol)),
            ("id", integer(connection.id)), ("mode", bulk("standalone")), ("role", bulk("master")),
            ("modules", array([])),
        ]
        return mapping([(bulk(key), value) for key, value in facts], session.protocol)

    # --- CLIENT ---

    def client(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        subcommand = arguments[0].upper()
        if subcommand == b"LIST":
            return self._client_list(connection, arguments[1:])
        if subcommand == b"HELP" and len(arguments) == 1:
            return _help("CLIENT", _CLIENT_HELP)
        found = self._client.get(subcommand)
        if found is None:
            return _unknown_subcommand("CLIENT", arguments[0])
        handler, count = found
        if len(arguments) - 1 != count:
            return _wrong_arity(f"client|{arguments[0].decode().lower()}")
        return handler(connection, arguments[1:])

    def _client_list(self, connection: RedisConnection, options: list[bytes]) -> bytes:
        """All connections; or those of a TYPE (all are "normal"), or with one of the numbers behind ID."""
        wanted = list(self._door.connections)
        match [option.upper() for option in options[:1]]:
            case [b"TYPE"] if len(options) == 2:
                kind = options[1].lower()
                if kind not in _CLIENT_TYPES:
                    return error(f"ERR Unknown client type '{kind.decode('utf-8', 'surrogateescape')}'")
                wanted = wanted if kind == b"normal" else []
            case [b"ID"] if len(options) > 1:
                numbers = [_integer(option) for option in options[1:]]
                if None in numbers:
                    return error("ERR Invalid client ID")
                wanted = [one for one in wanted if one.id in numbers]
            case [_]:
                return _SYNTAX_ERROR
        return self._described(connection, wanted)

    def _client_getname(self, connection: RedisConnection, _arguments: list[bytes]) -> bytes:
        return bulk(connection.name) if connection.name else null(connection.session.protocol)

    def _client_setname(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        if not _printable(arguments[0]):
            return _BAD_NAME
        connection.name = arguments[0]
        return OK

    def _client_setinfo(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        option = arguments[0].lower()
        if option not in (b"lib-name", b"lib-ver"):
            return error(f"ERR Unrecognized option '{arguments[0].decode('utf-8', 'surrogateescape')}'")
        if not _printable(arguments[1]):
            return error(f"ERR {option.decode()} cannot contain spaces, newlines or special characters.")
        connection.library[option.decode()] = arguments[1]
        return OK

    def _client_switch(self, _connection: RedisConnection, arguments: list[bytes]) -> bytes:
        """NO-EVICT and NO-TOUCH: nothing is ever evicted here, so both settings hold already."""
        return OK if arguments[0].upper() in (b"ON", b"OFF") else _SYNTAX_ERROR

    def _described(self, asker: RedisConnection, connections: Iterable[RedisConnection]) -> bytes:
        now = time.monotonic()
        lines = "".join(connection.describe(now) + "\n" for connection in connections)
        return verbatim(lines, asker.session.protocol)

    # --- the node ---

    def command(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        subcommand = arguments[0].upper() if arguments else b""
        if subcommand == b"HELP" and len(arguments) == 1:
            return _help("COMMAND", _COMMAND_HELP)
        if subcommand == b"COUNT" and len(arguments) > 1:
            return _wrong_arity("command|count")
        if subcommand == b"LIST" and len(arguments) > 1:
            return _SYNTAX_ERROR
        reply = command_reply(self._facts, arguments, connection.session.protocol)
        return reply if reply is not None else _unknown_subcommand("COMMAND", arguments[0])

    def config(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        if arguments[0].upper() == b"HELP" and len(arguments) == 1:
            return _help("CONFIG", _CONFIG_HELP)
        if arguments[0].upper() != b"GET":
            return _unknown_subcommand("CONFIG", arguments[0])
        if len(arguments) < 2:
            return _wrong_arity("config|get")
        return config_reply(self._door.config(), arguments[1:], connection.session.protocol)

    def info(self, connection: RedisConnection, arguments: list[bytes]) -> bytes:
        return verbatim(self._door.info(arguments), connection.session.protocol)
