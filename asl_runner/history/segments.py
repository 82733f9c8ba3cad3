"""A run of events as one blob of MessagePack, and back.

A blob is the array `[payloads, events]`. An event's payload is its bytes, or, where keeping each different payload
once saves more than it costs, extension 1 with the payload's place in `payloads` (an unsigned little-endian number);
a payload made of pieces is extension 2 with the places of its pieces, four bytes each.
A state's output is usually the next one's input, so with large payloads that halves a segment or better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Raw, msgpack

from asl_runner.history.events import PAYLOADS, Event, Payload, Pieces

MAX_EVENTS = 512
"""Events in one segment at most: what a reader decodes to see one event."""

MAX_BYTES = 4 << 20
"""Bytes of different payloads after which a segment ends."""

_SHARED_FROM = 512
"""Average payload size from which looking for repeated ones pays (SQLite writes some 300 bytes in a microsecond)."""

_SAMPLE_STEP = 7
"""Odd, so that a sample of alternating entered and exited events sees both."""

_REFERENCE = 1

_PIECES = 2
_PLACE_BYTES = 4


def _joined(value: object) -> bytes:
    if isinstance(value, Pieces):
        return bytes(value)
    raise TypeError(f"{type(value).__name__} is no data of an event")


_encoder = msgpack.Encoder(enc_hook=_joined)
_outer = msgpack.Decoder(tuple[list[bytes], Raw])
_plain = msgpack.Decoder(list[Event])


def encode(events: Sequence[Event]) -> Iterator[tuple[int, int, bytes]]:
    """Cuts events into segments: (first id, last id, blob) each. Raises `TypeError` for details that are not data."""
    if _average_payload(events) < _SHARED_FROM:
        for start in range(0, len(events), MAX_EVENTS):
            part = events[start : start + MAX_EVENTS]
            yield part[0].id, part[-1].id, _encoder.encode(((), part))
        return
    payloads = _Payloads()
    rows: list[Event] = []
    for event in events:
        rows.append(event if event.details is None else _shared(event, event.details, payloads))
        if len(rows) == MAX_EVENTS or payloads.size >= MAX_BYTES:
            yield rows[0].id, rows[-1].id, _encoder.encode((list(payloads.places), rows))
            payloads, rows = _Payloads(), []
    if rows:
        yield rows[0].id, rows[-1].id, _encoder.encode((list(payloads.places), rows))


def decode(blob: bytes) -> list[Event]:
    """The events of one segment; a repeated payload is one object. Raises `msgspec.MsgspecError` for a damaged blob."""
    payloads, events = _outer.decode(blob)
    if not payloads:
        return _plain.decode(events)

    def resolve(code: int, data: memoryview) -> bytes:
        if code == _REFERENCE:
            return payloads[int.from_bytes(data, "little")]
        places = (data[at : at + _PLACE_BYTES] for at in range(0, len(data), _PLACE_BYTES))
        return b"".join([payloads[int.from_bytes(place, "little")] for place in places])

    return msgpack.Decoder(list[Event], ext_hook=resolve).decode(events)


def _payloads(event: Event) -> Iterator[Payload]:
    details = event.details
    if details is not None:
        for key in PAYLOADS:
            if key in details:
                yield details[key]


def _average_payload(events: Sequence[Event]) -> float:
    sample = events[::_SAMPLE_STEP]
    return sum(len(payload) for event in sample for payload in _payloads(event)) / len(sample) if sample else 0.0


class _Payloads:
    """The different payloads and pieces of a segment, each with its place."""

    def __init__(self) -> None:
        self.places: dict[bytes, int] = {}
        self.size = 0

    def place(self, text: bytes) -> bytes:
        """The place of a text, as an extension holds it."""
        known = len(self.places)
        place = self.places.setdefault(text, known)
        if place == known:
            self.size += len(text)
        return place.to_bytes(_PLACE_BYTES, "little")


def _shared(event: Event, details: dict[str, Any], payloads: _Payloads) -> Event:
    """The event with its payloads replaced by references; `payloads` learns those it has not seen."""
    replaced = {key: _reference(value, payloads) for key, value in details.items() if key in PAYLOADS}
    if not replaced:
        return event
    return Event(event.id, event.previous, event.time, event.type, details | replaced, event.scope)


def _reference(payload: Payload, payloads: _Payloads) -> msgpack.Ext:
    if isinstance(payload, Pieces):
        return msgpack.Ext(_PIECES, b"".join(map(payloads.place, payload.pieces)))
    return msgpack.Ext(_REFERENCE, payloads.place(payload))
