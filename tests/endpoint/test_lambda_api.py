"""The Lambda API through boto3: functions from archives and folders, versions, aliases, invocations."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess, make_client

from asl_runner.endpoint.server import Server

ECHO = "import os\ndef handler(event, context):\n    print('seen', event)\n    return {'event': event, 'n': %d}\n"
WHO = (
    "import os\ndef handler(event, context):\n"
    "    return [context.function_version, context.invoked_function_arn, os.environ.get('WHO')]\n"
)


def archive(files: dict[str, str]) -> bytes:
    """A zip archive with these files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return written.getvalue()


def create(client: Any, name: str, source: str, **settings: Any) -> Any:
    return client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="main.handler",
        Code={"ZipFile": archive({"main.py": source})},
        **settings,
    )


def payload(answer: Any) -> Any:
    return json.loads(answer["Payload"].read())


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response: Any = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_function_from_an_archive_runs_and_is_described(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    created = create(lambda_, "echo-1", ECHO % 1, Environment={"Variables": {"AA": "b"}}, Tags={"team": "x"})
    assert created["FunctionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:echo-1"
    assert (created["Timeout"], created["MemorySize"], created["Version"]) == (3, 128, "$LATEST")
    lambda_.get_waiter("function_active_v2").wait(FunctionName="echo-1")
    answer = lambda_.invoke(FunctionName="echo-1", Payload=b'{"k": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert payload(answer) == {"event": {"k": 1}, "n": 1}
    assert b"seen {'k': 1}" in base64.b64decode(answer["LogResult"])
    described = lambda_.get_function(FunctionName=created["FunctionArn"])
    assert described["Configuration"]["Environment"] == {"Variables": {"AA": "b"}}
    assert described["Tags"] == {"team": "x"}
    assert "echo-1" in [
        each["FunctionName"] for each in lambda_.get_paginator("list_functions").paginate().search("Functions")
    ]


def test_errors_of_functions_are_answers(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    create(lambda_, "raises", "def handler(event, context):\n    raise ValueError('no')\n")
    answer = lambda_.invoke(FunctionName="raises")
    assert answer["FunctionError"] == "Unhandled"
    assert payload(answer)["errorType"] == "ValueError"


def test_other_invocation_types_answer_at_once(client: ClientFactory, server_process: ServerProcess) -> None:
    lambda_ = client("lambda")
    create(lambda_, "later", "def handler(event, context):\n    print('ran', event)\n")
    assert lambda_.invoke(FunctionName="later", InvocationType="DryRun")["StatusCode"] == 204
    assert lambda_.invoke(FunctionName="later", InvocationType="Event", Payload=b'"x"')["StatusCode"] == 202
    log = server_process.directory / ".asl-runner/logs/later.log"
    for _ in range(500):
        if log.exists() and "ran x" in log.read_text():
            break
        time.sleep(0.02)
    assert "ran x" in log.read_text()


def test_versions_and_aliases_run_what_they_stand_for(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    create(lambda_, "who", WHO, Environment={"Variables": {"WHO": "one"}}, Publish=True)
    assert lambda_.publish_version(FunctionName="who")["Version"] == "1"
    lambda_.update_function_configuration(FunctionName="who", Environment={"Variables": {"WHO": "two"}})
    assert lambda_.publish_version(FunctionName="who", Description="second")["Version"] == "2"
    lambda_.update_function_configuration(FunctionName="who", Environment={"Variables": {"WHO": "latest"}})
    arn = "arn:aws:lambda:us-east-1:123456789012:function:who"
    alias = lambda_.create_alias(FunctionName="who", Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == f"{arn}:live"
    asked = {
        "who": ["$LATEST", arn, "latest"],
        f"{arn}:1": ["1", f"{arn}:1", "one"],
        "who:2": ["2", f"{arn}:2", "two"],
        f"{arn}:live": ["1", f"{arn}:live", "one"],
    }
    for name, expected in asked.items():
        answer = lambda_.invoke(FunctionName=name)
        assert payload(answer) == expected
        assert answer["ExecutedVersion"] == expected[0]
    lambda_.update_alias(FunctionName="who", Name="live", FunctionVersion="2")
    assert payload(lambda_.invoke(FunctionName="who", Qualifier="live"))[2] == "two"
    found = [each["Version"] for each in lambda_.list_versions_by_function(FunctionName="who")["Versions"]]
    assert found == ["$LATEST", "1", "2"]
    with pytest.raises(ClientError) as refused:
        lambda_.delete_function(FunctionName="who", Qualifier="2")
    assert code_of(refused) == ("ResourceConflictException", 409)
    lambda_.delete_alias(FunctionName="who", Name="live")
    lambda_.delete_function(FunctionName="who", Qualifier="2")
    with pytest.raises(ClientError) as missing:
        lambda_.invoke(FunctionName="who:2")
    assert code_of(missing) == ("ResourceNotFoundException", 404)


def test_updated_code_runs_from_the_next_invocation_on(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    create(lambda_, "changes", ECHO % 1)
    assert payload(lambda_.invoke(FunctionName="changes"))["n"] == 1
    lambda_.update_function_code(FunctionName="changes", ZipFile=archive({"main.py": ECHO % 2}))
    lambda_.get_waiter("function_updated_v2").wait(FunctionName="changes")
    assert payload(lambda_.invoke(FunctionName="changes"))["n"] == 2


def test_code_from_a_folder_and_from_an_object(client: ClientFactory, tmp_path: Path) -> None:
    lambda_, s3 = client("lambda"), client("s3")
    (tmp_path / "main.py").write_text(ECHO % 7)
    s3.create_bucket(Bucket="code-1")
    s3.put_object(Bucket="code-1", Key="f.zip", Body=archive({"main.py": ECHO % 8}))
    for name, bucket, key, number in (("folder", "hot-reload", str(tmp_path), 7), ("object", "code-1", "f.zip", 8)):
        lambda_.create_function(
            FunctionName=name, Role=ROLE, Handler="main.handler", Code={"S3Bucket": bucket, "S3Key": key}
        )
        assert payload(lambda_.invoke(FunctionName=name))["n"] == number


def linking(target: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, target)
        opened.writestr("link/out.py", "x")
    return written.getvalue()


def damaged(compression: int) -> bytes:
    """An archive some of whose compressed bytes are others."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as opened:
        opened.writestr("main.py", random.Random(1).randbytes(4000))
    content = bytearray(written.getvalue())
    content[60:900] = bytes(840)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        damaged(zipfile.ZIP_DEFLATED),
        damaged(zipfile.ZIP_BZIP2),
        damaged(zipfile.ZIP_LZMA),
        archive({"../out.py": "x"}),
        archive({"a/../../out.py": "x"}),
        archive({"/tmp/asl-runner-out.py": "x"}),
        archive({"..\\out.py": "x"}),
        archive({"a": "x", "a/b": "x"}),
        linking("/tmp"),
        b"no archive",
        b"",
        archive({}),
    ],
)
def test_an_archive_never_leaves_its_folder(
    client: ClientFactory, server_process: ServerProcess, content: bytes
) -> None:
    workspace = server_process.directory / ".asl-runner"
    with pytest.raises(ClientError) as refused:
        client("lambda").create_function(
            FunctionName="evil", Runtime="python3.12", Role=ROLE, Handler="main.handler", Code={"ZipFile": content}
        )
    assert code_of(refused) == ("InvalidParameterValueException", 400)
    assert not list(workspace.rglob("out.py"))
    assert not Path("/tmp/asl-runner-out.py").exists()
    assert not list((workspace / "functions").glob("evil/code/*"))


@pytest.mark.parametrize(
    "call, settings, code",
    [
        ("get_function", {"FunctionName": "nobody"}, ("ResourceNotFoundException", 404)),
        ("invoke", {"FunctionName": "nobody"}, ("ResourceNotFoundException", 404)),
        ("invoke", {"FunctionName": "refusing", "Payload": b"{"}, ("InvalidRequestContentException", 400)),
        ("get_function", {"FunctionName": "no name!"}, ("ValidationException", 400)),
        ("get_alias", {"FunctionName": "refusing", "Name": "x"}, ("ResourceNotFoundException", 404)),
        ("get_policy", {"FunctionName": "refusing"}, ("ResourceNotFoundException", 404)),
        ("publish_version", {"FunctionName": "refusing", "CodeSha256": "x"}, ("InvalidParameterValueException", 400)),
        (
            "update_function_configuration",
            {"FunctionName": "refusing", "RevisionId": "x"},
            ("PreconditionFailedException", 412),
        ),
        ("list_event_source_mappings", {}, ("UnknownOperationException", 400)),
    ],
)
def test_refusals_have_the_services_codes(
    client: ClientFactory, call: str, settings: dict[str, Any], code: tuple[str, int]
) -> None:
    lambda_ = client("lambda")
    if settings.get("FunctionName") == "refusing":
        try:
            lambda_.get_function(FunctionName="refusing")
        except ClientError:
            create(lambda_, "refusing", ECHO % 1)
    with pytest.raises(ClientError) as refused:
        getattr(lambda_, call)(**settings)
    assert code_of(refused) == code


def test_a_sensitive_value_is_not_repeated(client: ClientFactory) -> None:
    with pytest.raises(ClientError) as refused:
        create(client("lambda"), "secretive", ECHO % 1, Environment={"Variables": {"A": "secret"}})
    error: Any = refused.value.response["Error"]
    assert error["Message"] == (
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must "
        "satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
    )


def test_a_name_is_taken_once_and_free_after_delete(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    create(lambda_, "once", ECHO % 1)
    with pytest.raises(ClientError) as refused:
        create(lambda_, "once", ECHO % 2)
    assert code_of(refused) == ("ResourceConflictException", 409)
    lambda_.delete_function(FunctionName="once")
    create(lambda_, "once", ECHO % 3)
    assert payload(lambda_.invoke(FunctionName="once"))["n"] == 3


def test_permissions_and_tags_are_kept(client: ClientFactory) -> None:
    lambda_ = client("lambda")
    arn = create(lambda_, "allowed", ECHO % 1)["FunctionArn"]
    lambda_.add_permission(
        FunctionName="allowed", StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    policy = json.loads(lambda_.get_policy(FunctionName="allowed")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    lambda_.remove_permission(FunctionName="allowed", StatementId="s")
    lambda_.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    lambda_.untag_resource(Resource=arn, TagKeys=["a"])
    assert lambda_.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_functions_survive_a_kill_and_find_the_endpoint(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas/written.py").write_text(
        "import boto3\ndef handler(event, context):\n    boto3.client('s3').put_object(Bucket='made', Key='k')\n"
        "    return [each['Name'] for each in boto3.client('s3').list_buckets()['Buckets']]\n"
    )
    first = serve()
    create(first.client("lambda"), "kept", ECHO % 5, Publish=True)
    first.client("s3").create_bucket(Bucket="made")
    first.kill()
    second = serve()
    lambda_ = second.client("lambda")
    assert payload(lambda_.invoke(FunctionName="kept:1"))["n"] == 5
    assert payload(lambda_.invoke(FunctionName="written")) == ["made"]
    listed = {each["FunctionName"]: each for each in lambda_.list_functions()["Functions"]}
    assert listed.keys() == {"kept", "written"}
    assert lambda_.get_function(FunctionName="written")["Configuration"]["Handler"] == "written.handler"
    with pytest.raises(ClientError) as refused:
        lambda_.delete_function(FunctionName="written")
    assert code_of(refused) == ("InvalidParameterValueException", 400)
    with pytest.raises(ClientError) as taken:
        create(lambda_, "written", ECHO % 1)
    assert code_of(taken) == ("ResourceConflictException", 409)


def test_a_run_finds_functions_created_before(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = serve()
    create(server.client("lambda"), "before", ECHO % 9, Publish=True)
    server.stop()
    task = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:before:1", "End": True}
    (tmp_path / "m.asl.json").write_text(json.dumps({"StartAt": "T", "States": {"T": task}}))
    command = [sys.executable, "-m", "asl_runner", "run", "m.asl.json", "--input", "{}", "--quiet"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, json.loads(ran.stdout)) == (0, {"event": {}, "n": 9}), ran.stderr


def test_a_function_configured_inline_reaches_the_endpoint_too(
    serve: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    (tmp_path / "asl-runner.toml").write_text('runtime = "inline"\n')
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas/asks.py").write_text(
        "import boto3\ndef handler(event, context):\n"
        "    return len(boto3.client('stepfunctions').list_state_machines()['stateMachines'])\n"
    )
    assert payload(serve().client("lambda").invoke(FunctionName="asks")) == 0


def test_edited_files_run_from_the_next_invocation_on(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "elsewhere").mkdir()
    files = {"edited": tmp_path / "lambdas/edited.py", "hot": tmp_path / "elsewhere/main.py"}
    lambda_ = serve().client("lambda")
    # Of different lengths: Python tells sources apart by their size and whole seconds.
    for number in (1, 22):
        for file in files.values():
            file.write_text(ECHO % number)
        if number == 1:
            code = {"S3Bucket": "hot-reload", "S3Key": str(tmp_path / "elsewhere")}
            lambda_.create_function(FunctionName="hot", Role=ROLE, Handler="main.handler", Code=code)
        time.sleep(0.6)
        assert {name: payload(lambda_.invoke(FunctionName=name))["n"] for name in files} == dict.fromkeys(files, number)


def test_a_start_removes_code_that_no_version_has(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    first = serve()
    lambda_ = first.client("lambda")
    create(lambda_, "swept", ECHO % 1, Publish=True)
    for number in (2, 3):
        lambda_.update_function_code(FunctionName="swept", ZipFile=archive({"main.py": ECHO % number}))
    code = tmp_path / ".asl-runner/functions/swept/code"
    assert len(list(code.iterdir())) == 3
    first.stop()
    lambda_ = serve().client("lambda")
    assert len(list(code.iterdir())) == 2
    assert [payload(lambda_.invoke(FunctionName=name))["n"] for name in ("swept:1", "swept")] == [1, 3]


async def test_many_invocations_at_once(server: Server) -> None:
    lambda_ = make_client(server.url, "lambda")
    await asyncio.to_thread(create, lambda_, "many", ECHO % 1)
    answers = await asyncio.gather(
        *(asyncio.to_thread(lambda_.invoke, FunctionName="many", Payload=str(n).encode()) for n in range(20))
    )
    assert [payload(answer)["event"] for answer in answers] == list(range(20))
