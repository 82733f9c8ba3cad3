"""The time as SageMaker's documents tell it: seconds since the epoch, to the millisecond."""

from __future__ import annotations

import time


def now() -> float:
    """The time of day. Rounded where a document is made, so every way to read the document gives the same moment."""
    return round(time.time(), 3)
