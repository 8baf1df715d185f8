"""What ``from actorum import …`` gives."""

from __future__ import annotations

import importlib

import actors
import actorum
from actorum import Actor, BlockingActorSystem, Context, Request, on


class Balance(Request[int], wire="tests.public-names.balance"):
    """How much is there?"""


class Account(Actor):
    """An account with five in it."""

    @on(Balance)
    def report(self, message: Balance, context: Context) -> None:
        context.reply(5)


def test_every_public_name_is_the_one_of_its_floor() -> None:
    for name in actorum.__all__:
        found = getattr(actorum, name)
        assert found is getattr(importlib.import_module(found.__module__), name, found), name
    assert set(actorum.__all__) >= set(actors.__all__) - {"Uncertain", "WireError"}


def test_a_script_without_an_event_loop_asks_and_is_answered() -> None:
    with BlockingActorSystem() as system:
        account = system.spawn(Account, name="alice")
        assert system.ask(account, Balance()) == 5
