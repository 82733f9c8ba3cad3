"""How a workflow is tested: the shipped order machine, its functions mocked or run for real, time virtual."""

from __future__ import annotations

from asl_runner.testing import Asl, by_item, raises, sequence

ORDER = "state_machines/order.asl.json"


def order(**fields: object) -> dict[str, object]:
    """An order the machine accepts."""
    return {
        "id": "A-1",
        "items": [{"sku": "cup", "quantity": 2}],
        "card": {"limit": 200, "busyTimes": 0},
        "address": "12 Canal Street",
        **fields,
    }


def test_an_order_is_charged_and_delivered(asl: Asl) -> None:
    run = asl.run(ORDER, order()).assert_succeeded()
    assert run.output["payment"] == {"charged": run.output["total"]}
    run.assert_path(
        "Has items?",
        {"Price items": [["Price item"]]},
        "Add up",
        "Needs approval?",
        {"Settle": [["Charge card"], ["Book courier"]]},
        "Confirm",
        "Confirmed",
    )


def test_a_busy_bank_is_asked_again(asl: Asl) -> None:
    busy = raises("ServiceBusy", "come back later")
    run = asl.run(ORDER, order(), mocks={"Charge card": sequence(busy, busy, {"charged": 5})})
    charge = run.assert_succeeded().visit("Charge card")
    assert (charge.attempts, charge.errors) == (3, ["ServiceBusy", "ServiceBusy"])
    assert charge.duration > 1, "virtual seconds between the attempts"


def test_each_item_has_its_price(asl: Asl) -> None:
    items = [{"sku": "cup", "quantity": 1}, {"sku": "lamp", "quantity": 1}]
    prices = by_item({0: {"price": 3}, 1: {"price": 4}})
    run = asl.run(ORDER, order(items=items), mocks={"Price item": prices, "Add up": lambda request: {"Payload": 7}})
    assert run.assert_succeeded().output["lines"] == [{"price": 3}, {"price": 4}]
