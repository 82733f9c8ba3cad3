"""Looks up what an item of an order costs."""

from typing import Any

PRICES = {"cup": 9.5, "lamp": 45.0, "desk": 480.0}


class UnknownItem(Exception):
    """The shop does not sell this."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Event: {"sku": ..., "quantity": ...}. Raises UnknownItem, whose name a Catch can match."""
    sku, quantity = event["sku"], event.get("quantity", 1)
    if sku not in PRICES:
        raise UnknownItem(f"There is no item {sku!r}.")
    return {"sku": sku, "quantity": quantity, "price": round(PRICES[sku] * quantity, 2)}
