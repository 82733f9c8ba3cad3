"""The definitions that are measured, each with its input and the output it must give."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Workload(Struct, frozen=True, kw_only=True):
    """A machine, what goes in, what must come out, and how much that is."""

    name: str
    definition: dict[str, Any]
    input: Any
    output: Any
    count: int
    unit: str
    mark: str


def loop(turns: int) -> Workload:
    """Choice and Pass with an intrinsic, round and round."""
    return Workload(
        name="loop of Choice and Pass with an intrinsic",
        definition={
            "StartAt": "More",
            "States": {
                "More": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.i", "NumericLessThan": turns, "Next": "Step"}],
                    "Default": "Done",
                },
                "Step": {
                    "Type": "Pass",
                    "Parameters": {"i.$": "States.MathAdd($.i, 1)", "label.$": "$.label"},
                    "Next": "More",
                },
                "Done": {"Type": "Succeed"},
            },
        },
        input={"i": 0, "label": "x"},
        output={"i": turns, "label": "x"},
        count=2 * turns + 2,
        unit="transitions",
        mark="200,000/s",
    )


def chain(length: int) -> Workload:
    """Pass after Pass with Parameters and ResultPath."""
    states = {
        f"P{n}": {
            "Type": "Pass",
            "Parameters": {"n": n, "from.$": "$.id"},
            "ResultPath": "$.last",
            **({"Next": f"P{n + 1}"} if n + 1 < length else {"End": True}),
        }
        for n in range(length)
    }
    return Workload(
        name=f"chain of {length:,} Pass with Parameters and ResultPath",
        definition={"StartAt": "P0", "States": states},
        input={"id": "a"},
        output={"id": "a", "last": {"n": length - 1, "from": "a"}},
        count=length,
        unit="transitions",
        mark="100,000/s",
    )


def inline_map(items: int) -> Workload:
    """One intrinsic per item."""
    return Workload(
        name=f"inline Map of {items:,} items, one intrinsic each",
        definition={
            "StartAt": "M",
            "States": {
                "M": {
                    "Type": "Map",
                    "ItemProcessor": {
                        "StartAt": "P",
                        "States": {
                            "P": {"Type": "Pass", "Parameters": {"v.$": "States.MathAdd($.n, 1)"}, "End": True},
                        },
                    },
                    "End": True,
                }
            },
        },
        input=[{"n": n} for n in range(items)],
        output=[{"v": n + 1} for n in range(items)],
        count=items,
        unit="items",
        mark="80,000/s",
    )


def parallel(branches: int, length: int) -> Workload:
    """Branches of Pass states."""
    return Workload(
        name=f"Parallel of {branches} branches of {length} states",
        definition={
            "StartAt": "F",
            "States": {
                "F": {
                    "Type": "Parallel",
                    "Branches": [
                        {
                            "StartAt": f"B{b}S0",
                            "States": {
                                f"B{b}S{n}": {
                                    "Type": "Pass",
                                    **({"Next": f"B{b}S{n + 1}"} if n + 1 < length else {"End": True}),
                                }
                                for n in range(length)
                            },
                        }
                        for b in range(branches)
                    ],
                    "End": True,
                }
            },
        },
        input={"x": 1},
        output=[{"x": 1}] * branches,
        count=branches * length,
        unit="transitions",
        mark="100,000/s",
    )


def choices(rules: int, turns: int) -> Workload:
    """A Choice of nested rules of which the last is true, round and round."""
    never = [
        {
            "And": [
                {"Variable": "$.kind", "StringEquals": f"no{n}"},
                {"Or": [{"Variable": "$.n", "NumericGreaterThan": n}, {"Variable": "$.kind", "IsNull": True}]},
            ],
            "Next": "Done",
        }
        for n in range(rules - 1)
    ]
    return Workload(
        name=f"Choice with {rules} nested rules",
        definition={
            "StartAt": "C",
            "States": {
                "C": {
                    "Type": "Choice",
                    "Choices": [*never, {"Variable": "$.n", "NumericLessThan": turns, "Next": "Step"}],
                    "Default": "Done",
                },
                "Step": {
                    "Type": "Pass",
                    "Parameters": {"n.$": "States.MathAdd($.n, 1)", "kind.$": "$.kind"},
                    "Next": "C",
                },
                "Done": {"Type": "Succeed"},
            },
        },
        input={"n": 0, "kind": "yes"},
        output={"n": turns, "kind": "yes"},
        count=turns,
        unit="visits",
        mark="20,000/s",
    )


def payload(states: int, kilobytes: int) -> Workload:
    """A large part that no state touches, passed through them all."""
    rows = [{"id": n, "text": "x" * 80} for n in range(kilobytes * 10)]
    return Workload(
        name=f"{kilobytes} KB payload through {states} states",
        definition={
            "StartAt": "S0",
            "States": {
                f"S{n}": {
                    "Type": "Pass",
                    "InputPath": "$.box",
                    "Parameters": {"rows.$": "$.rows", "n": n},
                    "ResultPath": "$.box",
                    **({"Next": f"S{n + 1}"} if n + 1 < states else {"End": True}),
                }
                for n in range(states)
            },
        },
        input={"box": {"rows": rows}, "id": 7},
        output={"box": {"rows": rows, "n": states - 1}, "id": 7},
        count=states,
        unit="states",
        mark="20,000/s",
    )


def jsonata_loop(turns: int) -> Workload:
    """Choice and Pass in JSONata."""
    return Workload(
        name="JSONata loop of Choice and Pass",
        definition={
            "QueryLanguage": "JSONata",
            "StartAt": "More",
            "States": {
                "More": {
                    "Type": "Choice",
                    "Choices": [{"Condition": f"{{% $states.input.i < {turns} %}}", "Next": "Step"}],
                    "Default": "Done",
                },
                "Step": {
                    "Type": "Pass",
                    "Output": {"i": "{% $states.input.i + 1 %}", "label": "{% $states.input.label %}"},
                    "Next": "More",
                },
                "Done": {"Type": "Succeed"},
            },
        },
        input={"i": 0, "label": "x"},
        output={"i": turns, "label": "x"},
        count=2 * turns + 2,
        unit="transitions",
        mark="20,000/s",
    )


def jsonata_map(items: int, elements: int) -> Workload:
    """An inline Map in JSONata whose iterations each map and sum a list."""
    numbers = [(n * 37) % 101 for n in range(elements)]
    total = "{% $sum($map($states.input.xs, function($v) { $v * 2 })) %}"
    return Workload(
        name=f"JSONata Map of {items} items, $map and $sum over {elements} elements",
        definition={
            "QueryLanguage": "JSONata",
            "StartAt": "All",
            "States": {
                "All": {
                    "Type": "Map",
                    "Items": "{% $states.input.items %}",
                    "ItemProcessor": {
                        "StartAt": "One",
                        "States": {
                            "One": {
                                "Type": "Pass",
                                "Output": {"id": "{% $states.input.id %}", "total": total},
                                "End": True,
                            }
                        },
                    },
                    "End": True,
                }
            },
        },
        input={"items": [{"id": n, "xs": numbers} for n in range(items)]},
        output=[{"id": n, "total": 2 * sum(numbers)} for n in range(items)],
        count=items,
        unit="items",
        mark="5,000/s",
    )


ALL = (
    loop(5_000),
    chain(1_000),
    inline_map(10_000),
    parallel(50, 20),
    choices(50, 1_000),
    payload(200, 200),
    jsonata_loop(500),
    jsonata_map(500, 50),
)
