"""What exit codes of every command mean. Knows nothing else."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit codes of ``actorum`` commands and of node processes; documented in docs/operations.md."""

    OK = 0
    FAILED = 1  # the command ran and the answer is no: key not found, check failed, records lost
    SETTINGS = 2  # the command line or the settings cannot be used
    ADDRESS_IN_USE = 3  # a port of this node is taken by another process
    DATA_REFUSED = 4  # the data folder is another node's, of a newer version, in use, damaged or was emptied
    UNAVAILABLE = 5  # no node answers, or there is no leader; certainly not executed
    UNKNOWN_OUTCOME = 6  # the command may have been executed
    DISK_FAILED = 7  # a write or sync failed; the node stopped before acknowledging anything more
    NODE_FAILED = 70  # an actor of the node failed for good: a bug
