"""A sequence diagram as one self-contained SVG file. Knows ``Diagram`` and nothing of the run that made it.

Messages slant from where they left to where they arrived, so that delay and overtaking can be seen; time that a node
was down or paused is shaded, a partition is a band, the violation a red line.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from actors.diagrams import Diagram, Life, Row
from actors.trace import What

_COLUMN = 150
_STEP = 22
_LEFT = 92
_TOP = 78
_TEXT_WIDTH = 470
_MARKS = {
    What.START: ("▲", "#2a7d3f"), What.TIMER: ("◷", "#7a5c00"), What.CHOICE: ("?", "#7a5c00"),
    What.SYNC: ("▪", "#4a6a8a"), What.CRASH: ("✖", "#b3261e"), What.PAUSE: ("‖", "#8a5a00"),
    What.RESUME: ("▸", "#2a7d3f"), What.FAULT: ("⚡", "#b3261e"), What.CLIENT: ("◆", "#1f4fa3"),
    What.FAILURE: ("✖", "#b3261e"),
}
_STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1c1c1c }
.name { font-weight: bold; text-anchor: middle }
.time { text-anchor: end; fill: #6b6b6b; font-size: 11px }
.note { fill: #4b4b4b; font-size: 11px }
.life { stroke: #9a9a9a }
.down { fill: #d9d9d9 }
.paused { fill: #f2e2c0 }
.arrow { stroke: #1f4fa3; fill: none; marker-end: url(#arrow-head) }
.again { stroke: #7b3fa0; fill: none; marker-end: url(#again-head); stroke-dasharray: 6 2 }
.lost { stroke: #b3261e; fill: none; stroke-dasharray: 4 3 }
.flight { stroke: #7d8ba5; fill: none; stroke-dasharray: 2 3; marker-end: url(#flight-head) }
.label { font-size: 10.5px; text-anchor: middle; fill: #1f3a6b }
.cut { stroke: #c77700; stroke-width: 3 }
.heal { stroke: #2a7d3f; stroke-width: 3 }
.violation { stroke: #b3261e; stroke-width: 5 }
.wrong { fill: #b3261e; font-weight: bold }
"""


def draw(diagram: Diagram, title: str = "") -> str:
    """The diagram as an SVG document.

    Args:
        diagram: what to draw.
        title: stands above it, and is what screen readers say.
    """
    width = _LEFT + _COLUMN * max(1, len(diagram.columns)) + _TEXT_WIDTH
    height = _TOP + _STEP * (len(diagram.rows) + 2)
    notes = [note for note in (diagram.before, f"in force: {diagram.cut}" if diagram.cut else "") if note]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={quoteattr(title or "sequence diagram")}>',
        f"<style>{_STYLE}</style>",
        "<defs>", *map(_head, ("arrow", "again", "flight"), ("#1f4fa3", "#7b3fa0", "#7d8ba5")), "</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="20" style="font-weight: bold">{escape(title)}</text>',
        f'<text x="12" y="38" class="note">{escape("; ".join(notes))}</text>',
    ]
    parts += _lifelines(diagram)
    for number, row in enumerate(diagram.rows):
        parts += _row(diagram, number, row)
    parts.append(f'<text x="12" y="{height - 10}" class="note">{escape(diagram.after)}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _head(kind: str, colour: str) -> str:
    """The head of one kind of arrow; viewers do not agree on heads that take the colour of their line."""
    return (
        f'<marker id="{kind}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
    )


def _x(column: int) -> int:
    return _LEFT + _COLUMN * column + _COLUMN // 2


def _y(row: int) -> int:
    return _TOP + _STEP * (row + 1)


def _lifelines(diagram: Diagram) -> list[str]:
    """Names, lines, and the time that each was down or paused."""
    parts = []
    bottom = _y(len(diagram.rows))
    for column, name in enumerate(diagram.columns):
        x = _x(column)
        parts.append(f'<text x="{x}" y="{_TOP - 14}" class="name">{escape(name)}</text>')
        parts.append(f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}" class="life"/>')
        state, since = diagram.first[column], _TOP - 6
        for number, row in enumerate(diagram.rows):
            if row.lives[column] is not state:
                parts += _shade(state, x, since, _y(number))
                state, since = row.lives[column], _y(number)
        parts += _shade(state, x, since, bottom)
    return parts


def _shade(state: Life, x: int, top: int, bottom: int) -> list[str]:
    if state is Life.UP or bottom <= top:
        return []
    return [
        f'<rect x="{x - 9}" y="{top}" width="18" height="{bottom - top}" class="{state.value}">'
        f"<title>{state.value}</title></rect>"
    ]


def _row(diagram: Diagram, number: int, row: Row) -> list[str]:
    y = _y(number)
    right = _LEFT + _COLUMN * len(diagram.columns)
    stamp = f"{row.event.at_seconds:.6f} s" if diagram.timed else str(number + 1)
    parts = [f'<text x="{_LEFT - 6}" y="{y + 4}" class="time">{stamp}</text>']
    if row.skipped:
        parts.append(
            f'<text x="{right + 8}" y="{y - _STEP // 2 + 4}" class="note">⋮ {row.skipped} steps are not shown</text>'
        )
    what = row.event.what
    if row.column is None:
        kind = {What.VIOLATION: "violation", What.PARTITION: "cut"}.get(what, "heal")
        style = ' class="wrong"' if what is What.VIOLATION else ""
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}" class="{kind}"/>')
        parts.append(f'<text x="{right + 8}" y="{y + 4}"{style}>{_text(f"{what.value}: {row.text}")}</text>')
        return parts
    if row.source is None:
        mark, colour = _MARKS.get(what, ("•", "#1c1c1c"))
        style = f"text-anchor: middle; fill: {colour}; font-size: 14px"
        parts.append(f'<text x="{_x(row.column)}" y="{y + 5}" style="{style}">{mark}</text>')
        parts.append(f'<text x="{right + 8}" y="{y + 4}">{_text(f"{what.value} {row.text}")}</text>')
        return parts
    return parts + _arrow(number, row, right)


def _arrow(number: int, row: Row, right: int) -> list[str]:
    """A message, from the row after which it left."""
    assert row.column is not None
    assert row.source is not None
    what, y = row.event.what, _y(number)
    kind = {What.DROP: "lost", What.DUPLICATE: "again", What.SEND: "flight"}.get(what, "arrow")
    start, end = _x(row.source), _x(row.column)
    above = max(_TOP - 6, min(y - 4, _y(row.sent_row) + 4)) if what is not What.SEND else y
    said = {What.DROP: "lost: ", What.DUPLICATE: "again: ", What.SEND: "in flight: "}.get(what, "")
    parts = [f"<g><title>{escape(row.text)}</title>"]
    if start == end:
        parts.append(f'<path d="M{start} {y - 8} h22 v10 h-20" class="{kind}"/></g>')
    else:
        if what in (What.DROP, What.SEND):  # it ends half way
            end = start + (end - start) * 3 // 4
        parts.append(f'<line x1="{start}" y1="{above}" x2="{end}" y2="{y}" class="{kind}"/>')
        if what is What.DROP:
            parts.append(f'<text x="{end}" y="{y + 4}" class="wrong" style="text-anchor: middle">✕</text>')
        name = row.text.partition("(")[0].partition(" ")[0][:20]
        # near the head, where arrows that leave together lie apart
        x, at = start + (end - start) * 2 // 3, above + (y - above) * 2 // 3
        parts.append(f'<text x="{x}" y="{at - 3}" class="label">{escape(name)}</text></g>')
    parts.append(f'<text x="{right + 8}" y="{y + 4}" class="note">{_text(said + row.text)}</text>')
    return parts


def _text(text: str) -> str:
    """Escaped, and as long as the margin has room for; the whole of it as a tooltip."""
    short = text if len(text) <= 66 else text[:65] + "…"
    return f"{escape(short)}<title>{escape(text)}</title>"
