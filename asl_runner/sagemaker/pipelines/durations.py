"""Durations as `ExpireAfter` of a step's cache has them."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"P?(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
_SECONDS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)


def duration_seconds(duration: str) -> float | None:
    """An ISO 8601 duration, the leading P optional: `P30D`, `30d`, `PT1H`; None for a text that is none."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    return float(sum(int(count or 0) * unit for count, unit in zip(found.groups(), _SECONDS, strict=True)))
