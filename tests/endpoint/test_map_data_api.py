"""A distributed Map from S3 to S3 as AWS's clients see it, while it runs and afterwards."""

from __future__ import annotations

import json
import threading
from typing import Any

from served import ClientFactory
from test_endpoint_executions import create, ended


def test_counts_are_live_and_results_are_in_s3(client: ClientFactory) -> None:
    states, s3 = client("stepfunctions"), client("s3")
    s3.create_bucket(Bucket="map-data")
    s3.put_object(Bucket="map-data", Key="in.csv", Body=b"id,size\na,1\nb,2\nc,3\nd,4\ne,5\n")
    activity = states.create_activity(name="map-data")["activityArn"]
    definition = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "Label": "Each",
                "MaxConcurrency": 2,
                "ToleratedFailureCount": 2,
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
                    "Parameters": {"Bucket": "map-data", "Key": "in.csv"},
                },
                "ItemBatcher": {"MaxItemsPerBatch": 2},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Work",
                    "States": {"Work": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 60, "End": True}},
                },
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": "map-data", "Prefix": "out/"},
                    "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
                },
                "End": True,
            }
        },
    }
    execution = states.start_execution(stateMachineArn=create(states, "map-data", definition))["executionArn"]

    def lease() -> tuple[str, Any]:
        given = states.get_activity_task(activityArn=activity)
        return given["taskToken"], json.loads(given["input"])

    (first, given), (second, _) = lease(), lease()
    assert given == {"Items": [{"id": "a", "size": "1"}, {"id": "b", "size": "2"}]}
    (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    arn = run["mapRunArn"]
    nothing = {"succeeded": 0, "failed": 0, "timedOut": 0, "aborted": 0, "resultsWritten": 0}
    described = states.describe_map_run(mapRunArn=arn)
    assert described["executionCounts"] == {**nothing, "pending": 1, "running": 2, "total": 3}
    assert described["itemCounts"] == {**nothing, "pending": 1, "running": 4, "total": 5}
    states.send_task_success(taskToken=first, output='"done"')
    states.send_task_failure(taskToken=second, error="Bad", cause="luck")
    third, last = lease()
    assert last == {"Items": [{"id": "e", "size": "5"}]}
    pause = threading.Event()
    while (described := states.describe_map_run(mapRunArn=arn))["itemCounts"]["failed"] == 0:
        pause.wait(0.01)
    assert described["itemCounts"] == {**nothing, "succeeded": 2, "failed": 2, "pending": 0, "running": 1, "total": 5}
    states.send_task_success(taskToken=third, output='"last"')

    output = json.loads(ended(states, execution)["output"])
    counts = states.describe_map_run(mapRunArn=arn)["executionCounts"]
    assert counts == {
        **nothing,
        "succeeded": 2,
        "failed": 1,
        "pending": 0,
        "running": 0,
        "total": 3,
        "resultsWritten": 3,
    }
    (failed,) = states.list_executions(mapRunArn=arn, statusFilter="FAILED")["executions"]
    assert (failed["mapRunArn"], failed["itemCount"]) == (arn, 2)
    assert len(states.list_executions(mapRunArn=arn)["executions"]) == 3

    def read(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket="map-data", Key=key)["Body"].read()
        return body

    folder = f"out/{arn.rpartition(':')[2]}"
    assert output["ResultWriterDetails"] == {"Bucket": "map-data", "Key": f"{folder}/manifest.json"}
    assert output["MapRunArn"] == arn
    manifest = json.loads(read(f"{folder}/manifest.json"))
    succeeded = read(f"{folder}/SUCCEEDED_0.jsonl")
    assert succeeded == b'"done"\n"last"\n'
    assert manifest["ResultFiles"]["SUCCEEDED"] == [{"Key": f"{folder}/SUCCEEDED_0.jsonl", "Size": len(succeeded)}]
    record = json.loads(read(f"{folder}/FAILED_0.jsonl"))
    assert (record["ExecutionArn"], record["Error"], record["Cause"]) == (failed["executionArn"], "Bad", "luck")
