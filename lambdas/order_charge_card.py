"""Charges a card, in a payment service that is sometimes busy."""

from typing import Any


class CardDeclined(Exception):
    """The card does not cover the amount; trying again is no use."""


class ServiceBusy(Exception):
    """The payment service has no time now; try again."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Event: {"card": {"limit": ..., "busyTimes": ...}, "amount": ..., "attempt": ...}.

    The first `busyTimes` attempts raise ServiceBusy; an amount over the limit raises CardDeclined.
    """
    card, amount = event["card"], event["amount"]
    if event.get("attempt", 0) < card.get("busyTimes", 0):
        raise ServiceBusy("The payment service is busy.")
    if amount > card["limit"]:
        raise CardDeclined(f"{amount} is over the limit of {card['limit']}.")
    return {"charged": amount}
