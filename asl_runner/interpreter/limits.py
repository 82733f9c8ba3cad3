"""The service's limits. AWS's by default; each can be lifted by name (reference section 24)."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Limits of one execution. None lifts one."""

    payload_bytes: int | None = 262_144
    """UTF-8 bytes of an input, output or task result."""
    history_events: int | None = 25_000
    inline_map_concurrency: int = 40
    """How many iterations of an inline Map run at once at most."""
    error_characters: int = 256
    cause_characters: int = 32_768


AWS_LIMITS = Limits()
