"""What an actor is, and the worlds it can live in. Names no protocol.

The contract stands in ``message``, ``actor`` and ``context``; ``runtime`` is the real world.
"""

from pathlib import Path

import core_ext
from actors._build_id import BUILD_ID as _EXPECTED

if core_ext.BUILD_ID != _EXPECTED:
    raise ImportError(
        f"the native core at {Path(core_ext.__file__).parent} (build {core_ext.BUILD_ID}) is not the one that "
        f"{Path(__file__).parent} was built with (build {_EXPECTED}); reinstall: pip install --force-reinstall actorum"
    )

from actors.actor import Actor, on, on_answer
from actors.context import (
    Context,
    Directive,
    Journal,
    Mailbox,
    Overflow,
    Supervision,
    Ticket,
    Uncertain,
)
from actors.errors import (
    ActorumError,
    AskError,
    AskFailed,
    AskRejected,
    AskTimeout,
    ContractError,
    MailboxFull,
    SystemStopped,
    WireError,
)
from actors.message import Answer, JournalEntries, Lane, Message, Reason, Rejected, Request, Terminated
from core_ext.mailbox import Reference

__all__ = [
    "Actor", "ActorumError", "Answer", "AskError", "AskFailed", "AskRejected", "AskTimeout", "Context",
    "ContractError", "Directive", "Journal", "JournalEntries", "Lane", "Mailbox", "MailboxFull", "Message", "Overflow",
    "Reason", "Reference", "Rejected", "Request", "Supervision", "SystemStopped", "Terminated", "Ticket",
    "Uncertain", "WireError", "on", "on_answer",
]
