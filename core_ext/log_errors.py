"""What can go wrong with a log, as one tree of exceptions. Must not know how it is found out.

LogError
├── LogLocked       another live process has the folder
├── LogForeign      the folder belongs to another node or cluster, or a newer version wrote it
├── LogCorrupted    what was durable is unreadable, and nobody else has a copy
├── LogFull         no space left on the disk
├── LogFailed       an earlier write or sync failed: nothing is acknowledged any more
├── LogOverloaded   the disk is too far behind
└── RecordTooLarge  a record's body is above the limit
"""


class LogError(Exception):
    """Base of everything that the log refuses."""


class LogLocked(LogError):
    """Another live process has the data folder open."""


class LogForeign(LogError):
    """The data folder belongs to another node or cluster, or was written by a newer version."""


class LogCorrupted(LogError):
    """Records that were durable are unreadable, and a node alone has nobody to fetch them from."""


class LogFull(LogError):
    """The disk has no room for the log."""


class LogFailed(LogError):
    """A write or sync failed earlier. It is never retried; restart the process to recover what is on disk."""


class LogOverloaded(LogError):
    """More bytes wait for the disk than the limit allows."""


class RecordTooLarge(LogError, ValueError):
    """The body of one record is above the limit."""
