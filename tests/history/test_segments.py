"""Events survive being kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asl_runner.history import segments
from asl_runner.history.events import DETAILS_KEYS, Event

PAYLOAD = st.one_of(st.binary(max_size=40), st.binary(min_size=600, max_size=700), st.just(b"x" * 5000))
DETAILS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(),
        "input": PAYLOAD,
        "output": PAYLOAD,
        "parameters": PAYLOAD,
        "error": st.text(),
        "cause": st.text(),
        "index": st.integers(0, 2**31),
        "timeoutInSeconds": st.integers(0, 99_999_999),
        "assignedVariables": st.dictionaries(st.text(), st.text(), max_size=3),
        "taskCredentials": st.just({"roleArn": "arn"}),
    },
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 2**40), st.floats(0, 2**33), st.sampled_from(sorted(DETAILS_KEYS)), DETAILS, st.text()),
    max_size=60,
).map(lambda rows: [Event(place + 1, *row) for place, row in enumerate(rows)])


@given(EVENTS)
def test_events_come_back_as_they_were(events: list[Event]) -> None:
    parts = list(segments.encode(events))
    assert [event for _, _, blob in parts for event in segments.decode(blob)] == events


def test_segments_are_cut_by_number_and_by_size() -> None:
    many = [Event(n, n - 1, 0.0, "PassStateEntered", {"input": b"{}"}) for n in range(1, 1301)]
    assert [(first, last) for first, last, _ in segments.encode(many)] == [(1, 512), (513, 1024), (1025, 1300)]
    large = [Event(n, n - 1, 0.0, "PassStateEntered", {"input": b"%07d" % n * 150_000}) for n in range(1, 11)]
    assert [(first, last) for first, last, _ in segments.encode(large)] == [(1, 4), (5, 8), (9, 10)]


def test_a_repeated_payload_is_kept_once_and_read_once() -> None:
    payload = b'"' + b"x" * 100_000 + b'"'
    events = [Event(n, n - 1, 0.0, "PassStateEntered", {"input": bytes(bytearray(payload))}) for n in range(1, 401)]
    [(first, last, blob)] = segments.encode(events)
    assert (first, last) == (1, 400)
    assert len(blob) < 2 * len(payload)
    read = segments.decode(blob)
    assert read == events
    assert len({id(event.details["input"]) for event in read if event.details}) == 1
