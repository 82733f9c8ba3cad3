"""AWS's JSON of histories and executions, checked against botocore's own model."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.session import get_session
from histories import START, TASK, entered, execution, nested, run
from msgspec import structs

from asl_runner.errors import UsageError
from asl_runner.history import interchange
from asl_runner.history.events import DETAILS_KEYS, PAYLOADS, Event, Pieces

MODEL: Any = get_session().get_service_model("stepfunctions")
EVENT: Any = MODEL.shape_for("HistoryEvent")
SAMPLES: dict[str, Any] = {"string": "text", "long": 7, "integer": 7, "boolean": False, "map": {"x": "1"}}


def problems(value: Any, shape: Any, at: str = "$") -> list[str]:
    """Where a value is not of its shape."""
    match shape.type_name:
        case "structure":
            unknown = [f"{at}.{name} is unknown" for name in value if name not in shape.members]
            return unknown + [
                problem
                for name, member in shape.members.items()
                if name in value
                for problem in problems(value[name], member, f"{at}.{name}")
            ]
        case "map":
            return [problem for item in value.values() for problem in problems(item, shape.value, f"{at}[]")]
        case "timestamp":
            return [] if isinstance(value, datetime) and value.tzinfo else [f"{at} is no aware datetime"]
    kind = {"string": str, "long": int, "integer": int, "boolean": bool}[shape.type_name]
    return [] if type(value) is kind else [f"{at} is {value!r}"]


def fields(type: str) -> dict[str, Any]:
    """Every field AWS gives for a type of event, with a value, as the history keeps it."""
    key = DETAILS_KEYS[type]
    if key is None:
        return {}
    return {
        name: b'{"n":1}' if name in PAYLOADS else SAMPLES.get(shape.type_name, {"roleArn": "arn"})
        for name, shape in EVENT.members[key].members.items()
        if name not in interchange.COMPANIONS.values()
    }


def full_event(type: str) -> Event:
    return Event(1, 0, 1_718_800_271.123, type, fields(type) or None)


def test_every_type_of_botocores_model_is_known() -> None:
    known = set(MODEL.shape_for("HistoryEventType").enum)
    assert known <= set(DETAILS_KEYS)


@pytest.mark.parametrize("type", sorted(DETAILS_KEYS))
def test_an_event_has_aws_shape_and_order_and_comes_back(type: str) -> None:
    event = full_event(type)
    answer = interchange.to_aws(event)
    assert problems(answer, EVENT) == []
    key = DETAILS_KEYS[type]
    if key is not None:
        assert list(answer[key]) == list(EVENT.members[key].members)
    for document in ([answer], json.loads("".join(interchange.history([event])))):
        [read] = interchange.from_aws(document)
        assert structs.replace(read, scope="") == event


def test_the_text_is_what_the_aws_cli_prints() -> None:
    events = [
        Event(1, 0, 1_718_800_271.123456, "ExecutionStarted", {"input": b'{"a":"\xc3\xa4"}', "roleArn": "arn:r"}),
        Event(2, 1, 1_718_800_272.0, "ExecutionAborted"),
    ]
    dates = [datetime(2024, 6, 19, 12, 31, 11, 123000, UTC), datetime(2024, 6, 19, 12, 31, 12, 0, UTC)]
    document = {
        "events": [
            {
                "timestamp": dates[0].astimezone().isoformat(),
                "type": "ExecutionStarted",
                "id": 1,
                "previousEventId": 0,
                "executionStartedEventDetails": {
                    "input": '{"a":"ä"}',
                    "inputDetails": {"truncated": False},
                    "roleArn": "arn:r",
                },
            },
            {
                "timestamp": dates[1].astimezone().isoformat(),
                "type": "ExecutionAborted",
                "id": 2,
                "previousEventId": 1,
                "executionAbortedEventDetails": {},
            },
        ]
    }
    assert "".join(interchange.history(events)) == json.dumps(document, indent=4, ensure_ascii=False)
    assert "".join(interchange.history([])) == json.dumps({"events": []}, indent=4)


def test_a_payload_of_pieces_is_one_text() -> None:
    event = Event(1, 0, START, "PassStateEntered", {"name": "P", "input": Pieces((b"[1", b",2]"))})
    assert interchange.to_aws(event)["stateEnteredEventDetails"]["input"] == "[1,2]"


@pytest.mark.parametrize("failures", [[0, 0], [0, 1, 1], [0, 3, 0], [0, 9, 0], [9, 9, 9]])
def test_scopes_are_worked_out_from_previous_ids(failures: list[int]) -> None:
    events = run(nested(), [{"fail": times} for times in failures])
    assert len({event.scope for event in events}) > 7
    answer = {"events": [interchange.to_aws(event) for event in events][::-1]}
    assert [(event.id, event.scope) for event in interchange.from_aws(answer)] == [
        (event.id, event.scope) for event in events
    ]


def test_a_failed_evaluation_belongs_to_the_branch_of_its_state() -> None:
    branches = [
        {"StartAt": name, "States": {name: {**TASK, "Arguments": arguments, "End": True}}}
        for name, arguments in (("Good", 1), ("Bad", "{% $states.input.none.x + 'a' %}"))
    ]
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": branches, "End": True}},
    }
    events = run(machine, {})
    assert "EvaluationFailed" in [event.type for event in events]
    read = interchange.from_aws([interchange.to_aws(event) for event in events])
    assert [event.scope for event in read] == [event.scope for event in events]


GOOD = interchange.to_aws(entered(1)[0])


@pytest.mark.parametrize(
    "document, message",
    [
        ({"Events": []}, "This is not an execution history"),
        ("text", "This is not an execution history"),
        ([1], r"events\[0\] is not an object"),
        ([GOOD | {"type": "Nonsense"}], r"events\[0\].type is 'Nonsense'"),
        ([GOOD | {"id": "1"}], r"events\[0\].id is '1'; expected a whole number"),
        ([GOOD | {"timestamp": "yesterday"}], r"events\[0\].timestamp is 'yesterday'"),
        ([GOOD | {"stateEnteredEventDetails": []}], r"stateEnteredEventDetails is not an object"),
        ([GOOD | {"stateEnteredEventDetails": {"nmae": "x"}}], r"stateEnteredEventDetails.nmae is no field"),
        ([GOOD | {"stateEnteredEventDetails": {"input": {}}}], "expected JSON text in a string"),
        ([GOOD, GOOD | {"id": 3}], "event 2 is missing"),
        ([GOOD, GOOD], "event 2 is missing or there twice"),
    ],
)
def test_what_is_wrong_with_a_document(document: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        interchange.from_aws(document)


def test_describe_and_list_have_aws_shapes() -> None:
    output, summary = (
        MODEL.operation_model("DescribeExecution").output_shape,
        MODEL.shape_for("ExecutionListItem"),
    )
    assert output is not None
    running = execution("one")
    ended = structs.replace(
        running, status="FAILED", stop=1001.0, error="E", cause="C", redrive_count=1, redrive_time=2.0
    )
    for record in (running, ended, structs.replace(running, status="SUCCEEDED", stop=1.0, output=b"[]")):
        answer = interchange.describe(record)
        assert problems(answer, output) == []
        assert set(answer) >= {
            "executionArn",
            "stateMachineArn",
            "name",
            "status",
            "startDate",
            "input",
            "inputDetails",
        }
        assert problems(interchange.list_item(record), summary) == []
    described = interchange.describe(ended)
    assert (described["error"], described["cause"]) == ("E", "C")
    assert "error" not in interchange.describe(structs.replace(ended, status="TIMED_OUT"))
