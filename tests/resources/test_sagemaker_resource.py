"""SageMaker tasks: what they answer, what they record as submitted, how they fail, and that a cancelled one stops."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asl_runner.definition.resource import parse_resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.integration import request
from asl_runner.interpreter.ports import ExecutionInfo, GoingOn, TaskCall, TaskFailed, TaskLost
from asl_runner.resources.sagemaker import SageMakerTasks
from asl_runner.sagemaker import orphans
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.storage.buckets import Buckets

BUCKET = "example-bucket"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:machine:run-1"
ROLE = "arn:aws:iam::012345678912:role/SageMakerRole"
PROGRAM = """
import json, os, pathlib, sys, time
root = pathlib.Path(os.environ["ASL_RUNNER_OPT_ML"])
told = json.loads((root / "input/config/hyperparameters.json").read_text())
print("score = 1", flush=True)
if told.get("fail"):
    sys.exit("the data is bad")
if told.get("hang"):
    (root / "pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


class _Image:
    algorithm: str | None = None
    image: str | None = None

    def __init__(self, program: Path) -> None:
        self.pattern = "*/mine:*"
        self.command: tuple[str, ...] | None = (sys.executable, str(program))
        self.environment: dict[str, str] = {}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalSageMaker]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    buckets = Buckets(tmp_path / "s3")
    buckets.put(BUCKET, "train.csv", b"1,2\n", create=True)
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[_Image(program)])
    yield made
    made.close()


def call(action: str, given: Json, service: str = "sagemaker") -> TaskCall:
    info = ExecutionInfo(
        arn=EXECUTION,
        name="run-1",
        state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:machine",
        state_machine_name="machine",
        role_arn=ROLE,
        region="us-east-1",
        start_time=0.0,
    )
    resource = parse_resource(f"arn:aws:states:::{service}:{action}")
    sent = request(resource, given, info)
    return TaskCall(resource=resource, input=sent, state="Train", execution=info, scope="", attempt=0, event_id=3)


def training(name: str, **hyperparameters: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train.csv"}
    return {
        "TrainingJobName": name,
        "HyperParameters": hyperparameters,
        "AlgorithmSpecification": {
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": r"score = (\S+)"}],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


async def failure(tasks: SageMakerTasks, asked: TaskCall) -> tuple[str | None, str]:
    with pytest.raises(TaskFailed) as raised:
        await tasks(asked)
    return raised.value.error, raised.value.cause or ""


async def test_sync_answers_the_describe_document(client: LocalSageMaker) -> None:
    asked = call("createTrainingJob.sync", {**training("sync"), "Tags": [{"Key": "team", "Value": "a"}]})
    submitted: list[Any] = []
    asked.submitted = submitted.append
    result: Any = await SageMakerTasks(client)(asked)
    assert result["TrainingJobStatus"] == "Completed"
    assert result["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/models/sync/output/model.tar.gz"
    now = datetime.now(UTC).timestamp() * 1000
    assert isinstance(result["CreationTime"], int)
    assert now - 60_000 < result["CreationTime"] <= result["TrainingEndTime"] <= now
    tags = {"team": "a", "AWS_STEP_FUNCTIONS_EXECUTION_ARN": EXECUTION, "MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}
    assert result["Tags"] == tags
    assert "ResponseMetadata" not in result
    assert "SdkHttpMetadata" not in result
    json.dumps(result)
    (answer,) = submitted
    assert answer["TrainingJobArn"] == result["TrainingJobArn"]
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert answer["SdkHttpMetadata"]["AllHttpHeaders"]["Content-Type"] == ["application/x-amz-json-1.1"]
    assert answer["SdkResponseMetadata"]["RequestId"]
    listed = client.list_tags(ResourceArn=result["TrainingJobArn"])["Tags"]
    assert {one["Key"]: one["Value"] for one in listed} == tags


async def test_without_sync_the_api_answers(client: LocalSageMaker) -> None:
    tasks = SageMakerTasks(client)
    answer: Any = await tasks(call("createModel", {"ModelName": "m", "PrimaryContainer": {"Image": "mine"}}))
    assert set(answer) == {"ModelArn", "SdkHttpMetadata", "SdkResponseMetadata"}
    answer = await tasks(call("createTrainingJob", training("plain")))
    assert answer["TrainingJobArn"].endswith(":training-job/plain")
    assert client.list_tags(ResourceArn=answer["TrainingJobArn"])["Tags"] == []


async def test_a_processing_job(client: LocalSageMaker, tmp_path: Path) -> None:
    buckets = Buckets(tmp_path / "s3")
    script = "import sys; open('/opt/ml/output/message', 'w').write('done'); sys.exit(len(sys.argv) - 1)"
    buckets.put(BUCKET, "code/run.py", script.encode())
    code = {
        "S3Uri": f"s3://{BUCKET}/code/run.py",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
    }
    request: dict[str, Any] = {
        "ProcessingJobName": "prepare",
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": code}],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    }
    tasks = SageMakerTasks(client)
    result: Any = await tasks(call("createProcessingJob.sync", request))
    assert (result["ProcessingJobStatus"], result["ExitMessage"]) == ("Completed", "done")
    assert isinstance(result["ProcessingEndTime"], int)
    request["AppSpecification"]["ContainerArguments"] = ["one too many"]
    error, cause = await failure(tasks, call("createProcessingJob.sync", {**request, "ProcessingJobName": "fails"}))
    assert error == "States.TaskFailed"
    assert json.loads(cause)["FailureReason"].endswith("exit code: 1")
    found: Any = await tasks(call("describeProcessingJob", {"ProcessingJobName": "fails"}, "aws-sdk:sagemaker"))
    assert found["ProcessingJobStatus"] == "Failed"


async def test_a_failed_job_fails_the_task_with_its_document(client: LocalSageMaker) -> None:
    error, cause = await failure(SageMakerTasks(client), call("createTrainingJob.sync", training("bad", fail="1")))
    assert error == "States.TaskFailed"
    document = json.loads(cause)
    assert document["TrainingJobStatus"] == "Failed"
    assert document["FailureReason"] == "AlgorithmError: the data is bad, exit code: 1"


async def test_refusals_of_the_service(client: LocalSageMaker) -> None:
    tasks = SageMakerTasks(client)
    await tasks(call("createTrainingJob.sync", training("twice")))
    error, cause = await failure(tasks, call("createTrainingJob.sync", training("twice")))
    assert error == "SageMaker.ResourceInUseException"
    assert "already exists" in cause
    assert "(Service: AmazonSageMaker; Status Code: 400; Error Code: ResourceInUse; Request ID: " in cause
    assert cause.endswith("; Proxy: null)")
    error, cause = await failure(tasks, call("createTrainingJob.sync", training("a_b")))
    assert error == "SageMaker.AmazonSageMakerException"
    assert cause.startswith(
        "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint"
    )
    without_name = {key: value for key, value in training("x").items() if key != "TrainingJobName"}
    error, cause = await failure(tasks, call("createTrainingJob.sync", without_name))
    assert error == "SageMaker.AmazonSageMakerException"
    assert "Value null at 'trainingJobName'" in cause


async def test_refusals_of_step_functions(client: LocalSageMaker) -> None:
    tasks = SageMakerTasks(client)
    error, cause = await failure(tasks, call("createTrainingJob.sync", {**training("x"), "S3Operations": {}}))
    assert error == "States.Runtime"
    assert 'The field "S3Operations" is not supported by Step Functions' in cause
    error, cause = await failure(tasks, call("createTrainingJob", {**training("x"), "HyperParameters": {"a": 1}}))
    assert error == "States.Runtime"
    assert "The value of the field 'HyperParameters' has an invalid format" in cause
    for action in (
        "createModel.sync",
        "createTrainingJob.waitForTaskToken",
        "describeTrainingJob",
        "createLabelingJob",
    ):
        error, _ = await failure(tasks, call(action, training("x")))
        assert error == "States.Runtime"


async def test_sdk_calls(client: LocalSageMaker) -> None:
    tasks = SageMakerTasks(client)
    await tasks(call("createTrainingJob.sync", training("sdk")))
    found: Any = await tasks(call("describeTrainingJob", {"TrainingJobName": "sdk"}, "aws-sdk:sagemaker"))
    assert found["TrainingJobStatus"] == "Completed"
    assert datetime.fromisoformat(found["CreationTime"]).tzinfo is not None
    assert found["CreationTime"].endswith("Z")
    assert "ResponseMetadata" not in found
    listed: Any = await tasks(call("listTrainingJobs", {"CreationTimeAfter": "2020-01-01"}, "aws-sdk:sagemaker"))
    assert listed["TrainingJobSummaries"][0]["CreationTime"] == found["CreationTime"]
    listed = await tasks(call("listTrainingJobs", {"NameContains": "sdk"}, "aws-sdk:sagemaker"))
    assert [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]] == ["sdk"]
    assert await tasks(call("stopTrainingJob", {"TrainingJobName": "sdk"}, "aws-sdk:sagemaker")) == {}
    error, cause = await failure(tasks, call("describeTrainingJob", {"TrainingJobName": "no"}, "aws-sdk:sagemaker"))
    assert error == "SageMaker.SageMakerException"
    assert cause.startswith("Requested resource not found. (Service: SageMaker, Status Code: 400, Request ID: ")
    error, cause = await failure(tasks, call("listTrainingJobs", {"CreationTimeAfter": "soon"}, "aws-sdk:sagemaker"))
    assert error == "States.Runtime"
    assert "The value of the field 'CreationTimeAfter' has an invalid format" in cause
    error, _ = await failure(tasks, call("createCluster", {"ClusterName": "x"}, "aws-sdk:sagemaker"))
    assert error == "States.Runtime"
    error, _ = await failure(tasks, call("noSuchThing", {}, "aws-sdk:sagemaker"))
    assert error == "States.Runtime"


async def test_cancellation_stops_the_job(client: LocalSageMaker, tmp_path: Path) -> None:
    work = asyncio.ensure_future(SageMakerTasks(client)(call("createTrainingJob.sync", training("hang", hang="1"))))
    pid = tmp_path / "jobs/training/hang/opt/ml/pid"
    while not pid.exists():
        await asyncio.sleep(0.02)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    while client.describe_training_job(TrainingJobName="hang")["TrainingJobStatus"] != "Stopped":
        await asyncio.sleep(0.02)


async def test_cancellation_while_the_job_is_created_stops_it_too(client: LocalSageMaker) -> None:
    work = asyncio.ensure_future(
        SageMakerTasks(_Slow(client))(call("createTrainingJob.sync", training("early", hang="1")))
    )
    await asyncio.sleep(0.2)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    while client.describe_training_job(TrainingJobName="early")["TrainingJobStatus"] != "Stopped":
        await asyncio.sleep(0.02)


class _Slow:
    """A client that takes its time to create a job."""

    def __init__(self, client: LocalSageMaker) -> None:
        self._client = client

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        import time

        time.sleep(0.4)
        return self._client.create_training_job(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


async def test_boto3s_client_is_driven_the_same_way() -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.stub import Stubber

    real = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/cloud"
    document = {
        "TrainingJobName": "cloud",
        "TrainingJobArn": arn,
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://{BUCKET}/m.tar.gz"},
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "CreationTime": datetime(2026, 1, 2, tzinfo=UTC),
    }
    with Stubber(real) as stub:
        stub.add_response("create_training_job", {"TrainingJobArn": arn})
        stub.add_client_error("describe_training_job", "ThrottlingException", "Rate exceeded")
        stub.add_response("describe_training_job", {**document, "TrainingJobStatus": "InProgress"})
        stub.add_response("describe_training_job", document)
        result: Any = await SageMakerTasks(real, poll_interval=0.01)(call("createTrainingJob.sync", training("cloud")))
        assert (result["TrainingJobStatus"], result["CreationTime"]) == ("Completed", 1767312000000)
        stub.add_client_error("create_training_job", "ResourceLimitExceeded", "The account-level service limit")
        error, cause = await failure(SageMakerTasks(real), call("createTrainingJob.sync", training("cloud")))
        assert error == "SageMaker.ResourceLimitExceededException"
        assert "Error Code: ResourceLimitExceeded" in cause


@pytest.mark.parametrize("submitted", [None, {"TrainingJobArn": "arn"}])
async def test_a_look_that_is_refused_does_not_say_that_a_job_is_gone(submitted: Json) -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.stub import Stubber

    real = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    asked = call("createTrainingJob.sync", training("cloud"))
    asked.going_on = GoingOn(submitted=submitted, scheduled=0.0)
    with Stubber(real) as stub:
        stub.add_client_error("describe_training_job", "ExpiredTokenException", "The security token is expired")
        error, cause = await failure(SageMakerTasks(real), asked)
    assert error == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ExpiredTokenException" in cause


async def test_a_job_that_is_gone_is_lost() -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.stub import Stubber

    real = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    asked = call("createTrainingJob.sync", training("cloud"))
    asked.going_on = GoingOn(submitted={"TrainingJobArn": "arn"}, scheduled=0.0)
    with Stubber(real) as stub:
        stub.add_client_error("describe_training_job", "ValidationException", "Requested resource not found.")
        with pytest.raises(TaskLost) as lost:
            await SageMakerTasks(real)(asked)
    assert lost.value.failure is None


async def test_the_failure_of_a_job_lost_with_its_process_is_that_of_any_job(client: LocalSageMaker) -> None:
    client.create_training_job(**training("left"))
    while client.describe_training_job(TrainingJobName="left")["TrainingJobStatus"] != "Completed":
        await asyncio.sleep(0.02)
    asked = call("createTrainingJob.sync", {**training("left"), "Tags": [{"Key": "team", "Value": "data"}]})
    asked.going_on = GoingOn(submitted={"TrainingJobArn": "arn"}, scheduled=0.0)
    with pytest.raises(TaskLost) as lost:
        await SageMakerTasks(_Lost(client))(asked)
    assert lost.value.failure is not None
    document = json.loads(lost.value.failure.cause or "")
    assert document["Tags"]["team"] == "data"
    assert "ResponseMetadata" not in document


class _Lost:
    """A client whose training jobs have ended with their process."""

    def __init__(self, client: LocalSageMaker) -> None:
        self._client = client

    def describe_training_job(self, **request: Any) -> dict[str, Any]:
        document = self._client.describe_training_job(**request)
        return {**document, "TrainingJobStatus": "Failed", "FailureReason": orphans.REASON}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
