"""The words of the errors that a breach of the contract raises: what was asked, what is true, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.errors import ContractError, SystemStopped
from core_ext.mailbox import Reference

if TYPE_CHECKING:
    from actors.runtime.cell import ActorCell


def not_a_message(message: object) -> ContractError:
    """Something else than a message was sent."""
    kind = type(message).__qualname__
    if isinstance(message, type):
        return ContractError(f"sent the class {message.__qualname__}; send an instance: {message.__qualname__}(...)")
    return ContractError(f"sent a {kind} ({message!r:.80}); messages are instances of a class {kind.title()}(Message)")


def full(target: Reference, message: object) -> str:
    """A bounded mailbox is full."""
    return (
        f"the mailbox of {target!r} is full and refused {type(message).__qualname__}; send slower (ask now and then), "
        f"or spawn it with mailbox=Mailbox(capacity=..., overflow=...)"
    )


def outside(node: str, message: object, running: ActorCell | None, other_thread: bool) -> Exception:
    """tell or ask was called where it may not be."""
    name = type(message).__qualname__
    if other_thread:
        return ContractError(
            f"tell or ask with {name} from another thread than the one of system {node!r}; use "
            f"system.loop.call_soon_threadsafe(...), or BlockingActorSystem"
        )
    if running is not None:
        return ContractError(
            f"tell or ask with {name} inside a handler of {running._label}: the effects of a handler go through its "
            f"context; use context.send or context.request"
        )
    return SystemStopped(f"tell or ask with {name}: system {node!r} is stopping or has stopped")


def outside_handler(label: str, what: str) -> ContractError:
    """A context was used when its actor was not running."""
    return ContractError(
        f"{label}: context.{what} was used outside its handlers; a context is valid only while one of them runs (keep "
        f"references and tickets, not contexts)"
    )


def answer(label: str, what: str, answered: bool) -> ContractError:
    """Nothing to answer."""
    if answered:
        return ContractError(f"{label}: context.{what}: this request was answered or deferred already")
    return ContractError(
        f"{label}: context.{what}: the message being handled is not a request that anyone asked; to answer later, keep "
        f"ticket = context.defer() and pass to=ticket; to send a message, use context.send"
    )


def request(label: str, message: object) -> ContractError:
    """An answer would have no handler."""
    name = type(message).__qualname__
    return ContractError(
        f"{label}: context.request with {name}, but the class has no @on_answer({name}) to receive the answer"
    )


def no_journal(label: str) -> ContractError:
    """Only durable actors have one."""
    return ContractError(
        f"{label}: context.journal is for durable actors; give the class recover(self, record), spawn it with a name, "
        f"and the system a data folder"
    )
