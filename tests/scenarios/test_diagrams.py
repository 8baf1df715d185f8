"""Diagrams: what a reader must be able to see in a picture of a run."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from actors import diagrams, diagrams_svg, diagrams_text
from actors.diagrams import Life
from actors.trace import Event, What

NODES = ("n1", "n2", "n3")


def message(number: int, source: str, target: str, sent: float, due: float, text: str = "Vote(term=1)") -> list[Event]:
    """A message's two events."""
    ends = {"node": target, "actor": "raft", "peer_node": source, "peer_actor": "raft"}
    return [
        Event(What.SEND, sent, source, "raft", text, number, target, "raft"),
        Event(What.DELIVER, due, text=text, number=number, **ends),
    ]


def story() -> list[Event]:
    """A short run with one of everything."""
    one, two = message(1, "n1", "n2", 0.1, 0.2), message(2, "n1", "n2", 0.11, 0.15, "Beat()")
    lost = [
        Event(What.SEND, 0.12, "n1", "raft", "Append(<3>)", 3, "n3", "raft"),
        Event(What.DROP, 0.3, "n1", "raft", "Append(<3>)", 3, "n3", "raft"),
    ]
    return [
        *(Event(What.START, 0.0, node, "raft") for node in NODES),
        Event(What.TIMER, 0.1, "n1", "raft", "ElectionTimeout"),
        one[0], two[0], lost[0], two[1], one[1], lost[1],
        Event(What.PARTITION, 0.4, text="n1 | n2 n3"),
        Event(What.CRASH, 0.5, "n2", text="kill -9"),
        Event(What.PAUSE, 0.6, "n3"),
        Event(What.CLIENT, 0.7, "n1", text="put k=1"),
        Event(What.VIOLATION, 0.8, text="election safety: n1 and n3 both lead term 2"),
        Event(What.TIMER, 0.9, "n1", "raft", "Later"),
    ]


def test_every_actor_has_a_column_while_that_is_readable():
    assert diagrams.lay_out(story()).columns == NODES
    several = [Event(What.START, 0.0, node, actor) for node in NODES for actor in ("raft", "log")]
    assert diagrams.lay_out(several).columns == ("n1/log", "n1/raft", "n2/log", "n2/raft", "n3/log", "n3/raft")
    many = [Event(What.START, 0.0, f"n{node}", actor) for node in range(5) for actor in "abc"]
    assert diagrams.lay_out(many).columns == tuple(f"n{node}" for node in range(5))


def test_the_picture_ends_with_the_violation_and_says_what_is_left_out():
    made = diagrams.lay_out(story(), rows=3)
    assert [row.event.what for row in made.rows] == [What.PAUSE, What.CLIENT, What.VIOLATION]
    assert made.violated().startswith("election safety")
    assert made.cut == "n1 | n2 n3"
    assert "1 drop" in made.before
    assert "after the violation" in made.after


def test_the_last_faults_before_the_window_are_shown_with_what_lies_between_left_out():
    beats = [event for number in range(9, 30) for event in message(number, "n1", "n3", 0.7, 0.75, "Beat()")]
    made = diagrams.lay_out([*story()[:-2], *beats, *story()[-2:]], rows=12)
    kinds = [row.event.what for row in made.rows]
    assert kinds[:3] == [What.PARTITION, What.CRASH, What.PAUSE]
    assert kinds[3:] == [What.DELIVER] * 8 + [What.VIOLATION]
    assert made.rows[3].skipped == 14  # the client, and beats
    assert "14 steps" in diagrams_text.draw(made)
    assert "14 steps" in diagrams_svg.draw(made)


def test_the_state_in_which_the_window_begins_comes_from_what_was_left_out():
    made = diagrams.lay_out(story(), rows=2)
    assert made.first == (Life.UP, Life.DOWN, Life.PAUSED)


def test_a_message_is_one_arrow_from_where_it_left_to_where_it_arrived():
    made = diagrams.lay_out(story())
    overtaken = next(row for row in made.rows if row.event.what is What.DELIVER and row.event.number == 1)
    assert (overtaken.source, overtaken.column) == (0, 1)
    assert made.rows[overtaken.sent_row].event.what is What.TIMER
    assert not any(row.event.what is What.SEND for row in made.rows)
    lost = next(row for row in made.rows if row.event.what is What.DROP)
    assert (lost.source, lost.column) == (0, 2)


def test_what_is_still_on_its_way_is_shown_as_such():
    made = diagrams.lay_out(message(1, "n1", "n2", 0.1, 0.2)[:1])
    assert [row.event.what for row in made.rows] == [What.SEND]
    assert "in flight: Vote(term=1)" in diagrams_text.draw(made)


def test_chatter_within_a_node_makes_room_for_what_nodes_say_to_each_other():
    chatter = []
    for number in range(50):
        chatter += message(number + 1, "n1", "n1", number, number + 0.5)
    made = diagrams.lay_out([*chatter, *message(99, "n1", "n2", 60.0, 61.0)], rows=10)
    assert [row.event.number for row in made.rows] == [99]


def test_the_text_shows_every_kind_of_step():
    drawn = diagrams_text.draw(diagrams.lay_out(story()))
    for expected in ("──▶", "✕", "═══ PARTITION: n1 | n2 n3", "✖", "‖", "◆", "███ VIOLATION: election safety"):
        assert expected in drawn, drawn
    assert all(len(line) <= 150 for line in drawn.splitlines())


def test_a_column_that_is_down_has_no_line():
    last = diagrams_text.draw(diagrams.lay_out(story())).splitlines()[-3]
    assert last.count("│") == 0, last
    assert last.count("◆") == last.count("┊") == 1, last


def test_the_svg_is_well_formed_and_escapes_what_messages_say():
    drawn = diagrams_svg.draw(diagrams.lay_out(story()), "seed 7 & <more>")
    root = ElementTree.fromstring(drawn)
    said = " ".join(root.itertext())
    assert "seed 7 & <more>" in said
    assert "Append(<3>)" in said
    assert "election safety: n1 and n3 both lead term 2" in said
    kinds = [element.get("class") for element in root.iter()]
    assert {"arrow", "lost", "down", "paused", "cut", "violation"} <= set(kinds)


def test_a_run_without_times_is_numbered():
    untimed = [Event(What.TIMER, node="n1", actor="raft", text="Beat"), Event(What.VIOLATION, text="safety")]
    drawn = diagrams_text.draw(diagrams.lay_out(untimed))
    assert drawn.splitlines()[0].split() == ["step", "n1"]
    assert drawn.splitlines()[1].split()[:2] == ["1", "◷"]


def test_nothing_is_a_picture_too():
    made = diagrams.lay_out([])
    assert made.rows == ()
    assert diagrams_text.draw(made)
    ElementTree.fromstring(diagrams_svg.draw(made))
    with pytest.raises(ValueError, match="at least 1"):
        diagrams.lay_out([], rows=0)
