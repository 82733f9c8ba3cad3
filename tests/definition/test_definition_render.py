"""How diagnostics are shown: for people, and for machines."""

from __future__ import annotations

import json

import jsonschema
import pytest

from asl_runner.definition import check
from asl_runner.definition.render import Checked, as_github, as_json, as_sarif, as_text

TEXT = """{
  "StartAt": "Chek",
  "States": {
    "Check": {"Type": "Task", "Resource": "arn:aws:sqs:::x", "Parameters": {"a": "$.b"}, "End": true}
  }
}
"""


@pytest.fixture
def checked() -> Checked:
    _, diagnostics = check(TEXT, name="my dir/a.json")
    return Checked(file="my dir/a.json", diagnostics=diagnostics)


def test_text_shows_the_line_with_a_caret(checked: Checked) -> None:
    assert as_text(checked) == (
        "my dir/a.json:2:14: error ASL301: Missing 'Next' target: Chek\n"
        ' 2 |   "StartAt": "Chek",\n'
        "   |              ^^^^^^\n"
        "   = at /StartAt\n"
        '   = hint: did you mean "Check"?\n'
        "\n"
        "my dir/a.json:4:77: warning ASL501: No .$ on a field that appears to be a JSONPath or Intrinsic Function\n"
        ' 4 |     "Check": {"Type": "Task", "Resource": "arn:aws:sqs:::x", "Parameters": {"a": "$.b"}, "End": true}\n'
        f"   | {' ' * 76}^^^\n"
        "   = at /States/Check/Parameters\n"
        '   = hint: to evaluate it, write "a.$"\n'
        "\n"
        "my dir/a.json: 1 error, 1 warning\n"
    )


def test_text_of_a_valid_file_is_one_line() -> None:
    assert as_text(Checked(file="a.json", diagnostics=[], states=3)) == "OK a.json (3 states)\n"


def test_color_is_only_added_on_request(checked: Checked) -> None:
    assert "\x1b[" not in as_text(checked)
    assert "\x1b[31;1merror ASL301\x1b[0m" in as_text(checked, color=True)


def test_long_lines_are_cut_around_the_caret() -> None:
    text = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Comment": "%s", "Foo": 1, "End": true}}}' % ("x" * 500)
    _, diagnostics = check(text)

    line, caret = as_text(Checked(file="f", diagnostics=diagnostics)).splitlines()[1:3]

    assert len(line) < 140
    assert line[caret.index("^") :].startswith('"Foo"')


def test_json(checked: Checked) -> None:
    (file,) = json.loads(as_json([checked]))

    assert (file["file"], file["valid"], file["states"]) == ("my dir/a.json", False, None)
    first = file["diagnostics"][0]
    assert (first["code"], first["awsCode"], first["severity"]) == ("ASL301", "MISSING_TRANSITION_TARGET", "error")
    assert (first["line"], first["column"], first["path"]) == (2, 14, ["StartAt"])
    assert (first["found"], first["hint"]) == ('"Chek"', 'did you mean "Check"?')


def test_github(checked: Checked) -> None:
    lines = as_github([checked]).splitlines()

    assert lines[0] == (
        "::error file=my dir/a.json,line=2,col=14,title=ASL301::Missing 'Next' target: Chek (did you mean \"Check\"?)"
    )
    assert lines[1].startswith("::warning file=my dir/a.json,line=4,col=77,title=ASL501::")


def test_github_escapes_what_commands_cannot_hold() -> None:
    _, diagnostics = check('{"StartAt": "50%\\n", "States": {"A": {"Type": "Succeed"}}}', name="a,b:c.json")

    line = as_github([Checked(file="a,b:c.json", diagnostics=diagnostics)])

    assert line.startswith("::error file=a%2Cb%3Ac.json,")
    assert "50%25%0A" in line
    assert line.count("\n") == len(diagnostics)


def test_sarif(checked: Checked) -> None:
    log = json.loads(as_sarif([checked], "1.2.3"))

    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["ASL301", "ASL501"]
    result = run["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("ASL301", 0, "error")
    assert place["artifactLocation"]["uri"] == "my%20dir/a.json"
    assert place["region"] == {"startLine": 2, "startColumn": 14}


MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {"required": ["id"], "properties": {"shortDescription": MESSAGE}},
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["message"],
                            "properties": {
                                "message": MESSAGE,
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The parts of the SARIF 2.1.0 schema that this log uses."""
