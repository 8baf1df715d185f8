"""A user's own classes by ``path/to/file.py:Name``: how every command that takes such a name loads the file.

Knows Python's import system; neither models nor scenarios.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_loaded: dict[Path, tuple[int, ModuleType]] = {}


class FileNotLoaded(Exception):
    """There is no such file or name, or running the file raised; the message says which and what to give."""


def names_a_file(name: str) -> bool:
    """Whether a name means a file rather than something that is shipped."""
    return name.endswith(".py") or ".py:" in name


def split(name: str) -> tuple[str, str]:
    """``path/to/file.py:Name`` as file and name; the name is empty when it is left out."""
    file, _, wanted = (name, "", "") if name.endswith(".py") else name.rpartition(":")
    return file, wanted


def module_of(file: str) -> ModuleType:
    """A file as a module, run once as long as it does not change; it may import its neighbours.

    Raises:
        FileNotLoaded: there is no such file, or running it raised.
    """
    path = Path(file).resolve()
    if not path.is_file():
        raise FileNotLoaded(f"there is no file {file!r}; give path/to/file.py:Name")
    written = path.stat().st_mtime_ns
    if path in _loaded and _loaded[path][0] == written:
        return _loaded[path][1]
    name = f"user_file_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise FileNotLoaded(f"{file} is no Python file; give path/to/file.py:Name")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # types of its annotations are looked up by the module's name
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise FileNotLoaded(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    _loaded[path] = (written, module)
    return module


def class_of(name: str, base: type[Any]) -> type[Any]:
    """The class that ``path/to/file.py:Name`` names.

    Raises:
        FileNotLoaded: see ``module_of``; or the file has no such subclass of ``base``.
    """
    file, wanted = split(name)
    module = module_of(file)
    found = getattr(module, wanted, None)
    if isinstance(found, type) and issubclass(found, base):
        return found
    known = [
        key for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    raise FileNotLoaded(
        f"{file} has no subclass {wanted!r} of {base.__module__}.{base.__qualname__}; "
        + (f"it has {', '.join(known)}" if known else "it has none")
        + f"; give {file}:Name"
    )
