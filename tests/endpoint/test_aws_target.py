"""Tasks placed on AWS, over HTTP, with a server in the place of AWS that is at times busy, broken or slow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_stand_in import AwsStandIn
from served import ServerProcess

KEY = "AKIDOFTHEUSER"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
PROGRAM = """
import json, pathlib, sys, time
told = json.loads(pathlib.Path("/opt/ml/input/config/hyperparameters.json").read_text())
print("score=0.5", flush=True)
if told["do"] == "fail":
    sys.exit("the data is bad")
time.sleep(float(told.get("seconds", 0)))
"""
ACCOUNT = """
[images]
"*/mine:*" = { command = ["python", "program.py"] }
"""
FUNCTION = """
import os
def handler(event, context):
    return {"event": event, "key": os.environ["AWS_ACCESS_KEY_ID"], "url": os.environ.get("AWS_ENDPOINT_URL", "")}
"""
ROLE = "arn:aws:iam::123456789012:role/train"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """What stands for the user's account on AWS."""
    directory = tmp_path_factory.mktemp("account")
    (directory / "asl-runner.toml").write_text(ACCOUNT)
    (directory / "program.py").write_text(PROGRAM)
    (directory / "lambdas").mkdir()
    (directory / "lambdas" / "where.py").write_text(FUNCTION)
    server = ServerProcess(directory)
    server.client("s3").create_bucket(Bucket="data")
    server.client("s3").put_object(Bucket="data", Key="train.csv", Body=b"1,2\n")
    yield server
    server.stop()


@pytest.fixture
def aws(account: ServerProcess) -> Iterator[AwsStandIn]:
    stand_in = AwsStandIn(account.url)
    yield stand_in
    stand_in.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project: a function of its own, and jobs on AWS that are looked at often."""
    (tmp_path / "asl-runner.toml").write_text("[aws]\npoll_seconds = 0.05\n")
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "where.py").write_text(FUNCTION)
    return tmp_path


def environment(aws: AwsStandIn) -> dict[str, str]:
    """That of a user with credentials, whose SDKs find AWS at the stand-in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}
    return {**kept, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": aws.url}


def training(name: str, do: str = "train", **task: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train.csv"}
    request = {
        "TrainingJobName": name,
        "HyperParameters": {"do": do, "seconds": "600" if do == "hang" else "0"},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    state = {"Type": "Task", "Resource": resource, "Parameters": request, "End": True, **task}
    return {"StartAt": "Train", "States": {"Train": state}}


def command(project: Path, machine: dict[str, Any], *options: str) -> list[str]:
    (project / "machine.asl.json").write_text(json.dumps(machine))
    return [sys.executable, "-m", "asl_runner", "run", "machine.asl.json", "--json", *options]


def run(project: Path, aws: AwsStandIn, machine: dict[str, Any], *options: str) -> tuple[dict[str, Any], str]:
    """The execution's outcome, and what was said on stderr."""
    ran = subprocess.run(
        command(project, machine, *options),
        cwd=project,
        env=environment(aws),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout, ran.stderr
    outcome: dict[str, Any] = json.loads(ran.stdout)
    return outcome, ran.stderr


def test_a_job_is_awaited_through_throttling_failures_and_lost_connections(
    project: Path, aws: AwsStandIn, account: ServerProcess
) -> None:
    # More than the SDK tries again by itself.
    aws.inject("CreateTrainingJob", "throttle", 2)
    aws.inject("DescribeTrainingJob", "throttle", 7)
    aws.inject("DescribeTrainingJob", "break", 5)
    aws.inject("DescribeTrainingJob", "drop", 5)
    outcome, said = run(project, aws, training("awaited"), "--use", "sagemaker=aws")
    assert outcome["status"] == "SUCCEEDED", (outcome, said)
    output = json.loads(outcome["output"])
    assert output["TrainingJobStatus"] == "Completed"
    assert output["Tags"]["MANAGED_BY_AWS"] == "STARTED_BY_STEP_FUNCTIONS"
    assert isinstance(output["TrainingEndTime"], int)
    found = account.client("sagemaker").describe_training_job(TrainingJobName="awaited")
    assert found["TrainingJobStatus"] == "Completed"
    assert aws.count("DescribeTrainingJob") > 17
    assert not (project / ".asl-runner" / "jobs").exists()


def test_every_request_has_the_users_credentials(project: Path, aws: AwsStandIn) -> None:
    run(project, aws, training("signed"), "--use", "Train=aws")
    assert aws.asked
    assert all(f"Credential={KEY}/" in one.authorization for one in aws.asked)


def test_a_job_that_fails_fails_the_task_with_its_document(project: Path, aws: AwsStandIn) -> None:
    outcome, _ = run(project, aws, training("failing", "fail"), "--target", "aws")
    assert (outcome["status"], outcome["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(outcome["cause"])["FailureReason"] == "AlgorithmError: the data is bad, exit code: 1"


def test_what_the_api_refuses_is_the_tasks_error(project: Path, aws: AwsStandIn) -> None:
    aws.inject("CreateTrainingJob", "throttle", 20)
    outcome, _ = run(project, aws, training("busy"), "--target", "aws")
    assert outcome["error"] == "SageMaker.AmazonSageMakerException"
    assert outcome["cause"].startswith("Rate exceeded (Service: AmazonSageMaker; Status Code: 400; Error Code: Thr")


def stopped(account: ServerProcess, name: str) -> bool:
    document = account.client("sagemaker").describe_training_job(TrainingJobName=name)
    return bool(document["TrainingJobStatus"] == "Stopped")


def test_a_task_whose_time_is_over_stops_its_job(project: Path, aws: AwsStandIn, account: ServerProcess) -> None:
    machine = training("late", "hang", TimeoutSeconds=3)
    # What loads the client must not count as the job's time.
    resource = "arn:aws:states:::aws-sdk:sagemaker:listTrainingJobs"
    look = {"Type": "Task", "Resource": resource, "Parameters": {}, "Next": "Train"}
    outcome, _ = run(
        project, aws, {"StartAt": "Look", "States": {"Look": look, **machine["States"]}}, "--target", "aws"
    )
    assert (outcome["status"], outcome["error"]) == ("FAILED", "States.Timeout")
    aws.until(lambda: stopped(account, "late"))


def test_a_stopped_execution_stops_its_job_though_the_api_is_busy(
    project: Path, aws: AwsStandIn, account: ServerProcess
) -> None:
    aws.inject("StopTrainingJob", "throttle", 4)
    process = subprocess.Popen(
        command(project, training("cut-off", "hang"), "--target", "aws"),
        cwd=project,
        env=environment(aws),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        aws.until(lambda: aws.count("DescribeTrainingJob"))
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate()
        assert json.loads(text)["status"] == "ABORTED"
        aws.until(lambda: stopped(account, "cut-off"))
    finally:
        process.kill()
        process.wait()


def test_the_newest_lines_of_the_log_in_cloudwatch_are_shown(
    project: Path, aws: AwsStandIn, account: ServerProcess
) -> None:
    logs, stream = account.client("logs"), "shown/algo-1-1700000000"
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName=stream)
    now = int(time.time() * 1000)
    lines = [{"timestamp": now + number, "message": f"round {number}"} for number in range(70)]
    logs.put_log_events(**group, logStreamName=stream, logEvents=lines)
    outcome, said = run(project, aws, training("shown"), "--target", "aws")
    assert outcome["status"] == "SUCCEEDED", said
    shown = [line.partition("shown  | ")[2] for line in said.splitlines() if "shown  | " in line]
    assert shown == ["... 20 lines before", *(f"round {number}" for number in range(20, 70))]


def test_without_leave_to_read_logs_a_job_is_awaited_all_the_same(project: Path, aws: AwsStandIn) -> None:
    aws.inject("DescribeLogStreams", "break", 1000)
    outcome, said = run(project, aws, training("unread"), "--target", "aws")
    assert outcome["status"] == "SUCCEEDED"
    assert said.count("The log in CloudWatch cannot be read: ") == 1


def where(name: str = "where") -> dict[str, Any]:
    resource = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": resource, "End": True}}}


def test_what_runs_here_knows_nothing_of_the_users_credentials(project: Path, aws: AwsStandIn) -> None:
    machine = training("beside")
    machine["States"] |= where()["States"]
    machine["States"]["Train"] |= {"Next": "Ask"}
    del machine["States"]["Train"]["End"]
    outcome, said = run(project, aws, machine, "--use", "sagemaker=aws")
    assert outcome["status"] == "SUCCEEDED", (outcome, said)
    answer = json.loads(outcome["output"])
    assert answer["key"] == "local"
    assert answer["url"] != aws.url
    assert aws.count("/invocations") == 0


def test_functions_are_invoked_on_aws_when_placed_there(project: Path, aws: AwsStandIn, account: ServerProcess) -> None:
    outcome, said = run(project, aws, where(), "--use", "lambda=aws")
    assert outcome["status"] == "SUCCEEDED", (outcome, said)
    assert json.loads(outcome["output"])["url"] == account.url
    assert aws.count("/functions/arn:aws:lambda:us-east-1:123456789012:function:where/invocations") == 1 or (
        aws.count("where/invocations") == 1
    )
    missing, _ = run(project, aws, where("nobody"), "--use", "lambda=aws")
    assert missing["error"] == "Lambda.ResourceNotFoundException"


def test_other_services_go_where_they_are_placed(project: Path, aws: AwsStandIn, account: ServerProcess) -> None:
    account.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    put = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:putItem",
        "Parameters": {"TableName": "orders", "Item": {"id": {"S": "7"}}},
        "End": True,
    }
    machine = {"StartAt": "Put", "States": {"Put": put}}
    outcome, said = run(project, aws, machine, "--target", "aws")
    assert outcome["status"] == "SUCCEEDED", (outcome, said)
    here, _ = run(project, aws, machine, "--target", "aws", "--use", "Put=local")
    assert here["error"] == "DynamoDB.ResourceNotFoundException"
    assert aws.count("DynamoDB_20120810.PutItem") == 1


def test_the_command_line_keeps_everything_here_whatever_the_file_says(project: Path, aws: AwsStandIn) -> None:
    (project / "asl-runner.toml").write_text('target = "aws"\n[use]\nlambda = "aws"\n')
    outcome, said = run(project, aws, where(), "--target", "local")
    assert outcome["status"] == "SUCCEEDED", (outcome, said)
    assert json.loads(outcome["output"])["key"] == "local"
    assert aws.asked == []


def test_without_credentials_nothing_is_started(project: Path, aws: AwsStandIn) -> None:
    variables = {name: value for name, value in environment(aws).items() if not name.startswith("AWS_")}
    variables |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(project), "AWS_CONFIG_FILE": "/dev/null"}
    ran = subprocess.run(
        command(project, training("nobody"), "--target", "aws"),
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("Error: State 'Train' cannot run here. The place is AWS, for which there are no cred")


def test_a_job_is_found_again_after_the_process_that_awaited_it_died(
    project: Path, aws: AwsStandIn, account: ServerProcess
) -> None:
    machine = training("found")
    machine["States"]["Train"]["Parameters"]["HyperParameters"]["seconds"] = "3"
    process = subprocess.Popen(
        command(project, machine, "--target", "aws", "--name", "found"),
        cwd=project,
        env=environment(aws),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while aws.count("DescribeTrainingJob") < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = subprocess.run(
        [sys.executable, "-m", "asl_runner", "resume", "found", "--json"],
        cwd=project,
        env=environment(aws),
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = json.loads(resumed.stdout)
    assert outcome["status"] == "SUCCEEDED", (outcome, resumed.stderr)
    assert json.loads(outcome["output"])["TrainingJobName"] == "found"
    assert aws.count("CreateTrainingJob") == 1
