"""Records: atomic, shared by processes, and honest about jobs whose process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from job_requests import BUCKET, ended, seed_buckets, training

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.records import Record, Records

CRASH = """
import os, sys
from pathlib import Path
from asl_runner.sagemaker.records import Record, Records
records = Records(Path(sys.argv[1]))
document = {"TrainingJobName": "lost", "TrainingJobArn": "arn", "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Training", "StoppingCondition": {}, "CreationTime": 1.0}
records.create(Record(kind="training", name="lost", document=document, owner=records.owner))
os._exit(1)
"""


def test_a_record_is_read_back(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.create(Record(kind="model", name="m", document={"A": 1}, tags={"k": "v"}))
    records.update("model", "m", lambda document: {**document, "B": 2})
    other = Records(tmp_path)
    found = other.read("model", "m")
    assert found is not None
    assert (found.document, found.tags) == ({"A": 1, "B": 2}, {"k": "v"})
    with pytest.raises(FileExistsError):
        other.create(Record(kind="model", name="m", document={}))
    assert [one.name for one in other.all("model")] == ["m"]
    assert other.delete("model", "m")
    assert not other.delete("model", "m")
    assert not list((tmp_path / "model").iterdir())


def test_a_job_whose_process_is_gone_has_failed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CRASH, str(tmp_path / "jobs")], check=False)
    client = LocalSageMaker(tmp_path / "jobs", seed_buckets(tmp_path / "s3"))
    job = client.describe_training_job(TrainingJobName="lost")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("InternalServerError: the local process that ran this job ended")
    client.close()


def test_jobs_survive_the_client(tmp_path: Path) -> None:
    buckets = seed_buckets(tmp_path / "s3")
    first = LocalSageMaker(tmp_path / "jobs", buckets)
    first.create_training_job(**training("kept"))
    before = ended(first, "TrainingJob", "kept")
    first.close()
    second = LocalSageMaker(tmp_path / "jobs", buckets, region="us-east-1")
    after = second.describe_training_job(TrainingJobName="kept")
    assert {**after, "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
    assert after["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{BUCKET}/models/kept/")
    second.close()


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file")
    client = LocalSageMaker(tmp_path / "jobs", seed_buckets(tmp_path / "s3"))
    with pytest.raises(WorkspaceError):
        client.create_training_job(**training("none"))
