"""Real definitions load; what the service refused is refused with its own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import shared

from asl_runner.definition import StateMachine, check

CORPUS = sorted(shared("corpus").iterdir())
CASES = sorted(shared("conformance/cases").rglob("*.json"))


def read_case(path: Path) -> dict[str, Any]:
    """A recorded case; its references to functions become ARNs, as the replay makes them."""
    text = path.read_text(encoding="utf-8").replace('"@@', '"arn:aws:lambda:us-east-1:1:function:@@')
    case: dict[str, Any] = json.loads(text)
    return case


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name.split("__")[0])
def test_published_definition_loads(path: Path) -> None:
    loaded, diagnostics = check(path)

    assert [str(item) for item in diagnostics if item.severity == "error"] == []
    assert isinstance(loaded, StateMachine)
    assert loaded.start_at in loaded.states


def test_every_accepted_definition_loads() -> None:
    refused = {}
    for path in CASES:
        case = read_case(path)
        if case["kind"] == "execution":
            loaded, diagnostics = check(case["definition"])
            if loaded is None:
                refused[path.name] = [str(item) for item in diagnostics]

    assert refused == {}


REFUSAL = re.compile(r"Invalid State Machine Definition: '(.*?)'\"?(?=[,}\]]|$)")


def creations() -> list[tuple[str, Any, str]]:
    """The definitions that CreateStateMachine refused, each with the service's message."""
    found = []
    for path in CASES:
        case = read_case(path)
        for step in case.get("steps", []):
            if not step.get("raises") or step["op"] != "stepfunctions.create_state_machine":
                continue
            answers = [item["expected"] for item in case["checks"] if f'"{step["id"]}' in json.dumps(item["value"])]
            messages = {match for text in strings(answers) for match in REFUSAL.findall(text)}
            for message in sorted(messages):
                if "Express" not in message:
                    found.append((path.stem[-60:], step["params"]["definition"], message))
    return found


def strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


@pytest.mark.parametrize(("name", "definition", "message"), creations(), ids=lambda value: str(value)[:50])
def test_refused_definition_has_the_message_of_the_service(name: str, definition: Any, message: str) -> None:
    text = definition if isinstance(definition, str) else json.dumps(definition)

    loaded, diagnostics = check(text)

    ours = [f"{item.aws_code}: {item.message} at {item.location}" for item in diagnostics if item.severity == "error"]
    assert loaded is None
    assert message in ours


def validations() -> list[tuple[str, str, list[dict[str, str]]]]:
    """What ValidateStateMachineDefinition answered, for standard machines."""
    found = []
    for path in CASES:
        case = read_case(path)
        for step in case.get("steps", []):
            if step["op"] == "stepfunctions.validate_state_machine_definition":
                answer = case["checks"][0]["expected"]["diagnostics"]
                if "Express" not in str(answer):
                    found.append((path.stem[-60:], step["params"]["definition"], answer))
    return found


@pytest.mark.parametrize(("name", "text", "expected"), validations(), ids=lambda value: str(value)[:50])
def test_diagnostics_are_those_of_the_service(name: str, text: str, expected: list[dict[str, str]]) -> None:
    _, diagnostics = check(text)

    ours = [(item.aws_code, item.message, item.severity.upper()) for item in diagnostics]
    # For a text that is no JSON the service adds its parser's own place to the message.
    assert ours == [(item["code"], item["message"].split("\n at [Source")[0], item["severity"]) for item in expected]
    if not any(item["code"] == "INVALID_JSON_DESCRIPTION" for item in expected):
        assert [item.location for item in diagnostics] == [item["location"] for item in expected]


def test_refused_labels_are_refused() -> None:
    refused = 0
    for path in CASES:
        if "label_invalid_char" not in path.name:
            continue
        for step in read_case(path)["steps"]:
            if step["op"] == "stepfunctions.create_state_machine":
                definition = step["params"]["definition"]
                _, diagnostics = check(definition if isinstance(definition, str) else json.dumps(definition))
                assert [item.code for item in diagnostics] == ["ASL307"]
                refused += 1

    assert refused > 50
