"""The published schema: current, accepting what is valid, refusing what the table refuses."""

from __future__ import annotations

import re

import jsonschema
import msgspec
import pytest
from documents import REPOSITORY, each, one, shared, task
from test_definition_faults import FAULTS

from asl_runner.definition import read_document
from asl_runner.definition.codes import CODES, markdown
from asl_runner.definition.schema import build_schema, schema_text

VALIDATOR = jsonschema.Draft7Validator(build_schema())
STRUCTURAL = {"ASL101", "ASL102", "ASL103", "ASL104", "ASL105", "ASL106", "ASL107", "ASL108"}
BEYOND = {
    # What depends on another field's value, or on the query language.
    "CSV without header",
    "LOAD_AND_FLATTEN without InputType",
    "ATHENA_DATA without InputType",
    "given headers missing",
    "batcher empty",
    "writer empty",
    "no ExecutionType",
    "End false alone",
    "Next and End",
    "rule with two operators",
    "Variable",
}


def test_published_files_are_current() -> None:
    assert (REPOSITORY / "docs/asl.schema.json").read_text(encoding="utf-8") == schema_text()
    assert (REPOSITORY / "docs/diagnostics.md").read_text(encoding="utf-8") == markdown()


def test_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(build_schema())


def test_schema_accepts_the_corpus() -> None:
    for path in sorted(shared("corpus").iterdir()):
        errors = [error.message for error in VALIDATOR.iter_errors(read_document(path).value)]
        assert errors == [], path.name


@pytest.mark.parametrize(
    "name", [name for name, fault in FAULTS.items() if fault[1] in STRUCTURAL and name not in BEYOND]
)
def test_schema_refuses_structural_faults(name: str) -> None:
    assert list(VALIDATOR.iter_errors(FAULTS[name][0])), name


@pytest.mark.parametrize(
    "definition",
    [
        one(task(TimeoutSeconds="${Timeout}", Retry="${Retry}")),
        one(task(QueryLanguage="JSONata", TimeoutSeconds="{% 5 %}", Arguments={"a": 1})),
        one(each(Items="{% $states.input %}", MaxConcurrency="{% 3 %}"), QueryLanguage="JSONata"),
        one({"Type": "Pass", "ResultPath": None, "InputPath": None, "Result": None}),
    ],
)
def test_schema_accepts_expressions_and_placeholders(definition: dict[str, object]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(definition)] == []


def test_every_code_is_documented_and_used() -> None:
    rooms = [REPOSITORY / "asl_runner/definition", REPOSITORY / "asl_runner/sagemaker/pipelines"]
    used = {
        code
        for room in rooms
        for path in room.rglob("*.py")
        if path.name != "codes.py"
        for code in re.findall(r"(?:ASL|PIP)\d{3}", path.read_text(encoding="utf-8"))
    }

    assert used == set(CODES)
    assert msgspec.json.decode(schema_text())["title"] == "Amazon States Language"
