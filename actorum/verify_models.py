"""Finds a model by its shipped name or in a file, and makes it with arguments from the command line."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.verification.result import Checkable
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
    file, _, wanted = name.rpartition(":") if not name.endswith(".py") else (name, "", "")
    path = Path(file)
    if not path.is_file():
        raise ModelNotFound(f"there is no file {file!r}; give path/to/file.py:Name")
    module = _module(path)
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


def _module(path: Path) -> Any:
    name = f"model_of_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ModelNotFound(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    # Types of its annotations are looked up by the module's name; and it may import its neighbours.
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise ModelNotFound(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


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
            raise ModelNotFound(f"{name} has no argument {key!r}; it has {', '.join(known) or 'none'}")
        given[key] = _converted(name, known[key], text)
    missing = [one.name for one in known.values() if one.default is inspect.Parameter.empty and one.name not in given]
    if missing:
        raise ModelNotFound(f"{name} needs --set {missing[0]}=...")
    try:
        return maker(**given)
    except (TypeError, ValueError) as error:
        raise ModelNotFound(f"{name} cannot be made: {error}") from error


def _converted(name: str, argument: _Argument, text: str) -> Any:
    """The text as a value of the argument's type: as it stands, or read as JSON (lists, objects)."""
    try:
        return msgspec.convert(text, argument.type, strict=False)
    except (msgspec.ValidationError, TypeError) as error:
        try:
            return msgspec.json.decode(text.encode(), type=argument.type)
        except (msgspec.DecodeError, TypeError):
            raise ModelNotFound(f"{name}: --set {argument.name}={text}: {error}") from error
