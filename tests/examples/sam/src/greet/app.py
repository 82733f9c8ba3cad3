"""Greets one person."""

from __future__ import annotations

import os


def handler(event: str, context: object) -> str:
    """`event` is a name."""
    return f"{os.environ['WORD']}, {event}!"
