"""Pictures of judged histories: well-formed, every operation in its place, what is at fault marked."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from actors.verification.histories import (
    Edge,
    History,
    Report,
    Verdict,
    Witness,
    judge,
    parse_history,
)
from actors.verification.histories.picture import MAX_SHOWN, arrange, shown, svg, text_picture
from actorum.cli import cli
from tests.histories.generate import CAS_REGISTER, generate, mutate, to_lines

SVG = "{http://www.w3.org/2000/svg}"


def violation(seed: int = 0) -> tuple[History, Report]:
    """A history that is not linearizable, and its report."""
    events = generate(5, 40, clients=4, mix=CAS_REGISTER, values=3, info=0.05)
    for number in range(seed, seed + 200):
        history = parse_history(to_lines(mutate(events, random.Random(number))))
        report = judge(history, "strong", "cas-register")
        if report.verdict is Verdict.VIOLATION and report.witness is not None and len(report.witness.window) > 2:
            return history, report
    raise AssertionError("no mutation made a violation")


def bars(text: str) -> list[tuple[str, str]]:
    """Title and colour of every operation in a picture."""
    root = ElementTree.fromstring(text)
    found = []
    for group in root.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        found.append((title.text or "", box.get("stroke") or ""))
    return found


def test_the_picture_shows_the_evidence_and_marks_what_is_at_fault() -> None:
    history, report = violation()
    assert report.witness is not None
    drawn = bars(svg(history, report))
    assert [title for title, _ in drawn] == [one.describe() for one in report.witness.window]
    guilty = [title for title, stroke in drawn if stroke == "#b00020"]
    assert guilty == [one.describe() for one in report.witness.operations]
    text = "".join(ElementTree.fromstring(svg(history, report)).itertext())
    assert report.witness.text.split(" (")[0] in text


def test_bars_of_one_process_never_overlap_and_hold_their_labels() -> None:
    events = generate(9, 60, clients=5, info=0.1)
    history = parse_history(to_lines(events))
    places = arrange(history.operations, lambda one: len(one.short()), 2)
    for one in history.operations:
        end = places[-1] if one.completed is None else places[one.completed]
        assert end - places[one.invoked] >= len(one.short())
    for operations in history.by_process().values():
        for before, after in pairwise(operations):
            assert before.completed is not None
            assert places[before.completed] < places[after.invoked]
    order = sorted(position for position in places if position > 0)
    assert [places[position] for position in order] == sorted(places[position] for position in order)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_history_without_evidence_is_drawn_as_it_is(verdict: Verdict) -> None:
    history = parse_history(to_lines(generate(2, 20, keys=2)))
    report = Report("strong", "key-value", verdict, reason="the time limit was reached")
    assert len(bars(svg(history, report))) == 20
    assert "process 0" in text_picture(history, report, 10_000)


def test_a_large_history_is_cut_to_what_a_person_can_read() -> None:
    history = parse_history(to_lines(generate(2, 1_000)))
    operations, what = shown(history, Report("strong", "key-value", Verdict.OK))
    assert len(operations) == MAX_SHOWN
    assert what == f"{MAX_SHOWN} of 1000 operations"


def test_arrows_are_numbered_and_explained() -> None:
    history = parse_history(to_lines(generate(2, 6)))
    first, second = history.operations[:2]
    witness = Witness("cycle", "A <cycle> & more.", (first, second), edges=(
        Edge(first, "the same process", second), Edge(second, "read <from>", first),
    ))
    text = svg(history, Report("causal", "key-value", Verdict.VIOLATION, witness))
    words = [one.text for one in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert "1: the same process" in words
    assert "2: read <from>" in words
    assert "A <cycle> & more." in words
    assert text.count("marker-end") == 2


def test_the_text_picture_fits_the_terminal_or_becomes_a_list() -> None:
    history, report = violation()
    assert report.witness is not None
    drawn = text_picture(history, report, 10_000)
    assert drawn.count("at fault") == 1
    narrow = text_picture(history, report, 30).splitlines()
    assert [line for line in narrow if line.startswith(">>")] == [
        f">> {one.describe()}" for one in report.witness.operations
    ]


def test_the_command_writes_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    text = '{"process":0,"type":"invoke","f":"read"}\n{"process":0,"type":"ok","value":"<&>"}\n'
    told = CliRunner().invoke(cli, ["judge", "-", "--picture", str(path)], input=text)
    assert told.exit_code == 1
    assert str(path) in told.output
    assert bars(path.read_text()) == [('process 0: read: "<&>" (lines 1 to 2)', "#b00020")]
