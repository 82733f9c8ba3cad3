"""Whole machines that call AWS services and an HTTP API, in a workspace of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.workspace import Workspace

ARN = "arn:aws:states:::"


def chain(*steps: tuple[str, dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """A machine of Tasks T0, T1, …: resource, parameters, other fields of each."""
    states = {
        f"T{index}": {
            "Type": "Task",
            "Resource": ARN + resource,
            "Parameters": parameters,
            **fields,
            **({"End": True} if index == len(steps) - 1 else {"Next": f"T{index + 1}"}),
        }
        for index, (resource, parameters, fields) in enumerate(steps)
    }
    return {"StartAt": "T0", "States": states}


async def run(tmp_path: Path, machine: dict[str, Any], input: Any) -> Any:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        outcome = await (await workspace.start(load(machine), input)).result()
    assert outcome.status == "SUCCEEDED", (outcome.error, outcome.cause)
    return json.loads(outcome.output or b"null")


async def test_objects_and_messages(tmp_path: Path) -> None:
    drop: dict[str, Any] = {"ResultPath": None}
    output = await run(
        tmp_path,
        chain(
            ("aws-sdk:s3:createBucket", {"Bucket": "reports"}, drop),
            ("aws-sdk:s3:putObject", {"Bucket": "reports", "Key": "a/b.json", "Body.$": "$"}, drop),
            ("aws-sdk:sqs:createQueue", {"QueueName": "numbers"}, {"ResultPath": "$.queue"}),
            ("sqs:sendMessage", {"QueueUrl.$": "$.queue.QueueUrl", "MessageBody": {"n": 1}}, drop),
            (
                "aws-sdk:sqs:receiveMessage",
                {"QueueUrl.$": "$.queue.QueueUrl"},
                {"ResultSelector": {"Body.$": "$.Messages[0].Body"}, "ResultPath": "$.message"},
            ),
            (
                "aws-sdk:s3:getObject",
                {"Bucket": "reports", "Key": "a/b.json"},
                {"ResultSelector": {"Body.$": "States.StringToJson($.Body)"}, "ResultPath": "$.object"},
            ),
        ),
        {"x": 1},
    )
    assert output["message"] == {"Body": '{"n":1}'}
    assert output["object"] == {"Body": {"x": 1}}
    assert (tmp_path / ".asl-runner/s3/reports/a/b.json").read_text() == '{"x":1}'


async def test_an_error_is_caught_by_its_name(tmp_path: Path) -> None:
    caught = {"Catch": [{"ErrorEquals": ["S3.NoSuchBucketException"], "Next": "Caught"}]}
    machine = chain(("aws-sdk:s3:listObjectsV2", {"Bucket": "none-such"}, caught))
    machine["States"]["Caught"] = {"Type": "Pass", "OutputPath": "$.Error", "End": True}
    assert await run(tmp_path, machine, {}) == "S3.NoSuchBucketException"


class Api(BaseHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        content = json.dumps({"key": self.headers["X-Key"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def api() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/orders"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_api_with_a_connection_made_before(tmp_path: Path, api: str) -> None:
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
    connection = {"Name": "orders", "AuthorizationType": "API_KEY", "AuthParameters": key}
    call = {"ApiEndpoint": api, "Method": "GET", "InvocationConfig": {"ConnectionArn.$": "$.ConnectionArn"}}
    output = await run(
        tmp_path,
        chain(
            ("aws-sdk:eventbridge:createConnection", connection, {}),
            ("http:invoke", call, {"OutputPath": "$.ResponseBody"}),
        ),
        {},
    )
    assert output == {"key": "secret"}
