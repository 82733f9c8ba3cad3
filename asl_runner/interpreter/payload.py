"""State data as history keeps them: compact JSON text, made once per value."""

from __future__ import annotations

from asl_runner.expressions.json_text import compact as text
from asl_runner.expressions.json_text import compact_bytes as encode

__all__ = ["encode", "text"]
