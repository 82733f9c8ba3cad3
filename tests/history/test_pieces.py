"""Large payloads are kept once, however many events hold them."""

from __future__ import annotations

from asl_runner.history import segments
from asl_runner.history.events import Event, Pieces


def test_pieces_come_back_joined_and_are_stored_once() -> None:
    large = b'"' + b"x" * 100_000 + b'"'
    events = [
        Event(n, n - 1, 0.0, "PassStateExited", {"name": "P", "output": Pieces((b'{"n":%d,"big":' % n, large, b"}"))})
        for n in range(1, 101)
    ]
    parts = list(segments.encode(events))
    assert sum(len(blob) for _, _, blob in parts) < 2 * len(large)
    read = [event for _, _, blob in parts for event in segments.decode(blob)]
    assert [event.details["output"] for event in read if event.details] == [
        b'{"n":%d,"big":%s}' % (n, large) for n in range(1, 101)
    ]


def test_pieces_among_small_payloads() -> None:
    small = [Event(n, n - 1, 0.0, "PassStateExited", {"name": "P", "output": b"{}"}) for n in range(1, 100)]
    pieces = Event(100, 99, 0.0, "PassStateExited", {"name": "P", "output": Pieces((b"[1", b",2]"))})
    read = [event for _, _, blob in segments.encode([*small, pieces]) for event in segments.decode(blob)]
    assert read[-1].details == {"name": "P", "output": b"[1,2]"}
