"""A gateway's queries: what a tick leaves out is what a look at every query would not have changed."""

from __future__ import annotations

import random

import pytest

from core_ext.mailbox import Reference
from protocols.storage.gateway_reads import ReadDesk
from protocols.storage.messages import Query, ReadAnswer, ReadResult
from protocols.storage.settings import GatewaySettings

DOOR, LOG = Reference("a", "door"), Reference("a", "log-0")


class Looks(ReadDesk):
    """The plain twin: every tick looks at every query."""

    def ask_again(self, tick, every):
        self._overdue_tick = 0
        super().ask_again(tick, every)

    def on_tick(self, tick, context):
        self._for_time = True
        return super().on_tick(tick, context)


class Notes:
    """The only hand that a desk uses."""

    def __init__(self) -> None:
        self.sent = []

    def send(self, target, message):
        self.sent.append((target, message))


def play(desk, seed):
    """A random life of a desk; what it sent, and what it said to every call."""
    draws, notes, said = random.Random(seed), Notes(), []
    tick = ticket = 0
    barriers = []
    for _ in range(300):
        deed = draws.random()
        if deed < 0.4:
            ticket += 1
            desk.query(Query(ticket=ticket, batch=b"x"), DOOR, tick, notes)
        elif deed < 0.6 and barriers:
            barrier = barriers.pop(draws.randrange(len(barriers)))
            answers = tuple(
                ReadAnswer(ticket=read.ticket, replies=b"", tick_needed=draws.random() < 0.3) for read in barrier.reads
            )
            refused = draws.random() < 0.3
            result = ReadResult(tag=barrier.tag, answers=() if refused else answers, refused=refused)
            if desk.read_result(result, notes):
                desk.time_asked()
        elif deed < 0.65 and barriers:
            barriers.pop(draws.randrange(len(barriers)))  # lost
        elif deed < 0.7:
            desk.time_passed()
        elif deed < 0.72:
            desk.ask_again(tick, every=True)
        else:
            tick += 1
            said.append(desk.on_tick(tick, notes))
        if desk.asked:
            before = len(notes.sent)
            desk.end_turn(tick, LOG, notes)
            barriers += [message for _, message in notes.sent[before:]]
        said.append((desk.idle, desk.asked))
    return notes.sent, said


@pytest.mark.parametrize("seed", range(40))
def test_a_tick_leaves_out_only_what_a_look_at_every_query_would_not_change(seed):
    settings = GatewaySettings()
    found = play(ReadDesk(settings), seed)
    assert found == play(Looks(settings), seed)
    assert len(found[0]) > 50
