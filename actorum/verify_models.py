"""Finds a model by its shipped name or in a file, and makes it with arguments from the command line."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.verification.errors import ModelError
from actors.verification.result import Checkable
from actorum import user_files
from protocols.models.catalog import MODELS


class ModelNotFound(Exception):
    """No such model, or no such argument; the message says what there is."""


class Shipped(NamedTuple):
    """A shipped model: its name, what it is, and its arguments as ``name=default (type)``."""

    name: str
    summary: str
    arguments: list[str]


def shipped() -> list[Shipped]:
    """Every shipped model."""
    found = []
    for name in MODELS:
        maker = _shipped(name)
        summary = (inspect.getdoc(maker) or "").split("\n\n")[0].replace("\n", " ")
        found.append(Shipped(name, summary, [_shown(one) for one in _arguments(maker).values()]))
    return found


def load(name: str, settings: Sequence[str] = ()) -> Checkable:
    """Make a model.

    Args:
        name: of a shipped model, or ``path/to/file.py:Name``, where Name is a class, a function that makes a model, or
            a model.
        settings: ``key=value`` each, arguments of the class or function, converted to the types it declares.

    Raises:
        ModelNotFound: says what there is instead.
    """
    maker = _from_file(name) if ":" in name or name.endswith(".py") else _shipped(name)
    if not callable(maker):
        if settings:
            raise ModelNotFound(f"{name} is a model that is made already; --set needs a class or a function")
        model = maker
    else:
        model = _made(name, maker, settings)
    if not hasattr(model, "check_with"):
        raise ModelNotFound(f"{name} makes a {type(model).__name__}, which is no Model")
    return typing.cast("Checkable", model)


def _shipped(name: str) -> Any:
    if name not in MODELS:
        raise ModelNotFound(
            f"there is no shipped model {name!r}; there are {', '.join(MODELS)}; a model of your own is "
            f"path/to/file.py:Name"
        )
    module, maker = MODELS[name]
    return getattr(importlib.import_module(module), maker)


def _from_file(name: str) -> Any:
    file, wanted = user_files.split(name)
    try:
        module = user_files.module_of(file)
    except user_files.FileNotLoaded as error:
        raise ModelNotFound(str(error)) from error
    models = [
        key for key, value in vars(module).items()
        if hasattr(value, "check_with") and getattr(value, "__module__", module.__name__) == module.__name__
    ]
    if not wanted and len(models) == 1:
        wanted = models[0]
    found = getattr(module, wanted, None)
    if found is None:
        known = f"it has {', '.join(models)}" if models else "it has no model"
        asked = f"no {wanted!r}" if wanted else "no single model"
        raise ModelNotFound(f"{file} has {asked}; {known}; give {file}:Name")
    return found


class _Argument(NamedTuple):
    name: str
    type: Any
    default: Any


def _arguments(maker: Callable[..., Any]) -> dict[str, _Argument]:
    function = maker.__init__ if inspect.isclass(maker) else maker
    try:
        types = typing.get_type_hints(function)
    except NameError:
        types = {}
    return {
        one.name: _Argument(one.name, types.get(one.name, str), one.default)
        for one in inspect.signature(maker).parameters.values()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }


def _shown(one: _Argument) -> str:
    kind = getattr(one.type, "__name__", None) or str(one.type)
    default = "" if one.default is inspect.Parameter.empty else repr(one.default)
    return f"{one.name}={default or '...'} ({kind})"


def _made(name: str, maker: Callable[..., Any], settings: Sequence[str]) -> Any:
    known = _arguments(maker)
    given = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ModelNotFound(f"--set {setting}: give KEY=VALUE")
        if key not in known:
            raise ModelNotFound(f"{name} has no argument {key!r}; its arguments: {', '.join(known) or 'none'}")
        given[key] = _converted(name, known[key], text)
    missing = [one.name for one in known.values() if one.default is inspect.Parameter.empty and one.name not in given]
    if missing:
        raise ModelNotFound(f"{name} needs --set {missing[0]}=...")
    try:
        return maker(**given)
    except ModelError:
        raise
    except Exception as error:
        what = "" if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: "
        raise ModelNotFound(f"{name} cannot be made: {what}{error}") from error


def _converted(name: str, argument: _Argument, text: str) -> Any:
    """The text as a value of the argument's type: as it stands, or read as JSON (lists, objects)."""
    try:
        return msgspec.convert(text, argument.type, strict=False)
    except (msgspec.ValidationError, TypeError) as error:
        try:
            return msgspec.json.decode(text.encode(), type=argument.type)
        except (msgspec.DecodeError, TypeError):
            raise ModelNotFound(f"{name}: --set {argument.name}={text}: {error}") from error
