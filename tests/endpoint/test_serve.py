"""`asl-runner serve` as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ServerProcess

from asl_runner.cli.processes import descendants
from asl_runner.endpoint.server import is_loopback

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:sleeper"
WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
SLEEPING = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": True}}}


def gone(processes: list[int]) -> bool:
    """Whether all have ended, once they had a moment to."""
    for _ in range(500):
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.02)
    return False


def start_work(server: ServerProcess, directory: Path) -> tuple[list[str], list[int]]:
    """A waiting and a sleeping execution; gives their ARNs and the processes under the server."""
    (directory / "lambdas").mkdir()
    (directory / "lambdas/sleeper.py").write_text("import time\ndef handler(event, context):\n    time.sleep(600)\n")
    states = server.client("stepfunctions")
    arns: list[str] = []
    for name, definition in (("waiting", WAITING), ("sleeping", SLEEPING)):
        created = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        arns.append(states.start_execution(stateMachineArn=created["stateMachineArn"], name="e")["executionArn"])
    for _ in range(500):
        if children := descendants(server.process.pid):
            return arns, children
        time.sleep(0.02)
    raise AssertionError("the function did not start")


def test_sigterm_ends_everything_cleanly(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = serve()
    arns, children = start_work(server, tmp_path)
    states = server.client("stepfunctions")
    activity = states.create_activity(name="a")["activityArn"]
    express = states.create_state_machine(name="x", definition=json.dumps(WAITING), roleArn=ROLE, type="EXPRESS")
    calls: list[Callable[[], Any]] = [
        lambda: server.client("stepfunctions").get_activity_task(activityArn=activity),
        lambda: server.client("stepfunctions").start_sync_execution(stateMachineArn=express["stateMachineArn"]),
        lambda: server.client("lambda").invoke(FunctionName="sleeper"),
    ]
    answers: list[Any] = []

    def ask(call: Callable[[], Any]) -> None:
        try:
            answers.append(call())
        except ClientError as error:
            answers.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    asking = [threading.Thread(target=ask, args=(call,)) for call in calls]
    for thread in asking:
        thread.start()
    time.sleep(1)
    assert server.stop() == 0
    for thread in asking:
        thread.join(timeout=30)
    assert answers == [503, 503, 503]
    assert gone(children)
    assert "Traceback" not in server.said, server.said
    states = serve().client("stepfunctions")
    assert [states.describe_execution(executionArn=arn)["status"] for arn in arns] == ["ABORTED", "ABORTED"]


def test_a_killed_server_leaves_no_process_and_all_it_acknowledged(
    serve: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = serve()
    arns, children = start_work(server, tmp_path)
    server.client("s3").create_bucket(Bucket="kept-1")
    server.client("s3").put_object(Bucket="kept-1", Key="k", Body=b"v")
    server.kill()
    assert gone(children)
    second = serve()
    states = second.client("stepfunctions")
    names = {each["name"] for each in states.list_state_machines()["stateMachines"]}
    assert names == {"waiting", "sleeping"}
    described = [states.describe_execution(executionArn=arn) for arn in arns]
    assert [each["executionArn"] for each in described] == arns
    assert second.client("s3").get_object(Bucket="kept-1", Key="k")["Body"].read() == b"v"


def test_a_taken_port_is_said_with_what_to_do(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    port = urlsplit(serve().url).port
    ran = subprocess.run(
        [sys.executable, "-m", "asl_runner", "serve", "--port", str(port)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in ran.stderr
    assert "--port 0" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_host_beyond_loopback_prints_what_that_means(serve: Callable[..., ServerProcess]) -> None:
    server = serve("--host", "0.0.0.0")
    assert server.url.startswith("http://127.0.0.1:")
    assert "can run code on this machine" in server.said
    assert server.client("stepfunctions").list_state_machines()["stateMachines"] == []


@pytest.mark.parametrize(
    "host, loopback",
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False), ("x", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_gets_an_error_and_an_end(server_process: ServerProcess, sent: bytes) -> None:
    address = urlsplit(server_process.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"SerializationException" in answer


def test_an_upload_over_the_limit_is_refused(serve: Callable[..., ServerProcess]) -> None:
    server = serve("--request-limit", "1")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="small-1")
    s3.put_object(Bucket="small-1", Key="fits", Body=b"x" * (1 << 19))
    with pytest.raises(s3.exceptions.ClientError) as refused:
        s3.put_object(Bucket="small-1", Key="large", Body=b"x" * (2 << 20))
    response: Any = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert response["Error"]["Code"] == "EntityTooLarge"
    assert "Contents" in s3.list_objects_v2(Bucket="small-1")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="small-1")["Contents"]] == ["fits"]
