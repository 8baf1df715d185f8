"""What exit codes mean: of all commands in one table, and of each command in its own words. Knows nothing else."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Exit(enum.IntEnum):
    """Exit codes of ``actorum`` commands and of node processes."""

    OK = 0
    FAILED = 1
    SETTINGS = 2
    ADDRESS_IN_USE = 3
    UNDECIDED = 4
    UNAVAILABLE = 5
    UNKNOWN_OUTCOME = 6
    DISK_FAILED = 7
    DATA_REFUSED = 8
    NODE_FAILED = 70
    INTERRUPTED = 130
    ENDED_AT_ONCE = 143


#: One meaning a code, whatever the command.
MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "done, and the answer is yes",
    Exit.FAILED: "the command ran, and the answer is no",
    Exit.SETTINGS: "the command line, the settings or an input file cannot be used",
    Exit.ADDRESS_IN_USE: "a port of the node is taken",
    Exit.UNDECIDED: "not decided: a bound or a limit was met first, no violation until then",
    Exit.UNAVAILABLE: "no node answers or none leads; certainly not executed",
    Exit.UNKNOWN_OUTCOME: "the command may have been executed",
    Exit.DISK_FAILED: "the disk failed: the node stopped before it acknowledged anything more",
    Exit.DATA_REFUSED: "the data folder is refused: in use, another node's, too new, or damaged",
    Exit.NODE_FAILED: "an actor of the node failed for good: a bug; its log has the details",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.ENDED_AT_ONCE: "a second signal ended the node at once",
}

_SETTINGS = "the command line or the settings cannot be used"
_DATA_COMMAND = {
    Exit.SETTINGS: _SETTINGS, Exit.UNAVAILABLE: MEANINGS[Exit.UNAVAILABLE],
    Exit.UNKNOWN_OUTCOME: "it may have been executed",
}
_LOG_COMMAND = {Exit.SETTINGS: "the command line cannot be used", Exit.DATA_REFUSED: MEANINGS[Exit.DATA_REFUSED]}
_CONFIG_COMMAND = {Exit.OK: "the settings can be used", Exit.SETTINGS: "they cannot, or the command line"}

#: What each command means by them.
OF_COMMANDS: Mapping[str, Mapping[Exit, str]] = {
    "up": {
        Exit.OK: "stopped by a signal", Exit.FAILED: "nothing is left to run", Exit.SETTINGS: _SETTINGS,
        Exit.ADDRESS_IN_USE: "a port of a node is taken (before the cluster first served)",
        Exit.DATA_REFUSED: "another actorum up runs this cluster",
    },
    "node": {
        Exit.OK: "stopped in order by a signal", Exit.SETTINGS: _SETTINGS,
        **{code: MEANINGS[code] for code in (
            Exit.ADDRESS_IN_USE, Exit.DISK_FAILED, Exit.DATA_REFUSED, Exit.NODE_FAILED, Exit.ENDED_AT_ONCE,
        )},
    },
    "status": {
        Exit.OK: "one node leads, and all are ready", Exit.FAILED: "one leads, and not all are ready",
        Exit.SETTINGS: _SETTINGS, Exit.UNAVAILABLE: "none leads",
    },
    "get": {Exit.OK: "found", Exit.FAILED: "no such key, or an error reply", **_DATA_COMMAND},
    "set": {Exit.OK: "written, on disk on a majority", Exit.FAILED: "an error reply", **_DATA_COMMAND},
    "del": {Exit.OK: "one or more were deleted", Exit.FAILED: "none existed, or an error reply", **_DATA_COMMAND},
    "log inspect": {Exit.OK: "printed", **_LOG_COMMAND},
    "log verify": {Exit.OK: "all is readable", Exit.FAILED: "records that were durable are unreadable", **_LOG_COMMAND},
    "log repair": {Exit.OK: "repaired, or nothing was damaged", **_LOG_COMMAND},
    "config check": _CONFIG_COMMAND,
    "config show": _CONFIG_COMMAND,
    "simulate": {
        Exit.OK: "no property was violated", Exit.FAILED: "one was",
        Exit.SETTINGS: "the command line, the scenario or the replay file cannot be used",
    },
    "verify": {
        Exit.OK: "all properties hold", Exit.FAILED: "a violation", Exit.SETTINGS: "the model cannot be checked",
        Exit.UNDECIDED: "unknown, or only within the bounds: no violation so far",
    },
    "judge": {
        Exit.OK: "the history keeps the level", Exit.FAILED: "a violation",
        Exit.SETTINGS: "a malformed history, or the command line", Exit.UNDECIDED: "unknown: a limit was met first",
    },
    "torture": {
        Exit.OK: "every history was linearizable", Exit.FAILED: "a violation, or a promise broken",
        Exit.SETTINGS: "the command line cannot be used", Exit.UNDECIDED: "a history was not decided in time",
    },
    "completion": {Exit.OK: "printed", Exit.SETTINGS: "no such shell"},
}


def epilog(codes: Mapping[Exit, str]) -> str:
    """Codes as the end of a command's help; kept as it is, line by line."""
    return "\b\nExit codes:\n" + "\n".join(f"{int(code):5}  {meaning}" for code, meaning in sorted(codes.items()))
