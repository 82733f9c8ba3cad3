"""The service's limits. AWS's by default; each can be lifted by name (reference section 24)."""

from __future__ import annotations

from collections.abc import Sized

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Limits of one execution. None lifts one."""

    payload_bytes: int | None = 262_144
    """UTF-8 bytes of an input, output or task result."""
    history_events: int | None = 25_000
    inline_map_concurrency: int = 40
    """How many iterations of an inline Map run at once at most."""
    distributed_map_concurrency: int = 1_000
    """How many child executions of a distributed Map run at once at most."""
    variable_bytes: int | None = 262_144
    """UTF-8 bytes of the JSON of one variable, and of all that one state assigns."""
    variables_bytes: int | None = 10_485_760
    """UTF-8 bytes of the JSON of all variables a scope sees."""
    duration_seconds: int | None = 31_622_400
    """Seconds until an execution that has not ended times out: a year, counted as the largest MaxDelaySeconds is."""
    redrive_seconds: int | None = 1_209_600
    """Seconds after its end during which an execution may be redriven: 14 days."""
    error_characters: int = 256
    cause_characters: int = 32_768

    def exceeded_by(self, payload: Sized) -> bool:
        """Whether a payload is over the limit."""
        return self.payload_bytes is not None and len(payload) > self.payload_bytes


AWS_LIMITS = Limits()
