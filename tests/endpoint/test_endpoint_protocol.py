"""The protocol: whatever is asked gets an answer in AWS's shape."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from served import ServerProcess, make_client

from asl_runner.endpoint.server import Server

JSON_1_0 = "application/x-amz-json-1.0"


def post(url: str, body: bytes, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a POST."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url + path, data=body, headers=named, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def states(url: str, operation: str, body: bytes, **headers: str) -> tuple[int, str, str]:
    """Status, error code and message of a raw request to Step Functions."""
    given = {"X_Amz_Target": f"AWSStepFunctions.{operation}", "Content_Type": JSON_1_0, **headers}
    status, answered, content = post(url, body, **given)
    assert answered["x-amzn-requestid"]
    assert answered["content-type"] == JSON_1_0
    document: dict[str, Any] = json.loads(content)
    return status, document["__type"].partition("#")[2], document.get("message", document.get("Message", ""))


@pytest.mark.parametrize(
    "operation, body, code, message",
    [
        ("Nonsense", b"{}", "UnknownOperationException", ""),
        ("", b"{}", "UnknownOperationException", ""),
        ("ListStateMachines", b"{", "SerializationException", "The request body is not JSON"),
        ("ListStateMachines", b"\xff\xfe", "SerializationException", "The request body is not JSON"),
        ("ListStateMachines", b"[" * 100_000, "SerializationException", "The request body is not JSON"),
        ("ListStateMachines", b"[]", "SerializationException", "Start of list found where not expected"),
        ("ListStateMachines", b'"text"', "SerializationException", "Unexpected value type in payload"),
        (
            "ListStateMachines",
            b'{"maxResults": "ten"}',
            "SerializationException",
            "STRING_VALUE cannot be converted to Integer",
        ),
        ("ListStateMachines", b'{"maxResults": 1e999}', "SerializationException", ""),
        (
            "ListStateMachines",
            b'{"maxResults": 1001}',
            "ValidationException",
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000",
        ),
    ],
)
def test_a_malformed_request_gets_the_error_of_the_protocol(
    server_process: ServerProcess, operation: str, body: bytes, code: str, message: str
) -> None:
    status, found, said = states(server_process.url, operation, body)
    assert (status, found) == (400, code)
    assert said.startswith(message)


def test_a_body_of_another_content_type_is_no_operation(server_process: ServerProcess) -> None:
    status, code, _ = states(server_process.url, "ListStateMachines", b"{}", Content_Type="text/plain")
    assert (status, code) == (400, "UnknownOperationException")


def test_a_large_request_is_refused(server_process: ServerProcess) -> None:
    status, code, _ = states(server_process.url, "ListStateMachines", b" " * (2 << 20))
    assert (status, code) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://localhost.example.com"},
        {"Sec_Fetch_Site": "cross-site"},
        {"User_Agent": "Mozilla/5.0", "Host": "rebound.example.com"},
    ],
)
def test_a_page_of_another_site_may_ask_nothing(server_process: ServerProcess, headers: dict[str, str]) -> None:
    status, code, _ = states(server_process.url, "ListStateMachines", b"{}", **headers)
    assert (status, code) == (403, "AccessDeniedException")


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:3000"}, {"User_Agent": "Mozilla/5.0"}])
def test_a_page_of_this_machine_may_ask(server_process: ServerProcess, headers: dict[str, str]) -> None:
    status, code, _ = states(server_process.url, "Nonsense", b"{}", **headers)
    assert (status, code) == (400, "UnknownOperationException")


def test_the_host_prefix_makes_no_difference(server_process: ServerProcess) -> None:
    status, code, _ = states(server_process.url, "Nonsense", b"{}", Host="sync-127.0.0.1")
    assert (status, code) == (400, "UnknownOperationException")


async def test_the_server_runs_inside_a_test(server: Server) -> None:
    client = make_client(server.url, "sqs")
    answer = await asyncio.to_thread(client.create_queue, QueueName="inside")
    assert answer["QueueUrl"].startswith(server.url)
