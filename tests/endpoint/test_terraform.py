"""Terraform creates, reads back, changes and destroys what it declares; where it and its AWS provider are installed.

The calls its provider makes are played by boto3 everywhere: what is read twice must be the same, or Terraform sees a
difference that nobody made. Source: the provider's resources `aws_sfn_state_machine`, `aws_sfn_alias`,
`aws_sfn_activity` and `aws_lambda_function`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess

DECLARED = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  endpoints {
    iam    = "URL"
    lambda = "URL"
    s3     = "URL"
    sfn    = "URL"
    sts    = "URL"
  }
}

variable "comment" { type = string }

resource "aws_iam_role" "any" {
  name               = "any"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_lambda_function" "greet" {
  function_name    = "greet"
  runtime          = "python3.12"
  handler          = "greet.handler"
  role             = aws_iam_role.any.arn
  filename         = "greet.zip"
  source_code_hash = filebase64sha256("greet.zip")
}

resource "aws_sfn_state_machine" "hello" {
  name       = "hello"
  role_arn   = aws_iam_role.any.arn
  publish    = true
  tags       = { comment = var.comment }
  definition = jsonencode({
    Comment = var.comment
    StartAt = "Greet"
    States  = { Greet = { Type = "Task", Resource = aws_lambda_function.greet.arn, End = true } }
  })
}

resource "aws_sfn_alias" "live" {
  name = "live"
  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.hello.state_machine_version_arn
    weight                    = 100
  }
}

resource "aws_sfn_activity" "person" { name = "person" }

resource "aws_s3_bucket" "data" { bucket = "data" }
"""


@pytest.mark.slow
def test_a_configuration_from_apply_to_destroy(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed")
    served = serve()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    def terraform(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", words[0], "-no-color", "-input=false", *words[1:]]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    def applied(comment: str) -> None:
        ran = terraform("apply", "-auto-approve", f"-var=comment={comment}")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    (tmp_path / "main.tf").write_text(DECLARED.replace("URL", served.url))
    with zipfile.ZipFile(tmp_path / "greet.zip", "w") as archive:
        archive.writestr("greet.py", "def handler(event, context):\n    return event['name']\n")
    ready = terraform("init")
    if ready.returncode != 0:
        pytest.skip(f"Terraform's AWS provider is not installed: {ready.stderr[-300:]}")
    applied("first")
    again = terraform("plan", "-detailed-exitcode", "-var=comment=first")
    assert again.returncode == 0, f"what is served differs from what was declared: {again.stdout}"
    applied("second")
    states = served.client("stepfunctions")
    alias = "arn:aws:states:us-east-1:123456789012:stateMachine:hello:live"
    execution = states.start_execution(stateMachineArn=alias, input='{"name": "Ada"}')["executionArn"]
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert json.loads(described["output"]) == "Ada"
    assert described["stateMachineVersionArn"].endswith(":hello:2")
    destroyed = terraform("destroy", "-auto-approve", "-var=comment=second")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    left: dict[str, Any] = states.list_state_machines()
    assert left["stateMachines"] == []
    assert served.client("lambda").list_functions()["Functions"] == []


def same(read: Callable[..., dict[str, Any]], **request: Any) -> dict[str, Any]:
    """What two calls answer alike."""
    first, second = read(**request), read(**request)
    for answer in (first, second):
        answer.pop("ResponseMetadata")
        answer.get("Code", {}).pop("Location", None)
    assert first == second
    return first


def gone(code: str, read: Callable[..., Any], **request: Any) -> None:
    """What the provider waits for after a deletion."""
    with pytest.raises(ClientError) as refused:
        read(**request)
    assert refused.value.response["Error"]["Code"] == code


def archive(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr("greet.py", source)
    return content.getvalue()


def test_the_calls_for_a_state_machine(client: ClientFactory) -> None:
    states = client("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    checked = states.validate_state_machine_definition(definition=definition, type="STANDARD", severity="ERROR")
    assert checked["result"] == "OK"
    asked: dict[str, Any] = {
        "loggingConfiguration": {"includeExecutionData": False, "level": "OFF"},
        "tracingConfiguration": {"enabled": False},
    }
    tags = [{"key": "Name", "value": "one"}]
    machine = states.create_state_machine(
        name="terraformed", definition=definition, roleArn=ROLE, type="STANDARD", publish=True, tags=tags, **asked
    )
    arn = machine["stateMachineArn"]

    def read() -> dict[str, Any]:
        found = same(states.describe_state_machine, stateMachineArn=arn)
        assert {name: found[name] for name in asked} == asked
        assert (found["roleArn"], found["type"], found["status"]) == (ROLE, "STANDARD", "ACTIVE")
        return found

    assert read()["definition"] == definition
    assert same(states.list_tags_for_resource, resourceArn=arn)["tags"] == tags
    versions = same(states.list_state_machine_versions, stateMachineArn=arn)["stateMachineVersions"]
    assert [each["stateMachineVersionArn"] for each in versions] == [f"{arn}:1"]
    version = same(states.describe_state_machine, stateMachineArn=f"{arn}:1")
    assert version["definition"] == definition

    routing = [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=routing)["stateMachineAliasArn"]
    assert same(states.describe_state_machine_alias, stateMachineAliasArn=alias)["routingConfiguration"] == routing

    changed = definition.replace('"P"', '"Q"')
    updated = states.update_state_machine(stateMachineArn=arn, definition=changed, roleArn=ROLE, publish=True, **asked)
    assert updated["stateMachineVersionArn"] == f"{arn}:2"
    assert read()["definition"] == changed
    states.tag_resource(resourceArn=arn, tags=[{"key": "Name", "value": "two"}])
    states.untag_resource(resourceArn=arn, tagKeys=["Gone"])
    assert same(states.list_tags_for_resource, resourceArn=arn)["tags"] == [{"key": "Name", "value": "two"}]
    routing = [{"stateMachineVersionArn": f"{arn}:2", "weight": 100}]
    states.update_state_machine_alias(stateMachineAliasArn=alias, description="", routingConfiguration=routing)
    assert same(states.describe_state_machine_alias, stateMachineAliasArn=alias)["routingConfiguration"] == routing

    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    gone("ResourceNotFound", states.describe_state_machine_alias, stateMachineAliasArn=alias)
    states.delete_state_machine(stateMachineArn=arn)
    gone("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=arn)


def test_the_calls_for_an_activity(client: ClientFactory) -> None:
    states = client("stepfunctions")
    tags = [{"key": "Name", "value": "one"}]
    arn = states.create_activity(name="terraformed-activity", tags=tags)["activityArn"]
    found = same(states.describe_activity, activityArn=arn)
    assert (found["name"], found["encryptionConfiguration"]) == ("terraformed-activity", {"type": "AWS_OWNED_KEY"})
    assert same(states.list_tags_for_resource, resourceArn=arn)["tags"] == tags
    states.delete_activity(activityArn=arn)
    gone("ActivityDoesNotExist", states.describe_activity, activityArn=arn)


def test_the_calls_for_a_function(client: ClientFactory) -> None:
    functions, name = client("lambda"), "terraformed-function"
    code = archive("def handler(event, context):\n    return 1\n")
    asked: dict[str, Any] = {
        "Runtime": "python3.12", "Handler": "greet.handler", "Role": ROLE, "MemorySize": 128, "Timeout": 3,
        "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
        "Environment": {"Variables": {"WORD": "Hello"}},
    }  # fmt: skip
    functions.create_function(
        FunctionName=name, Code={"ZipFile": code}, PackageType="Zip", Publish=True, Architectures=["x86_64"],
        Tags={"Name": "one"}, **asked,
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName=name)

    def read(code: bytes) -> dict[str, Any]:
        found = same(functions.get_function, FunctionName=name)
        configuration: dict[str, Any] = found["Configuration"]
        assert configuration["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
        assert {each: configuration[each] for each in asked} == asked
        assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
        assert "Concurrency" not in found
        assert found["Tags"] == {"Name": "one"}
        return configuration

    assert read(code)["Architectures"] == ["x86_64"]
    signing = same(functions.get_function_code_signing_config, FunctionName=name)
    assert signing == {"CodeSigningConfigArn": "", "FunctionName": name}
    listed = same(functions.list_versions_by_function, FunctionName=name)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1"]
    gone("ResourceNotFoundException", functions.get_policy, FunctionName=name)

    asked["Timeout"] = 5
    functions.update_function_configuration(FunctionName=name, **asked)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    code = archive("def handler(event, context):\n    return 2\n")
    functions.update_function_code(FunctionName=name, ZipFile=code, Architectures=["x86_64"], Publish=False)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    read(code)
    version = functions.publish_version(FunctionName=name)
    assert same(functions.get_function_configuration, FunctionName=version["FunctionArn"])["Version"] == "2"
    functions.delete_function(FunctionName=name)
    gone("ResourceNotFoundException", functions.get_function, FunctionName=name)
