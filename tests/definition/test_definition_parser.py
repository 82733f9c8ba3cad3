"""What the interpreter gets: every field of every state type, compiled."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from documents import each, machine, one, task

from asl_runner.definition import load
from asl_runner.definition.model import Choice, Fail, Map, Parallel, Pass, StateMachine, Succeed, Task, Wait
from asl_runner.expressions.environment import Environment, ExpressionError

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}


@pytest.fixture
def env() -> Environment:
    return SimpleNamespace(variables={"v": 7}, context={"State": {"Name": "S"}}, random=Random(1), now=0.0)


def state(definition: dict[str, Any]) -> Any:
    return load(definition).states["S"]


def test_machine_fields() -> None:
    loaded = load(
        machine({"S": {"Type": "Succeed"}}, Comment="c", TimeoutSeconds=5, QueryLanguage="JSONata", Version="1.0")
    )

    assert (loaded.start_at, loaded.comment, loaded.timeout_seconds) == ("S", "c", 5)
    assert (loaded.query_language, loaded.version, loaded.placeholders) == ("JSONata", "1.0", ())
    assert msgspec.json.decode(loaded.source)["StartAt"] == "S"


def test_source_of_json_is_the_text_itself() -> None:
    text = '{ "StartAt" : "S", "States": {"S": {"Type": "Succeed"}} }'

    assert load(text).source == text
    assert msgspec.json.decode(load("StartAt: S\nStates: {S: {Type: Succeed}}").source) == msgspec.json.decode(text)


def test_pass_data_flow(env: Environment) -> None:
    fields = {"InputPath": "$.in", "Parameters": {"a.$": "$.x", "b": 1}, "ResultPath": "$.out.deep", "OutputPath": None}
    parsed = state(one({"Type": "Pass", "Comment": "c", "Assign": {"w.$": "$.x"}, **fields}))

    assert isinstance(parsed, Pass)
    assert (parsed.type, parsed.name, parsed.comment, parsed.next) == ("Pass", "S", "c", None)
    assert parsed.input_path is not None
    assert parsed.input_path({"in": 1}, env) == 1
    assert parsed.parameters is not None
    assert parsed.parameters({"x": 2}, env) == {"a": 2, "b": 1}
    assert parsed.result_path is not None
    assert parsed.result_path({"k": 0}, 5) == {"k": 0, "out": {"deep": 5}}
    assert parsed.output_path is not None
    assert parsed.output_path({"k": 0}, env) == {}
    assert parsed.assign is not None
    assert parsed.assign({"x": 3}, env) == {"w": 3}
    assert parsed.result is msgspec.UNSET


def test_identity_is_none_and_null_is_kept() -> None:
    plain = state(one({"Type": "Pass", "InputPath": "$", "OutputPath": "$", "Result": None}))

    assert (plain.input_path, plain.output_path, plain.result_path) == (None, None, None)
    assert plain.result is None
    assert state(one({"Type": "Pass", "ResultPath": None})).result_path({"a": 1}, 2) == {"a": 1}
    assert state(one({"Type": "Pass", "ResultPath": "$"})).result_path({"a": 1}, 2) == 2


def test_task_fields(env: Environment) -> None:
    parsed = state(
        machine(
            {
                "S": task(
                    Parameters={"FunctionName": "f"},
                    ResultSelector={"r.$": "$.Payload"},
                    TimeoutSeconds=60,
                    HeartbeatSecondsPath="$.beat",
                    Credentials={"RoleArn.$": "$.role"},
                    Retry=[
                        {"ErrorEquals": ["A", "B"]},
                        {
                            "ErrorEquals": ["States.ALL"],
                            "IntervalSeconds": 2,
                            "MaxAttempts": 0,
                            "BackoffRate": 1,
                            "MaxDelaySeconds": 9,
                            "JitterStrategy": "FULL",
                        },
                    ],
                    Catch=[{"ErrorEquals": ["A"], "Next": "T", "ResultPath": "$.error", "Assign": {"e.$": "$.Error"}}],
                    Next="T",
                ),
                "T": {"Type": "Succeed"},
            }
        )
    )

    assert isinstance(parsed, Task)
    assert (parsed.resource.service, parsed.resource.action, parsed.next) == ("lambda", "invoke", "T")
    assert parsed.timeout is not None
    assert (parsed.timeout.field, parsed.timeout.literal) == ("TimeoutSeconds", 60)
    assert parsed.heartbeat is not None
    assert parsed.heartbeat.path is not None
    assert (parsed.heartbeat.field, parsed.heartbeat.path({"beat": 3}, env)) == ("HeartbeatSecondsPath", 3)
    assert parsed.credentials is not None
    assert parsed.credentials({"role": "r"}, env) == {"RoleArn": "r"}
    first, second = parsed.retry
    assert (first.error_equals, first.interval_seconds, first.max_attempts, first.backoff_rate) == (
        ("A", "B"),
        1,
        3,
        2.0,
    )
    assert (first.max_delay_seconds, first.jitter_strategy) == (None, "NONE")
    assert (second.interval_seconds, second.max_attempts, second.backoff_rate) == (2, 0, 1.0)
    assert (second.max_delay_seconds, second.jitter_strategy) == (9, "FULL")
    (catcher,) = parsed.catch
    assert (catcher.error_equals, catcher.next) == (("A",), "T")
    assert catcher.result_path is not None
    assert catcher.result_path({}, 1) == {"error": 1}
    assert catcher.assign is not None
    assert catcher.assign({"Error": "x"}, env) == {"e": "x"}


def test_choice_rules(env: Environment) -> None:
    parsed = state(
        machine(
            {
                "S": {
                    "Type": "Choice",
                    "Choices": [
                        {"Variable": "$.n", "NumericGreaterThan": 3, "Next": "T", "Assign": {"x": 1}},
                        {
                            "And": [
                                {"Variable": "$v", "NumericEquals": 7},
                                {"Not": {"Variable": "$.a", "IsPresent": True}},
                            ],
                            "Next": "T",
                        },
                    ],
                    "Default": "T",
                },
                "T": {"Type": "Succeed"},
            }
        )
    )

    assert isinstance(parsed, Choice)
    assert parsed.default == "T"
    assert [rule.condition({"n": 4, "a": 0}, env) for rule in parsed.choices] == [True, False]
    assert [rule.condition({"n": 3}, env) for rule in parsed.choices] == [False, True]
    assert parsed.choices[0].assign is not None


def test_wait_and_fail_forms(env: Environment) -> None:
    seconds = state(one({"Type": "Wait", "Seconds": 5}))
    path = state(one({"Type": "Wait", "SecondsPath": "$.s"}))
    moment = state(one({"Type": "Wait", "Timestamp": "2030-01-01T00:00:00+01:00"}))
    moment_path = state(one({"Type": "Wait", "TimestampPath": "$.t"}))
    fail = state(one({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{}!', $.c)"}))
    plain = state(one({"Type": "Fail", "Error": "E"}))

    assert isinstance(seconds, Wait)
    assert (seconds.seconds, path.seconds.path.text) == (seconds.seconds, "$.s")
    assert seconds.seconds is not None
    assert seconds.seconds.literal == 5
    assert moment.timestamp.literal == "2030-01-01T00:00:00+01:00"
    assert moment_path.timestamp_path({"t": "x"}, env) == "x"
    assert isinstance(fail, Fail)
    assert fail.error is not None
    assert fail.cause is not None
    assert fail.error.path is not None
    assert fail.cause.path is not None
    assert (fail.error.path({"e": "E"}, env), fail.cause.path({"c": "C"}, env)) == ("E", "C!")
    assert plain.error.literal == "E"
    assert plain.cause is None


def test_parallel_and_map(env: Environment) -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}, "Comment": "b"}
    parallel = state(one({"Type": "Parallel", "Branches": [branch]}))
    inline = state(one(each(ItemsPath="$.items", ItemSelector={"v.$": "$$.Map.Item.Value"}, MaxConcurrencyPath="$.n")))

    assert isinstance(parallel, Parallel)
    assert (parallel.branches[0].start_at, parallel.branches[0].comment) == ("B", "b")
    assert isinstance(inline, Map)
    assert (inline.mode, inline.item_processor.start_at) == ("INLINE", "I")
    assert inline.items_path is not None
    assert inline.items_path({"items": [1]}, env) == [1]
    assert inline.item_selector is not None
    assert inline.max_concurrency is not None
    assert inline.max_concurrency.field == "MaxConcurrencyPath"


def test_legacy_map_names() -> None:
    processor = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    parsed = state(one({"Type": "Map", "Iterator": processor, "Parameters": {"a": 1}, "MaxConcurrency": 0}))

    assert parsed.item_processor.start_at == "I"
    assert parsed.parameters is None
    assert parsed.item_selector(None, None) == {"a": 1}
    assert parsed.max_concurrency.literal == 0


def test_distributed_map(env: Environment) -> None:
    parsed = state(
        one(
            each(
                ProcessorConfig=DISTRIBUTED,
                Label="label",
                ToleratedFailurePercentage=12.5,
                ToleratedFailureCountPath="$.count",
                ItemReader={
                    "Resource": "arn:aws:states:::s3:getObject",
                    "Parameters": {"Bucket": "b", "Key.$": "$.key"},
                    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItemsPath": "$.max"},
                },
                ItemBatcher={"MaxItemsPerBatch": 10, "BatchInput": {"x.$": "$.x"}},
                ResultWriter={
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": "b"},
                    "WriterConfig": {"OutputType": "JSONL"},
                },
            )
        )
    )

    assert (parsed.mode, parsed.execution_type, parsed.label) == ("DISTRIBUTED", "EXPRESS", "label")
    assert parsed.tolerated_failure_percentage.literal == 12.5
    assert parsed.tolerated_failure_count.field == "ToleratedFailureCountPath"
    assert parsed.item_reader.resource.action == "getObject"
    assert parsed.item_reader.parameters({"key": "k"}, env) == {"Bucket": "b", "Key": "k"}
    assert parsed.item_reader.reader_config == {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    assert parsed.item_reader.max_items.path({"max": 4}, env) == 4
    assert parsed.item_batcher.max_items_per_batch.literal == 10
    assert parsed.item_batcher.batch_input({"x": 1}, env) == {"x": 1}
    assert parsed.result_writer.writer_config == {"OutputType": "JSONL"}


def test_jsonata_fields(env: Environment) -> None:
    definition = machine(
        {
            "S": task(
                QueryLanguage="JSONata",
                Arguments={"n": "{% $states.input.n + $v %}"},
                TimeoutSeconds="{% 5 %}",
                Output="{% $states.input %}",
                Assign={"w": ["{% $states.input.n %}"]},
                Catch=[{"ErrorEquals": ["X"], "Next": "C", "Output": {"e": "{% $states.errorOutput.Error %}"}}],
                Next="C",
            ),
            "C": {
                "Type": "Choice",
                "QueryLanguage": "JSONata",
                "Choices": [{"Condition": "{% $states.input.n > 1 %}", "Next": "W"}, {"Condition": True, "Next": "W"}],
            },
            "W": {"Type": "Wait", "QueryLanguage": "JSONata", "Timestamp": "{% $states.input.t %}", "Next": "F"},
            "F": {"Type": "Fail", "QueryLanguage": "JSONata", "Error": "{% 'E' %}", "Cause": "literal"},
        }
    )
    loaded = load(definition)
    call, choice, wait, fail = (loaded.states[name] for name in "SCWF")
    states = {"input": {"n": 2, "t": "x"}, "context": {}}

    assert isinstance(call, Task)
    assert call.query_language == "JSONata"
    assert call.arguments is not None
    assert call.arguments(states, env) == {"n": 9}
    assert call.timeout is not None
    assert call.timeout.expression is not None
    assert call.timeout.expression(states, env) == 5
    assert call.output is not None
    assert call.output(states, env) == states["input"]
    assert call.assign is not None
    assert call.assign(states, env) == {"w": [2]}
    assert call.catch[0].output is not None
    assert isinstance(choice, Choice)
    assert [rule.condition(states, env) for rule in choice.choices] == [True, True]
    assert isinstance(wait, Wait)
    assert wait.timestamp is not None
    assert wait.timestamp.expression is not None
    assert wait.timestamp.expression(states, env) == "x"
    assert isinstance(fail, Fail)
    assert fail.error is not None
    assert fail.error.expression is not None
    assert fail.cause is not None
    assert fail.cause.literal == "literal"


def test_expression_of_the_wrong_type_fails_with_the_text_of_the_service(env: Environment) -> None:
    parsed = state(one(each(Items="{% 1 %}"), QueryLanguage="JSONata"))

    with pytest.raises(ExpressionError) as caught:
        parsed.items({"input": {}}, env)

    assert caught.value.message == (
        "The JSONata expression '1' specified for the field 'Items' returned an unexpected result type. "
        "Expected 'array', but was 'number' for value: 1"
    )


def test_a_map_does_not_hand_its_query_language_down() -> None:
    loaded = load(one({**each(), "QueryLanguage": "JSONata"}))
    inner = loaded.states["S"]

    assert isinstance(inner, Map)
    assert inner.query_language == "JSONata"
    assert inner.item_processor.states["I"].query_language == "JSONPath"


def test_placeholders_stand_for_anything(env: Environment) -> None:
    text = """{
      "StartAt": "S", "TimeoutSeconds": ${Timeout},
      "States": {
        "S": {"Type": "Task", "Resource": "${FunctionArn}", "TimeoutSeconds": "${Limit}",
              "Parameters": {"x.$": "$.${Field}[", "T": "${Table}"},
              "ResultPath": "${Where}", "Retry": "${Retry}", "Next": "${Target}"},
        "T": {"Type": "Wait", "SecondsPath": "${Path}", "End": true}
      }
    }"""

    loaded = load(text)
    call = loaded.states["S"]

    assert isinstance(loaded, StateMachine)
    assert set(loaded.placeholders) == {
        "${Timeout}",
        "${FunctionArn}",
        "${Limit}",
        "$.${Field}[",
        "${Where}",
        "${Retry}",
    } | {"${Path}", "${Target}", "${Table}"}
    assert isinstance(call, Task)
    assert (call.resource.kind, call.retry) == ("unknown", ())
    assert call.timeout is not None
    assert call.timeout.expression is not None
    with pytest.raises(ExpressionError, match=r"placeholder in \$\{Limit\}"):
        call.timeout.expression({}, env)


def test_placeholders_in_free_texts_count_where_they_are_the_whole_value() -> None:
    parameters = {
        "FunctionName": "${Function.Arn}",
        "deep": [
            {"arn": "arn:aws:sns:us-east-1:${AWS::AccountId}:t", "uri": "s3://${Bucket}/x", "code": "echo ${HOME}"}
        ],
        "x.$": "States.Format('${}', $.price)",
    }
    states: dict[str, Any] = {
        "T": {"Type": "Task", "Comment": "${Comment}", "Resource": "arn:aws:states:::lambda:invoke", "Next": "P"},
        "P": {"Type": "Pass", "Result": "${price} per kg", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "StringEquals": "a ${b}", "Next": "F"}], "Default": "F"},
        "F": {"Type": "Fail", "Error": "E", "Cause": "no ${thing} left"},
    }
    states["T"]["Parameters"] = parameters
    loaded = load({"StartAt": "T", "States": states})
    assert loaded.placeholders == (
        "${Function.Arn}",
        "arn:aws:sns:us-east-1:${AWS::AccountId}:t",
        "s3://${Bucket}/x",
    )
    kept, failed = loaded.states["P"], loaded.states["F"]
    assert isinstance(kept, Pass)
    assert kept.result == "${price} per kg"
    assert isinstance(failed, Fail)
    assert failed.cause is not None
    assert failed.cause.literal == "no ${thing} left"


def test_succeed() -> None:
    assert isinstance(state(one({"Type": "Succeed", "InputPath": "$.a"})), Succeed)
