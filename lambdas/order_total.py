"""Adds up the lines of an order."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> float:
    """Event: {"lines": [{"price": ...}, ...]}."""
    prices: list[float] = [line["price"] for line in event["lines"]]
    return round(sum(prices), 2)
