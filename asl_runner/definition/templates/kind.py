"""Tells deployment files from definitions; imports nothing, as every run asks."""

from __future__ import annotations

from typing import Any


def is_template(value: Any) -> bool:
    """Whether a document is a deployment file rather than a definition."""
    if not isinstance(value, dict) or "States" in value:
        return False
    if isinstance(value.get("Resources"), dict) or "terraform_version" in value:
        return True
    return "service" in value and ("stepFunctions" in value or "provider" in value)
