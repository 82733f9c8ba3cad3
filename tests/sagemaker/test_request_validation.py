"""Validation of requests against botocore's shapes, in the words of AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel

from asl_runner.service_model.validation import check, matches, message

MODEL = ServiceModel(
    {
        "metadata": {},
        "shapes": {
            "Request": {
                "type": "structure",
                "required": ["Name"],
                "members": {
                    "Name": {"shape": "Name"},
                    "Count": {"shape": "Count"},
                    "Share": {"shape": "Share"},
                    "Open": {"shape": "Flag"},
                    "Names": {"shape": "Names"},
                    "Labels": {"shape": "Labels"},
                    "Parts": {"shape": "Parts"},
                    "Kind": {"shape": "Kind"},
                    "Since": {"shape": "Since"},
                },
            },
            "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z]*"},
            "Count": {"type": "integer", "min": 1, "max": 3},
            "Share": {"type": "double"},
            "Flag": {"type": "boolean"},
            "Names": {"type": "list", "member": {"shape": "Name"}, "max": 2},
            "Labels": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
            "Part": {"type": "structure", "required": ["Name"], "members": {"Name": {"shape": "Name"}}},
            "Parts": {"type": "list", "member": {"shape": "Part"}},
            "Kind": {"type": "string", "enum": ["A", "B"]},
            "Since": {"type": "timestamp"},
        },
    }
)
SHAPE = MODEL.shape_for("Request")
PATTERN = "Member must satisfy regular expression pattern: [a-z]*"
LENGTHS = "Member must have length less than or equal to 5, Member must have length greater than or equal to 1"


def faults(**request: Any) -> list[tuple[str, str]]:
    return [(found.problem, found.describe()) for found in check({"Name": "a", **request}, SHAPE)]


def test_what_keeps_the_shape_passes() -> None:
    assert not faults(Count=2.0, Share=1, Open=True, Names=["b"], Labels={"k": "v"}, Parts=[{"Name": "x"}], Kind="A")


@pytest.mark.parametrize(
    "request_, text",
    [
        ({"Name": None}, "Value null at 'name' failed to satisfy constraint: Member must not be null"),
        ({"Name": "A"}, f"Value 'A' at 'name' failed to satisfy constraint: {PATTERN}"),
        (
            {"Name": ""},
            "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            {"Count": 4},
            "Value '4' at 'count' failed to satisfy constraint: Member must have value less than or equal to 3",
        ),
        (
            {"Kind": "C"},
            "Value 'C' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
        ),
        (
            {"Names": ["a", "B"]},
            "Value '[a, B]' at 'names' failed to satisfy constraint: Member must satisfy constraint: "
            f"[{LENGTHS}, {PATTERN}]",
        ),
        (
            {"Labels": {"k": "V"}},
            f"Value '{{k=V}}' at 'labels' failed to satisfy constraint: Map value must satisfy constraint: "
            f"[{LENGTHS}, {PATTERN}]",
        ),
        (
            {"Parts": [{"Name": "a"}, {}]},
            "Value null at 'parts.2.member.name' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_constraints(request_: dict[str, Any], text: str) -> None:
    assert faults(**request_) == [("constraint", text)]


def test_several_are_counted_and_joined() -> None:
    text = message(check({"Name": "TOOLONG"}, SHAPE))
    assert text == (
        "2 validation errors detected: Value 'TOOLONG' at 'name' failed to satisfy constraint: Member must have length "
        f"less than or equal to 5; Value 'TOOLONG' at 'name' failed to satisfy constraint: {PATTERN}"
    )


@pytest.mark.parametrize(
    "request_, problem",
    [
        ({"Nmae": "x"}, "unknown"),
        ({"Parts": [{"Name": "a", "Size": 1}]}, "unknown"),
        ({"Name": 5}, "type"),
        ({"Count": "1"}, "type"),
        ({"Count": True}, "type"),
        ({"Count": 1.5}, "type"),
        ({"Open": "true"}, "type"),
        ({"Names": "a"}, "type"),
        ({"Names": [1]}, "type"),
        ({"Labels": []}, "type"),
        ({"Since": "yesterday"}, "type"),
        ({"Since": True}, "type"),
    ],
)
def test_what_never_reaches_the_service(request_: dict[str, Any], problem: str) -> None:
    assert [kind for kind, _ in faults(**request_)] == [problem]


def test_open_enums_take_any_value() -> None:
    assert not check({"Name": "a", "Kind": "NEW"}, SHAPE, open_enums={"Kind"})


@pytest.mark.parametrize(
    "pattern, text, held",
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Grüße aus Köln: 1/2", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a;b", False),
        (r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*", "Preis (brutto): 5 € / Stück!", True),
        (r"(?<broken", "anything", True),
    ],
)
def test_patterns_of_java(pattern: str, text: str, held: bool) -> None:
    assert matches(pattern, text) is held
