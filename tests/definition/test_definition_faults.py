"""One fault per definition: its code, the service's location, its place, and the words that help."""

from __future__ import annotations

from typing import Any

import pytest
from documents import each, machine, one, task

from asl_runner.definition import InvalidDefinition, check, load
from asl_runner.definition.codes import CODES

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
PASS = {"Type": "Pass", "End": True}


def retry(**fields: Any) -> dict[str, Any]:
    return one(task(Retry=[{"ErrorEquals": ["States.ALL"], **fields}]))


def choice(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return machine({"S": {"Type": "Choice", "Choices": list(rules), "Default": "T", **fields}, "T": PASS})


def reader(config: dict[str, Any]) -> dict[str, Any]:
    item_reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config, "Parameters": {}}
    return one(each(ProcessorConfig=DISTRIBUTED, ItemReader=item_reader))


def jsonata(state: dict[str, Any]) -> dict[str, Any]:
    return one(state, QueryLanguage="JSONata")


FAULTS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # name: definition, code, location, words of the message, note or hint
    "nothing": ({}, "ASL101", "/", "[States, StartAt]"),
    "no StartAt": ({"States": {"S": PASS}}, "ASL101", "/", "[StartAt]"),
    "StartAt unknown": ({"StartAt": "B", "States": {"S": PASS}}, "ASL301", "/StartAt", "Missing 'Next' target: B"),
    "States empty": ({"StartAt": "A", "States": {}}, "ASL106", "/States", "Value cannot be empty"),
    "States no object": ({"StartAt": "A", "States": []}, "ASL103", "/States", "Object"),
    "state no object": ({"StartAt": "A", "States": {"A": 5}}, "ASL103", "/States/A", "Object"),
    "Version": (one(PASS, Version="2.0"), "ASL104", "/Version", "[1.0]"),
    "machine timeout": (one(PASS, TimeoutSeconds=-1), "ASL105", "/TimeoutSeconds", "Minimum value is 0"),
    "Type missing": (one({"Resource": "x", "End": True}), "ASL101", "/States/S", '"Type": "Task"'),
    "Type unknown": (one({"Type": "Foo"}), "ASL104", "/States/S/Type", "[Task, Wait, Pass, Succeed, Fail, Choice,"),
    "Type lower case": (one({"Type": "pass"}), "ASL104", "/States/S/Type", 'did you mean "Pass"'),
    "Type number": (one({"Type": 5}), "ASL104", "/States/S/Type", "[Task, Wait"),
    "Next unknown": (
        machine({"S": {"Type": "Pass", "Next": "Shipp"}, "Ship": PASS}),
        "ASL301",
        "/States/S/Next",
        "Missing 'Next' target: Shipp",
    ),
    "neither Next nor End": (
        machine({"S": {"Type": "Pass"}}),
        "ASL108",
        "/States/S",
        "This object should have only one of the following fields: [Next, End]",
    ),
    "End false alone": (machine({"S": {"Type": "Pass", "End": False}}), "ASL108", "/States/S", "[Next, End]"),
    "Next and End": (
        machine({"S": {"Type": "Pass", "Next": "T", "End": True}, "T": PASS}),
        "ASL107",
        "/States/S",
        "There should only be one of the following fields: [Next, End]",
    ),
    "unreachable": (machine({"S": PASS, "C": PASS}), "ASL302", "/States/C", 'State "C" is not reachable.'),
    "no terminal": (
        machine({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}),
        "ASL303",
        "/",
        "Workflow has no terminal state",
    ),
    "unknown field": (one({"Type": "Pass", "Foo": 1}), "ASL102", "/States/S", "Field 'Foo' is not supported"),
    "field of other states": (one({**PASS, "Retry": []}), "ASL102", "/States/S", "Task, Parallel, Map states have it"),
    "field in lower case": (one(task(timeoutSeconds=5)), "ASL102", "/States/S", 'did you mean "TimeoutSeconds"'),
    "unknown field at the top": (one(PASS, Timeout=5), "ASL102", "/", 'did you mean "TimeoutSeconds"'),
    "duplicate state": (
        machine({"P": {"Type": "Parallel", "Branches": [{"StartAt": "P", "States": {"P": PASS}}], "End": True}}),
        "ASL304",
        "/States/P/Branches[0]/States/P",
        "Duplicate State name: P",
    ),
    "out of a branch": (
        machine(
            {
                "P": {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "Z"}}}],
                    "Next": "Z",
                },
                "Z": PASS,
            }
        ),
        "ASL301",
        "/States/P/Branches[0]/States/I/Next",
        "another scope",
    ),
    "no Resource": (one({"Type": "Task"}), "ASL101", "/States/S", "[Resource]"),
    "Resource no ARN": (one(task(Resource="foo")), "ASL110", "/States/S/Resource", "not a valid resource ARN"),
    "ALL with others": (
        one(task(Retry=[{"ErrorEquals": ["States.ALL", "X"]}])),
        "ASL401",
        "/States/S/Retry[0]/ErrorEquals",
        "alone",
    ),
    "ALL not last": (
        one(task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}])),
        "ASL401",
        "/States/S/Retry[0]/ErrorEquals",
        "end of list",
    ),
    "ErrorEquals empty": (one(task(Retry=[{"ErrorEquals": []}])), "ASL106", "/States/S/Retry[0]/ErrorEquals", "empty"),
    "ErrorEquals missing": (one(task(Retry=[{}])), "ASL101", "/States/S/Retry[0]", "[ErrorEquals]"),
    "ErrorEquals text": (one(task(Retry=[{"ErrorEquals": "X"}])), "ASL103", "/States/S/Retry[0]/ErrorEquals", '["X"]'),
    "BackoffRate": (retry(BackoffRate=0.5), "ASL105", "/States/S/Retry[0]/BackoffRate", "Minimum value is 1.0"),
    "MaxAttempts": (retry(MaxAttempts=1.5), "ASL103", "/States/S/Retry[0]/MaxAttempts", "Integer"),
    "MaxDelaySeconds": (retry(MaxDelaySeconds=0), "ASL105", "/States/S/Retry[0]/MaxDelaySeconds", "Minimum value is 1"),
    "JitterStrategy": (
        retry(JitterStrategy="HALF"),
        "ASL104",
        "/States/S/Retry[0]/JitterStrategy",
        "Value should be one of the following: [NONE, FULL]",
    ),
    "misspelt error": (
        one(task(Retry=[{"ErrorEquals": ["States.Timeouts"]}])),
        "ASL402",
        "/States/S/Retry[0]/ErrorEquals[0]",
        'did you mean "States.Timeout"',
    ),
    "Catch without Next": (
        one(task(Catch=[{"ErrorEquals": ["X"]}])),
        "ASL101",
        "/States/S/Catch[0]",
        "These fields are required: [Next]",
    ),
    "Catch to nowhere": (
        one(task(Catch=[{"ErrorEquals": ["X"], "Next": "Q"}])),
        "ASL301",
        "/States/S/Catch[0]/Next",
        "Missing 'Next' target: Q",
    ),
    "timeout twice": (
        one(task(TimeoutSeconds=5, TimeoutSecondsPath="$.t")),
        "ASL107",
        "/States/S",
        "[TimeoutSeconds, TimeoutSecondsPath]",
    ),
    "timeout text": (one(task(TimeoutSeconds="5")), "ASL103", "/States/S/TimeoutSeconds", "without quotes"),
    "timeout true": (one(task(TimeoutSeconds=True)), "ASL103", "/States/S/TimeoutSeconds", "Integer"),
    "InputPath": (one({**PASS, "InputPath": "$.a["}), "ASL201", "/States/S/InputPath", "JSONPath"),
    "InputPath without dollar": (one({**PASS, "InputPath": "a.b"}), "ASL201", "/States/S/InputPath", '"$.a.b"'),
    "ResultPath": (one({**PASS, "ResultPath": "$.a[*]"}), "ASL202", "/States/S/ResultPath", "Reference Path"),
    "ResultPath context": (one({**PASS, "ResultPath": "$$.a"}), "ASL202", "/States/S/ResultPath", "Reference Path"),
    "ResultPath variable": (one({**PASS, "ResultPath": "$x.a"}), "ASL202", "/States/S/ResultPath", "Reference Path"),
    "template value": (
        one(task(Parameters={"a": [{"x.$": "hello"}]})),
        "ASL203",
        "/States/S/Parameters",
        "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call",
    ),
    "template number": (one(task(Parameters={"x.$": 5})), "ASL203", "/States/S/Parameters", "'x.$'"),
    "template twins": (one(task(Parameters={"x": 1, "x.$": "$"})), "ASL204", "/States/S/Parameters", "'x'"),
    "unknown intrinsic": (
        one(task(Parameters={"x.$": "States.Formt('a')"})),
        "ASL203",
        "/States/S/Parameters",
        "States.Format",
    ),
    "intrinsic arguments": (one(task(Parameters={"x.$": "States.MathAdd(1)"})), "ASL203", "/States/S/Parameters", "2"),
    "ResultSelector": (one(task(ResultSelector="$.x")), "ASL103", "/States/S/ResultSelector", "Object"),
    "forgotten dollar": (one(task(Parameters={"x": "$.a"})), "ASL501", "/States/S/Parameters", '"x.$"'),
    "static result": (one({**PASS, "Result": {"a": ["$.b"]}}), "ASL503", "/States/S/Result", "Parameters"),
    "static result key": (one({**PASS, "Result": {"a.$": "$"}}), "ASL503", "/States/S/Result", "Parameters"),
    "variable states": (one({**PASS, "Assign": {"states": 1}}), "ASL207", "/States/S/Assign", "reserved"),
    "variable of an outer scope": (
        machine(
            {
                "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "S"},
                "S": {
                    "Type": "Parallel",
                    "End": True,
                    "Branches": [{"StartAt": "B", "States": {"B": {**PASS, "Assign": {"x.$": "$"}}}}],
                },
            }
        ),
        "ASL211",
        "/States/S/Branches[0]/States/B/Assign",
        "'x' is assigned in an outer scope",
    ),
    "result of a Pass": (
        jsonata({**PASS, "Output": {"r": ["{% $states.result.a %}"]}}),
        "ASL212",
        "/States/S/Output/r[0]",
        "Reference to '$states.result' is not supported.",
    ),
    "result in Arguments": (
        jsonata(
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "End": True,
                "Arguments": {"r": "{% $states.result %}"},
            }
        ),
        "ASL212",
        "/States/S/Arguments/r",
        "'$states.result'",
    ),
    "errorOutput in Output": (
        jsonata(
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "End": True,
                "Arguments": {},
                "Output": "{% $states.errorOutput.Cause %}",
            }
        ),
        "ASL212",
        "/States/S/Output",
        "Reference to '$states.errorOutput' is not supported.",
    ),
    "variable with an underscore first": (one({**PASS, "Assign": {"_a": 1}}), "ASL207", "/States/S/Assign", "'_a'"),
    "variable with a superscript": (one({**PASS, "Assign": {"a²": 1}}), "ASL207", "/States/S/Assign", "'a²'"),
    "variable too long": (one({**PASS, "Assign": {"a" * 81: 1}}), "ASL207", "/States/S/Assign", "at most 80"),
    "variable name": (one({**PASS, "Assign": {"a-b.$": "$"}}), "ASL207", "/States/S/Assign", "'a-b'"),
    "no Choices": (
        machine({"S": {"Type": "Choice", "Default": "T"}, "T": PASS}),
        "ASL101",
        "/States/S",
        "[Choices]",
    ),
    "Choices empty": (choice(), "ASL106", "/States/S/Choices", "empty"),
    "rule without Next": (choice({"Variable": "$.a", "IsNull": True}), "ASL101", "/States/S/Choices[0]", "[Next]"),
    "rule without Variable": (choice({"IsNull": True, "Next": "T"}), "ASL101", "/States/S/Choices[0]", "[Variable]"),
    "rule without test": (
        choice({"Next": "T"}),
        "ASL108",
        "/States/S/Choices[0]",
        "[And, Or, Not, Variable]",
    ),
    "rule without operator": (choice({"Variable": "$.a", "Next": "T"}), "ASL108", "/States/S/Choices[0]", "IsPresent"),
    "rule with two operators": (
        choice({"Variable": "$.a", "StringEquals": "x", "NumericEquals": 1, "Next": "T"}),
        "ASL107",
        "/States/S/Choices[0]",
        "[StringEquals, NumericEquals]",
    ),
    "operator misspelt": (
        choice({"Variable": "$.a", "StringEqual": "x", "Next": "T"}),
        "ASL102",
        "/States/S/Choices[0]",
        'did you mean "StringEquals"',
    ),
    "operand type": (
        choice({"Variable": "$.a", "NumericEquals": "1", "Next": "T"}),
        "ASL103",
        "/States/S/Choices[0]/NumericEquals",
        "Number",
    ),
    "operand timestamp": (
        choice({"Variable": "$.a", "TimestampEquals": "today", "Next": "T"}),
        "ASL109",
        "/States/S/Choices[0]/TimestampEquals",
        "RFC3339",
    ),
    "pattern": (
        choice({"Variable": "$.a", "StringMatches": "a\\b", "Next": "T"}),
        "ASL210",
        "/States/S/Choices[0]/StringMatches",
        "\\",
    ),
    "Variable": (
        choice({"Variable": "x", "IsNull": True, "Next": "T"}),
        "ASL201",
        "/States/S/Choices[0]/Variable",
        "$",
    ),
    "nested Next": (
        choice({"Not": {"Variable": "$.a", "IsNull": True, "Next": "T"}, "Next": "T"}),
        "ASL102",
        "/States/S/Choices[0]/Not",
        "Field 'Next' is not supported",
    ),
    "operand path as text": (
        choice({"Variable": "$.a", "StringEquals": "$.b", "Next": "T"}),
        "ASL502",
        "/States/S/Choices[0]/StringEquals",
        "StringEqualsPath",
    ),
    "Wait twice": (
        one({"Type": "Wait", "Seconds": 1, "Timestamp": "2030-01-01T00:00:00Z"}),
        "ASL107",
        "/States/S",
        "[SecondsPath, Seconds, TimestampPath, Timestamp]",
    ),
    "Wait for nothing": (one({"Type": "Wait"}), "ASL108", "/States/S", "SecondsPath, Seconds"),
    "Wait month 13": (
        one({"Type": "Wait", "Timestamp": "2016-13-05T21:29:29Z"}),
        "ASL109",
        "/States/S/Timestamp",
        "RFC",
    ),
    "Wait without zone": (
        one({"Type": "Wait", "Timestamp": "2016-12-05T21:29:29"}),
        "ASL109",
        "/States/S/Timestamp",
        "29Z",
    ),
    "Wait negative": (one({"Type": "Wait", "Seconds": -1}), "ASL105", "/States/S/Seconds", "Minimum value is 0"),
    "Error twice": (
        one({"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}),
        "ASL107",
        "/States/S",
        "[Error, ErrorPath]",
    ),
    "Fail ends": (one({"Type": "Fail", "End": True}), "ASL102", "/States/S", "'End'"),
    "Cause is a path": (one({"Type": "Fail", "Cause": "$.e"}), "ASL502", "/States/S/Cause", "CausePath"),
    "Credentials empty": (one(task(Credentials={})), "ASL101", "/States/S/Credentials", "'RoleArn' is required"),
    "Branches empty": (
        one({"Type": "Parallel", "Branches": []}),
        "ASL106",
        "/States/S/Branches",
        "Value cannot be empty",
    ),
    "Branch without States": (
        one({"Type": "Parallel", "Branches": [{"StartAt": "A"}]}),
        "ASL101",
        "/States/S/Branches[0]",
        "[States]",
    ),
    "two processors": (
        one({**each(), "Iterator": {"StartAt": "J", "States": {"J": PASS}}}),
        "ASL107",
        "/States/S",
        "[ItemProcessor, Iterator]",
    ),
    "no processor": (one({"Type": "Map"}), "ASL108", "/States/S", "[ItemProcessor, Iterator]"),
    "two selectors": (one(each(ItemSelector={}, Parameters={})), "ASL107", "/States/S", "[ItemSelector, Parameters]"),
    "language of a processor": (
        one(
            {
                "Type": "Map",
                "ItemProcessor": {"QueryLanguage": "JSONata", "StartAt": "I", "States": {"I": PASS}},
            }
        ),
        "ASL102",
        "/States/S/ItemProcessor",
        "Field 'QueryLanguage' is not supported",
    ),
    "reader inline": (
        one(each(ItemReader={"Resource": "arn:aws:states:::s3:getObject"})),
        "ASL113",
        "/States/S",
        "DISTRIBUTED",
    ),
    "reader resource": (
        one(each(ProcessorConfig=DISTRIBUTED, ItemReader={"Resource": "arn:aws:states:::s3:putObject"})),
        "ASL110",
        "/States/S/ItemReader/Resource",
        "allowed values",
    ),
    "LOAD_AND_FLATTEN without InputType": (
        reader({"Transformation": "LOAD_AND_FLATTEN"}),
        "ASL101",
        "/States/S/ItemReader/ReaderConfig",
        "The field 'InputType' is required",
    ),
    "ATHENA_DATA without InputType": (
        reader({"ManifestType": "ATHENA_DATA"}),
        "ASL101",
        "/States/S/ItemReader/ReaderConfig",
        "the format of the data files",
    ),
    "S3_INVENTORY with InputType": (
        reader({"ManifestType": "S3_INVENTORY", "InputType": "JSON"}),
        "ASL115",
        "/States/S/ItemReader/ReaderConfig",
        "Field 'InputType' is not supported",
    ),
    "InputType": (reader({"InputType": "XML"}), "ASL104", "/States/S/ItemReader/ReaderConfig/InputType", "CSV"),
    "CSV without header": (
        reader({"InputType": "CSV"}),
        "ASL101",
        "/States/S/ItemReader/ReaderConfig",
        "CSVHeaderLocation",
    ),
    "given headers missing": (
        reader({"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}),
        "ASL101",
        "/States/S/ItemReader/ReaderConfig",
        "These fields are required: [CSVHeaders]",
    ),
    "header of JSON": (
        reader({"InputType": "JSON", "CSVHeaderLocation": "FIRST_ROW"}),
        "ASL115",
        "/States/S/ItemReader/ReaderConfig",
        "Field 'CSVHeaderLocation' is not supported",
    ),
    "MaxItems twice": (
        reader({"InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.n"}),
        "ASL107",
        "/States/S/ItemReader/ReaderConfig",
        "There should only be one of the following fields: [MaxItems, MaxItemsPath]",
    ),
    "batcher empty": (
        one(each(ProcessorConfig=DISTRIBUTED, ItemBatcher={})),
        "ASL108",
        "/States/S/ItemBatcher",
        "MaxItems",
    ),
    "writer empty": (
        one(each(ProcessorConfig=DISTRIBUTED, ResultWriter={})),
        "ASL106",
        "/States/S/ResultWriter",
        "empty",
    ),
    "percentage": (
        one(each(ToleratedFailurePercentage=150)),
        "ASL105",
        "/States/S/ToleratedFailurePercentage",
        "Maximum value is 100.0",
    ),
    "concurrency path": (
        one(each(MaxConcurrencyPath="$$.n")),
        "ASL202",
        "/States/S/MaxConcurrencyPath",
        "Value is not a Reference Path",
    ),
    "label too long": (one(each(ProcessorConfig=DISTRIBUTED, Label="l" * 41)), "ASL307", "/States/S/Label", "40"),
    "label twice": (
        machine(
            {
                "A": {**each(ProcessorConfig=DISTRIBUTED, Label="l"), "Next": "B"},
                "B": {
                    "Type": "Map",
                    "Label": "l",
                    "ItemProcessor": {"ProcessorConfig": DISTRIBUTED, "StartAt": "J", "States": {"J": PASS}},
                    "End": True,
                },
            }
        ),
        "ASL306",
        "/States/B/Label",
        "Duplicate Label name: l",
    ),
    "no ExecutionType": (
        one(each(ProcessorConfig={"Mode": "DISTRIBUTED"})),
        "ASL101",
        "/States/S/ItemProcessor/ProcessorConfig",
        "These fields are required: [ExecutionType]",
    ),
    "inline ExecutionType": (
        one(each(ProcessorConfig={"Mode": "INLINE", "ExecutionType": "STANDARD"})),
        "ASL113",
        "/States/S/ItemProcessor/ProcessorConfig",
        "Field 'ExecutionType' is not supported",
    ),
    "long name": (machine({"s" * 81: PASS}), "ASL305", f"/States/{'s' * 81}", "80-character limit"),
    "End false": (
        machine({"S": {"Type": "Pass", "End": False, "Next": "T"}, "T": PASS}),
        "ASL504",
        "/States/S/End",
        "means nothing",
    ),
    "endless branch": (
        one(
            {
                "Type": "Parallel",
                "Branches": [{"StartAt": "L", "States": {"L": {"Type": "Wait", "Seconds": 1, "Next": "L"}}}],
            }
        ),
        "ASL308",
        "/States/S/Branches[0]/States",
        "never ends",
    ),
    "path field in JSONata": (
        jsonata({**PASS, "InputPath": "$"}),
        "ASL111",
        "/States/S",
        "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath'",
    ),
    "JSONata field in JSONPath": (
        one({**PASS, "Output": 1}),
        "ASL111",
        "/States/S",
        "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage",
    ),
    "JSONata rule": (
        choice({"Condition": "{% true %}", "Next": "T"}),
        "ASL111",
        "/States/S/Choices[0]",
        '"Variable"',
    ),
    "downgrade": (
        jsonata({**PASS, "QueryLanguage": "JSONPath"}),
        "ASL112",
        "/States/S",
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
    ),
    "JSONata syntax": (
        jsonata({**PASS, "Output": {"v": "{% 1 + %}"}}),
        "ASL206",
        "/States/S/Output/v",
        "Unexpected end",
    ),
    "JSONata unclosed": (jsonata({**PASS, "Output": "{% $a "}), "ASL205", "/States/S/Output", "end with %}"),
    "JSONata blank at the end": (jsonata({**PASS, "Output": "{% 1 %} "}), "ASL205", "/States/S/Output", "blanks"),
    "JSONata without context": (
        jsonata({**PASS, "Output": {"v": "{% phone %}"}}),
        "ASL209",
        "/States/S/Output/v",
        "Reference to 'phone' at the top level is not supported.",
    ),
    "JSONata Condition": (
        machine(
            {"S": {"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "T"}], "Default": "T"}, "T": PASS},
            QueryLanguage="JSONata",
        ),
        "ASL208",
        "/States/S/Choices[0]/Condition",
        "boolean",
    ),
    "JSONata Items": (jsonata(each(Items="x")), "ASL208", "/States/S/Items", "array"),
    "JSONata number": (jsonata(task(TimeoutSeconds="soon")), "ASL103", "/States/S/TimeoutSeconds", "{% … %}"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_reported_alone_and_helpfully(name: str) -> None:
    definition, code, location, words = FAULTS[name]

    loaded, diagnostics = check(definition)

    assert [item.code for item in diagnostics] == [code], "\n".join(map(str, diagnostics))
    found = diagnostics[0]
    assert found.location == location
    assert words in f"{found.message} {found.note} {found.expected} {found.hint}"
    assert (loaded is None) == (CODES[code].severity == "error")
    assert (found.severity, found.aws_code) == (CODES[code].severity, CODES[code].aws)


def test_every_fault_of_a_document_is_found_at_once_in_the_order_of_the_text() -> None:
    text = """{
  "StartAt": "Chek",
  "States": {
    "Check": {"Type": "Choice", "Choices": [{"Variable": "$.x[", "IsPresent": 1, "Next": "Go"}], "Default": "Stop"},
    "Go": {"Type": "Task", "Resource": "foo", "TimeoutSeconds": 0, "Nxt": "Stop"},
    "Stop": {"Type": "Fail", "Error": 5}
  }
}"""

    with pytest.raises(InvalidDefinition) as caught:
        load(text, name="check.asl.json")

    found = [(item.code, item.position.line if item.position else 0) for item in caught.value.diagnostics]
    assert found == [
        ("ASL301", 2),
        ("ASL201", 4),
        ("ASL103", 4),
        ("ASL110", 5),
        ("ASL105", 5),
        ("ASL102", 5),
        ("ASL103", 6),
    ]
    assert "check.asl.json has 7 errors" in str(caught.value)
    assert 'did you mean "Check"?' in str(caught.value)


def test_positions_point_into_expressions() -> None:
    value = "States.Format('\\u00e9', $.b[)"
    text = f'{{"StartAt": "S", "States": {{"S": {{"Type": "Pass", "Parameters": {{"a.$": "{value}"}}, "End": true}}}}}}'

    _, diagnostics = check(text)

    position = diagnostics[0].position
    assert position is not None
    assert text[position.column - 1] == ")"


@pytest.mark.parametrize("value", [None, 5, "text", [], [{}], {"States": None}, {"States": {"A": {"Type": "Map"}}}])
def test_any_json_is_answered_with_diagnostics(value: Any) -> None:
    import json

    loaded, diagnostics = check(json.dumps(value))

    assert loaded is None
    assert diagnostics


def test_text_that_is_a_file_name_is_explained() -> None:
    _, diagnostics = check('"order.asl.json"')

    assert "pathlib.Path" in diagnostics[0].hint
