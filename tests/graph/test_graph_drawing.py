"""The layout of machines, and what is drawn of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_runner.graph import PIXELS, Drawing, Mark, Node, dot, draw, mermaid, svg, text
from asl_runner.graph.edges import END, START, condition

HOSTILE = "<script>alert(1)</script>\"&'\x07]]>#;{}|%% -->"

LOOP: dict[str, Any] = {
    "StartAt": "Try",
    "States": {
        "Try": {"Type": "Task", "Next": "Good?", "Catch": [{"ErrorEquals": ["Lost", "Late"], "Next": "Give up"}]},
        "Good?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "Try"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
        "Give up": {"Type": "Fail"},
    },
}


@st.composite
def scopes(draw_: Any, depth: int = 2, prefix: str = "") -> dict[str, Any]:
    """Any machine, its arrows leading anywhere: loops, to itself, past many ranks."""
    names = [f"{prefix}S{number}" for number in range(draw_(st.integers(1, 6)))]
    states = {}
    for name in names:
        targets = st.sampled_from(names)
        kind = draw_(st.sampled_from(["Task", "Choice", "Succeed", *(["Map", "Parallel"] if depth else [])]))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Choice":
            state["Choices"] = [{"Condition": "{% true %}", "Next": draw_(targets)} for _ in range(3)]
            state["Default"] = draw_(targets)
        elif kind != "Succeed":
            state |= {"Next": draw_(targets)} if draw_(st.booleans()) else {"End": True}
            state["Catch"] = [{"ErrorEquals": ["E"], "Next": draw_(targets)}]
        if kind == "Map":
            state["ItemProcessor"] = draw_(scopes(depth - 1, f"{name}."))
        if kind == "Parallel":
            state["Branches"] = [draw_(scopes(depth - 1, f"{name}.{index}.")) for index in range(2)]
        states[name] = state
    return {"StartAt": names[0], "States": states}


def names(document: dict[str, Any]) -> set[str]:
    found = set()
    for name, state in document["States"].items():
        found.add(name)
        for inside in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            found |= names(inside)
    return found


def apart(one: Node, other: Node) -> bool:
    return (
        one.x + one.width <= other.x + 0.2
        or other.x + other.width <= one.x + 0.2
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def within(inner: Any, outer: Any) -> bool:
    right, bottom = outer.x + outer.width + 0.2, outer.y + outer.height + 0.2
    return bool(
        inner.x >= outer.x - 0.2
        and inner.y >= outer.y - 0.2
        and inner.x + inner.width <= right
        and inner.y + inner.height <= bottom
    )


def check_box(box: Any) -> None:
    for one, other in combinations(box.nodes, 2):
        assert apart(one, other), (one, other)
    for node in box.nodes:
        assert within(node, box)
        for inner in node.boxes:
            assert within(inner, node)
            check_box(inner)
    by_name = {node.name: node for node in box.nodes}
    for edge in box.edges:
        for (x, y), name in ((edge.points[0], edge.source), (edge.points[-1], edge.target)):
            node = by_name[name]
            assert node.x - 0.2 <= x <= node.x + node.width + 0.2, edge
            assert node.y - 0.2 <= y <= node.y + node.height + 0.2, edge


@settings(deadline=None, max_examples=50)
@given(scopes())
def test_nothing_overlaps_and_every_arrow_meets_its_states(document: dict[str, Any]) -> None:
    drawing = draw(document, PIXELS)
    assert {node.name for node in drawing.nodes()} - {START, END} == names(document)
    check_box(drawing.box)
    ElementTree.fromstring(svg(drawing, theme="both"))
    assert text(document).count("╭") == len(names(document))


def test_a_state_is_below_what_leads_to_it_except_in_a_loop() -> None:
    drawing = draw(LOOP, PIXELS)
    y = {node.name: node.y for node in drawing.nodes()}
    assert y[START] < y["Try"] < y["Good?"] < y["Done"] < y[END]
    back = next(edge for edge in drawing.edges() if (edge.source, edge.target) == ("Good?", "Try"))
    assert back.points[0][1] > back.points[-1][1]


def test_the_text_of_a_machine() -> None:
    picture = text({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}})
    assert picture == (
        "   ○\n   ╷\n   │\n   ▼\n╭─────╮\n│   A │\n╰─────╯\n   ╷\n   │\n   ▼\n╭─────╮\n│   B │\n╰─────╯\n   ╷\n   │\n"
        "   ▼\n   ◉\n"
    )


def test_marks_are_drawn_as_signs_and_told_to_readers() -> None:
    marks = {"Try": Mark("FAILED", 2, "3 s")}
    root = ElementTree.fromstring(svg(draw(LOOP, PIXELS), marks))
    [node] = [one for one in root if one.get("data-state") == "Try"]
    assert node.get("class") == "node visited FAILED"
    assert node.get("aria-label") == "Try, Task, failed, visited 2 times, 3 s"
    assert "✗ Try" in text(LOOP, marks)
    painted = text(LOOP, marks, paint=lambda part, status: f"<{status}>{part}</>")
    assert "<FAILED>│</> <FAILED>✗ Try</>" in painted


def hostile_drawing() -> tuple[dict[str, Any], Drawing]:
    rule = {"Variable": HOSTILE, "StringEquals": HOSTILE, "Next": HOSTILE}
    document = {
        "StartAt": HOSTILE,
        "States": {HOSTILE: {"Type": "Choice", "Choices": [rule], "Default": "B"}, "B": {"Type": "Succeed"}},
    }
    return document, draw(document, PIXELS)


def test_hostile_names_are_text_in_svg() -> None:
    _, drawing = hostile_drawing()
    root = ElementTree.fromstring(svg(drawing, {HOSTILE: Mark("FAILED", 1, HOSTILE)}, title=HOSTILE))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "defs", "marker", "path", "g", "title", "rect", "text", "use", "circle", "style"}
    assert any(element.get("data-state") == HOSTILE.replace("\x07", "\ufffd") for element in root)


def test_hostile_names_are_text_in_other_languages() -> None:
    document, drawing = hostile_drawing()
    assert "\x07" not in text(document) + dot(drawing)
    # The quotes are numbers and nothing a person wrote can end a label.
    [line] = [line for line in mermaid(drawing).splitlines() if "alert" in line and "-->" not in line]
    assert line.strip() == 's1{"' + "".join(c if c.isalnum() or c in " -" else f"#{ord(c)};" for c in HOSTILE) + '"}'
    assert '[label="<script>alert(1)</script>\\"&\' ' in dot(drawing)


def test_mermaid_and_dot_have_every_arrow() -> None:
    drawing = draw(LOOP, PIXELS)
    assert mermaid(drawing, {"Try": Mark("FAILED")}).splitlines() == [
        "flowchart TD",
        "  start(( ))",
        '  s1["Try"]',
        "  class s1 FAILED",
        '  s2{"Good#63;"}',
        '  s3(["Give up"])',
        '  s4(["Done"])',
        "  stop(( ))",
        "  start --> s1",
        "  s1 --> s2",
        '  s1 -.->|"Lost, Late"| s3',
        '  s2 -->|"$.n #60; 3"| s1',
        '  s2 -->|"otherwise"| s4',
        "  s4 --> stop",
        "  s3 --> stop",
        "  classDef FAILED fill:#fdebec,stroke:#c0272d",
    ]
    assert 's1 -> s3 [label="Lost, Late" style=dashed]' in dot(drawing)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"Variable": "$.a", "NumericGreaterThanEquals": 5}, "$.a ≥ 5"),
        ({"Variable": "$.a", "StringEqualsPath": "$.b"}, "$.a = $.b"),
        ({"Variable": "$.a", "IsPresent": False}, "$.a is not present"),
        ({"Not": {"Variable": "$.a", "BooleanEquals": True}}, "not ($.a = true)"),
        ({"Or": [{"Variable": "$.a", "StringMatches": "x*"}, {"Variable": "$.b", "IsNull": True}]},
         '$.a matches "x*" or $.b is null'),
        ({"Condition": "{% $states.input.n > 1 %}"}, "$states.input.n > 1"),
    ],
)  # fmt: skip
def test_conditions_in_words(rule: dict[str, Any], said: str) -> None:
    assert condition(rule) == said
