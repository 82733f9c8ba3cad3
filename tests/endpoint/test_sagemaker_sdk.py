"""The SageMaker SDK against the endpoint, where it is installed: `pip install -e '.[test,sdk]'`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata

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


@pytest.mark.slow
@pytest.mark.skipif(
    not list(metadata.distributions(name="sagemaker")), reason="the SageMaker SDK is not installed (extra [sdk])"
)
def test_estimator_transformer_and_tuner(server_process: ServerProcess) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ASL_RUNNER_"))}
    environment = {
        **kept,
        "AWS_ENDPOINT_URL": server_process.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    # As a process of its own: the SDK warns and logs as it likes.
    program = [sys.executable, "-c", PROGRAM.replace("ROLE", ROLE)]
    ran = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "status": "Completed",
        "same model": True,
        "predictions": 2,
        "transform": "s3://sdk/out",
        "trials": 2,
    }
