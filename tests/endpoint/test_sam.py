"""The real SAM CLI deploys, changes and deletes an application; where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from served import ServerProcess

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: greet.handler
      CodeUri: greet/
      AutoPublishAlias: live
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: { Function: !GetAtt Greet.Arn }
      AutoPublishAlias: live
      Policies:
        - LambdaInvokePolicy: { FunctionName: !Ref Greet }
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sam") is None, reason="the SAM CLI is not installed: pip install aws-sam-cli")
def test_an_application_from_deploy_to_delete(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    served = serve()
    definition = {"StartAt": "G", "States": {"G": {"Type": "Task", "Resource": "${Function}", "End": True}}}
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "machine.asl.json").write_text(json.dumps(definition))
    (tmp_path / "greet").mkdir()
    function = tmp_path / "greet" / "greet.py"
    function.write_text("def handler(event, context):\n    return 'Hello ' + event['name']\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "HOME": str(tmp_path),
        "SAM_CLI_TELEMETRY": "0",
        # What `asl-runner serve` prints, and nothing else.
        "AWS_ENDPOINT_URL": served.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def sam(*words: str) -> None:
        ran = subprocess.run(
            ["sam", *words, "--stack-name", "greeting"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def greeting() -> str:
        states = served.client("stepfunctions")
        (machine,) = states.list_state_machines()["stateMachines"]
        live = f"{machine['stateMachineArn']}:live"
        arn = states.start_execution(stateMachineArn=live, input='{"name": "Ada"}')["executionArn"]
        while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            pass
        assert found["status"] == "SUCCEEDED", found
        text: str = json.loads(found["output"])
        return text

    sam("deploy", "--resolve-s3", "--capabilities", "CAPABILITY_IAM")
    assert greeting() == "Hello Ada"
    function.write_text("def handler(event, context):\n    return 'Goodbye ' + event['name']\n")
    sam("deploy", "--resolve-s3", "--capabilities", "CAPABILITY_IAM")
    assert greeting() == "Goodbye Ada"
    sam("delete", "--no-prompts")
    assert served.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert served.client("lambda").list_functions()["Functions"] == []
