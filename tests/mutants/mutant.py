"""A version with one rule broken: one line of the source is replaced, by text, so that the catalogue names the line.

Knows no world. A line that has changed since is an error and not a mutant that survives.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

import pytest

from actors.actor import Actor


class Mutant(NamedTuple):
    """A wrong version that is everywhere.

    Attributes:
        name: what it does wrong.
        module, function, line: where the rule is enforced.
        wrong: what stands there in the wrong version.
        rule: the rule, in words of docs/raft.md or docs/storage.md.
        twins: (module, name, plain twin): what of the native core gives way to the twin that the line stands in.
    """

    name: str
    module: ModuleType | type
    function: str
    line: str
    wrong: str
    rule: str
    twins: tuple[tuple[ModuleType, str, object], ...] = ()


def apply(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the wrong version in place until the patch is undone. Actors that live already keep what they have."""
    right = inspect.getattr_static(mutant.module, mutant.function)
    plain = right.fget if isinstance(right, property) else right
    source = textwrap.dedent(inspect.getsource(plain))
    assert source.count(mutant.line) == 1, f"{mutant.function} no longer says {mutant.line!r} once"
    found: dict[str, object] = {}
    exec(compile(source.replace(mutant.line, mutant.wrong), "mutant", "exec"), plain.__globals__, found)
    wrong = found[mutant.function]
    monkeypatch.setattr(mutant.module, mutant.function, wrong)
    for owner, name, twin in mutant.twins:
        monkeypatch.setattr(owner, name, twin)
    if isinstance(mutant.module, type) and issubclass(mutant.module, Actor):
        for message_type in getattr(wrong, "__handles__", ()):
            monkeypatch.setitem(mutant.module.handlers, message_type, wrong)


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """The wrong version within a ``with``."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        apply(mutant, monkeypatch)
        yield
