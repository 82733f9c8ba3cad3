"""Terraform creates, reads back, changes and destroys what it declares; where it and its AWS provider are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import ServerProcess

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
