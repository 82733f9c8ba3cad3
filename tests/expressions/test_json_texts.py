"""Compact JSON texts and type names as AWS writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from expression_surroundings import json_values
from hypothesis import given

from asl_runner.expressions.json_text import compact, compact_bytes, java_text, type_name


@pytest.mark.parametrize(
    "value, text",
    [
        ({"a": [1, 1.0, None, True], "é": "日本"}, '{"a":[1,1.0,null,true],"é":"日本"}'),
        (2**70, str(2**70)),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_compact(value: Any, text: str) -> None:
    assert compact(value) == text


@given(json_values)
def test_compact_reads_back(value: Any) -> None:
    assert json.loads(compact_bytes(value)) == value


@pytest.mark.parametrize(
    "value, name",
    [([], "array"), ({}, "object"), ("", "string"), (1, "number"), (1.5, "number"), (True, "boolean"), (None, "null")],
)
def test_type_names(value: Any, name: str) -> None:
    assert type_name(value) == name


def test_java_text() -> None:
    assert java_text({"a": 1, "b": ["x", None, {"c": True}]}) == "{a=1, b=[x, null, {c=true}]}"
