"""A document of the SageMaker SDK with every type of step that runs here, on the endpoint, with nothing faked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from asl_runner.configuration import Configuration
from asl_runner.endpoint.server import Server
from asl_runner.workspace import Workspace

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "all-steps-pipeline.json"
BUCKET = "sagemaker-us-west-2-111122223333"
NOTIFY = """
def handler(event, context):
    return {"status": f"{event['n']} {event['model'].split('-')[0]}"}
"""
PREPROCESSING = """
import json, pathlib, random, sys
out = pathlib.Path("/opt/ml/processing/out")
draw = random.Random(1)
rows = [[draw.random() for _ in range(3)] for _ in range(90)]
for name, part in (("train.csv", rows[:60]), ("validation.csv", rows[60:])):
    (out / name).write_text("".join(f"{sum(row)},{row[0]},{row[1]},{row[2]}\\n" for row in part))
(out / "report.json").write_text(json.dumps({"metrics": {"acc": 0.9}, "rows": [{"n": 3}], "arguments": sys.argv[1:]}))
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "notify.py").write_text(NOTIFY)
    configuration = Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")
    async with Workspace(configuration) as workspace, Server(workspace, port=0) as served:
        yield served


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the SDK's document is not at hand")
async def test_every_step_type(server: Server) -> None:
    found = await asyncio.to_thread(play, server.url)
    assert found["status"] == "Succeeded", found
    steps = found["steps"]
    assert {name: step["StepStatus"] for name, step in steps.items()} == dict.fromkeys(
        ("Prep", "Tune", "Best-CreateModel", "Reg-RegisterModel", "Notify", "Approve", "Outer", "Inner", "Score"),
        "Succeeded",
    )
    assert steps["Notify"]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "status", "Value": "3 pipelines"}]
    assert steps["Approve"]["Metadata"]["Callback"]["OutputParameters"] == [{"Name": "ok", "Value": "true"}]
    assert steps["Reg-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"].endswith("model-package/grp/1")
    assert found["report"]["arguments"] == ["--stage", "dev", "--thr", "0.5"]
    assert [len(line.split(",")) for line in found["scored"]] == [2] * 30, "first feature and prediction"


def play(url: str) -> dict[str, Any]:
    """Runs the pipeline, answers its callback, and gives what came of it."""
    session = boto3.Session("local", "local", region_name="us-east-1")
    s3: Any = session.client("s3", endpoint_url=url)
    sagemaker: Any = session.client("sagemaker", endpoint_url=url)
    definition = json.loads(DOCUMENT.read_text())
    s3.create_bucket(Bucket=BUCKET)
    code = definition["Steps"][0]["Arguments"]["ProcessingInputs"][1]["S3Input"]["S3Uri"]
    s3.put_object(Bucket=BUCKET, Key=code.removeprefix(f"s3://{BUCKET}/"), Body=PREPROCESSING.encode())
    s3.put_object(Bucket=BUCKET, Key="raw/rows.csv", Body=b"1")
    # All of the step's output is scored in the document, its report as well, which is no CSV.
    score = definition["Steps"][-1]["Arguments"]["IfSteps"][0]["Arguments"]["IfSteps"][0]["Arguments"]
    source = score["TransformInput"]["DataSource"]["S3DataSource"]
    source["S3Uri"] = {"Std:Join": {"On": "/", "Values": [source["S3Uri"], "validation.csv"]}}
    role = "arn:aws:iam::123456789012:role/test"
    sagemaker.create_pipeline(PipelineName="AllSteps", PipelineDefinition=json.dumps(definition), RoleArn=role)
    data = [{"Name": "TrainData", "Value": f"s3://{BUCKET}/raw"}]
    arn = sagemaker.start_pipeline_execution(PipelineName="AllSteps", PipelineParameters=data)["PipelineExecutionArn"]
    described = _wait(sagemaker, arn)
    steps = _steps(sagemaker, arn)
    prepared = f"{arn.rpartition('/')[2]}/out/report.json"
    return {
        "status": described["PipelineExecutionStatus"],
        "reason": described.get("FailureReason"),
        "steps": steps,
        "report": json.loads(s3.get_object(Bucket=BUCKET, Key=prepared)["Body"].read()),
        "scored": s3.get_object(Bucket=BUCKET, Key="tr/validation.csv.out")["Body"].read().decode().split(),
    }


def _wait(sagemaker: Any, arn: str) -> dict[str, Any]:
    answered = False
    end = time.monotonic() + 200
    while time.monotonic() < end:
        described: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] != "Executing":
            return described
        token = _steps(sagemaker, arn).get("Approve", {}).get("Metadata", {}).get("Callback", {}).get("CallbackToken")
        if token and not answered:
            yes = [{"Name": "ok", "Value": "true"}]
            sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=yes)
            answered = True
        time.sleep(0.1)
    raise AssertionError(_steps(sagemaker, arn))


def _steps(sagemaker: Any, arn: str) -> dict[str, Any]:
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {step["StepName"]: step for step in listed}
