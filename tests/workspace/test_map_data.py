"""Distributed Maps that read their items from S3 and write their results there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_map_runs import ODD_FAILS, PASS, distributed, map_runs_of, run, sequence, standings

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.history.events import Event
from asl_runner.history.map_runs import Standing
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.server import LocalAws
from asl_runner.workspace import Workspace, map_results

JSON_READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Parameters": {"Bucket": "data", "Key.$": "$.key"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "data", "Prefix": "out"}}


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        workspace.local.buckets.create_bucket("data")
        yield workspace


@pytest.fixture
def data(workspace: Workspace) -> Buckets:
    return workspace.local.buckets


def get(data: Buckets, key: str) -> Any:
    return json.loads(data.path("data", key).read_bytes())


def manifest_of(data: Buckets, outcome: Any) -> tuple[str, dict[str, Any]]:
    """The map run's ARN and what its manifest names."""
    output = json.loads(outcome.output)
    found = get(data, output["ResultWriterDetails"]["Key"])
    assert found["DestinationBucket"] == output["ResultWriterDetails"]["Bucket"] == "data"
    assert found["MapRunArn"] == output["MapRunArn"]
    for files in found["ResultFiles"].values():
        assert all(data.info("data", file["Key"]).size == file["Size"] for file in files)
    return output["MapRunArn"], {kind: [file["Key"] for file in files] for kind, files in found["ResultFiles"].items()}


def last(workspace: Workspace, arn: str, type: str) -> Event:
    return [event for event in workspace.store.events(arn) if event.type == type][-1]


async def test_items_are_read_from_an_object(workspace: Workspace, data: Buckets) -> None:
    data.put("data", "in.json", b'[{"n": 0}, {"n": 1}]')
    record, outcome = await run(workspace, distributed(PASS, ItemReader=JSON_READER), {"key": "in.json"})
    assert json.loads(outcome.output) == [{"n": 0}, {"n": 1}]
    assert last(workspace, record.arn, "MapStateStarted").details == {"length": 0}
    (opened,) = map_runs_of(workspace, record.arn)
    assert (opened.items, opened.executions, opened.results_written) == (2, 2, True)


async def test_the_selector_sees_where_an_item_is_from_and_batches_are_made_of_it(
    workspace: Workspace, data: Buckets
) -> None:
    data.put("data", "in.json", b'{"x": {"a": 1, "b": 2, "c": 3}}')
    machine = distributed(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.input %}", "End": True}}},
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {
                "InputType": "JSON",
                "MaxItems": "{% $states.input.most %}",
                "ItemsPointer": "{% '/' & $states.input.at %}",
            },
            "Arguments": {"Bucket": "data", "Key": "{% $states.input.key %}"},
        },
        ItemSelector="{% [$states.context.Map.Item.Key, $states.context.Map.Item.Source] %}",
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"at": "{% $states.input.at %}"}},
    )
    machine["QueryLanguage"] = "JSONata"
    _, outcome = await run(workspace, machine, {"key": "in.json", "at": "x", "most": 3})
    source = "S3://data/in.json"
    assert json.loads(outcome.output) == [
        {"BatchInput": {"at": "x"}, "Items": [["a", source], ["b", source]]},
        {"BatchInput": {"at": "x"}, "Items": [["c", source]]},
    ]


@pytest.mark.parametrize(
    "reader, events, error, cause",
    [
        (
            {},
            ["MapRunStarted", "MapRunFailed", "MapStateFailed"],
            "States.ItemReaderFailed",
            "specified key does not exist",
        ),
        (
            {"ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.most"}},
            ["MapRunStarted", "MapRunFailed", "MapStateFailed"],
            "States.ItemReaderFailed",
            "field MaxItems must be positive",
        ),
        (
            {"ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.key"}},
            [],
            "States.Runtime",
            'The MaxItemsPath field refers to value "none" which is not a valid integer: $.key',
        ),
    ],
)
async def test_a_reader_fails_inside_its_map_run(
    workspace: Workspace, reader: dict[str, Any], events: list[str], error: str, cause: str
) -> None:
    machine = distributed(PASS, ItemReader={**JSON_READER, **reader})
    record, outcome = await run(workspace, machine, {"key": "none", "most": -1})
    assert outcome.error == error
    assert cause in outcome.cause
    kinds = [type for type, _ in sequence(workspace, record.arn)]
    assert kinds == ["ExecutionStarted", "MapStateEntered", "MapStateStarted", *events, "ExecutionFailed"]
    if events:
        assert last(workspace, record.arn, "MapRunFailed").details == {"error": error, "cause": outcome.cause}
        assert map_runs_of(workspace, record.arn)[0].status == "FAILED"


async def test_a_reader_that_failed_can_be_caught(workspace: Workspace) -> None:
    machine = distributed(
        PASS, ItemReader=JSON_READER, Catch=[{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "C"}]
    )
    machine["States"]["C"] = {"Type": "Pass", "Result": "caught", "End": True}
    _, outcome = await run(workspace, machine, {"key": "none"})
    assert outcome.output == b'"caught"'


@pytest.mark.parametrize(
    "text, fields, cause",
    [
        (b'[{"n": 0}, {"n": 1}, 2, ', {}, "not valid JSON"),
        (b'[{"n": 0}, {}]', {"ItemSelector": {"v.$": "$$.Map.Item.Value.n"}}, "$$.Map.Item.Value.n"),
        (b'["' + b"x" * 300_000 + b'"]', {}, "exceeds the maximum number of bytes"),
    ],
)
async def test_what_comes_up_while_items_are_read_fails_the_map_run(
    workspace: Workspace, data: Buckets, text: bytes, fields: dict[str, Any], cause: str
) -> None:
    data.put("data", "in.json", text)
    record, outcome = await run(workspace, distributed(PASS, ItemReader=JSON_READER, **fields), {"key": "in.json"})
    assert outcome.status == "FAILED"
    assert cause in outcome.cause
    assert last(workspace, record.arn, "MapRunFailed").details == {"error": outcome.error, "cause": outcome.cause}
    (opened,) = map_runs_of(workspace, record.arn)
    assert opened.status == "FAILED"
    assert all(standing.status == "ABORTED" for standing in standings(workspace, opened.arn))


async def test_results_are_exported_with_the_records_of_their_executions(workspace: Workspace, data: Buckets) -> None:
    machine = distributed(ODD_FAILS, Label="L", ToleratedFailureCount=1, ResultWriter=WRITER)
    _, outcome = await run(workspace, machine, [{"n": 0}, {"n": 1}, {"n": 2}])
    arn, files = manifest_of(data, outcome)
    id = arn.rpartition(":")[2]
    assert files == {"SUCCEEDED": [f"out/{id}/SUCCEEDED_0.json"], "FAILED": [f"out/{id}/FAILED_0.json"], "PENDING": []}
    first, second = get(data, files["SUCCEEDED"][0])
    assert list(first) == sorted(first)
    kept = workspace.store.execution(first["ExecutionArn"])
    assert first == {
        "ExecutionArn": kept.arn,
        "Input": '{"n":0}',
        "InputDetails": {"Included": True},
        "Name": kept.name,
        "Output": '{"n":0}',
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE",
        "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "StartDate": first["StartDate"],
        "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:sm/L",
        "Status": "SUCCEEDED",
        "StopDate": first["StopDate"],
    }
    assert second["Input"] == '{"n":2}'
    (failed,) = get(data, files["FAILED"][0])
    assert (failed["Error"], failed["Cause"], failed["Status"]) == ("Odd", "one", "FAILED")
    assert failed["RedriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    assert "Output" not in failed


@pytest.mark.parametrize(
    "form, suffix, texts",
    [
        ({"Transformation": "COMPACT"}, "json", '[[1,2],"x"]'),
        ({"Transformation": "FLATTEN"}, "json", '[1,2,"x"]'),
        ({"Transformation": "FLATTEN", "OutputType": "JSONL"}, "jsonl", '1\n2\n"x"\n'),
    ],
)
async def test_results_are_exported_in_the_form_asked_for(
    workspace: Workspace, data: Buckets, form: dict[str, str], suffix: str, texts: str
) -> None:
    machine = distributed(PASS, children="EXPRESS", ResultWriter={**WRITER, "WriterConfig": form})
    _, outcome = await run(workspace, machine, [[1, 2], "x"])
    _, files = manifest_of(data, outcome)
    (key,) = files["SUCCEEDED"]
    assert key.endswith(f"/SUCCEEDED_0.{suffix}")
    assert data.path("data", key).read_text(encoding="utf-8") == texts


async def test_results_are_formed_without_an_export(workspace: Workspace, data: Buckets) -> None:
    async def result(**config: str) -> Any:
        _, outcome = await run(workspace, distributed(PASS, ResultWriter={"WriterConfig": config}), [[1, 2], "x"])
        return json.loads(outcome.output)

    assert await result(Transformation="FLATTEN") == [1, 2, "x"]
    assert await result(OutputType="JSONL") == '[1,2]\n"x"'
    assert [record["Output"] for record in await result(Transformation="NONE")] == ["[1,2]", '"x"']
    assert list(data.list("data")) == []


async def test_large_results_go_on_in_another_file(
    workspace: Workspace, data: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_results, "LARGEST_FILE", 20)
    writer = {**WRITER, "WriterConfig": {"Transformation": "COMPACT"}}
    _, outcome = await run(workspace, distributed(PASS, ResultWriter=writer), ["aaaaaaa", "bbbbbbb", "ccccccc"])
    _, files = manifest_of(data, outcome)
    assert [key.rpartition("/")[2] for key in files["SUCCEEDED"]] == [f"SUCCEEDED_{number}.json" for number in range(3)]
    assert [get(data, key) for key in files["SUCCEEDED"]] == [["aaaaaaa"], ["bbbbbbb"], ["ccccccc"]]


async def test_a_map_run_that_fails_exports_what_it_has_and_what_it_did_not_begin(
    workspace: Workspace, data: Buckets
) -> None:
    data.put("data", "in.jsonl", b'{"n": 0}\n{"n": 1}\n' + b'{"n": 2}\n' * 1500)
    reader = {**JSON_READER, "ReaderConfig": {"InputType": "JSONL"}}
    machine = distributed(ODD_FAILS, MaxConcurrency=1, ItemReader=reader, ResultWriter=WRITER)
    record, outcome = await run(workspace, machine, {"key": "in.jsonl"})
    assert outcome.error == "States.ExceedToleratedFailureThreshold"
    (opened,) = map_runs_of(workspace, record.arn)
    folder = f"out/{opened.arn.rpartition(':')[2]}"
    assert [child["Input"] for child in get(data, f"{folder}/SUCCEEDED_0.json")] == ['{"n":0}']
    assert [child["Input"] for child in get(data, f"{folder}/FAILED_0.json")] == ['{"n":1}']
    pending = get(data, f"{folder}/PENDING_0.json")
    assert pending == [{"Input": '{"n":2}', "InputDetails": {"Included": True}, "Status": "PENDING"}] * 1500
    assert (opened.status, opened.results_written) == ("FAILED", True)
    assert list(workspace.directory.glob("results-*")) == []


async def test_a_stopped_map_run_exports_what_it_has(workspace: Workspace, data: Buckets) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    machine = load(distributed(waiting, MaxConcurrency=1, ResultWriter=WRITER))
    running = await workspace.start(machine, [1, 2], machine_name="sm")
    while len(workspace.executions(status="RUNNING", children=True)) < 2:
        await asyncio.sleep(0.01)
    running.stop()
    assert (await running.result()).status == "ABORTED"
    (opened,) = map_runs_of(workspace, running.arn)
    folder = f"out/{opened.arn.rpartition(':')[2]}"
    assert [(child["Input"], child["Status"]) for child in get(data, f"{folder}/FAILED_0.json")] == [("1", "ABORTED")]
    assert [child["Input"] for child in get(data, f"{folder}/PENDING_0.json")] == ["2"]


async def test_a_redrive_reads_again_and_exports_beside_what_is_there(workspace: Workspace, data: Buckets) -> None:
    data.put("data", "in.json", b'[{"n": 0}, {"n": 1}, {"n": 2}]')
    machine = load(distributed(ODD_FAILS, MaxConcurrency=1, ItemReader=JSON_READER, ResultWriter=WRITER))
    running = await workspace.start(machine, {"key": "in.json"}, machine_name="sm", clock="virtual")
    await running.result()
    clock = VirtualClock()
    (before,) = map_runs_of(workspace, running.arn)
    live: list[Any] = []

    async def tolerate() -> None:
        while (found := workspace.map_run(before.arn)) is None:
            await asyncio.sleep(0)
        found.settings.tolerated_failure_count = 1
        live.append(found)

    tolerating = asyncio.create_task(tolerate())
    again = await workspace.redrive(
        machine, {"key": "in.json"}, workspace.find(running.arn), at=clock.now(), clock=clock
    )
    assert again is not None
    outcome = await again.result()
    await tolerating
    assert (outcome.status, outcome.error) == ("SUCCEEDED", None)
    arn, files = manifest_of(data, outcome)
    folder = f"out/{arn.rpartition(':')[2]}"
    assert files == {
        "SUCCEEDED": [f"{folder}/SUCCEEDED_0.json", f"{folder}/Redrive-1/SUCCEEDED_0.json"],
        "FAILED": [f"{folder}/Redrive-1/FAILED_0.json"],
        "PENDING": [],
    }
    assert [child["Input"] for key in files["SUCCEEDED"] for child in get(data, key)] == ['{"n":0}', '{"n":2}']
    (opened,) = map_runs_of(workspace, running.arn)
    assert (opened.items, opened.redrive_count) == (3, 1)
    assert standings(workspace, arn) == [Standing("FAILED", 1, 1), Standing("SUCCEEDED", 2, 2)]


async def test_results_that_cannot_be_written_fail_the_state_before_anything_runs(workspace: Workspace) -> None:
    writer = {**WRITER, "Parameters": {"Bucket": "none"}}
    record, outcome = await run(workspace, distributed(PASS, ResultWriter=writer), [1])
    assert outcome.error == "States.ResultWriterFailed"
    assert outcome.cause.startswith(
        "An error occurred while executing the state 'M' (entered at the event id #2). Failed to write a test manifest "
        "into the specified output bucket."
    )
    assert [type for type, _ in sequence(workspace, record.arn)][2:] == [
        "MapStateStarted",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert map_runs_of(workspace, record.arn) == []


async def test_results_that_can_no_longer_be_written_fail_the_map_run(workspace: Workspace, data: Buckets) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    machine = load(distributed(waiting, ResultWriter=WRITER))
    running = await workspace.start(machine, [1], machine_name="sm")
    while len(workspace.executions(status="RUNNING", children=True)) < 2:
        await asyncio.sleep(0.01)
    for info in list(data.list("data")):
        data.delete("data", info.key)
    data.delete_bucket("data")
    outcome = await running.result()
    assert (outcome.error, "bucket does not exist" in (outcome.cause or "")) == ("States.ResultWriterFailed", True)
    assert map_runs_of(workspace, running.arn)[0].status == "FAILED"


@pytest.mark.parametrize("use", ["s3", "M"])
async def test_a_map_placed_on_aws_reads_and_writes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    there = Buckets(tmp_path / "aws")
    there.create_bucket("data")
    there.put("data", "in.json", b"[1, 2]")
    configuration = Configuration(root=tmp_path, workspace=tmp_path / "here", use={use: "aws"})
    with LocalAws(there) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        async with Workspace(configuration) as workspace:
            machine = distributed(PASS, ItemReader=JSON_READER, ResultWriter=WRITER)
            _, outcome = await run(workspace, machine, {"key": "in.json"}, clock="real")
            assert not workspace.local.buckets.exists("data")
    _, files = manifest_of(there, outcome)
    assert [child["Output"] for child in get(there, files["SUCCEEDED"][0])] == ["1", "2"]


async def test_a_map_placed_where_it_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = load(distributed(PASS, ItemReader=JSON_READER))
    docker = Configuration(root=tmp_path, workspace=tmp_path / "w", use={"s3": "docker"})
    async with Workspace(docker) as workspace:
        with pytest.raises(UsageError, match=r"State 'M' cannot run here\. Only SageMaker's jobs run in Docker"):
            await workspace.start(machine, {})
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda session: None)
    aws = Configuration(root=tmp_path, workspace=tmp_path / "w", target="aws")
    async with Workspace(aws) as workspace:
        with pytest.raises(UsageError, match=r"State 'M' cannot run here\. .* no credentials"):
            await workspace.start(machine, {})
