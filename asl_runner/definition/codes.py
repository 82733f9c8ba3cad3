"""Every diagnostic code: its severity, the code the service uses for it, and what to do about it.

Codes are stable: a number is never reused for something else. `docs/diagnostics.md` is made from this table.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Severity: TypeAlias = Literal["error", "warning"]

_SCHEMA = "SCHEMA_VALIDATION_FAILED"
_JSON = "INVALID_JSON_DESCRIPTION"
_TARGET = "MISSING_TRANSITION_TARGET"


class Code(Struct, frozen=True):
    """One kind of problem. `aws` is empty where the service does not report it."""

    severity: Severity
    aws: str
    title: str
    help: str


CODES: dict[str, Code] = {
    "ASL001": Code("error", _JSON, "Not UTF-8", "Save the file in UTF-8."),
    "ASL002": Code("error", _JSON, "Not valid JSON or YAML", "Correct the syntax at the place shown."),
    "ASL003": Code("error", _JSON, "An extension of JSON", "JSON has no comments and no trailing commas."),
    "ASL004": Code("warning", "", "Duplicate key", "Only the last of equal keys counts; rename or remove the others."),
    "ASL005": Code("error", "MISSING_DESCRIPTION", "Empty definition", "Write at least `StartAt` and `States`."),
    "ASL006": Code("error", _SCHEMA, "Definition too long", "A definition has at most 1,048,576 characters."),
    "ASL007": Code("error", "TOO_DEEPLY_NESTED", "Nested too deeply", "Use a nested workflow instead of deep nesting."),
    "ASL008": Code("error", _JSON, "Not an object", "A definition is a JSON object."),
    "ASL101": Code("error", _SCHEMA, "Required field missing", "Add the field."),
    "ASL102": Code("error", _SCHEMA, "Field not supported here", "Remove the field, or correct its name."),
    "ASL103": Code("error", _SCHEMA, "Wrong type", "Give a value of the type shown."),
    "ASL104": Code("error", _SCHEMA, "Value not allowed", "Use one of the values shown."),
    "ASL105": Code("error", _SCHEMA, "Number out of range", "Give a number in the range shown."),
    "ASL106": Code("error", _SCHEMA, "Empty value", "Give at least one element."),
    "ASL107": Code("error", _SCHEMA, "Fields exclude each other", "Keep only one of the fields shown."),
    "ASL108": Code("error", _SCHEMA, "One of several fields required", "Add one of the fields shown."),
    "ASL109": Code("error", _SCHEMA, "Not a timestamp", "Write RFC 3339 with `T` and `Z`: `2030-01-31T12:00:00Z`."),
    "ASL110": Code(
        "error", _SCHEMA, "Not a resource ARN", "Write the ARN of a function, an activity or an integration."
    ),
    "ASL111": Code(
        "error", _SCHEMA, "Field of the other query language", "Use the field's counterpart, or set `QueryLanguage`."
    ),
    "ASL112": Code("error", _SCHEMA, "JSONPath state in a JSONata machine", "Set JSONata state by state instead."),
    "ASL113": Code("error", _SCHEMA, "Field of a distributed Map only", "Set `ProcessorConfig.Mode` to `DISTRIBUTED`."),
    "ASL115": Code(
        "error", _SCHEMA, "Field does not fit the others", "Remove the field, or change what it depends on."
    ),
    "ASL201": Code("error", _SCHEMA, "Not a JSONPath", "Correct the path at the place shown."),
    "ASL202": Code("error", _SCHEMA, "Not a reference path", "Name a single node: no `*`, `..`, filters or slices."),
    "ASL203": Code(
        "error", _SCHEMA, "Not a path or intrinsic function", "A key ending in `.$` needs a path or `States.…(…)`."
    ),
    "ASL204": Code("error", _SCHEMA, "Duplicate key in a template", "`x` and `x.$` make the same key; keep one."),
    "ASL205": Code("error", _SCHEMA, "Unclosed JSONata expression", "A string that starts with `{%` ends with `%}`."),
    "ASL206": Code(
        "error", "INVALID_JSONATA_EXPRESSION", "JSONata syntax", "Correct the expression at the place shown."
    ),
    "ASL207": Code("error", _SCHEMA, "Not a variable name", "A letter, then letters, digits or `_`; not `states`."),
    "ASL208": Code("error", _SCHEMA, "Not an expression", "Here a JSONata expression `{% … %}` is expected."),
    "ASL209": Code(
        "error", "UNSUPPORTED_JSONATA_EXPRESSION", "JSONata without a context", "Start from `$states` or a variable."
    ),
    "ASL210": Code("error", _SCHEMA, "Wrong choice rule", "Correct the rule at the place shown."),
    "ASL211": Code(
        "error", _SCHEMA, "Variable of an outer scope", "Choose another name: branches and iterations only read it."
    ),
    "ASL212": Code(
        "error", "UNSUPPORTED_JSONATA_EXPRESSION", "No such member of $states here", "Use it where it exists."
    ),
    "ASL301": Code("error", _TARGET, "Target does not exist", "Name a state of the same `States` object."),
    "ASL302": Code("error", _TARGET, "State not reachable", "Remove the state, or let another one lead to it."),
    "ASL303": Code("error", "MISSING_END_STATE", "No terminal state", "Add `End: true`, a Succeed or a Fail state."),
    "ASL304": Code("error", "DUPLICATE_STATE_NAME", "Duplicate state name", "Names are unique in the whole machine."),
    "ASL305": Code("error", "INVALID_STATE_NAME", "Bad state name", "A state name has 1 to 80 characters."),
    "ASL306": Code("error", "DUPLICATE_LABEL_NAME", "Duplicate label", "Labels are unique in the whole machine."),
    "ASL307": Code("error", "INVALID_LABEL_NAME", "Bad label", "1 to 40 characters, no blanks, no special characters."),
    "ASL308": Code("warning", "", "No way to an end", "From this state no terminal state can be reached."),
    "ASL401": Code("error", _SCHEMA, "Misplaced States.ALL", "`States.ALL` stands alone and in the last element."),
    "ASL402": Code("warning", "", "Unknown error name", "Names that start with `States.` are reserved; correct it."),
    "ASL501": Code("warning", "NO_DOLLAR", "Value looks like a path", "Add `.$` to the key to have it evaluated."),
    "ASL502": Code("warning", "NO_PATH", "Value looks like a path", "Use the field whose name ends with `Path`."),
    "ASL503": Code(
        "warning", "PASS_RESULT_IS_STATIC", "Path in a static result", "Use `Parameters` to compute the result."
    ),
    "ASL504": Code("warning", "", "`End: false`", "It means nothing; remove it."),
    "PIP101": Code("error", "", "Pipeline: required field missing", "Add the field."),
    "PIP102": Code("error", "", "Pipeline: wrong type", "Give a value of the kind shown."),
    "PIP103": Code("error", "", "Pipeline: value not allowed", "Use one of the values shown."),
    "PIP201": Code("error", "", "Pipeline: bad or duplicate name", "Give every step and parameter a name of its own."),
    "PIP202": Code("error", "", "Pipeline: nothing of that name", "Name a step, parameter or file the pipeline has."),
    "PIP203": Code("error", "", "Pipeline: steps wait for each other", "Remove one of the dependencies shown."),
    "PIP204": Code("error", "", "Pipeline: not an expression", "Write `Get`, `Std:Join` or `Std:JsonGet` as shown."),
    "PIP301": Code("error", "", "Pipeline: step that cannot run here", "Do what the note says."),
}


def markdown() -> str:
    """The page `docs/diagnostics.md`."""
    lines = [
        "# Diagnostics",
        "",
        "What `asl-runner validate` reports. Codes are stable. The service's code is what `CreateStateMachine` and",
        "`ValidateStateMachineDefinition` report for the same problem; where it is missing, the service says nothing.",
        "",
        "| code | severity | service | problem | what to do |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, code in CODES.items():
        aws = f"`{code.aws}`" if code.aws else ""
        lines.append(f"| {name} | {code.severity} | {aws} | {code.title} | {code.help} |")
    return "\n".join(lines) + "\n"
