"""Texts to values: JSON and YAML, broken ones, and where everything stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.definition import read_document
from asl_runner.definition.json_text import scan_json, text_offset
from asl_runner.definition.yaml_text import scan_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


@given(VALUES, st.booleans())
def test_scanner_reads_what_json_writes(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)

    scan = scan_json(text)

    assert scan.problems == []
    assert scan.value == value


@given(VALUES)
def test_every_value_is_found_at_its_place(value: Any) -> None:
    text = json.dumps(value, indent=1)
    scan = scan_json(text)

    for path, (start, end) in scan.values.items():
        found = value
        for step in path:
            found = found[step]
        assert json.loads(text[start:end]) == found
        if path and isinstance(path[-1], str):
            assert json.JSONDecoder().raw_decode(text, scan.keys[path])[0] == path[-1]


@given(TEXTS, st.data())
def test_offset_into_a_string_skips_escapes(value: str, data: st.DataObject) -> None:
    # One escape per character: characters beyond the first plane are escaped as two.
    value = "".join(char for char in value if ord(char) < 0x10000)
    at = data.draw(st.integers(0, len(value)))
    text = json.dumps(value)

    place = text_offset(text, 0, at)

    assert json.loads(f'"{text[1:place]}"') == value[:at]


@given(st.text())
def test_scanners_never_fail(text: str) -> None:
    assert isinstance(scan_json(text).problems, list)
    assert isinstance(scan_json(f'{{"a": {text}').problems, list)
    assert isinstance(scan_yaml(text).problems, list)


PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], max_codepoint=0xFFFD), max_size=50)
YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PRINTABLE,
    lambda inner: st.lists(inner) | st.dictionaries(PRINTABLE, inner),
    max_leaves=20,
)


@given(YAML_VALUES)
def test_yaml_reads_what_yaml_writes(value: Any) -> None:
    text = yaml.safe_dump({"value": value}, default_style='"', allow_unicode=True)

    scan = scan_yaml(text)

    assert scan.problems == []
    assert scan.value == {"value": value}


@given(YAML_VALUES)
def test_json_is_yaml(value: Any) -> None:
    scan = scan_yaml(json.dumps({"value": value}, ensure_ascii=False))

    assert scan.problems == []
    assert scan.value == {"value": value}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        ("12:30", "12:30"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("007", 7),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ('"12"', "12"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("!Sub arn:${Part}", "arn:${Part}"),
        ("!GetAtt Function.Arn", "${Function.Arn}"),
        ("&a {b: 1}", {"b": 1}),
    ],
)
def test_yaml_scalars_follow_the_json_schema_of_yaml(written: str, value: Any) -> None:
    scan = scan_yaml(f"key: {written}\n")

    assert scan.problems == []
    assert scan.value == {"key": value}
    assert type(scan.value["key"]) is type(value)


def test_yaml_anchors_and_merge_keys() -> None:
    scan = scan_yaml("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nagain: *b\n")

    assert scan.value == {"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}, "again": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "words"),
    [
        ('{"a": 1,}', "ASL003", 1, 8, "comma"),
        ('{"a": [1, 2,\n]}', "ASL003", 1, 12, "comma"),
        ('{\n  // text\n  "a": 1}', "ASL003", 2, 3, "Comments"),
        ('{"a": /* x */ 1}', "ASL003", 1, 7, "Comments"),
        ('{"a": NaN}', "ASL002", 1, 7, "NaN"),
        ('{"a": True}', "ASL002", 1, 7, "True"),
        ("{\"a\": 'x'}", "ASL002", 1, 7, "double quotes"),
        ("{a: 1}", "ASL002", 1, 2, "double quotes"),
        ('{"a": 1\n "b": 2}', "ASL002", 1, 8, "','"),
        ('{"a" 1}', "ASL002", 1, 6, "':'"),
        ('{"a": 01}', "ASL002", 1, 7, "01"),
        ('{"a": "x\ny"}', "ASL002", 1, 9, "line break"),
        ('{"a": "\\q"}', "ASL002", 1, 8, "escape"),
        ('{"a": "x}', "ASL002", 1, 7, "never closed"),
        ('{\n"a": {"b": 1\n', "ASL002", 2, 13, "'{' opened on line 2"),
        ('{"a": 1} x', "ASL002", 1, 10, "after the end"),
        ('{"a": 1e999}', "ASL002", 1, 7, "too large"),
        ("not a definition", "ASL002", 1, 1, "Unrecognized token 'not'"),
        ("", "ASL005", 1, 1, "empty"),
        ("[" * 500 + "]" * 500, "ASL007", 1, 202, "levels"),
    ],
)
def test_broken_json_is_explained_at_its_place(text: str, code: str, line: int, column: int, words: str) -> None:
    document = read_document(text)

    problem = document.problems[0]
    assert (problem.code, *document.at(problem.offset)) == (code, line, column)
    assert words in problem.message


def test_all_slips_of_a_text_are_reported_together() -> None:
    document = read_document("{\n // c\n 'a': True,\n b: [1, 2,],\n}")

    assert [problem.code for problem in document.problems] == [
        "ASL003",
        "ASL002",
        "ASL002",
        "ASL002",
        "ASL003",
        "ASL003",
    ]
    assert document.value == {"a": True, "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: 1\n\tb: 2\n", "ASL002", 2),
        ("a: [1\nb: 2\n", "ASL002", 2),
        ("a: 1\na: 2\n", "ASL004", 2),
        ("a: .inf\n", "ASL002", 1),
        ("a: &x [*x]\n", "ASL002", 1),
        ("a: *nowhere\n", "ASL002", 1),
        ("a: 1\n---\nb: 2\n", "ASL002", 2),
        ("a: " + "[" * 2000 + "]" * 2000, "ASL007", 1),
    ],
)
def test_broken_yaml_is_explained_at_its_place(text: str, code: str, line: int) -> None:
    document = read_document(text, name="x.yaml")

    problem = document.problems[0]
    assert (problem.code, document.at(problem.offset).line) == (code, line)


def test_a_flood_of_aliases_is_refused() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]

    document = read_document("\n".join(lines), name="x.yaml")

    assert [problem.code for problem in document.problems] == ["ASL007"]


def test_duplicate_keys_are_found() -> None:
    document = read_document('{"a": {"b": 1, "b": 2}, "text": "\\"c\\": 1"}')

    assert document.value["a"] == {"b": 2}
    assert [(problem.code, problem.offset) for problem in document.problems] == [("ASL004", 15)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('{"T": ${Timeout}}', {"T": "${Timeout}"}),
        ('{"T": ${jsonencode({"a": "}"})}}', {"T": '${jsonencode({"a": "}"})}'}),
        ('{"T": [${a}, 2]}', {"T": ["${a}", 2]}),
    ],
)
def test_placeholders_may_stand_without_quotes(written: str, value: Any) -> None:
    document = read_document(written)

    assert document.problems == []
    assert document.value == value
    assert json.loads(document.json_text) == value


def test_format_is_seen_by_name_and_content(tmp_path: Path) -> None:
    yaml_file = tmp_path / "a.asl.yml"
    yaml_file.write_text("StartAt: A\n")
    json_in_yaml = tmp_path / "b.yaml"
    json_in_yaml.write_text('{"StartAt": "A"}')
    unnamed = tmp_path / "c.asl"
    unnamed.write_text("StartAt: A\n")

    for path in (yaml_file, json_in_yaml, unnamed):
        assert read_document(path).value == {"StartAt": "A"}
    assert read_document(b"\xef\xbb\xbf" + b'{"StartAt": "A"}').value == {"StartAt": "A"}
    assert read_document("StartAt: A").format == "yaml"
    assert read_document(b'{"a": "\xff"}').problems[0].code == "ASL001"


def test_positions_of_values_keys_and_characters() -> None:
    document = read_document('{\n  "a": {"b": "x\\ty"},\n  "é": [1, 2]\n}')

    assert document.position(("a", "b")) == (2, 14)
    assert document.position(("a", "b"), key=True) == (2, 9)
    assert document.position(("a", "b"), offset=2) == (2, 18)
    assert document.position(("é", 1)) == (3, 12)
    assert document.position(("a", "missing", "deep")) == (2, 3)
    assert read_document({"a": 1}).position(("a",)) is None


def test_positions_in_yaml() -> None:
    document = read_document("a:\n  b: [1, 2]\n", name="x.yaml")

    assert document.position(("a", "b", 1)) == (2, 10)
    assert document.position(("a", "b"), key=True) == (2, 3)
