"""What an actor is: fields, and handlers declared with ``@on``. Knows no world.

The class is checked when it is created: every mistake that can be seen without running it is an error that names the
class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from actors.context import Context
from actors.errors import ContractError
from actors.message import Answer, Message, Request, check_fields

F = TypeVar("F", bound=Callable[..., Any])


def on(message_type: type[Message]) -> Callable[[F], F]:
    """Declare a handler: ``@on(Deposit) def deposit(self, message, context)``.

    Args:
        message_type: a subclass of Message; the handler receives exactly this type (no subclasses).
    """

    if inspect.isfunction(message_type):
        raise ContractError(
            f"@on at {message_type.__qualname__!r} names no message type; write @on(Name) with what it handles"
        )

    def mark(function: F) -> F:
        function.__dict__.setdefault("__handles__", []).append(message_type)
        return function

    return mark


def on_answer(request_type: type[Request[Any]]) -> Callable[[F], F]:
    """Declare who receives the answers to ``context.request`` of this type.

    The handler is ``def answered(self, answer: Answer, context)``; failures and time-outs come to it too.
    """

    if inspect.isfunction(request_type):
        raise ContractError(
            f"@on_answer at {request_type.__qualname__!r} names no request type; write @on_answer(Name) with what "
            f"was asked"
        )

    def mark(function: F) -> F:
        function.__dict__.setdefault("__handles_answers__", []).append(request_type)
        return function

    return mark


def _check_signature(cls: type[Actor], name: str, function: Callable[..., Any]) -> None:
    if isinstance(function, (staticmethod, classmethod)):
        raise ContractError(
            f"actor {cls.__qualname__}: handler {name!r} is a {type(function).__name__}; it must be an ordinary "
            f"method, taking (self, message, context)"
        )
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(parameters) != 3 or len(positional) != 3:
        raise ContractError(
            f"actor {cls.__qualname__}: handler {name!r} must take exactly (self, message, context), "
            f"it takes ({', '.join(str(p) for p in parameters)})"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ContractError(
            f"actor {cls.__qualname__}: handler {name!r} has a yield, so that calling it would run nothing; a handler "
            f"runs to completion (or is async def, with await)"
        )


class Actor:
    """Base of every actor: its fields are its state, its handlers run to completion one at a time.

    Hooks, all optional:
        start(context): after recovery, before the first message; also after a restart.
        after_batch(context): after each bounded batch of messages taken from the mailbox.
        recover(record): makes the actor durable: called with the newest checkpoint's records, then every record after
            it, before ``start``. It has no context: recovery has no effects.
        stopped(context): the last call of an actor that is stopped in order; effects are still released.

    Handlers are synchronous. An *application actor* may declare ``async def`` handlers; it then cannot be durable and
    lives in the real world only.
    """

    handlers: ClassVar[dict[type[Message], Callable[..., Any]]] = {}
    answer_handlers: ClassVar[dict[type[Message], Callable[..., Any]]] = {}
    is_async: ClassVar[bool] = False
    is_durable: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        handlers: dict[type[Message], Callable[..., Any]] = dict(cls.handlers)
        answers: dict[type[Message], Callable[..., Any]] = dict(cls.answer_handlers)
        own: dict[tuple[str, Any], str] = {}
        for name, function in vars(cls).items():
            bare = getattr(function, "__func__", function)  # a static or class method hides the marks of what it wraps
            marks = {**getattr(function, "__dict__", {}), **getattr(bare, "__dict__", {})}
            for kind, table, types in (
                ("@on", handlers, marks.get("__handles__", ())),
                ("@on_answer", answers, marks.get("__handles_answers__", ())),
            ):
                for message_type in types:
                    cls._check_handled_type(kind, name, message_type)
                    _check_signature(cls, name, function)
                    if (kind, message_type) in own:
                        raise ContractError(
                            f"actor {cls.__qualname__}: {own[kind, message_type]!r} and {name!r} both handle "
                            f"{kind}({message_type.__qualname__}); keep one"
                        )
                    own[kind, message_type] = name
                    table[message_type] = function
        cls.handlers = handlers
        cls.answer_handlers = answers
        cls.is_async = any(map(inspect.iscoroutinefunction, [*handlers.values(), *answers.values()]))
        cls.is_durable = hasattr(cls, "recover")
        if cls.is_async and cls.is_durable:
            raise ContractError(
                f"actor {cls.__qualname__} has async handlers and recover(); a durable actor's handlers are synchronous"
            )

    @classmethod
    def _check_handled_type(cls, kind: str, name: str, message_type: Any) -> None:
        if not (isinstance(message_type, type) and issubclass(message_type, Message)):
            raise ContractError(
                f"actor {cls.__qualname__}: {kind}({message_type!r}) at {name!r}: not a Message type; "
                f"declare it as class {getattr(message_type, '__name__', 'Name')}(Message)"
            )
        if kind == "@on_answer" and not issubclass(message_type, Request):
            raise ContractError(
                f"actor {cls.__qualname__}: @on_answer({message_type.__qualname__}) at {name!r}: only a Request has "
                f"answers; declare it as class {message_type.__name__}(Request[...])"
            )
        check_fields(message_type)

    def start(self, context: Context) -> None:
        """Called after recovery, before the first message."""


__all__ = ["Actor", "Answer", "on", "on_answer"]
