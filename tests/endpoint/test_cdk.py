"""The real CDK bootstraps, deploys, changes and destroys an app; where it is installed.

Install it with `npm install aws-cdk aws-cdk-lib constructs` and give its folder in CDK_HOME, or install it globally.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from served import ServerProcess

APP = """
const cdk = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const sfn = require('aws-cdk-lib/aws-stepfunctions');
const tasks = require('aws-cdk-lib/aws-stepfunctions-tasks');
const app = new cdk.App();
const stack = new cdk.Stack(app, 'Orders');
const greet = new lambda.Function(stack, 'Greet', {
  runtime: lambda.Runtime.PYTHON_3_12,
  handler: 'greet.handler',
  code: lambda.Code.fromAsset('greet'),
});
const invoke = new tasks.LambdaInvoke(stack, 'Invoke', { lambdaFunction: greet, outputPath: '$.Payload' });
const machine = new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(invoke) });
new cdk.CfnOutput(stack, 'MachineArn', { value: machine.stateMachineArn });
"""


def installed() -> tuple[str, str]:
    """The program, and the folder of modules with its library; skips the test without them."""
    home = os.environ.get("CDK_HOME")
    if home is not None:
        modules = Path(home).resolve() / "node_modules"
        return str(modules / ".bin" / "cdk"), str(modules)
    program = shutil.which("cdk")
    if program is None or shutil.which("npm") is None:
        pytest.skip("the CDK is not installed: npm install aws-cdk aws-cdk-lib constructs, and CDK_HOME its folder")
    modules = Path(subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=True).stdout.strip())
    if not (modules / "aws-cdk-lib").is_dir():
        pytest.skip("the CDK's library is not installed: npm install -g aws-cdk-lib constructs")
    return program, str(modules)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_app_from_bootstrap_to_destroy(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    program, modules = installed()
    served = serve()
    (tmp_path / "app.js").write_text(APP)
    (tmp_path / "greet").mkdir()
    function = tmp_path / "greet" / "greet.py"
    function.write_text("def handler(event, context):\n    return 'Hello ' + event['name']\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **kept,
        "NODE_PATH": modules,
        "CI": "true",
        # What `asl-runner serve` prints, and nothing else.
        "AWS_ENDPOINT_URL": served.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def cdk(*words: str) -> None:
        command = [program, "--app", "node app.js", "--no-notices", *words]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def greeting() -> str:
        states = served.client("stepfunctions")
        (machine,) = states.list_state_machines()["stateMachines"]
        arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"name": "Ada"}')
        while (found := states.describe_execution(executionArn=arn["executionArn"]))["status"] == "RUNNING":
            pass
        assert found["status"] == "SUCCEEDED", found
        text: str = json.loads(found["output"])
        return text

    cdk("bootstrap")
    cdk("deploy", "--require-approval", "never")
    assert greeting() == "Hello Ada"
    function.write_text("def handler(event, context):\n    return 'Goodbye ' + event['name']\n")
    cdk("deploy", "--require-approval", "never")
    assert greeting() == "Goodbye Ada"
    cdk("destroy", "--force")
    assert served.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert served.client("lambda").list_functions()["Functions"] == []
