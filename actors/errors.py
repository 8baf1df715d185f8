"""Every error the actor system raises, as one tree; and what counts as an actor's own failure. Knows no other module.

    ActorumError
    ├── ContractError          the program breaks the actor contract (found at class creation, spawn or use)
    ├── AskError               an ask did not get its answer
    │   ├── AskTimeout         nothing came in time; names the chain that was waited on
    │   ├── AskRejected        certainly not handled: mailbox full, no such actor, node unreachable before sending
    │   └── AskFailed          the handler failed, or returned without answering
    ├── MailboxFull            outside code told a bounded mailbox that is full
    ├── SystemStopped          the system is stopping or has stopped
    └── WireError              bytes from a peer that cannot be what they claim to be
"""

from asyncio import CancelledError

#: What an actor's code raised: its own failure, which its asker and its supervisor learn of. A CancelledError is one,
#: too: it comes from what the handler called, since nobody can cancel a handler that is not async.
FAILURES = (Exception, CancelledError)


class ActorumError(Exception):
    """Base of every error of this library."""


class ContractError(ActorumError, TypeError):
    """The program breaks the actor contract; the message names the class and what to do."""


class AskError(ActorumError):
    """An ask did not get its answer."""


class AskTimeout(AskError, TimeoutError):
    """No answer in time. Whether the request was handled is unknown."""


class AskRejected(AskError):
    """The request was certainly not handled."""


class AskFailed(AskError):
    """The handler failed, or returned without an answer."""


class MailboxFull(ActorumError):
    """A bounded mailbox refused a message from outside code."""


class SystemStopped(ActorumError):
    """The actor system is stopping or has stopped."""


class WireError(ActorumError, ValueError):
    """Bytes from a peer that cannot be what they claim to be."""
