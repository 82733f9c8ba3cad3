"""The SageMaker SDK against the endpoint, where it is installed: `pip install -e '.[test,sdk]'`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from served import ROLE, ServerProcess

PROGRAM = """
import json, random
import boto3, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

s3, bucket, role = boto3.client("s3"), "sdk", "ROLE"
draw = random.Random(7)
rows = [[draw.random() for _ in range(3)] for _ in range(60)]
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="train/a.csv", Body="".join(f"{sum(r)},{','.join(map(str, r))}\\n" for r in rows))
s3.put_object(Bucket=bucket, Key="test/a.csv", Body=b"1,2,3\\n4,5,6\\n")
session = sagemaker.Session(boto3.Session(), default_bucket=bucket)
image = sagemaker.image_uris.retrieve("xgboost", "us-east-1", "1.7-1")
one = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}
told = {"num_round": 2, "objective": "reg:squarederror"}
estimator = Estimator(image, output_path=f"s3://{bucket}/models", hyperparameters=told, **one)
rows = TrainingInput(f"s3://{bucket}/train/", content_type="text/csv")
estimator.fit({"train": rows}, logs="None")
attached = Estimator.attach(estimator.latest_training_job.name, sagemaker_session=session)
transformer = estimator.transformer(1, "ml.m5.large", output_path=f"s3://{bucket}/out")
transformer.transform(f"s3://{bucket}/test/a.csv", content_type="text/csv", split_type="Line", logs=False, wait=True)
searched = {"eta": ContinuousParameter(0.1, 0.5)}
tuner = HyperparameterTuner(estimator, "validation:rmse", searched, objective_type="Minimize", max_jobs=2)
tuner.fit({"train": rows, "validation": rows}, wait=True)
print(json.dumps({
    "status": estimator.latest_training_job.describe()["TrainingJobStatus"],
    "same model": attached.model_data == estimator.model_data,
    "predictions": len(s3.get_object(Bucket=bucket, Key="out/a.csv.out")["Body"].read().split()),
    "transform": Transformer.attach(transformer.latest_transform_job.name, sagemaker_session=session).output_path,
    "trials": len(tuner.analytics().dataframe()),
}))
"""


PIPELINE = """
import json, pathlib, random
import boto3, botocore, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep

role, bucket = "ROLE", "sdk-pipelines"
s3 = boto3.client("s3")
s3.create_bucket(Bucket=bucket)
draw = random.Random(7)
rows = [[draw.random() for _ in range(3)] for _ in range(90)]
s3.put_object(Bucket=bucket, Key="raw/a.csv", Body="".join(f"{sum(r)},{','.join(map(str, r))}\\n" for r in rows))
pathlib.Path("split.py").write_text('''
import json, pathlib
base = pathlib.Path("/opt/ml/processing")
rows = next((base / "input").glob("*.csv")).read_text().splitlines()
for name, part in (("train", rows[:60]), ("test", rows[60:])):
    (base / name / f"{name}.csv").write_text("\\\\n".join(part) + "\\\\n")
(base / "train" / "report.json").write_text(json.dumps({"rows": len(rows)}))
''')
session = PipelineSession(boto3.Session(), default_bucket=bucket)
one = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}
limit = ParameterFloat(name="Limit", default_value=100.0)
report = PropertyFile(name="Report", output_name="train", path="report.json")
split = ProcessingStep(
    name="Split",
    step_args=SKLearnProcessor(framework_version="1.2-1", **one).run(
        code="split.py",
        inputs=[ProcessingInput(source=f"s3://{bucket}/raw", destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name=n, source=f"/opt/ml/processing/{n}") for n in ("train", "test")],
    ),
    property_files=[report],
    cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
)
image = sagemaker.image_uris.retrieve("xgboost", "us-east-1", "1.7-1")
told = {"num_round": 2, "objective": "reg:squarederror"}
estimator = Estimator(image, output_path=f"s3://{bucket}/models", hyperparameters=told, **one)
outputs = split.properties.ProcessingOutputConfig.Outputs
data = TrainingInput(Join(on="/", values=[outputs["train"].S3Output.S3Uri, "train.csv"]), content_type="text/csv")
train = TrainingStep(name="Train", step_args=estimator.fit({"train": data}))
model = Model(image, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, role=role, sagemaker_session=session)
save = ModelStep(name="Save", step_args=model.create("ml.m5.large"))
register = ModelStep(name="Keep", step_args=model.register(
    content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"], model_package_group_name="group"))
out = {"output_path": f"s3://{bucket}/out", "sagemaker_session": session}
transformer = Transformer(save.properties.ModelName, 1, "ml.m5.large", **out)
s3.put_object(Bucket=bucket, Key="new/a.csv", Body=b"0.1,0.2,0.3\\n0.4,0.5,0.6\\n")
asked = transformer.transform(f"s3://{bucket}/new/a.csv", content_type="text/csv", split_type="Line")
predict = TransformStep(name="Predict", step_args=asked)
fail = FailStep(name="TooMany", error_message=Join(on=" ", values=["more rows than", limit]))
found = JsonGet(step_name=split.name, property_file=report, json_path="rows")
few = [ConditionLessThanOrEqualTo(left=found, right=limit)]
choose = ConditionStep(name="Few", conditions=few, if_steps=[save, predict, register], else_steps=[fail])
pipeline = Pipeline(name="FromTheSdk", parameters=[limit], steps=[split, train, choose], sagemaker_session=session)
pipeline.upsert(role_arn=role, tags=[{"Key": "a", "Value": "b"}])
pipeline.upsert(role_arn=role, tags=[{"Key": "c", "Value": "d"}])
execution = pipeline.start()
execution.wait(delay=1, max_attempts=200)
steps = {step["StepName"]: step for step in execution.list_steps()}
short = pipeline.start(parameters={"Limit": 10.0})
try:
    short.wait(delay=1, max_attempts=200)
except botocore.exceptions.WaiterError:
    pass  # It ends with its Fail step.
failed = {step["StepName"]: step for step in short.list_steps()}
selection = SelectiveExecutionConfig(selected_steps=["Train"], source_pipeline_execution_arn=execution.arn)
chosen = pipeline.start(selective_execution_config=selection)
chosen.wait(delay=1, max_attempts=200)
print(json.dumps({
    "status": execution.describe()["PipelineExecutionStatus"],
    "steps": sorted(steps),
    "statuses": sorted({step["StepStatus"] for step in steps.values()}),
    "cached": "CacheHitResult" in failed["Split"],
    "failed": failed["TooMany"]["FailureReason"],
    "selected": [step["StepName"] for step in chosen.list_steps()],
    "listed": len(pipeline.list_executions()["PipelineExecutionSummaries"]),
    "parameters": short.list_parameters()["PipelineParameters"],
    "predictions": len(s3.get_object(Bucket=bucket, Key="out/a.csv.out")["Body"].read().split()),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not list(metadata.distributions(name="sagemaker")), reason="the SageMaker SDK is not installed (extra [sdk])"
)
def test_estimator_transformer_and_tuner(server_process: ServerProcess, tmp_path: Path) -> None:
    assert ran(PROGRAM, server_process, tmp_path) == {
        "status": "Completed",
        "same model": True,
        "predictions": 2,
        "transform": "s3://sdk/out",
        "trials": 2,
    }


@pytest.mark.slow
@pytest.mark.skipif(
    not list(metadata.distributions(name="sagemaker")), reason="the SageMaker SDK is not installed (extra [sdk])"
)
def test_a_pipeline_session(server_process: ServerProcess, tmp_path: Path) -> None:
    assert ran(PIPELINE, server_process, tmp_path) == {
        "status": "Succeeded",
        "steps": ["Few", "Keep-RegisterModel", "Predict", "Save-CreateModel", "Split", "Train"],
        "statuses": ["Succeeded"],
        "cached": True,
        "failed": "more rows than 10.0",
        "selected": ["Train"],
        "listed": 3,
        "parameters": [{"Name": "Limit", "Value": "10.0"}],
        "predictions": 2,
    }


def ran(program: str, server_process: ServerProcess, folder: Path) -> Any:
    """What a program printed last, as JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ASL_RUNNER_"))}
    environment = {
        **kept,
        "AWS_ENDPOINT_URL": server_process.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    # As a process of its own: the SDK warns and logs as it likes.
    command = [sys.executable, "-c", program.replace("ROLE", ROLE)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


TRAIN = """
import argparse, os, pickle
import numpy, xgboost
parser = argparse.ArgumentParser()
parser.add_argument("--num_round", type=int)
told, _ = parser.parse_known_args()
rows = numpy.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
booster = xgboost.train({}, xgboost.DMatrix(rows[:, 1:], label=rows[:, 0]), told.num_round)
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pickle"), "wb") as file:
    pickle.dump(booster, file)
"""

INFERENCE = """
import os, pickle
from sagemaker_xgboost_container import encoder

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pickle"), "rb") as file:
        return pickle.load(file)

def transform_fn(model, body, content_type, accept):
    return "\\n".join(map(str, model.predict(encoder.csv_to_dmatrix(body))))
"""

PREPARE = """
import sys
rows = open("/opt/ml/processing/input/a.csv").read().splitlines()
open("/opt/ml/processing/train/rows.csv", "w").write("\\n".join(rows[: int(sys.argv[1])]))
"""

SCRIPTS = """
import json, random
import boto3, sagemaker
from sagemaker.deserializers import StringDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.xgboost import XGBoost, XGBoostModel

s3, bucket, role = boto3.client("s3"), "scripts", "ROLE"
draw = random.Random(7)
rows = [[draw.random() for _ in range(2)] for _ in range(60)]
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="raw/a.csv", Body="".join(f"{sum(r)},{','.join(map(str, r))}\\n" for r in rows))
session = sagemaker.Session(boto3.Session(), default_bucket=bucket)
one = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}
given = [ProcessingInput(f"s3://{bucket}/raw/a.csv", "/opt/ml/processing/input")]

def made():
    return [ProcessingOutput(output_name="train", source="/opt/ml/processing/train")]

plain = SKLearnProcessor(framework_version="1.2-1", **one)
plain.run(code="prepare.py", inputs=given, outputs=made(), arguments=["40"], logs=False)
framework = FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.2-1", **one)
framework.run(code="prepare.py", source_dir="code", inputs=given, outputs=made(), arguments=["40"], logs=False)
prepared = plain.latest_job.outputs[0].destination
told = {"num_round": 3}
estimator = XGBoost(entry_point="train.py", source_dir="code", framework_version="1.7-1", hyperparameters=told, **one)
estimator.fit({"train": TrainingInput(prepared, content_type="text/csv")}, logs="None")
model = XGBoostModel(
    model_data=estimator.model_data, role=role, entry_point="inference.py", source_dir="code",
    framework_version="1.7-1", sagemaker_session=session,
)
live = {"serializer": CSVSerializer(), "deserializer": StringDeserializer(), "endpoint_name": "sdk-live"}
predictor = model.deploy(1, "ml.m5.large", **live)
predicted = predictor.predict([[0.5, 0.5], [0.1, 0.9]])
predictor.delete_endpoint()
# The SDK's dots, while it waits, have no end of line.
print("\\n" + json.dumps({
    "processed": [job.latest_job.describe()["ProcessingJobStatus"] for job in (plain, framework)],
    "trained": estimator.latest_training_job.describe()["TrainingJobStatus"],
    "predicted": [0 < float(line) < 2 for line in predicted.split()],
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not list(metadata.distributions(name="sagemaker")), reason="the SageMaker SDK is not installed (extra [sdk])"
)
def test_processors_scripts_and_an_endpoint(server_process: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    for name, text in {"prepare": PREPARE, "train": TRAIN, "inference": INFERENCE}.items():
        (tmp_path / "code" / f"{name}.py").write_text(text)
    (tmp_path / "prepare.py").write_text(PREPARE)
    assert ran(SCRIPTS, server_process, tmp_path) == {
        "processed": ["Completed", "Completed"],
        "trained": "Completed",
        "predicted": [True, True],
    }
