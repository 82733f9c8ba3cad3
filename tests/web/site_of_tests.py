"""A served workspace for tests, and how they ask it: plain HTTP, as a page does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&amp;{{7*7}}"

FLAKY = """
class Busy(Exception): pass
class TooLarge(Exception): pass
seen = {}
def handler(event, context):
    n = event["n"]
    print("checking", n)
    seen[n] = seen.get(n, 0) + 1
    if n == 2 and seen[n] == 1: raise Busy("try later")
    if n > 3: raise TooLarge(f"{n} is more than 3")
    return {"n": n, "ok": True}
"""

_FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:flaky"
_RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}]

ORDERS: dict[str, Any] = {
    "StartAt": "Load",
    "States": {
        "Load": {"Type": "Pass", "Result": {"unit": "kg"}, "ResultPath": "$.data", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"n.$": "$$.Map.Item.Value"},
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "StartAt": "Check",
                "States": {"Check": {"Type": "Task", "Resource": _FUNCTION, "Retry": _RETRY, "End": True}},
            },
            "ResultPath": "$.checked",
            "Catch": [{"ErrorEquals": ["TooLarge"], "ResultPath": "$.problem", "Next": "Refuse"}],
            "Next": "Done",
        },
        "Refuse": {"Type": "Fail", "Error": "Order.Refused", "Cause": HOSTILE},
        "Done": {"Type": "Succeed"},
    },
}
EVIL: dict[str, Any] = {
    "Comment": HOSTILE,
    "StartAt": HOSTILE,
    "States": {HOSTILE: {"Type": "Pass", "Next": "End"}, "End": {"Type": "Fail", "Error": HOSTILE, "Cause": HOSTILE}},
}
WAIT: dict[str, Any] = {
    "StartAt": "Hold",
    "States": {"Hold": {"Type": "Wait", "Seconds": 600, "Next": "End"}, "End": {"Type": "Succeed"}},
}
LONG: dict[str, Any] = {
    "StartAt": "Items",
    "States": {
        "Items": {"Type": "Pass", "Parameters": {"items.$": "States.ArrayRange(1,300,1)"}, "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}},
            "End": True,
        },
    },
}


class Site:
    """`asl-runner serve` in a directory, left running."""

    def __init__(self, directory: Path) -> None:
        (directory / "lambdas").mkdir()
        (directory / "lambdas/flaky.py").write_text(FLAKY)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}
        self.directory = directory
        self._log = (directory / "serve.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "asl_runner", "serve", "--port", "0"],
            cwd=directory,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("export AWS_ENDPOINT_URL="), self.said
        self.url = line.strip().partition("=")[2]

    @property
    def said(self) -> str:
        return (self.directory / "serve.log").read_text()

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code

    def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers."""
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.headers.items()}
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode(), dict(refused.headers.items())

    def json(self, path: str, **query: Any) -> Any:
        """The document at an address of data."""
        status, text, _ = self.get(path + (f"?{urlencode(query)}" if query else ""))
        assert status == 200, text
        return json.loads(text)

    def part(self, name: str, arn: str, **query: Any) -> Any:
        return self.json(f"/_asl/data/{name}.json", execution=arn, **query)

    def call(self, operation: str, **request: Any) -> Any:
        """An operation of Step Functions."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AWSStepFunctions.{operation}"}
        asked = urllib.request.Request(f"{self.url}/", json.dumps(request).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.loads(answer.read())

    def run(self, name: str, definition: dict[str, Any], input: Any, *, wait: bool = True, as_: str = "one") -> str:
        """The ARN of an execution, ended if it is waited for."""
        role = "arn:aws:iam::123456789012:role/test"
        text = json.dumps(definition)
        machine = self.call("CreateStateMachine", name=name, definition=text, roleArn=role)["stateMachineArn"]
        arn: str = self.call("StartExecution", stateMachineArn=machine, input=json.dumps(input), name=as_)[
            "executionArn"
        ]
        while wait and self.call("DescribeExecution", executionArn=arn)["status"] == "RUNNING":
            time.sleep(0.05)
        return arn


def page_of(arn: str) -> str:
    return f"/_asl/executions/{quote(arn, safe=':/')}"


def distributed() -> dict[str, Any]:
    """A machine whose Map starts child executions."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}
