"""Timestamps as Step Functions reads and writes them: RFC 3339 with a capital `T` and `Z` or a numeric offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from asl_runner.expressions.patterns import LazyPattern

_RFC_3339 = LazyPattern(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def nanoseconds(text: str) -> int | None:
    """The instant of an RFC 3339 timestamp in nanoseconds since the epoch; None if the text is no such timestamp.

    Strict where AWS is: capital `T` and `Z`, seconds and an offset are required, fractions have up to 9 digits.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    seconds = days * 86_400 + int(hour) * 3_600 + int(minute) * 60 + int(second)
    if sign:
        offset = int(offset_hours) * 3_600 + int(offset_minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def parse_timestamp(text: str) -> float | None:
    """The instant of an RFC 3339 timestamp in seconds since the epoch; None if the text is no such timestamp."""
    instant = nanoseconds(text)
    return None if instant is None else instant / 1_000_000_000


def format_timestamp(seconds: float) -> str:
    """An instant as AWS writes times into data: UTC with milliseconds, `2024-06-19T12:31:11.123Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
