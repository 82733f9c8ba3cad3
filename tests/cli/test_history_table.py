"""The history as a table."""

from __future__ import annotations

from asl_runner.cli.history_table import PIPED_DATA, history_lines
from asl_runner.history.events import Event

EVENTS = [
    Event(1, 0, 100.0, "ExecutionStarted", {"input": b'{"n":1}'}),
    Event(2, 0, 100.001, "PassStateEntered", {"name": "Add", "input": b'{"n":1}'}),
    Event(3, 2, 100.25, "PassStateExited", {"name": "Add", "output": b'{"text":"' + b"x" * 500 + b'"}'}),
    Event(4, 3, 100.25, "ExecutionFailed", {"error": "E", "cause": "because"}),
]


def test_plain_lines_are_aligned() -> None:
    lines = list(history_lines(EVENTS, 100.0))
    assert lines[:3] == [
        "id  elapsed  duration  event             state  data",
        ' 1  +0.000s            ExecutionStarted         {"n":1}',
        ' 2  +0.001s            PassStateEntered  Add    {"n":1}',
    ]
    assert lines[3].startswith(' 3  +0.250s    0.249s  PassStateExited   Add    {"text":"xxx')
    assert lines[3].endswith("x…")
    assert len(lines[3].partition("{")[2]) + 1 == PIPED_DATA
    assert lines[4] == " 4  +0.250s    0.250s  ExecutionFailed          E: because"


def test_a_terminals_width_is_kept() -> None:
    assert all(len(line) <= 80 for line in history_lines(EVENTS, 100.0, width=80))


def test_colours_only_when_asked() -> None:
    assert not any("\x1b" in line for line in history_lines(EVENTS, 100.0))
    coloured = list(history_lines(EVENTS, 100.0, color=True))
    assert "\x1b[31m" in coloured[4]


def test_an_empty_history_is_a_heading() -> None:
    assert list(history_lines([], 0.0)) == ["id  elapsed  duration  event  state  data"]


def test_control_characters_of_data_do_not_reach_the_terminal() -> None:
    evil = Event(1, 0, 0.0, "ExecutionFailed", {"error": "E", "cause": "a\x1b[2Jb\nc\x07"})
    [_, line] = history_lines([evil], 0.0)
    assert line.isprintable()
