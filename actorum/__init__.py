"""The product: one node, its settings, launcher, command line, doors, client and pytest plugin.

Application code imports the actors' public names from here: ``from actorum import Actor, ActorSystem, Message, on``.
They are loaded at first use, so that the pytest plugin and the command line start without an event loop or ZeroMQ.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors import (
        Actor,
        ActorumError,
        Answer,
        AskError,
        AskFailed,
        AskRejected,
        AskTimeout,
        Context,
        ContractError,
        Directive,
        Journal,
        JournalEntries,
        Lane,
        Mailbox,
        MailboxFull,
        Message,
        Overflow,
        Reason,
        Reference,
        Rejected,
        Request,
        Supervision,
        SystemStopped,
        Terminated,
        Ticket,
        on,
        on_answer,
    )
    from actors.runtime.blocking import BlockingActorSystem
    from actors.runtime.settings import RuntimeSettings
    from actors.runtime.system import ActorSystem

__all__ = [
    "Actor", "ActorSystem", "ActorumError", "Answer", "AskError", "AskFailed", "AskRejected", "AskTimeout",
    "BlockingActorSystem", "Context", "ContractError", "Directive", "Journal", "JournalEntries", "Lane", "Mailbox",
    "MailboxFull", "Message", "Overflow", "Reason", "Reference", "Rejected", "Request", "RuntimeSettings",
    "Supervision", "SystemStopped", "Terminated", "Ticket", "on", "on_answer",
]

_RUNTIME = {
    "ActorSystem": "actors.runtime.system",
    "BlockingActorSystem": "actors.runtime.blocking",
    "RuntimeSettings": "actors.runtime.settings",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_RUNTIME.get(name, "actors")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
