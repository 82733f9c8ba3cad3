"""Timestamps: strict RFC 3339 in, AWS's milliseconds out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.timestamps import format_timestamp, nanoseconds, parse_timestamp


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2016-12-05T21:29:29Z", 1480973369),
        ("2016-12-05T21:29:29+02:00", 1480966169),
        ("2016-12-05T21:29:29.5-00:30", 1480975169.5),
        ("1969-12-31T23:59:59.25Z", -0.75),
    ],
)
def test_instants(text: str, seconds: float) -> None:
    assert parse_timestamp(text) == seconds


def test_nanoseconds_are_kept() -> None:
    assert nanoseconds("1970-01-01T00:00:01.123456789Z") == 1_123_456_789


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2016-12-05",
        "2016-12-05 21:29:29Z",
        "2016-12-05t21:29:29Z",
        "2016-12-05T21:29:29z",
        "2016-12-05T21:29:29",
        "05-12-2016T21:29:29Z",
        "2016-13-05T21:29:29Z",
        "2016-02-30T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "2016-12-05T21:60:29Z",
        "2016-12-05T21:29:29+2:00",
        "2016-12-05T21:29:29.Z",
        "2016-12-05T21:29:29Z\n",
        "２016-12-05T21:29:29Z",
    ],
)
def test_other_texts_are_no_timestamps(text: str) -> None:
    assert parse_timestamp(text) is None


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_agrees_with_datetime(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    assert nanoseconds(aware.isoformat()) == since // timedelta(microseconds=1) * 1000


def test_format() -> None:
    assert format_timestamp(1718800271.123) == "2024-06-19T12:31:11.123Z"
    assert format_timestamp(0) == "1970-01-01T00:00:00.000Z"
